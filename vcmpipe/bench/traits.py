"""What is known of a method besides its points: attributes of its function, each with a default."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

VIEWERS = ("machine", "human", "both")
Coding = Literal["pictures", "segments", "sequences"]
# See vcmpipe.bench.methods.Method.
_Method = Callable[..., Any]
_Function = TypeVar("_Function", bound=_Method)


def is_blind(method: _Method) -> bool:
    """Whether a method codes a segment without looking at it."""
    return getattr(method, "blind", False)


def asks_second(method: _Method) -> bool:
    """Whether a method has the second detector judge, too."""
    return getattr(method, "asks_second", False)


def cuts_scenes(method: _Method) -> bool:
    """Whether a method that codes sequences codes each scene by itself, its first picture alone being intra."""
    return getattr(method, "cuts_scenes", False)


def explained(method: _Method) -> str:
    """What a method does, in a sentence: the first paragraph of its docstring; empty where it has none."""
    first, _, _ = inspect.cleandoc(method.__doc__ or "").partition("\n\n")
    return " ".join(first.replace("``", "").split())


def codes(method: _Method) -> Sequence[Coding]:
    """What a method codes."""
    return getattr(method, "codes", ("pictures", "segments"))


def goes_in_turn(method: _Method) -> bool:
    """Whether what a method does with a segment of a sequence depends on what it chose for an earlier one."""
    return getattr(method, "in_turn", False)


def viewers_of(method: _Method) -> Sequence[str]:
    """The values of ``--viewer`` for which a method differs from that for machines, and from the others."""
    return getattr(method, "viewers", VIEWERS)


def trait(**traits: object) -> Callable[[_Function], _Function]:
    """Give a method traits other than the defaults."""

    def mark(method: _Function) -> _Function:
        vars(method).update(traits)
        return method

    return mark
