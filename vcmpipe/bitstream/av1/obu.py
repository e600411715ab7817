"""Open bitstream units, the low-overhead format that they stand in, and temporal units (clauses 5.3, 5.2, 7.5)."""

from __future__ import annotations

from dataclasses import dataclass

from vcmpipe.errors import BitstreamError

SEQUENCE_HEADER, TEMPORAL_DELIMITER, FRAME_HEADER, FRAME, REDUNDANT_FRAME_HEADER = 1, 2, 3, 6, 7
DELIMITER = bytes((TEMPORAL_DELIMITER << 3 | 2, 0))
"""A temporal delimiter, with which every temporal unit begins."""
_NAMES = {
    SEQUENCE_HEADER: "SEQUENCE_HEADER",
    TEMPORAL_DELIMITER: "TEMPORAL_DELIMITER",
    FRAME_HEADER: "FRAME_HEADER",
    4: "TILE_GROUP",
    5: "METADATA",
    FRAME: "FRAME",
    REDUNDANT_FRAME_HEADER: "REDUNDANT_FRAME_HEADER",
    8: "TILE_LIST",
    15: "PADDING",
}
_LEB128_BYTES = 8
_CUT = "the data ends in an OBU (truncated or damaged stream)"


@dataclass(frozen=True, slots=True)
class Obu:
    """One OBU.

    Attributes:
        data: its bytes with header and size.
        type: ``obu_type``.
        payload: what stands behind header and size.
        temporal_id: ``temporal_id``.
        spatial_id: ``spatial_id``.
    """

    data: bytes
    type: int
    payload: bytes
    temporal_id: int = 0
    spatial_id: int = 0

    @property
    def type_name(self) -> str:
        """The name of ``obu_type``, such as FRAME_HEADER."""
        return _NAMES.get(self.type, f"type {self.type}")

    @property
    def is_slice(self) -> bool:
        """Whether it begins a frame, or shows one that was decoded before."""
        return self.type in (FRAME, FRAME_HEADER)

    def with_payload(self, payload: bytes) -> bytes:
        """The bytes of an OBU that differs in its payload only."""
        header = self.data[: 2 if self.data[0] & 4 else 1]
        return header + write_leb128(len(payload)) + payload


def is_av1(data: bytes) -> bool:
    """Whether a stream begins with a temporal delimiter, as those in the low-overhead format do (``.obu``).

    No stream of H.264 and its successors does, which begin with 00.
    """
    return data[:2] == DELIMITER


def write_leb128(value: int) -> bytes:
    """A number in groups of seven bits, the lowest first (clause 4.10.5)."""
    groups = [value & 127]
    while value := value >> 7:
        groups.append(value & 127)
    return bytes([group | 128 for group in groups[:-1]] + groups[-1:])


def _leb128(data: bytes, place: int) -> tuple[int, int]:
    """The number at a place, and the place behind it."""
    value = 0
    for number in range(_LEB128_BYTES):
        if place + number >= len(data):
            raise BitstreamError(_CUT)
        byte = data[place + number]
        value |= (byte & 127) << (7 * number)
        if not byte & 128:
            if value >> 32:
                break
            return value, place + number + 1
    raise BitstreamError("obu_size is more than 32 bits (damaged stream)")


def split_obus(data: bytes) -> list[Obu]:
    """Split a stream in the low-overhead format into its OBUs, whose ``data`` together is the stream.

    Raises:
        BitstreamError: the data is empty or cut, or a header is not one of AV1's.
    """
    if not data:
        raise BitstreamError(
            "the bitstream is empty (0 bytes): nothing was written into it, or it was not copied completely"
        )
    units: list[Obu] = []
    start = 0
    while start < len(data):
        try:
            units.append(_obu(data, start))
        except BitstreamError as error:
            raise BitstreamError(f"OBU {len(units)} at byte {start}: {error}") from None
        start += len(units[-1].data)
    return units


def _obu(data: bytes, start: int) -> Obu:
    head = data[start]
    if head & 0x81:
        raise BitstreamError("a bit of its header is 1 that must be 0: damaged, or not an AV1 stream")
    if not head & 2:
        raise BitstreamError("it states no size: this is not an AV1 stream in the low-overhead format (.obu)")
    place, layers = start + 1, 0
    if head & 4:
        if place >= len(data):
            raise BitstreamError(_CUT)
        layers, place = data[place], place + 1
    size, place = _leb128(data, place)
    if place + size > len(data):
        raise BitstreamError(_CUT)
    end = place + size
    return Obu(data[start:end], head >> 3 & 15, data[place:end], layers >> 5, layers >> 3 & 3)


def group_temporal_units(data: bytes) -> list[list[Obu]]:
    """The OBUs of a stream by temporal unit; what stands before the first delimiter belongs to the first.

    Raises:
        BitstreamError: it cannot be split into OBUs.
    """
    groups: list[list[Obu]] = []
    for unit in split_obus(data):
        if not groups or (unit.type == TEMPORAL_DELIMITER and any(one.is_slice for one in groups[-1])):
            groups.append([])
        groups[-1].append(unit)
    if len(groups) > 1 and not any(unit.is_slice for unit in groups[-1]):
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups
