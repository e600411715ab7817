"""HEVC (ITU-T H.265) high-level syntax, as far as pictures, sizes, colours and slice QPs need it: a second codec to read.

Nothing is merged or rewritten here; what an HEVC encoder wrote is only looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vcmpipe.bitstream.bits import BitReader, Fields
from vcmpipe.bitstream.nal import START_CODE, unescape
from vcmpipe.bitstream.vui import Vui
from vcmpipe.errors import BitstreamError

VPS, SPS, PPS, AUD = 32, 33, 34, 35
CRA = 21
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


def display_size(sps: Fields) -> tuple[int, int]:
    """Width and height of a picture after the conformance window."""
    wide, high = {1: (2, 2), 2: (2, 1)}.get(sps["chroma_format_idc"], (1, 1))
    cut = [sps.get(f"conf_win_{side}_offset", 0) for side in ("left", "right", "top", "bottom")]
    width = sps["pic_width_in_luma_samples"] - wide * (cut[0] + cut[1])
    height = sps["pic_height_in_luma_samples"] - high * (cut[2] + cut[3])
    if width < 1 or height < 1:
        raise BitstreamError("the conformance window leaves nothing of the picture")
    return width, height


def read_sps(payload: bytes) -> Fields:
    """An SPS up to its colour description (clauses 7.3.2.2, E.2.1); elements are named as in the standard."""
    bits = BitReader(payload, "SPS")
    bits.u("sps_video_parameter_set_id", 4)
    layers = bits.u("sps_max_sub_layers_minus1", 3, 6)
    bits.u("sps_temporal_id_nesting_flag", 1)
    _profile_tier_level(bits, layers)
    bits.ue("sps_seq_parameter_set_id", 15)
    if bits.ue("chroma_format_idc", 3) == 3:
        bits.u("separate_colour_plane_flag", 1)
    bits.ue("pic_width_in_luma_samples", 1 << 16)
    bits.ue("pic_height_in_luma_samples", 1 << 16)
    if bits.u("conformance_window_flag", 1):
        for side in ("left", "right", "top", "bottom"):
            bits.ue(f"conf_win_{side}_offset", 1 << 16)
    bits.ue("bit_depth_luma_minus8", 8)
    bits.ue("bit_depth_chroma_minus8", 8)
    poc_bits = bits.ue("log2_max_pic_order_cnt_lsb_minus4", 12) + 4
    every = bits.u("sps_sub_layer_ordering_info_present_flag", 1)
    for layer in range(0 if every else layers, layers + 1):
        for name in ("max_dec_pic_buffering_minus1", "max_num_reorder_pics", "max_latency_increase_plus1"):
            bits.ue(f"sps_{name}[{layer}]")
    bits.ue("log2_min_luma_coding_block_size_minus3", 3)
    bits.ue("log2_diff_max_min_luma_coding_block_size", 3)
    for name in ("log2_min_luma_transform_block_size_minus2", "log2_diff_max_min_luma_transform_block_size"):
        bits.ue(name, 3)
    bits.ue("max_transform_hierarchy_depth_inter", 4)
    bits.ue("max_transform_hierarchy_depth_intra", 4)
    if bits.u("scaling_list_enabled_flag", 1) and bits.u("sps_scaling_list_data_present_flag", 1):
        _scaling_lists(bits)
    bits.u("amp_enabled_flag", 1)
    bits.u("sample_adaptive_offset_enabled_flag", 1)
    if bits.u("pcm_enabled_flag", 1):
        bits.u("pcm_bit_depths", 8)
        bits.ue("log2_min_pcm_luma_coding_block_size_minus3", 2)
        bits.ue("log2_diff_max_min_pcm_luma_coding_block_size", 2)
        bits.u("pcm_loop_filter_disabled_flag", 1)
    _reference_picture_sets(bits, bits.ue("num_short_term_ref_pic_sets", 64))
    if bits.u("long_term_ref_pics_present_flag", 1):
        for number in range(bits.ue("num_long_term_ref_pics_sps", 32)):
            bits.u(f"lt_ref_pic_poc_lsb_sps[{number}]", poc_bits)
            bits.u(f"used_by_curr_pic_lt_sps_flag[{number}]", 1)
    bits.u("sps_temporal_mvp_enabled_flag", 1)
    bits.u("strong_intra_smoothing_enabled_flag", 1)
    if bits.u("vui_parameters_present_flag", 1):
        _vui(bits)
    return bits.fields


def _profile_tier_level(bits: BitReader, layers: int) -> None:
    bits.u("general_profile_space_and_tier", 3)
    bits.u("general_profile_idc", 5)
    bits.u("general_profile_compatibility_flags", 32)
    bits.u("general_constraint_flags", 48)
    bits.u("general_level_idc", 8)
    present = []
    for layer in range(layers):
        present.append((bits.u(f"sub_layer_profile_present_flag[{layer}]", 1), bits.u(f"level_flag[{layer}]", 1)))
    if layers:
        bits.u("reserved_zero_2bits", 2 * (8 - layers))
    for layer, (profile, level) in enumerate(present):
        if profile:
            bits.u(f"sub_layer_profile[{layer}]", 40)
            bits.u(f"sub_layer_constraints[{layer}]", 48)
        if level:
            bits.u(f"sub_layer_level_idc[{layer}]", 8)


def _scaling_lists(bits: BitReader) -> None:
    for size in range(4):
        for matrix in range(0, 6, 3 if size == 3 else 1):
            if not bits.u("scaling_list_pred_mode_flag", 1):
                bits.ue("scaling_list_pred_matrix_id_delta", matrix)
                continue
            if size > 1:
                bits.se("scaling_list_dc_coef_minus8", -7, 247)
            for _ in range(min(64, 1 << (4 + (size << 1)))):
                bits.se("scaling_list_delta_coef", -128, 127)


def _reference_picture_sets(bits: BitReader, count: int) -> None:
    """Clause 7.3.7; only the number of pictures in a set matters for what follows."""
    sizes: list[int] = []
    for number in range(count):
        if number and bits.u("inter_ref_pic_set_prediction_flag", 1):
            bits.u("delta_rps_sign", 1)
            bits.ue("abs_delta_rps_minus1", (1 << 15) - 1)
            kept = 0
            for _ in range(sizes[-1] + 1):
                used = bits.u("used_by_curr_pic_flag", 1)
                kept += used or bits.u("use_delta_flag", 1)
            sizes.append(kept)
            continue
        pictures = bits.ue("num_negative_pics", 16) + bits.ue("num_positive_pics", 16)
        for _ in range(pictures):
            bits.ue("delta_poc_minus1", (1 << 15) - 1)
            bits.u("used_by_curr_pic_flag", 1)
        sizes.append(pictures)


def _vui(bits: BitReader) -> None:
    if bits.u("aspect_ratio_info_present_flag", 1) and bits.u("aspect_ratio_idc", 8) == 255:
        bits.u("sar_width_and_height", 32)
    if bits.u("overscan_info_present_flag", 1):
        bits.u("overscan_appropriate_flag", 1)
    if bits.u("video_signal_type_present_flag", 1):
        bits.u("video_format", 3)
        bits.u("video_full_range_flag", 1)
        if bits.u("colour_description_present_flag", 1):
            for name in ("colour_primaries", "transfer_characteristics", "matrix_coeffs"):
                bits.u(name, 8)
    if bits.u("chroma_loc_info_present_flag", 1):
        bits.ue("chroma_sample_loc_type_top_field", 5)
        bits.ue("chroma_sample_loc_type_bottom_field", 5)


def vui_of(sps: Fields) -> Vui | None:
    """The colour that an SPS states, or None."""
    if "video_full_range_flag" not in sps and "chroma_sample_loc_type_top_field" not in sps:
        return None
    return Vui(
        colour_primaries=sps.get("colour_primaries", 2),
        transfer=sps.get("transfer_characteristics", 2),
        matrix=sps.get("matrix_coeffs", 2),
        full_range=bool(sps.get("video_full_range_flag", 0)),
        chroma_siting=sps.get("chroma_sample_loc_type_top_field"),
    )


def read_pps(payload: bytes) -> Fields:
    """A PPS up to its QP deltas (clause 7.3.2.3)."""
    bits = BitReader(payload, "PPS")
    bits.ue("pps_pic_parameter_set_id", 63)
    bits.ue("pps_seq_parameter_set_id", 15)
    bits.u("dependent_slice_segments_enabled_flag", 1)
    bits.u("output_flag_present_flag", 1)
    bits.u("num_extra_slice_header_bits", 3)
    bits.u("sign_data_hiding_enabled_flag", 1)
    bits.u("cabac_init_present_flag", 1)
    bits.ue("num_ref_idx_l0_default_active_minus1", 14)
    bits.ue("num_ref_idx_l1_default_active_minus1", 14)
    bits.se("init_qp_minus26", -74, 25)
    bits.u("constrained_intra_pred_flag", 1)
    bits.u("transform_skip_enabled_flag", 1)
    if bits.u("cu_qp_delta_enabled_flag", 1):
        bits.ue("diff_cu_qp_delta_depth", 3)
    bits.se("pps_cb_qp_offset", -12, 12)
    bits.se("pps_cr_qp_offset", -12, 12)
    return bits.fields


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
