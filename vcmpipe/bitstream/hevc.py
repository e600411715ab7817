"""HEVC (ITU-T H.265) streams: NAL units, access units, sizes, colours and slice QPs, for a second codec to be read.

Nothing is merged or rewritten here; what an HEVC encoder wrote is only looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vcmpipe.bitstream.bits import BitReader, Fields
from vcmpipe.bitstream.hevc_sets import display_size, read_pps, read_sps
from vcmpipe.bitstream.nal import START_CODE, unescape
from vcmpipe.errors import BitstreamError

VPS, SPS, PPS, AUD = 32, 33, 34, 35
CRA = 21
LEADS = frozenset({16, 17, 18, CRA})
"""IRAP pictures whose RASL pictures are not shown where a stream begins with them."""
IDR_TYPES = frozenset({19, 20})
IRAP_TYPES = frozenset(range(16, 24))
RASL_TYPES = frozenset({8, 9})
_VCL_TYPES = frozenset(range(32))
# Before a picture's first slice only (H.265 clause 7.4.2.4.4): behind a slice they begin the next access unit.
_LEADING = frozenset({VPS, SPS, PPS, AUD, 39, *range(41, 45), *range(48, 56)})
_NAMES = {0: "TRAIL_N", 1: "TRAIL_R", 16: "BLA_W_LP", 19: "IDR_W_RADL", 20: "IDR_N_LP", CRA: "CRA"} | {
    VPS: "VPS",
    SPS: "SPS",
    PPS: "PPS",
    AUD: "AUD",
    39: "PREFIX_SEI",
    40: "SUFFIX_SEI",
}


@dataclass(frozen=True, slots=True)
class HevcNalUnit:
    """One NAL unit: its bytes (two of header), and the bytes of start code and zeros in front of it."""

    data: bytes
    framing: int

    @property
    def type(self) -> int:
        """``nal_unit_type``."""
        return (self.data[0] >> 1) & 63

    @property
    def type_name(self) -> str:
        """``nal_unit_type`` in words."""
        return _NAMES.get(self.type, f"type {self.type}")

    @property
    def layer_id(self) -> int:
        """``nuh_layer_id``."""
        return (self.data[0] & 1) << 5 | self.data[1] >> 3

    @property
    def temporal_id(self) -> int:
        """TemporalId, 0..6."""
        return (self.data[1] & 7) - 1

    @property
    def is_slice(self) -> bool:
        """Whether this holds a coded slice."""
        return self.type in _VCL_TYPES

    @property
    def begins_picture(self) -> bool:
        """Whether this is the first slice segment of a picture of the base layer."""
        return self.is_slice and not self.layer_id and len(self.data) > 2 and bool(self.data[2] & 0x80)

    def payload(self) -> bytes:
        """The raw byte sequence payload: emulation prevention bytes removed."""
        return unescape(self.data[2:])


@dataclass(frozen=True, slots=True)
class HevcAccessUnit:
    """The NAL units of one picture; ``picture_size`` after the conformance window, None where it is not known."""

    nal_units: tuple[HevcNalUnit, ...]
    picture_size: tuple[int, int] | None

    @property
    def data(self) -> bytes:
        """The access unit as an Annex-B byte stream."""
        return b"".join(START_CODE + unit.data for unit in self.nal_units)

    @property
    def slices(self) -> tuple[HevcNalUnit, ...]:
        """The slice NAL units."""
        return tuple(unit for unit in self.nal_units if unit.is_slice)

    @property
    def is_irap(self) -> bool:
        """Whether decoding can begin here in some way."""
        return any(unit.type in IRAP_TYPES for unit in self.nal_units)

    @property
    def is_idr(self) -> bool:
        """Whether the picture is an IDR picture, with which decoding can begin afresh."""
        return any(unit.type in IDR_TYPES for unit in self.nal_units)


def is_hevc(data: bytes) -> bool:
    """Whether an Annex-B stream begins as HEVC streams do: with a parameter set, delimiter or SEI of the base layer.

    All of them have a bit set that is reserved and 0 in VVC, and H.264's types do not fall on them.
    """
    start = data.find(b"\0\0\1")
    if start < 0 or len(data) < start + 5 or data[:start].strip(b"\0"):
        return False
    first, second = data[start + 3], data[start + 4]
    return VPS <= first >> 1 <= 39 and not first & 1 and second == 1


def split_nal_units(data: bytes) -> list[HevcNalUnit]:
    """Split an Annex-B HEVC stream into NAL units.

    Raises:
        BitstreamError: it does not begin with a start code, or a header is none of HEVC.
    """
    start = data.find(b"\0\0\1")
    if start < 0 or data[:start].strip(b"\0"):
        raise BitstreamError("no Annex-B start code (00 00 01) at the beginning: this is no HEVC elementary stream")
    units: list[HevcNalUnit] = []
    previous_end = 0
    while start >= 0:
        following = data.find(b"\0\0\1", start + 3)
        unit = data[start + 3 : len(data) if following < 0 else following].rstrip(b"\0")
        if len(unit) < 2 or unit[0] & 0x80 or not unit[1] & 7:
            raise BitstreamError(
                f"NAL unit {len(units)} at byte {start + 3} has no HEVC header (truncated or damaged stream)"
            )
        units.append(HevcNalUnit(unit, start + 3 - previous_end))
        previous_end = start + 3 + len(unit)
        start = following
    return units


def group_access_units(units: list[HevcNalUnit]) -> list[list[HevcNalUnit]]:
    """NAL units by access unit; what stands behind the last picture belongs to it."""
    groups: list[list[HevcNalUnit]] = []
    seen = False
    for unit in units:
        if not groups or (seen and not unit.layer_id and (unit.begins_picture or unit.type in _LEADING)):
            groups.append([])
            seen = False
        seen |= unit.is_slice
        groups[-1].append(unit)
    if len(groups) > 1 and not any(unit.is_slice for unit in groups[-1]):
        groups[-2:] = [groups[-2] + groups[-1]]
    return groups


def count_pictures(data: bytes) -> int:
    """The number of coded pictures in an Annex-B HEVC stream."""
    return sum(any(unit.is_slice for unit in group) for group in group_access_units(split_nal_units(data)))


class HevcSets:
    """The parameter sets that are in force."""

    def __init__(self) -> None:
        self._sps: dict[int, Fields] = {}
        self._pps: dict[int, Fields] = {}

    def read(self, unit: HevcNalUnit) -> Fields | None:
        """Take note of an SPS or PPS and return its elements; None for anything else."""
        if unit.layer_id:
            return None
        if unit.type == SPS:
            fields = read_sps(unit.payload())
            self._sps[fields["sps_seq_parameter_set_id"]] = fields
            return fields
        if unit.type == PPS:
            fields = read_pps(unit.payload())
            self._pps[fields["pps_pic_parameter_set_id"]] = fields
            return fields
        return None

    def active(self, pps_id: int) -> tuple[Fields, Fields]:
        """The PPS of that id and its SPS.

        Raises:
            BitstreamError: one of them was not sent.
        """
        pps = self._pps.get(pps_id)
        sps = self._sps.get(pps["pps_seq_parameter_set_id"]) if pps else None
        if pps is None or sps is None:
            raise BitstreamError(f"a slice needs parameter set {pps_id}, which the stream did not send")
        return pps, sps


def set_place(unit: HevcNalUnit) -> tuple[int, int] | None:
    """Kind and id of a parameter set of the base layer; None for other NAL units.

    Raises:
        BitstreamError: it is damaged.
    """
    if unit.layer_id or unit.type not in (VPS, SPS, PPS) or len(unit.data) < 3:
        return None
    if unit.type == VPS:
        return VPS, unit.data[2] >> 4
    if unit.type == SPS:
        return SPS, read_sps(unit.payload())["sps_seq_parameter_set_id"]
    return PPS, BitReader(unit.payload()[:16], "PPS").ue("pps_pic_parameter_set_id", 63)


def split_access_units(data: bytes) -> list[HevcAccessUnit]:
    """Split an Annex-B HEVC stream into its access units, each with the size its picture is shown in.

    Raises:
        BitstreamError: no HEVC stream, or no picture in it.
    """
    found = [HevcAccessUnit(tuple(group), size) for group, size in _sized(group_access_units(split_nal_units(data)))]
    if not found:
        raise BitstreamError("the stream holds no coded picture (cut behind its headers, or no HEVC stream)")
    return found


def _sized(groups: list[list[HevcNalUnit]]) -> Iterator[tuple[list[HevcNalUnit], tuple[int, int] | None]]:
    sets = HevcSets()
    for group in groups:
        size = None
        for unit in group:
            try:
                sets.read(unit)
                if unit.begins_picture and size is None:
                    size = display_size(sets.active(read_slice_pps_id(unit))[1])
            except BitstreamError:
                continue  # a decoder may know more than this reader: the size stays unknown
        if any(unit.is_slice for unit in group):
            yield group, size


def _slice_start(unit: HevcNalUnit) -> BitReader:
    bits = BitReader(unit.payload()[:64], "slice header")
    bits.u("first_slice_segment_in_pic_flag", 1)
    if unit.type in IRAP_TYPES:
        bits.u("no_output_of_prior_pics_flag", 1)
    bits.ue("slice_pic_parameter_set_id", 63)
    return bits


def read_slice_pps_id(unit: HevcNalUnit) -> int:
    """Which PPS a slice uses."""
    return _slice_start(unit).fields["slice_pic_parameter_set_id"]


def idr_slice_qp(unit: HevcNalUnit, sets: HevcSets) -> int | None:
    """SliceQpY of the first slice of an IDR picture (clause 7.3.6.1); None for any other slice."""
    if unit.type not in IDR_TYPES or not unit.begins_picture:
        return None
    bits = _slice_start(unit)
    pps, sps = sets.active(bits.fields["slice_pic_parameter_set_id"])
    bits.u("slice_reserved_flags", pps["num_extra_slice_header_bits"])
    bits.ue("slice_type", 2)
    if pps["output_flag_present_flag"]:
        bits.u("pic_output_flag", 1)
    if sps.get("separate_colour_plane_flag"):
        bits.u("colour_plane_id", 2)
    if sps["sample_adaptive_offset_enabled_flag"]:
        bits.u("slice_sao_luma_flag", 1)
        if sps["chroma_format_idc"] and not sps.get("separate_colour_plane_flag"):
            bits.u("slice_sao_chroma_flag", 1)
    return 26 + pps["init_qp_minus26"] + bits.se("slice_qp_delta", -90, 90)
