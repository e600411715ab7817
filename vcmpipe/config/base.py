"""How options are described, and how their texts are read."""

from __future__ import annotations

import dataclasses
from dataclasses import field
from typing import Any

from vcmpipe.errors import InputError

# Far more than any machine has cores; what is under way is held in memory.
MAX_JOBS = 1024
# As in vcmpipe.frames.limits, which is not imported here: options load without numpy.
MIN_SIDE, MAX_SIDE = 16, 16384


def option(default: Any = dataclasses.MISSING, *, help: str) -> Any:
    """A dataclass field with the text that ``--help`` prints for it."""
    return field(default=default, metadata={"help": help})


def argument(*, help: str) -> Any:
    """A dataclass field that stands on the command line without a name, in the order of the fields."""
    return field(metadata={"help": help, "positional": True})


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
    """Read ``1,0.75,0.5``.

    Raises:
        InputError: A value is no number in (0, 1].
    """
    try:
        scales = tuple(sorted({float(part) for part in text.split(",")}, reverse=True))
    except ValueError:
        scales = (0.0,)
    if not all(0.0 < scale <= 1.0 for scale in scales):
        raise InputError(f"{what} {text!r}: give factors above 0 and at most 1, such as 1,0.75,0.5")
    return scales


def parse_shares(text: str, what: str) -> tuple[float, ...]:
    """Read ``0.9,0.75,0.5``; the largest first.

    Raises:
        InputError: A value is no number above 0 and below 1.
    """
    try:
        shares = tuple(sorted({float(part) for part in text.split(",")}, reverse=True))
    except ValueError:
        shares = (0.0,)
    if not all(0.0 < share < 1.0 for share in shares):
        raise InputError(f"{what} {text!r}: give shares above 0 and below 1, such as 0.9,0.75,0.5")
    return shares


def check_names(options: Any, *names: str) -> None:
    """Refuse an empty file name, which would otherwise stand for the working folder."""
    for name in names:
        if getattr(options, name) == "":
            raise InputError(f"--{name.replace('_', '-')} is empty: give a name")
