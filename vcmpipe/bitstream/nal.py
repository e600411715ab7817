"""What VVC and HEVC share: Annex-B byte streams, NAL units, emulation prevention, access units (H.266 annex B)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from vcmpipe.bitstream.access_unit import PictureKind
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.colour import ColourSpec

START_CODE = b"\0\0\0\1"
_EMULATION = re.compile(rb"\0\0(?=[\0-\3])")


@dataclass(frozen=True, slots=True)
class NalTypes:
    """What the values of ``nal_unit_type`` mean in a codec.

    Attributes:
        names: what they are called, such as IDR_N_LP.
        slices: coded slices.
        idr: slices of IDR pictures.
        irap: slices of pictures with which decoding can begin in some way.
        cra: those of ``irap`` whose RASL pictures are not shown where a stream begins with them.
        rasl: slices of RASL pictures: they refer to what stands before the IRAP picture that they lead.
    """

    names: Mapping[int, str]
    slices: frozenset[int]
    idr: frozenset[int]
    irap: frozenset[int]
    cra: frozenset[int]
    rasl: frozenset[int]


@dataclass(frozen=True, slots=True)
class NalUnit:
    """One NAL unit.

    Attributes:
        data: the NAL unit's bytes: two of header, then the payload with its emulation prevention bytes; no start code.
        type: ``nal_unit_type``.
        layer_id: ``nuh_layer_id``.
        types: what ``type`` means.
        framing: bytes of start code and zero bytes in front of it in the stream it came from.
    """

    data: bytes
    type: int
    layer_id: int
    types: NalTypes = field(repr=False, compare=False)
    framing: int = len(START_CODE)

    @property
    def type_name(self) -> str:
        """The name of ``nal_unit_type``, such as IDR_N_LP."""
        return self.types.names.get(self.type, f"type {self.type}")

    @property
    def temporal_id(self) -> int:
        """TemporalId, 0..6."""
        return (self.data[1] & 7) - 1

    @property
    def is_slice(self) -> bool:
        """Whether this holds a coded slice."""
        return self.type in self.types.slices

    def payload(self, limit: int | None = None) -> bytes:
        """The raw byte sequence payload: emulation prevention bytes removed; of the first ``limit`` bytes only."""
        return unescape(self.data[2 : None if limit is None else 2 + limit])


@dataclass(frozen=True, slots=True)
class NalAccessUnit:
    """The NAL units of one picture, with the parameter sets and SEI messages that go with it (an ``AccessUnit``).

    Attributes:
        nal_units: the NAL units, in order.
        picture_size: (width, height) in luma samples after the conformance window; None where a header in front of it
            could not be read.
        colour: what an SPS in it states (the defaults where it cannot be read); None where it brings none.
        parameter_sets: kind and id of each parameter set in it, which a later one of the same replaces, and its bytes.
        unstated: whether its SPS has no colour description, so that ``colour`` is but the default.
    """

    nal_units: tuple[NalUnit, ...]
    picture_size: tuple[int, int] | None
    colour: ColourSpec | None
    parameter_sets: tuple[tuple[tuple[int, int], bytes], ...]
    unstated: bool = False

    @property
    def data(self) -> bytes:
        """The access unit as an Annex-B byte stream."""
        return join_nal_units(self.nal_units)

    def is_a(self, kind: PictureKind) -> bool:
        """Whether the picture is of that kind; see ``NalTypes``."""
        return any(unit.type in getattr(unit.types, kind) for unit in self.nal_units)


class SetsInForce:
    """The parameter sets that an output holds, so that equal ones need not be sent again.

    ``place`` tells kind and id of a parameter set, None for other NAL units. What a set hangs on has a lower kind.
    """

    def __init__(self, place: Callable[[NalUnit], tuple[int, int] | None]) -> None:
        self._place = place
        self._sets: dict[tuple[int, int], bytes] = {}

    def repeats(self, unit: NalUnit) -> bool:
        """Whether a NAL unit is a parameter set that is in force already; puts it in force otherwise."""
        place = self._place(unit)
        if place is None:
            return False
        if self._sets.get(place) == unit.data:
            return True
        # Decoders forget what hangs on a set when it changes.
        self._sets = {known: data for known, data in self._sets.items() if known[0] <= place[0]}
        self._sets[place] = unit.data
        return False


def unescape(data: bytes) -> bytes:
    """Remove the emulation prevention bytes: 00 00 03 -> 00 00."""
    # bytes.replace scans from left to right without overlap, just as the zero count restarts after each removed byte.
    return data.replace(b"\0\0\3", b"\0\0")


def escape(payload: bytes) -> bytes:
    """Insert emulation prevention bytes, so that no start code can appear in the payload."""
    escaped = _EMULATION.sub(b"\0\0\3", payload)
    return escaped + b"\3" if escaped.endswith(b"\0") else escaped


def join_nal_units(units: Iterable[NalUnit]) -> bytes:
    """An Annex-B byte stream with a four-byte start code before every NAL unit."""
    return b"".join([part for unit in units for part in (START_CODE, unit.data)])


def rewritten(stream: bytes, units: Iterable[NalUnit], change: Callable[[NalUnit], bytes]) -> bytes:
    """A stream, whose NAL units ``units`` are, with other bytes for some of them; start codes and zeros stay."""
    parts: list[bytes] = []
    end = 0
    for unit in units:
        begin = end + unit.framing
        parts += (stream[end:begin], change(unit))
        end = begin + len(unit.data)
    return b"".join([*parts, stream[end:]])


def split_annex_b(data: bytes, codec: str, read: Callable[[bytes, int], NalUnit]) -> list[NalUnit]:
    """Split an Annex-B byte stream into its NAL units.

    ``read`` makes the NAL unit of its bytes and ``framing``, or raises BitstreamError where its header is wrong;
    messages call the codec ``codec``. All lengths of ``framing`` and ``data`` add up to the stream's, but for trailing
    zeros.

    Raises:
        BitstreamError: the data is empty, does not begin with a start code, or a header is not one of the codec's.
    """
    if not data:
        raise BitstreamError(
            "the bitstream is empty (0 bytes): nothing was written into it, or it was not copied completely"
        )
    start = data.find(b"\0\0\1")
    if start < 0 or data[:start].strip(b"\0"):
        raise BitstreamError(
            f"no Annex-B start code (00 00 01) at the beginning: this is not an elementary stream of {codec}"
        )
    units: list[NalUnit] = []
    previous_end = 0
    while start >= 0:
        following = data.find(b"\0\0\1", start + 3)
        unit = data[start + 3 : len(data) if following < 0 else following].rstrip(b"\0")
        try:
            if len(unit) < 2:
                raise BitstreamError("the data ends in the NAL unit header (truncated or damaged stream)")
            if unit[0] & 0x80:
                raise BitstreamError(f"forbidden_zero_bit is 1: damaged, or not {codec}")
            if not unit[1] & 7:
                raise BitstreamError(f"nuh_temporal_id_plus1 is 0: damaged, or not {codec}")
            units.append(read(unit, start + 3 - previous_end))
        except BitstreamError as error:
            raise BitstreamError(f"NAL unit {len(units)} at byte {start + 3}: {error}") from None
        previous_end = start + 3 + len(unit)
        start = following
    return units


def attach_tail(groups: list[list[NalUnit]]) -> list[list[NalUnit]]:
    """Access units of which the last, where it holds no slice, goes with the picture before it."""
    if len(groups) > 1 and not any(unit.is_slice for unit in groups[-1]):
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups
