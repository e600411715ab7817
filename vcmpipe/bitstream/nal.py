"""NAL units: Annex-B byte streams, NAL unit headers, emulation prevention (ITU-T H.266 clauses 7.3.1, 7.4.2, B.2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from vcmpipe.errors import BitstreamError

START_CODE = b"\0\0\0\1"
_EMULATION = re.compile(rb"\0\0(?=[\0-\3])")


class NalType(IntEnum):
    """``nal_unit_type`` (H.266 table 5)."""

    TRAIL = 0
    STSA = 1
    RADL = 2
    RASL = 3
    IDR_W_RADL = 7
    IDR_N_LP = 8
    CRA = 9
    GDR = 10
    OPI = 12
    DCI = 13
    VPS = 14
    SPS = 15
    PPS = 16
    PREFIX_APS = 17
    SUFFIX_APS = 18
    PH = 19
    AUD = 20
    EOS = 21
    EOB = 22
    PREFIX_SEI = 23
    SUFFIX_SEI = 24
    FD = 25


_NAMES = {int(kind): kind.name for kind in NalType}
SLICE_TYPES = frozenset({0, 1, 2, 3, 7, 8, 9, 10})
RESERVED_VCL_TYPES = frozenset({4, 5, 6, 11})
IDR_TYPES = frozenset({7, 8})
IRAP_TYPES = frozenset({7, 8, 9})


@dataclass(frozen=True, slots=True)
class NalUnit:
    """One NAL unit.

    Attributes:
        data: the NAL unit's bytes: two of header, then the payload with its emulation prevention bytes; no start code.
        framing: bytes of start code and zero bytes in front of it in the stream it came from.
    """

    data: bytes
    framing: int = len(START_CODE)

    @property
    def type(self) -> int:
        """``nal_unit_type``."""
        return self.data[1] >> 3

    @property
    def type_name(self) -> str:
        """``nal_unit_type`` in words, such as IDR_N_LP."""
        return nal_type_name(self.type)

    @property
    def layer_id(self) -> int:
        """``nuh_layer_id``."""
        return self.data[0] & 63

    @property
    def temporal_id(self) -> int:
        """TemporalId, 0..6."""
        return (self.data[1] & 7) - 1

    @property
    def is_slice(self) -> bool:
        """Whether this holds a coded slice."""
        return self.type in SLICE_TYPES

    def payload(self) -> bytes:
        """The raw byte sequence payload: emulation prevention bytes removed."""
        return unescape(self.data[2:])


def nal_type_name(kind: int) -> str:
    """``nal_unit_type`` in words."""
    return _NAMES.get(kind, f"type {kind}")


def unescape(data: bytes) -> bytes:
    """Remove the emulation prevention bytes: 00 00 03 -> 00 00."""
    # bytes.replace scans from left to right without overlap, just as the zero count restarts after each removed byte.
    return data.replace(b"\0\0\3", b"\0\0")


def escape(payload: bytes) -> bytes:
    """Insert emulation prevention bytes, so that no start code can appear in the payload."""
    escaped = _EMULATION.sub(b"\0\0\3", payload)
    return escaped + b"\3" if escaped.endswith(b"\0") else escaped


def make_nal(kind: int, payload: bytes, temporal_id: int = 0, layer_id: int = 0) -> NalUnit:
    """A NAL unit around a raw byte sequence payload."""
    return NalUnit(bytes((layer_id, (kind << 3) | (temporal_id + 1))) + escape(payload))


def join_nal_units(units: list[NalUnit]) -> bytes:
    """An Annex-B byte stream with a four-byte start code before every NAL unit."""
    return b"".join([part for unit in units for part in (START_CODE, unit.data)])


def split_nal_units(data: bytes) -> list[NalUnit]:
    """Split an Annex-B byte stream into its NAL units and check every NAL unit's header.

    Args:
        data: the stream's bytes.

    Returns:
        The NAL units in order; their ``framing`` and ``data`` lengths add up to the stream's, but for trailing zeros.

    Raises:
        BitstreamError: the data is empty, does not begin with a start code, or a header is not one of H.266.
    """
    if not data:
        raise BitstreamError(
            "the bitstream is empty (0 bytes): nothing was written into it, or it was not copied whole"
        )
    start = data.find(b"\0\0\1")
    if start < 0 or data[:start].strip(b"\0"):
        raise BitstreamError("no Annex-B start code (00 00 01) at the beginning: this is no VVC elementary stream")
    units: list[NalUnit] = []
    previous_end = 0
    while start >= 0:
        following = data.find(b"\0\0\1", start + 3)
        end = len(data) if following < 0 else following
        unit = data[start + 3 : end].rstrip(b"\0")
        _check_header(unit, len(units), start + 3)
        units.append(NalUnit(unit, start + 3 - previous_end))
        previous_end = start + 3 + len(unit)
        start = following
    return units


def _check_header(unit: bytes, index: int, offset: int) -> None:
    where = f"NAL unit {index} at byte {offset}"
    if len(unit) < 2:
        raise BitstreamError(f"{where}: the data ends in the NAL unit header (truncated or damaged stream)")
    if unit[0] & 0x80:
        raise BitstreamError(f"{where}: forbidden_zero_bit is 1: damaged, or no VVC stream")
    if unit[0] & 0x40:
        raise BitstreamError(f"{where}: nuh_reserved_zero_bit is 1: damaged, or no VVC stream (H.264 or H.265?)")
    if not unit[1] & 7:
        raise BitstreamError(f"{where}: nuh_temporal_id_plus1 is 0: damaged, or no VVC stream")
