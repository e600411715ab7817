"""What searches of earlier segments of a run chose: where those of later ones begin."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

LAG = 2
"""A segment begins with the answer of the one so many before it: so many can be searched side by side, and what comes
out does not depend on how many are."""


class Choice(NamedTuple):
    """A version that can be coded: the scale of its frames and the QP of all of them."""

    scale: float
    qp: int


@dataclass
class Turn:
    """One segment's place in a run.

    Attributes:
        start: The answer that its search begins with; None where there is none.
        answer: Its own, for later ones; to be set.
    """

    start: Choice | None = None
    answer: Choice | None = None


@dataclass
class Answers:
    """The answers of one run, by the index of the segment; segments may be searched by several threads, in order."""

    _known: dict[int, Choice | None] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def turn(self, index: int) -> Iterator[Turn]:
        """The turn of a segment; waits until the answer that it begins with is there.

        A segment that has none (nothing was to be kept, or it failed) hands on the one that it began with.
        """
        turn = Turn()
        with self._changed:
            while index >= LAG and index - LAG not in self._known:
                self._changed.wait()
            turn.start = self._known.get(index - LAG)
        try:
            yield turn
        finally:
            with self._changed:
                self._known[index] = turn.answer or turn.start
                self._changed.notify_all()
