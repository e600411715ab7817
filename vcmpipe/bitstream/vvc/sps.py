"""seq_parameter_set_rbsp() (ITU-T H.266 clause 7.3.2.4)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import BitReader, Bits, BitWriter, Fields, flags
from vcmpipe.bitstream.vvc.profile import profile_tier_level
from vcmpipe.bitstream.vvc.reference_lists import ref_pic_list_struct
from vcmpipe.bitstream.vvc.timing import sps_timing_hrd
from vcmpipe.bitstream.vvc.vui import sps_vui
from vcmpipe.errors import BitstreamError

MAX_SIDE = 32768  # more than level 6.3 allows; bounds the memory that a damaged stream can ask for
MAX_SUBPICS = 600


def read_sps(payload: bytes) -> Fields:
    """The elements of an SPS payload; raises BitstreamError naming the element that cannot be."""
    reader = BitReader(payload, "SPS")
    _seq_parameter_set(reader)
    reader.end()
    return reader.fields


def write_sps(fields: Fields) -> bytes:
    """The payload of an SPS."""
    writer = BitWriter("SPS", fields)
    _seq_parameter_set(writer)
    writer.trailing("rbsp_trailing_bits")
    return writer.data()


def ctb_size(sps: Fields) -> int:
    """CtbSizeY, the CTU size in luma samples."""
    return 32 << sps["sps_log2_ctu_size_minus5"]


def chroma_units(sps: Fields) -> tuple[int, int]:
    """SubWidthC and SubHeightC: the luma samples that one unit of a conformance window offset stands for."""
    return {0: (1, 1), 1: (2, 2), 2: (2, 1), 3: (1, 1)}[sps["sps_chroma_format_idc"]]


def cropped_size(fields: Fields, prefix: str, width: int, height: int, units: tuple[int, int]) -> tuple[int, int]:
    """The size left by the conformance window in an SPS (``prefix`` "sps") or PPS ("pps")."""
    if not fields[f"{prefix}_conformance_window_flag"]:
        return width, height
    offsets = [fields[f"{prefix}_conf_win_{side}_offset"] for side in ("left", "right", "top", "bottom")]
    cropped = width - units[0] * (offsets[0] + offsets[1]), height - units[1] * (offsets[2] + offsets[3])
    if min(cropped) <= 0:
        raise BitstreamError(
            f"{prefix.upper()}: {prefix}_conf_win offsets leave no sample of {width}x{height} (damaged stream)"
        )
    return cropped


def _seq_parameter_set(s: Bits) -> None:
    s.u("sps_seq_parameter_set_id", 4)
    s.u("sps_video_parameter_set_id", 4)
    sublayers = s.u("sps_max_sublayers_minus1", 3, 6)
    s.u("sps_chroma_format_idc", 2)
    s.u("sps_log2_ctu_size_minus5", 2, 2)
    if s.u("sps_ptl_dpb_hrd_params_present_flag", 1):
        profile_tier_level(s, sublayers)
    s.u("sps_gdr_enabled_flag", 1)
    if s.u("sps_ref_pic_resampling_enabled_flag", 1):
        s.u("sps_res_change_in_clvs_allowed_flag", 1)
    s.ue("sps_pic_width_max_in_luma_samples", MAX_SIDE)
    s.ue("sps_pic_height_max_in_luma_samples", MAX_SIDE)
    if s.u("sps_conformance_window_flag", 1):
        for side in ("left", "right", "top", "bottom"):
            s.ue(f"sps_conf_win_{side}_offset", MAX_SIDE)
    if s.u("sps_subpic_info_present_flag", 1):
        _subpictures(s)
    s.ue("sps_bitdepth_minus8", 8)
    flags(s, ("sps_entropy_coding_sync_enabled_flag", "sps_entry_point_offsets_present_flag"))
    s.u("sps_log2_max_pic_order_cnt_lsb_minus4", 4, 12)
    if s.u("sps_poc_msb_cycle_flag", 1):
        s.ue("sps_poc_msb_cycle_len_minus1", 27)
    for kind in ("ph", "sh"):
        for i in range(8 * s.u(f"sps_num_extra_{kind}_bytes", 2, 2)):
            s.u(f"sps_extra_{kind}_bit_present_flag[{i}]", 1)
    if s.fields["sps_ptl_dpb_hrd_params_present_flag"]:
        per_layer = s.u("sps_sublayer_dpb_params_flag", 1) if sublayers else 0
        for i in range(0 if per_layer else sublayers, sublayers + 1):
            s.ue(f"dpb_max_dec_pic_buffering_minus1[{i}]", 15)
            s.ue(f"dpb_max_num_reorder_pics[{i}]", 15)
            s.ue(f"dpb_max_latency_increase_plus1[{i}]")
    _partitioning(s)
    _transforms(s)
    _chroma_qp_tables(s)
    _filters_and_references(s)
    _inter_tools(s)
    _intra_tools(s)
    _quantization_and_boundaries(s)
    if s.fields["sps_ptl_dpb_hrd_params_present_flag"]:
        sps_timing_hrd(s, sublayers)
    s.u("sps_field_seq_flag", 1)
    sps_vui(s)
    if s.u("sps_extension_flag", 1):
        _extensions(s)


def _subpictures(s: Bits) -> None:
    ctb = ctb_size(s.fields)
    width, height = s.fields["sps_pic_width_max_in_luma_samples"], s.fields["sps_pic_height_max_in_luma_samples"]
    columns, rows = -(-width // ctb), -(-height // ctb)
    x_bits, y_bits = max(columns - 1, 0).bit_length(), max(rows - 1, 0).bit_length()
    last = s.ue("sps_num_subpics_minus1", min(MAX_SUBPICS, max(columns * rows, 1)) - 1)
    independent = same_size = 0
    if last:
        independent = s.u("sps_independent_subpics_flag", 1)
        same_size = s.u("sps_subpic_same_size_flag", 1)
    for i in range(last + 1 if last else 0):
        if not same_size or i == 0:
            if i and columns > 1:
                s.u(f"sps_subpic_ctu_top_left_x[{i}]", x_bits, columns - 1)
            if i and rows > 1:
                s.u(f"sps_subpic_ctu_top_left_y[{i}]", y_bits, rows - 1)
            if i < last and columns > 1:
                s.u(f"sps_subpic_width_minus1[{i}]", x_bits, columns - 1)
            if i < last and rows > 1:
                s.u(f"sps_subpic_height_minus1[{i}]", y_bits, rows - 1)
        if not independent:
            s.u(f"sps_subpic_treated_as_pic_flag[{i}]", 1)
            s.u(f"sps_loop_filter_across_subpic_enabled_flag[{i}]", 1)
    bits = s.ue("sps_subpic_id_len_minus1", 15) + 1
    if s.u("sps_subpic_id_mapping_explicitly_signalled_flag", 1) and s.u("sps_subpic_id_mapping_present_flag", 1):
        for i in range(last + 1):
            s.u(f"sps_subpic_id[{i}]", bits)


def _partitioning(s: Bits) -> None:
    s.ue("sps_log2_min_luma_coding_block_size_minus2", 4)
    s.u("sps_partition_constraints_override_enabled_flag", 1)
    partition_constraints(s, "sps", "intra_slice_luma")
    if s.fields["sps_chroma_format_idc"] and s.u("sps_qtbtt_dual_tree_intra_flag", 1):
        partition_constraints(s, "sps", "intra_slice_chroma")
    partition_constraints(s, "sps", "inter_slice")


def partition_constraints(s: Bits, prefix: str, kind: str) -> None:
    """The limits of block partitioning in one kind of slice, in an SPS ("sps") or picture header ("ph")."""
    s.ue(f"{prefix}_log2_diff_min_qt_min_cb_{kind}", 5)
    if s.ue(f"{prefix}_max_mtt_hierarchy_depth_{kind}", 10):
        s.ue(f"{prefix}_log2_diff_max_bt_min_qt_{kind}", 5)
        s.ue(f"{prefix}_log2_diff_max_tt_min_qt_{kind}", 5)


def _transforms(s: Bits) -> None:
    if ctb_size(s.fields) > 32:
        s.u("sps_max_luma_transform_size_64_flag", 1)
    if s.u("sps_transform_skip_enabled_flag", 1):
        s.ue("sps_log2_transform_skip_max_size_minus2", 3)
        s.u("sps_bdpcm_enabled_flag", 1)
    if s.u("sps_mts_enabled_flag", 1):
        flags(s, ("sps_explicit_mts_intra_enabled_flag", "sps_explicit_mts_inter_enabled_flag"))
    s.u("sps_lfnst_enabled_flag", 1)


def _chroma_qp_tables(s: Bits) -> None:
    if not s.fields["sps_chroma_format_idc"]:
        return
    joint = s.u("sps_joint_cbcr_enabled_flag", 1)
    same = s.u("sps_same_qp_table_for_chroma_flag", 1)
    for i in range(1 if same else 2 + joint):
        s.se(f"sps_qp_table_start_minus26[{i}]", -74, 36)
        for j in range(s.ue(f"sps_num_points_in_qp_table_minus1[{i}]", 110) + 1):
            s.ue(f"sps_delta_qp_in_val_minus1[{i}][{j}]", 110)
            s.ue(f"sps_delta_qp_diff_val[{i}][{j}]", 255)


def _filters_and_references(s: Bits) -> None:
    s.u("sps_sao_enabled_flag", 1)
    if s.u("sps_alf_enabled_flag", 1) and s.fields["sps_chroma_format_idc"]:
        s.u("sps_ccalf_enabled_flag", 1)
    flags(s, ("sps_lmcs_enabled_flag", "sps_weighted_pred_flag", "sps_weighted_bipred_flag"))
    s.u("sps_long_term_ref_pics_flag", 1)
    if s.fields["sps_video_parameter_set_id"]:
        s.u("sps_inter_layer_prediction_enabled_flag", 1)
    s.u("sps_idr_rpl_present_flag", 1)
    for i in range(1 if s.u("sps_rpl1_same_as_rpl0_flag", 1) else 2):
        candidates = s.ue(f"sps_num_ref_pic_lists[{i}]", 64)
        for j in range(candidates):
            ref_pic_list_struct(s, s.fields, i, j, candidates)
    s.u("sps_ref_wraparound_enabled_flag", 1)


def _inter_tools(s: Bits) -> None:
    if s.u("sps_temporal_mvp_enabled_flag", 1):
        s.u("sps_sbtmvp_enabled_flag", 1)
    amvr = s.u("sps_amvr_enabled_flag", 1)
    if s.u("sps_bdof_enabled_flag", 1):
        s.u("sps_bdof_control_present_in_ph_flag", 1)
    s.u("sps_smvd_enabled_flag", 1)
    if s.u("sps_dmvr_enabled_flag", 1):
        s.u("sps_dmvr_control_present_in_ph_flag", 1)
    if s.u("sps_mmvd_enabled_flag", 1):
        s.u("sps_mmvd_fullpel_only_enabled_flag", 1)
    max_merge = 6 - s.ue("sps_six_minus_max_num_merge_cand", 5)
    s.u("sps_sbt_enabled_flag", 1)
    if s.u("sps_affine_enabled_flag", 1):
        s.ue("sps_five_minus_max_num_subblock_merge_cand", 5)
        s.u("sps_6param_affine_enabled_flag", 1)
        if amvr:
            s.u("sps_affine_amvr_enabled_flag", 1)
        if s.u("sps_affine_prof_enabled_flag", 1):
            s.u("sps_prof_control_present_in_ph_flag", 1)
    flags(s, ("sps_bcw_enabled_flag", "sps_ciip_enabled_flag"))
    if max_merge >= 2 and s.u("sps_gpm_enabled_flag", 1) and max_merge >= 3:
        s.ue("sps_max_num_merge_cand_minus_max_num_gpm_cand", max_merge - 2)
    s.ue("sps_log2_parallel_merge_level_minus2", 5)


def _intra_tools(s: Bits) -> None:
    chroma = s.fields["sps_chroma_format_idc"]
    flags(s, ("sps_isp_enabled_flag", "sps_mrl_enabled_flag", "sps_mip_enabled_flag"))
    if chroma:
        s.u("sps_cclm_enabled_flag", 1)
    if chroma == 1:
        flags(s, ("sps_chroma_horizontal_collocated_flag", "sps_chroma_vertical_collocated_flag"))
    palette = s.u("sps_palette_enabled_flag", 1)
    if chroma == 3 and not s.fields.get("sps_max_luma_transform_size_64_flag"):
        s.u("sps_act_enabled_flag", 1)
    if s.fields["sps_transform_skip_enabled_flag"] or palette:
        s.ue("sps_min_qp_prime_ts", 8)
    if s.u("sps_ibc_enabled_flag", 1):
        s.ue("sps_six_minus_max_num_ibc_merge_cand", 5)


def _quantization_and_boundaries(s: Bits) -> None:
    if s.u("sps_ladf_enabled_flag", 1):
        intervals = s.u("sps_num_ladf_intervals_minus2", 2)
        s.se("sps_ladf_lowest_interval_qp_offset", -63, 63)
        for i in range(intervals + 1):
            s.se(f"sps_ladf_qp_offset[{i}]", -63, 63)
            s.ue(f"sps_ladf_delta_threshold_minus1[{i}]", 2**16)
    if s.u("sps_explicit_scaling_list_enabled_flag", 1):
        if s.fields["sps_lfnst_enabled_flag"]:
            s.u("sps_scaling_matrix_for_lfnst_disabled_flag", 1)
        if s.fields.get("sps_act_enabled_flag") and s.u(
            "sps_scaling_matrix_for_alternative_colour_space_disabled_flag", 1
        ):
            s.u("sps_scaling_matrix_designated_colour_space_flag", 1)
    flags(s, ("sps_dep_quant_enabled_flag", "sps_sign_data_hiding_enabled_flag"))
    if s.u("sps_virtual_boundaries_enabled_flag", 1) and s.u("sps_virtual_boundaries_present_flag", 1):
        virtual_boundaries(s, "sps")


def virtual_boundaries(s: Bits, prefix: str) -> None:
    """The positions of virtual boundaries in an SPS or picture header."""
    for kind, axis in (("ver", "x"), ("hor", "y")):
        for i in range(s.ue(f"{prefix}_num_{kind}_virtual_boundaries", 3)):
            s.ue(f"{prefix}_virtual_boundary_pos_{axis}_minus1[{i}]", MAX_SIDE)


def _extensions(s: Bits) -> None:
    ranged = s.u("sps_range_extension_flag", 1)
    other = s.u("sps_extension_7bits", 7)
    if ranged:
        s.u("sps_extended_precision_flag", 1)
        if s.fields["sps_transform_skip_enabled_flag"]:
            s.u("sps_ts_residual_coding_rice_present_in_sh_flag", 1)
        flags(s, ("sps_rrc_rice_extension_flag", "sps_persistent_rice_adaptation_enabled_flag"))
        s.u("sps_reverse_last_sig_coeff_enabled_flag", 1)
    if other:
        s.rest("sps_extension_data")
