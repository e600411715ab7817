"""Sequences whose items are made or read when they are asked for, so that nobody holds them all."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TypeVar, overload

T = TypeVar("T")


class OnDemand(Sequence[T]):
    """A sequence of which a subclass gives the length and the item at a place in 0..length - 1."""

    @abstractmethod
    def item(self, place: int) -> T:
        """The item at a place, the same one every time."""

    def __iter__(self) -> Iterator[T]:
        # A Sequence's own takes an IndexError from within an item for the end.
        return (self.item(place) for place in range(len(self)))

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        places = range(len(self))[place]
        return self.item(places) if isinstance(places, int) else [self.item(each) for each in places]


class Strided(OnDemand[T]):
    """Every ``stride``-th item of a sequence, the first one first."""

    def __init__(self, items: Sequence[T], stride: int) -> None:
        self._items, self._places = items, range(0, len(items), stride)

    def __len__(self) -> int:
        return len(self._places)

    def item(self, place: int) -> T:
        """The item at a place."""
        return self._items[self._places[place]]
