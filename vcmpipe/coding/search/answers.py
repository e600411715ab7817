"""What searches of earlier segments of a run chose: where those of later ones begin."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
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

    _known: dict[tuple[str, int], Choice | None] = field(default_factory=dict)
    _skipped: set[int] = field(default_factory=set)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def turn(self, index: int, label: str = "") -> Iterator[Turn]:
        """The turn of a segment; waits until the answer that it begins with is there.

        A segment that has none (nothing was to be kept, or it failed) hands on the one that it began with.

        Args:
            index: The segment's place in the run.
            label: Of several searches of each segment, which one.
        """
        turn, before = Turn(), (label, index - LAG)
        with self._changed:
            while before[1] >= 0 and before not in self._known and before[1] not in self._skipped:
                self._changed.wait()
            turn.start = self._known.get(before)
        try:
            yield turn
        finally:
            with self._changed:
                self._known[label, index] = turn.answer or turn.start
                self._changed.notify_all()

    def before(self, index: int) -> dict[str, Choice | None]:
        """What the searches of a segment begin with, by label; waits until the segment they come from is done with.

        For a segment that is searched elsewhere: ``begun`` there, ``of`` it afterwards, and ``give`` here.
        """
        with self._changed:
            while index >= LAG and index - LAG not in self._skipped:
                self._changed.wait()
            return self._of(index - LAG)

    def of(self, index: int) -> dict[str, Choice | None]:
        """What the searches of a segment chose, by label."""
        with self._changed:
            return self._of(index)

    def _of(self, index: int) -> dict[str, Choice | None]:
        return {label: choice for (label, number), choice in self._known.items() if number == index}

    def give(self, index: int, answers: Mapping[str, Choice | None]) -> None:
        """Take in what searches of a segment chose elsewhere."""
        with self._changed:
            self._known |= {(label, index): choice for label, choice in answers.items()}
            self._changed.notify_all()

    @classmethod
    def begun(cls, index: int, answers: Mapping[str, Choice | None]) -> Answers:
        """A run of one segment alone, whose searches begin with these answers."""
        run = cls()
        run.give(index - LAG, answers)
        run.skip(index - LAG)
        return run

    def skip(self, index: int) -> None:
        """A segment takes no part (any more): nobody has to wait for it."""
        with self._changed:
            self._skipped.add(index)
            self._changed.notify_all()
