"""profile_tier_level() and general_constraints_info() (ITU-T H.266 clauses 7.3.3.1, 7.3.3.2)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import Bits, flags

_CONSTRAINTS: tuple[tuple[str, int], ...] = (
    ("gci_intra_only_constraint_flag", 1),
    ("gci_all_layers_independent_constraint_flag", 1),
    ("gci_one_au_only_constraint_flag", 1),
    ("gci_sixteen_minus_max_bitdepth_constraint_idc", 4),
    ("gci_three_minus_max_chroma_format_constraint_idc", 2),
    ("gci_no_mixed_nalu_types_in_pic_constraint_flag", 1),
    ("gci_no_trail_constraint_flag", 1),
    ("gci_no_stsa_constraint_flag", 1),
    ("gci_no_rasl_constraint_flag", 1),
    ("gci_no_radl_constraint_flag", 1),
    ("gci_no_idr_constraint_flag", 1),
    ("gci_no_cra_constraint_flag", 1),
    ("gci_no_gdr_constraint_flag", 1),
    ("gci_no_aps_constraint_flag", 1),
    ("gci_no_idr_rpl_constraint_flag", 1),
    ("gci_one_tile_per_pic_constraint_flag", 1),
    ("gci_pic_header_in_slice_header_constraint_flag", 1),
    ("gci_one_slice_per_pic_constraint_flag", 1),
    ("gci_no_rectangular_slice_constraint_flag", 1),
    ("gci_one_slice_per_subpic_constraint_flag", 1),
    ("gci_no_subpic_info_constraint_flag", 1),
    ("gci_three_minus_max_log2_ctu_size_constraint_idc", 2),
    ("gci_no_partition_constraints_override_constraint_flag", 1),
    ("gci_no_mtt_constraint_flag", 1),
    ("gci_no_qtbtt_dual_tree_intra_constraint_flag", 1),
    ("gci_no_palette_constraint_flag", 1),
    ("gci_no_ibc_constraint_flag", 1),
    ("gci_no_isp_constraint_flag", 1),
    ("gci_no_mrl_constraint_flag", 1),
    ("gci_no_mip_constraint_flag", 1),
    ("gci_no_cclm_constraint_flag", 1),
    ("gci_no_ref_pic_resampling_constraint_flag", 1),
    ("gci_no_res_change_in_clvs_constraint_flag", 1),
    ("gci_no_weighted_prediction_constraint_flag", 1),
    ("gci_no_ref_wraparound_constraint_flag", 1),
    ("gci_no_temporal_mvp_constraint_flag", 1),
    ("gci_no_sbtmvp_constraint_flag", 1),
    ("gci_no_amvr_constraint_flag", 1),
    ("gci_no_bdof_constraint_flag", 1),
    ("gci_no_smvd_constraint_flag", 1),
    ("gci_no_dmvr_constraint_flag", 1),
    ("gci_no_mmvd_constraint_flag", 1),
    ("gci_no_affine_motion_constraint_flag", 1),
    ("gci_no_prof_constraint_flag", 1),
    ("gci_no_bcw_constraint_flag", 1),
    ("gci_no_ciip_constraint_flag", 1),
    ("gci_no_gpm_constraint_flag", 1),
    ("gci_no_luma_transform_size_64_constraint_flag", 1),
    ("gci_no_transform_skip_constraint_flag", 1),
    ("gci_no_bdpcm_constraint_flag", 1),
    ("gci_no_mts_constraint_flag", 1),
    ("gci_no_lfnst_constraint_flag", 1),
    ("gci_no_joint_cbcr_constraint_flag", 1),
    ("gci_no_sbt_constraint_flag", 1),
    ("gci_no_act_constraint_flag", 1),
    ("gci_no_explicit_scaling_list_constraint_flag", 1),
    ("gci_no_dep_quant_constraint_flag", 1),
    ("gci_no_sign_data_hiding_constraint_flag", 1),
    ("gci_no_cu_qp_delta_constraint_flag", 1),
    ("gci_no_chroma_qp_offset_constraint_flag", 1),
    ("gci_no_sao_constraint_flag", 1),
    ("gci_no_alf_constraint_flag", 1),
    ("gci_no_ccalf_constraint_flag", 1),
    ("gci_no_lmcs_constraint_flag", 1),
    ("gci_no_ladf_constraint_flag", 1),
    ("gci_no_virtual_boundaries_constraint_flag", 1),
)
_ADDITIONAL_CONSTRAINTS = (
    "gci_all_rap_pictures_constraint_flag",
    "gci_no_extended_precision_processing_constraint_flag",
    "gci_no_ts_residual_coding_rice_constraint_flag",
    "gci_no_rrc_rice_extension_constraint_flag",
    "gci_no_persistent_rice_adaptation_constraint_flag",
    "gci_no_reverse_last_sig_coeff_constraint_flag",
)


def profile_tier_level(s: Bits, max_sublayers_minus1: int) -> None:
    """Profile, tier and level as they stand in an SPS, with profileTierPresentFlag 1."""
    s.u("general_profile_idc", 7)
    s.u("general_tier_flag", 1)
    s.u("general_level_idc", 8)
    flags(s, ("ptl_frame_only_constraint_flag", "ptl_multilayer_enabled_flag"))
    _general_constraints_info(s)
    present = [s.u(f"ptl_sublayer_level_present_flag[{i}]", 1) for i in range(max_sublayers_minus1 - 1, -1, -1)]
    s.align("ptl_reserved_zero_bit")
    for i in range(max_sublayers_minus1 - 1, -1, -1):
        if present[max_sublayers_minus1 - 1 - i]:
            s.u(f"sublayer_level_idc[{i}]", 8)
    for i in range(s.u("ptl_num_sub_profiles", 8)):
        s.u(f"general_sub_profile_idc[{i}]", 32)


def _general_constraints_info(s: Bits) -> None:
    if s.u("gci_present_flag", 1):
        for name, bits in _CONSTRAINTS:
            s.u(name, bits)
        additional = s.u("gci_num_additional_bits", 8)
        known = len(_ADDITIONAL_CONSTRAINTS) if additional > 5 else 0
        flags(s, _ADDITIONAL_CONSTRAINTS[:known])
        for i in range(additional - known):
            s.u(f"gci_reserved_bit[{i}]", 1)
    s.align("gci_alignment_zero_bit")
