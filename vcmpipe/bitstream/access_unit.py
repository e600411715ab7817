"""What streams of any codec consist of: units, and access units of one shown picture each."""

from __future__ import annotations

from typing import Literal, Protocol

from vcmpipe.frames.colour import ColourSpec

PictureKind = Literal["idr", "irap", "cra", "rasl"]
"""Kinds of pictures, in the words of H.26x; see ``nal.NalTypes``."""


class Unit(Protocol):
    """The smallest part of a stream that has a type: a NAL unit, or an OBU."""

    @property
    def data(self) -> bytes:
        """Its bytes."""
        ...

    @property
    def type_name(self) -> str:
        """What its type is called."""
        ...

    @property
    def is_slice(self) -> bool:
        """Whether it holds a coded slice, or else brings a picture to be shown."""
        ...


class AccessUnit(Protocol):
    """The units of one picture with all that goes with it; in AV1 a temporal unit."""

    @property
    def data(self) -> bytes:
        """The access unit as it stands in a byte stream."""
        ...

    @property
    def picture_size(self) -> tuple[int, int] | None:
        """(width, height) in luma samples as shown; None where a header in front of it could not be read."""
        ...

    @property
    def colour(self) -> ColourSpec | None:
        """What a parameter set in it states (the defaults where it cannot be read); None where it brings none."""
        ...

    @property
    def parameter_sets(self) -> tuple[tuple[tuple[int, int], bytes], ...]:
        """Kind and id of each parameter set in it, which a later one of the same replaces, and its bytes."""
        ...

    @property
    def unstated(self) -> bool:
        """Whether its parameter set has no colour description, so that ``colour`` is but the default."""
        ...

    def is_a(self, kind: PictureKind) -> bool:
        """Whether the picture is of that kind."""
        ...
