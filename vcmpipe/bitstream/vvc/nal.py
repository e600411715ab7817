"""NAL units of VVC: types and headers (ITU-T H.266 clauses 7.3.1.2, 7.4.2.2)."""

from __future__ import annotations

from enum import IntEnum

from vcmpipe.bitstream.nal import NalTypes, NalUnit, SetsInForce, escape, split_annex_b
from vcmpipe.errors import BitstreamError


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


RESERVED_VCL_TYPES = frozenset({4, 5, 6, 11})
IDR_TYPES = frozenset({7, 8})
IRAP_TYPES = frozenset({7, 8, 9})
_TYPES = NalTypes(
    names={int(kind): kind.name for kind in NalType},
    slices=frozenset({0, 1, 2, 3, 7, 8, 9, 10}),
    idr=IDR_TYPES,
    irap=IRAP_TYPES,
    cra=frozenset({NalType.CRA}),
    rasl=frozenset({NalType.RASL}),
)


# Parameter sets, and how far right their ids stand in the first byte (an APS's type in front counts, too).
_ID_SHIFTS: dict[int, int] = {NalType.VPS: 4, NalType.SPS: 4, NalType.PPS: 2, NalType.PREFIX_APS: 0}


def set_place(unit: NalUnit) -> tuple[int, int] | None:
    """Kind and id of a parameter set, which a later one of the same place replaces; None for other NAL units."""
    if unit.type not in _ID_SHIFTS or len(unit.data) < 3:
        return None
    return unit.type, unit.data[2] >> _ID_SHIFTS[unit.type]


def sets_in_force() -> SetsInForce:
    """The VPS, SPS and PPS of an output that begins. APS are always sent: pictures replace them all the time."""
    return SetsInForce(lambda unit: None if unit.type == NalType.PREFIX_APS else set_place(unit))


def make_nal(kind: int, payload: bytes, temporal_id: int = 0, layer_id: int = 0) -> NalUnit:
    """A NAL unit around a raw byte sequence payload."""
    return NalUnit(bytes((layer_id, (kind << 3) | (temporal_id + 1))) + escape(payload), kind, layer_id, _TYPES)


def split_nal_units(data: bytes) -> list[NalUnit]:
    """Split an Annex-B VVC stream into its NAL units and check every NAL unit's header; see ``split_annex_b``."""
    return split_annex_b(data, "VVC", _read)


def _read(unit: bytes, framing: int) -> NalUnit:
    if unit[0] & 0x40:
        raise BitstreamError("nuh_reserved_zero_bit is 1: damaged, or not a VVC stream (H.264 or H.265?)")
    return NalUnit(unit, unit[1] >> 3, unit[0] & 63, _TYPES, framing)
