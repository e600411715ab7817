"""How options are described, and how their texts are read."""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
import os
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real
from types import NoneType
from typing import Any

from vcmpipe.config.outputs import check_output
from vcmpipe.errors import InputError

# Far more than any machine has cores; what is under way is held in memory.
MAX_JOBS = 1024


# What limits an option's number: by which comparison, and the phrase for it.
_LIMITS = {
    "low": (operator.ge, "at least"),
    "above": (operator.gt, "more than"),
    "high": (operator.le, "at most"),
    "below": (operator.lt, "less than"),
}


def option(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    metavar: str | None = None,
    bare: bool = False,
    positional: bool = False,
    several: bool = False,
    writes: Sequence[str] = (),
    **limits: float,
) -> Any:
    """A dataclass field with what ``--help`` prints for it and the range of its values.

    Args:
        default: Its value where it is not given; without one it is required.
        help: What it does. Of a switch that is on by default: what turning it off does, for it is listed as ``--no-x``.
        metavar: What its value is called; None: after the field.
        bare: Whether the value may stand without the option's name, as the first input of a command does.
        positional: Whether it has no name on the command line, and stands there in the order of the fields.
        several: Whether it may have several values, a tuple then.
        writes: Of the name of an output, what may be written there; see ``outputs.check_output``.
        limits: Of numbers, ``low`` and ``high`` (both included), ``above`` and ``below`` (both excluded).
    """
    metadata = {"help": help, "metavar": metavar, "bare": bare, "positional": positional, "several": several}
    return field(default=default, metadata=metadata | {"writes": writes, "limits": limits})


def flag_of(name: str) -> str:
    """``--map-out`` for the field ``map_out``; ``--lambda`` for ``lambda_``, a word that Python keeps for itself."""
    return "--" + name.rstrip("_").replace("_", "-")


@functools.cache
def _kinds(options: type) -> dict[str, Any]:
    """The type of each option, of ``X | None`` its X."""
    hints = typing.get_type_hints(options)
    return {
        name: next(iter(typing.get_args(h)), h) if NoneType in typing.get_args(h) else h for name, h in hints.items()
    }


def _check_type(value: Any, kind: Any, flag: str, *, names_input: bool) -> None:
    """Refuse what only Python can give: an array where a name belongs, a text where a number does."""
    if value is None or isinstance(value, {str: str, int: Real, float: Real}.get(kind, object)):
        return
    given = f"{flag} is of the type {type(value).__name__}"
    if names_input:
        raise InputError(f"{given}: give the name of a file or folder; pictures in memory are coded by encode_frames")
    raise InputError(f"{given}: give a {'text' if kind is str else 'number'}")


def _texts(values: Sequence[Any], flag: str) -> str | tuple[str, ...]:
    """Several names as texts; one alone as itself."""
    names = tuple(os.fspath(value) if isinstance(value, os.PathLike) else value for value in values)
    for name in names:
        _check_type(name, str, flag, names_input=True)
    if not names or not all(names):
        raise InputError(f"{flag} is empty: give a name")
    return names[0] if len(names) == 1 else names


@dataclass(frozen=True, kw_only=True)
class Options:
    """General."""

    json: bool = option(False, help="print the result as JSON")

    def __post_init__(self) -> None:
        """Refuse empty texts, which would stand for the working folder, and numbers beyond their limits (or NaN).

        Refuse, too, values of another type, and outputs by a name that promises something else. A ``Path`` becomes a
        text.
        """
        kinds = _kinds(type(self))  # type: ignore[arg-type]  # a class is hashable whatever its objects are
        for each in dataclasses.fields(self):
            value, flag = getattr(self, each.name), flag_of(each.name)
            if each.metadata["several"] and isinstance(value, (list, tuple)):
                value = _texts(value, flag)
                object.__setattr__(self, each.name, value)
            if isinstance(value, os.PathLike) and (kinds[each.name] is str or each.metadata["several"]):
                value = os.fspath(value)
                object.__setattr__(self, each.name, value)
            if kinds[each.name] in (int, float) and isinstance(value, Real) and not isinstance(value, (int, float)):
                value = kinds[each.name](value)  # NumPy's, which JSON does not take
                object.__setattr__(self, each.name, value)
            if not isinstance(value, tuple):
                kind = str if each.metadata["several"] else kinds[each.name]
                _check_type(value, kind, flag, names_input=each.metadata["bare"])
            limits = [(*_LIMITS[kind], limit) for kind, limit in each.metadata["limits"].items()]
            if isinstance(value, str) and not value:
                raise InputError(f"{flag} is empty: give a name")
            if isinstance(value, str) and each.metadata["writes"]:
                check_output(flag, value, each.metadata["writes"])
            if value is not None and not all(holds(value, limit) for holds, _, limit in limits):
                span = " and ".join(f"{phrase} {limit:,}" for _, phrase, limit in limits)
                raise InputError(f"{flag} {value}: give {span}")

    def refuse_foreign(self, kind: str, only: Mapping[str, Sequence[str]]) -> None:
        """Refuse options that are given although this kind of work is not among those that know them."""
        for name, kinds in only.items():
            if getattr(self, name) != getattr(type(self), name) and kind not in kinds:
                raise InputError(f"{flag_of(name)} is for {' and '.join(kinds)}: leave it out for {kind}")


def parse_range(text: str, *, low: int, high: int, what: str) -> tuple[int, ...]:
    """Read ``FIRST:LAST[:STEP]`` (both ends included) or ``A,B,C`` or one number.

    Raises:
        InputError: The text has another form, or a value lies outside low..high.
    """
    form = f"{what} {text!r} is not FIRST:LAST[:STEP] or A,B,C with whole numbers from {low} to {high}"
    try:
        if ":" in text:
            first, last, step = (*(int(part) for part in text.split(":")), 1)[:3]
            if text.count(":") > 2 or step < 1 or last < first:
                raise InputError(form)
            # The last value is always coded, also when the step does not land on it.
            values = tuple(sorted({*range(first, last + 1, step), last}))
        else:
            values = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError as error:
        raise InputError(form) from error
    if values[0] < low or values[-1] > high:
        raise InputError(form)
    return values


def parse_scales(text: str, what: str) -> tuple[float, ...]:
    """Read ``1,0.75,0.5``: scales above 0 and at most 1, the largest first.

    Raises:
        InputError: A value is no such number.
    """
    return _numbers(text, lambda scale: 0.0 < scale <= 1.0, f"{what} {text!r}: give factors above 0 and at most 1")


def parse_shares(text: str, what: str) -> tuple[float, ...]:
    """Read ``0.9,0.75,0.5``: shares above 0 and below 1, the largest first.

    Raises:
        InputError: A value is no such number.
    """
    return _numbers(text, lambda share: 0.0 < share < 1.0, f"{what} {text!r}: give shares above 0 and below 1")


def _numbers(text: str, holds: Callable[[float], bool], refusal: str) -> tuple[float, ...]:
    try:
        values = tuple(sorted({float(part) for part in text.split(",")}, reverse=True))
    except ValueError:
        values = (math.nan,)
    if not all(map(holds, values)):
        raise InputError(f"{refusal}, such as 0.9,0.75,0.5")
    return values
