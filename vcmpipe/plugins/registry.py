"""What is found by name: what comes along, and what other packages install as entry points."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from vcmpipe.errors import InputError
from vcmpipe.process.extras import explained


@dataclass(frozen=True)
class Registry:
    """One kind of thing that is found by name.

    Names are given, not imported: a registry stands below what it names, and much of that loads torch.

    Attributes:
        kind: What messages call it.
        group: The entry-point group under which other packages install theirs; empty where they cannot.
        built_in: ``module:attribute`` by name; of equal names these are taken.
        renamed: New names by old ones, which errors tell of.
        registered: What this process has added by ``register``.
    """

    kind: str
    group: str
    built_in: Mapping[str, str]
    renamed: Mapping[str, str] = field(default_factory=dict)
    registered: dict[str, Any] = field(default_factory=dict)

    def register(self, name: str, value: Any) -> None:
        """Let a name stand for an object of this process: what a notebook or a script defines needs no package.

        An object of the same name that was registered before is replaced, as when a cell runs again. Other processes,
        such as workers of a cluster, know nothing of it.

        Args:
            name: What options will call it: letters, digits, ``-`` and ``_``.
            value: What an entry point of ``group`` would name.

        Raises:
            InputError: The name is taken by what comes along, or has other characters.
        """
        if not re.fullmatch(r"[\w-]+", name):
            raise InputError(f"a {self.kind} cannot be called {name!r}: use letters, digits, - and _")
        if name in self.built_in:
            raise InputError(f"there is a {self.kind} {name!r} already: choose another name")
        self.registered[name] = value

    def plugins(self) -> dict[str, EntryPoint]:
        """What other packages install and what was registered, by name; of equal names the latter."""
        found = {point.name: point for point in entry_points(group=self.group)} if self.group else {}
        found |= {name: EntryPoint(name, "registered in this process", self.group) for name in self.registered}
        return {name: found[name] for name in sorted(found) if name not in self.built_in}

    def known(self) -> dict[str, EntryPoint]:
        """Everything that can be named, by name."""
        built_in = {name: EntryPoint(name, value, self.group) for name, value in self.built_in.items()}
        return dict(sorted((self.plugins() | built_in).items()))

    def load(self, name: str, *, option: str = "") -> Any:
        """What a name, without its arguments, stands for; ``option`` is the option that names it, for messages.

        InputError where the name is unknown (the nearest is named), or what it stands for cannot be imported; where an
        extra brings what is missing, it is named.
        """
        known = self.known()
        if name not in known:
            raise self.unknown(name, option=option)
        if name in self.registered:
            return self.registered[name]
        try:
            return known[name].load()
        except Exception as error:  # a module from outside may fail in any way while it is imported
            if (missing := explained(error, f"{self.kind} {name!r}")) is not None:
                raise missing from error
            reason = str(error) if isinstance(error, (ImportError, AttributeError)) else f"{error!r}"
            raise InputError(f"{self.kind} {name!r} ({known[name].value}) cannot be loaded: {reason}") from error

    def unknown(self, name: str, *more: str, option: str = "") -> InputError:
        """The error for a name that stands for nothing; ``more`` are further forms that can be written."""
        where = f"{option}: " if option else ""
        if name in self.renamed:
            return InputError(f"{where}{self.kind} {name!r} is called {self.renamed[name]!r} now")
        known = [*self.known(), *more]
        close = difflib.get_close_matches(name, [each.partition(":")[0] for each in known], n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return InputError(f"{where}unknown {self.kind} {name!r}; known are {', '.join(known)}{hint}")
