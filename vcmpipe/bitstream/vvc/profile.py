"""profile_tier_level() and general_constraints_info() (ITU-T H.266 clauses 7.3.3.1, 7.3.3.2)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import Bits, flags

# gci_{name}_constraint_flag in coded order; a name with a number is that many bits of gci_{name}_constraint_idc.
_CONSTRAINTS = """
    intra_only all_layers_independent one_au_only sixteen_minus_max_bitdepth:4 three_minus_max_chroma_format:2
    no_mixed_nalu_types_in_pic no_trail no_stsa no_rasl no_radl no_idr no_cra no_gdr no_aps no_idr_rpl one_tile_per_pic
    pic_header_in_slice_header one_slice_per_pic no_rectangular_slice one_slice_per_subpic no_subpic_info
    three_minus_max_log2_ctu_size:2 no_partition_constraints_override no_mtt no_qtbtt_dual_tree_intra no_palette no_ibc
    no_isp no_mrl no_mip no_cclm no_ref_pic_resampling no_res_change_in_clvs no_weighted_prediction no_ref_wraparound
    no_temporal_mvp no_sbtmvp no_amvr no_bdof no_smvd no_dmvr no_mmvd no_affine_motion no_prof no_bcw no_ciip no_gpm
    no_luma_transform_size_64 no_transform_skip no_bdpcm no_mts no_lfnst no_joint_cbcr no_sbt no_act
    no_explicit_scaling_list no_dep_quant no_sign_data_hiding no_cu_qp_delta no_chroma_qp_offset no_sao no_alf no_ccalf
    no_lmcs no_ladf no_virtual_boundaries
"""
_ADDITIONAL_CONSTRAINTS = """
    all_rap_pictures no_extended_precision_processing no_ts_residual_coding_rice no_rrc_rice_extension
    no_persistent_rice_adaptation no_reverse_last_sig_coeff
"""


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
        for constraint in _CONSTRAINTS.split():
            name, _, bits = constraint.partition(":")
            s.u(f"gci_{name}_constraint_{'idc' if bits else 'flag'}", int(bits or 1))
        additional = s.u("gci_num_additional_bits", 8)
        known = len(_ADDITIONAL_CONSTRAINTS.split()) if additional > 5 else 0
        flags(s, [f"gci_{name}_constraint_flag" for name in _ADDITIONAL_CONSTRAINTS.split()[:known]])
        for i in range(additional - known):
            s.u(f"gci_reserved_bit[{i}]", 1)
    s.align("gci_alignment_zero_bit")
