"""File names by pattern: ``{name}`` is an object's or picture's name, ``{qp}`` a QP, ``*`` anything within a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path, PurePosixPath

from vcmpipe.errors import InputError
from vcmpipe.frames.pictures import looks_like_picture


def check_pattern(pattern: str, option: str, *, qp: bool) -> str:
    """Refuse a pattern that leads nowhere or out of the data set.

    Raises:
        InputError: It lacks ``{name}`` or ``{qp}``, is absolute, or has ``..`` in it.
    """
    needed = ["{name}", "{qp}"] if qp else ["{name}"]
    absent = [field for field in needed if field not in pattern]
    if absent:
        raise InputError(f"{option} {pattern!r} lacks {absent[0]}: write it where that stands in the file names")
    if PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise InputError(f"{option} {pattern!r} must lead to a place below the data set's folder")
    if qp and "*" in pattern:
        raise InputError(f"{option} {pattern!r}: write the whole name, without *")
    return pattern


def filled(pattern: str, name: str, qp: int | None = None) -> str:
    """The path that a pattern means, with ``/``."""
    # One pass, so that a name that holds "{qp}" stays as it is.
    values = {"{name}": name, "{qp}": str(qp)}
    return re.sub(r"\{name\}|\{qp\}", lambda field: values[field[0]], pattern)


def find_by_pattern(folder: Path, pattern: str) -> dict[str, str]:
    """Pictures whose path below a folder has the form of a pattern: their paths by ``{name}``, in order.

    Raises:
        InputError: Two files have one name.
    """
    forms = {"{name}": r"(?P<name>[^/]+?)", "*": r"[^/]*"}
    form, seen = "", False
    for part in re.split(r"(\{name\}|\*)", pattern):
        again = part == "{name}" and seen
        seen |= part == "{name}"
        form += "(?P=name)" if again else forms.get(part, re.escape(part))
    # Only below what is fixed: the coded versions beside the originals are many.
    fixed = PurePosixPath(re.split(r"\{name\}|\*", pattern)[0] + "x").parent
    found: dict[str, str] = {}
    for path in sorted((folder / fixed).rglob("*")):
        relative = path.relative_to(folder).as_posix()
        match = re.fullmatch(form, relative)
        if match is None or path.name.startswith(".") or not path.is_file() or not looks_like_picture(path):
            continue
        if match["name"] in found:
            raise InputError(f"{folder}: {found[match['name']]} and {relative} are both named {match['name']!r}")
        found[match["name"]] = relative
    return found


def incomplete(folder: Path, pattern: str, names: Iterable[str], qps: Sequence[int]) -> list[str]:
    """Those of some names that lack a coded version."""

    # Folders are listed, each once: asking for every one of a million files takes minutes.
    @lru_cache(maxsize=128)
    def listed(below: PurePosixPath) -> frozenset[str]:
        place = folder / below
        return frozenset(path.name for path in place.iterdir()) if place.is_dir() else frozenset()

    def whole(name: str) -> bool:
        paths = (PurePosixPath(filled(pattern, name, qp)) for qp in qps)
        return all(path.name in listed(path.parent) for path in paths)

    return [name for name in names if not whole(name)]
