"""NAL units of HEVC: types, headers, and what tells them from VVC's (ITU-T H.265 clauses 7.3.1.2, 7.4.2.2)."""

from __future__ import annotations

from vcmpipe.bitstream.nal import NalTypes, NalUnit, split_annex_b

VPS, SPS, PPS, AUD, PREFIX_SEI = 32, 33, 34, 35, 39
IDR_TYPES = frozenset({19, 20})
IRAP_TYPES = frozenset(range(16, 24))
RASL_TYPES = frozenset({8, 9})
_PICTURES = "TRAIL_N TRAIL_R TSA_N TSA_R STSA_N STSA_R RADL_N RADL_R RASL_N RASL_R"
_IRAP_PICTURES = "BLA_W_LP BLA_W_RADL BLA_N_LP IDR_W_RADL IDR_N_LP CRA"
_OTHERS = "VPS SPS PPS AUD EOS EOB FD PREFIX_SEI SUFFIX_SEI"
_TYPES = NalTypes(
    names=dict(enumerate(_PICTURES.split()))
    | dict(enumerate(_IRAP_PICTURES.split(), 16))
    | dict(enumerate(_OTHERS.split(), VPS)),
    slices=frozenset(range(32)),
    idr=IDR_TYPES,
    irap=IRAP_TYPES,
    cra=frozenset({16, 17, 18, 21}),
    rasl=RASL_TYPES,
)


def is_hevc(data: bytes) -> bool:
    """Whether an Annex-B stream begins as HEVC streams do: with a parameter set, delimiter or SEI of the base layer.

    All of them have a bit set that is reserved and 0 in VVC, and H.264's types do not fall on them.
    """
    start = data.find(b"\0\0\1")
    if start < 0 or len(data) < start + 5 or data[:start].strip(b"\0"):
        return False
    first, second = data[start + 3], data[start + 4]
    return VPS <= first >> 1 <= PREFIX_SEI and not first & 1 and second == 1


def split_nal_units(data: bytes) -> list[NalUnit]:
    """Split an Annex-B HEVC stream into its NAL units; see ``split_annex_b``."""
    return split_annex_b(data, "HEVC", _read)


def begins_picture(unit: NalUnit) -> bool:
    """Whether a NAL unit is the first slice segment of a picture of the base layer."""
    return unit.is_slice and not unit.layer_id and len(unit.data) > 2 and bool(unit.data[2] & 0x80)


def _read(unit: bytes, framing: int) -> NalUnit:
    return NalUnit(unit, (unit[0] >> 1) & 63, (unit[0] & 1) << 5 | unit[1] >> 3, _TYPES, framing)
