"""slice_segment_header() of HEVC up to the slice's QPs (ITU-T H.265 clause 7.3.6)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import BitReader, Fields
from vcmpipe.bitstream.hevc.nal import IDR_TYPES, IRAP_TYPES
from vcmpipe.bitstream.hevc.parameter_sets import ParameterSets, ctb_size, reference_set, st_ref_pic_set
from vcmpipe.bitstream.nal import NalUnit

_SLICE_B, _SLICE_I = 0, 2
_LONGEST = 1024  # bytes: the weights of 2 x 15 references and the reference sets with room to spare


def slice_pps_id(unit: NalUnit) -> int:
    """Which PPS a slice uses."""
    return _begin(BitReader(unit.payload(64), "slice header"), unit)


def read_slice(unit: NalUnit, sets: ParameterSets) -> Fields:
    """The elements of a slice's header; BitstreamError for one that cannot be, or a parameter set that was not sent.

    A dependent slice segment has no ``slice_type`` and what comes after it.
    """
    s = BitReader(unit.payload(_LONGEST), "slice header")
    pps, sps = sets.active(_begin(s, unit))
    if not s.fields["first_slice_segment_in_pic_flag"]:
        dependent = pps["dependent_slice_segments_enabled_flag"] and s.u("dependent_slice_segment_flag", 1)
        ctu, sides = ctb_size(sps), (sps["pic_width_in_luma_samples"], sps["pic_height_in_luma_samples"])
        s.u("slice_segment_address", (-(-sides[0] // ctu) * -(-sides[1] // ctu) - 1).bit_length())
        if dependent:
            return s.fields
    s.u("slice_reserved_flags", pps["num_extra_slice_header_bits"])
    kind = s.ue("slice_type", 2)
    if pps["output_flag_present_flag"]:
        s.u("pic_output_flag", 1)
    if sps.get("separate_colour_plane_flag"):
        s.u("colour_plane_id", 2)
    references = 0
    if unit.type not in IDR_TYPES:
        s.u("slice_pic_order_cnt_lsb", sps["log2_max_pic_order_cnt_lsb_minus4"] + 4)
        references = _references(s, sps)
        if sps["sps_temporal_mvp_enabled_flag"]:
            s.u("slice_temporal_mvp_enabled_flag", 1)
    chroma = sps["chroma_format_idc"] != 0 and not sps.get("separate_colour_plane_flag")
    if sps["sample_adaptive_offset_enabled_flag"]:
        s.u("slice_sao_luma_flag", 1)
        if chroma:
            s.u("slice_sao_chroma_flag", 1)
    if kind != _SLICE_I:
        _prediction(s, pps, 2 if kind == _SLICE_B else 1, references, chroma)
    s.se("slice_qp_delta", -90, 90)
    if pps["pps_slice_chroma_qp_offsets_present_flag"]:
        s.se("slice_cb_qp_offset", -12, 12)
        s.se("slice_cr_qp_offset", -12, 12)
    return s.fields


def _begin(s: BitReader, unit: NalUnit) -> int:
    s.u("first_slice_segment_in_pic_flag", 1)
    if unit.type in IRAP_TYPES:
        s.u("no_output_of_prior_pics_flag", 1)
    return s.ue("slice_pic_parameter_set_id", 63)


def _references(s: BitReader, sps: Fields) -> int:
    """The reference picture sets; returns NumPicTotalCurr, the pictures that the slice may refer to."""
    count = sps["num_short_term_ref_pic_sets"]
    if s.u("short_term_ref_pic_set_sps_flag", 1):
        index = s.u("short_term_ref_pic_set_idx", (count - 1).bit_length(), count - 1) if count else 0
        total = sum(used for _, used in reference_set(sps, index))
    else:
        st_ref_pic_set(s, count, count, sps)
        total = sum(used for _, used in reference_set(s.fields, count))
    if sps["long_term_ref_pics_present_flag"]:
        listed = sps["num_long_term_ref_pics_sps"]
        from_sps = s.ue("num_long_term_sps", 32) if listed else 0
        for i in range(from_sps + s.ue("num_long_term_pics", 32)):
            if i < from_sps:
                index = s.u(f"lt_idx_sps[{i}]", (listed - 1).bit_length(), listed - 1)
                total += sps[f"used_by_curr_pic_lt_sps_flag[{index}]"]
            else:
                s.u(f"poc_lsb_lt[{i}]", sps["log2_max_pic_order_cnt_lsb_minus4"] + 4)
                total += s.u(f"used_by_curr_pic_lt_flag[{i}]", 1)
            if s.u(f"delta_poc_msb_present_flag[{i}]", 1):
                s.ue(f"delta_poc_msb_cycle_lt[{i}]")
    return total


def _prediction(s: BitReader, pps: Fields, lists: int, references: int, chroma: bool) -> None:
    """What P (one list) and B (two lists) slices say of their references."""
    active = [pps[f"num_ref_idx_l{i}_default_active_minus1"] + 1 for i in range(lists)]
    if s.u("num_ref_idx_active_override_flag", 1):
        active = [s.ue(f"num_ref_idx_l{i}_active_minus1", 14) + 1 for i in range(lists)]
    if pps["lists_modification_present_flag"] and references > 1:
        for i in range(lists):
            if s.u(f"ref_pic_list_modification_flag_l{i}", 1):
                for j in range(active[i]):
                    s.u(f"list_entry_l{i}[{j}]", (references - 1).bit_length())
    if lists == 2:
        s.u("mvd_l1_zero_flag", 1)
    if pps["cabac_init_present_flag"]:
        s.u("cabac_init_flag", 1)
    if s.fields.get("slice_temporal_mvp_enabled_flag"):
        from_l0 = s.u("collocated_from_l0_flag", 1) if lists == 2 else 1
        if active[0 if from_l0 else 1] > 1:
            s.ue("collocated_ref_idx", 14)
    if pps["weighted_bipred_flag" if lists == 2 else "weighted_pred_flag"]:
        _pred_weight_table(s, active, chroma)
    s.ue("five_minus_max_num_merge_cand", 4)


def _pred_weight_table(s: BitReader, active: list[int], chroma: bool) -> None:
    s.ue("luma_log2_weight_denom", 7)
    if chroma:
        s.se("delta_chroma_log2_weight_denom", -7, 7)
    for i, count in enumerate(active):
        luma = [s.u(f"luma_weight_l{i}_flag[{j}]", 1) for j in range(count)]
        chromas = [s.u(f"chroma_weight_l{i}_flag[{j}]", 1) if chroma else 0 for j in range(count)]
        for j in range(count):
            # A luma pair, and one for each chroma plane: weight and offset.
            for k in range(luma[j] + 2 * chromas[j]):
                s.se(f"delta_weight_l{i}[{j}][{k}]")
                s.se(f"offset_l{i}[{j}][{k}]")
