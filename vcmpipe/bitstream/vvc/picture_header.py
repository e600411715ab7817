"""picture_header_structure() (ITU-T H.266 clause 7.3.2.8)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import BitReader, Bits, BitWriter, Fields
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.pps import deblocking_offsets
from vcmpipe.bitstream.vvc.reference_lists import num_ref_entries, pred_weight_table, ref_pic_lists
from vcmpipe.bitstream.vvc.sps import partition_constraints, virtual_boundaries


def read_picture_header(payload: bytes, sets: ParameterSets) -> Fields:
    """The elements of a picture header NAL unit's payload."""
    reader = BitReader(payload, "picture header")
    picture_header_structure(reader, sets)
    reader.end()
    return reader.fields


def write_picture_header(fields: Fields, sets: ParameterSets) -> bytes:
    """The payload of a picture header NAL unit."""
    writer = BitWriter("picture header", fields)
    picture_header_structure(writer, sets)
    writer.trailing("rbsp_trailing_bits")
    return writer.data()


def picture_header_structure(s: Bits, sets: ParameterSets) -> None:
    """The picture header, in its own NAL unit or in a slice header."""
    irap_or_gdr = s.u("ph_gdr_or_irap_pic_flag", 1)
    non_ref = s.u("ph_non_ref_pic_flag", 1)
    gdr = s.u("ph_gdr_pic_flag", 1) if irap_or_gdr else 0
    inter = s.u("ph_inter_slice_allowed_flag", 1)
    intra = s.u("ph_intra_slice_allowed_flag", 1) if inter else 1
    pps, sps = sets.active(s.ue("ph_pic_parameter_set_id", 63))
    s.u("ph_pic_order_cnt_lsb", sps["sps_log2_max_pic_order_cnt_lsb_minus4"] + 4)
    if gdr:
        s.ue("ph_recovery_poc_cnt")
    for i in range(sum(sps[f"sps_extra_ph_bit_present_flag[{i}]"] for i in range(8 * sps["sps_num_extra_ph_bytes"]))):
        s.u(f"ph_extra_bit[{i}]", 1)
    if sps["sps_poc_msb_cycle_flag"] and s.u("ph_poc_msb_cycle_present_flag", 1):
        s.u("ph_poc_msb_cycle_val", sps["sps_poc_msb_cycle_len_minus1"] + 1)
    if sps["sps_alf_enabled_flag"] and pps.get("pps_alf_info_in_ph_flag"):
        alf_parameters(s, sps, "ph")
    if sps["sps_lmcs_enabled_flag"] and s.u("ph_lmcs_enabled_flag", 1):
        s.u("ph_lmcs_aps_id", 2)
        if sps["sps_chroma_format_idc"]:
            s.u("ph_chroma_residual_scale_flag", 1)
    if sps["sps_explicit_scaling_list_enabled_flag"] and s.u("ph_explicit_scaling_list_enabled_flag", 1):
        s.u("ph_scaling_list_aps_id", 3)
    if (
        sps["sps_virtual_boundaries_enabled_flag"]
        and not sps["sps_virtual_boundaries_present_flag"]
        and s.u("ph_virtual_boundaries_present_flag", 1)
    ):
        virtual_boundaries(s, "ph")
    if pps["pps_output_flag_present_flag"] and not non_ref:
        s.u("ph_pic_output_flag", 1)
    if pps.get("pps_rpl_info_in_ph_flag"):
        ref_pic_lists(s, sps, pps)
    override = 0
    if sps["sps_partition_constraints_override_enabled_flag"]:
        override = s.u("ph_partition_constraints_override_flag", 1)
    if intra:
        if override:
            partition_constraints(s, "ph", "intra_slice_luma")
            if sps.get("sps_qtbtt_dual_tree_intra_flag"):
                partition_constraints(s, "ph", "intra_slice_chroma")
        _cu_qp_subdivision(s, pps, "intra")
    if inter:
        if override:
            partition_constraints(s, "ph", "inter_slice")
        _cu_qp_subdivision(s, pps, "inter")
        _inter_tools(s, sps, pps)
    if pps.get("pps_qp_delta_info_in_ph_flag"):
        s.se("ph_qp_delta", -138, 138)
    if sps.get("sps_joint_cbcr_enabled_flag"):
        s.u("ph_joint_cbcr_sign_flag", 1)
    if sps["sps_sao_enabled_flag"] and pps.get("pps_sao_info_in_ph_flag"):
        s.u("ph_sao_luma_enabled_flag", 1)
        if sps["sps_chroma_format_idc"]:
            s.u("ph_sao_chroma_enabled_flag", 1)
    if pps.get("pps_dbf_info_in_ph_flag") and s.u("ph_deblocking_params_present_flag", 1):
        deblocking_parameters(s, pps, "ph")
    if pps["pps_picture_header_extension_present_flag"]:
        for i in range(s.ue("ph_extension_length", 256)):
            s.u(f"ph_extension_data_byte[{i}]", 8)


def _cu_qp_subdivision(s: Bits, pps: Fields, kind: str) -> None:
    if pps["pps_cu_qp_delta_enabled_flag"]:
        s.ue(f"ph_cu_qp_delta_subdiv_{kind}_slice", 24)
    if pps.get("pps_cu_chroma_qp_offset_list_enabled_flag"):
        s.ue(f"ph_cu_chroma_qp_offset_subdiv_{kind}_slice", 24)


def _inter_tools(s: Bits, sps: Fields, pps: Fields) -> None:
    lists_here = pps.get("pps_rpl_info_in_ph_flag", 0)
    if sps["sps_temporal_mvp_enabled_flag"] and s.u("ph_temporal_mvp_enabled_flag", 1) and lists_here:
        entries = [num_ref_entries(s.fields, sps, pps, i) for i in range(2)]
        from_l0 = s.u("ph_collocated_from_l0_flag", 1) if entries[1] else 1
        if entries[0 if from_l0 else 1] > 1:
            s.ue("ph_collocated_ref_idx", 28)
    if sps.get("sps_mmvd_fullpel_only_enabled_flag"):
        s.u("ph_mmvd_fullpel_only_flag", 1)
    if not lists_here or num_ref_entries(s.fields, sps, pps, 1):
        s.u("ph_mvd_l1_zero_flag", 1)
        if sps.get("sps_bdof_control_present_in_ph_flag"):
            s.u("ph_bdof_disabled_flag", 1)
        if sps.get("sps_dmvr_control_present_in_ph_flag"):
            s.u("ph_dmvr_disabled_flag", 1)
    if sps.get("sps_prof_control_present_in_ph_flag"):
        s.u("ph_prof_disabled_flag", 1)
    if pps.get("pps_wp_info_in_ph_flag"):
        pred_weight_table(s, sps, pps, None, s.fields)


def alf_parameters(s: Bits, sps: Fields, prefix: str) -> None:
    """The adaptive loop filter elements of a picture header ("ph") or slice header ("sh")."""
    if not s.u(f"{prefix}_alf_enabled_flag", 1):
        return
    for i in range(s.u(f"{prefix}_num_alf_aps_ids_luma", 3)):
        s.u(f"{prefix}_alf_aps_id_luma[{i}]", 3)
    if sps["sps_chroma_format_idc"]:
        cb = s.u(f"{prefix}_alf_cb_enabled_flag", 1)
        cr = s.u(f"{prefix}_alf_cr_enabled_flag", 1)
        if cb or cr:
            s.u(f"{prefix}_alf_aps_id_chroma", 3)
        if sps.get("sps_ccalf_enabled_flag"):
            for component in ("cb", "cr"):
                if s.u(f"{prefix}_alf_cc_{component}_enabled_flag", 1):
                    s.u(f"{prefix}_alf_cc_{component}_aps_id", 3)


def deblocking_parameters(s: Bits, pps: Fields, prefix: str) -> None:
    """The deblocking elements of a picture or slice header behind its ..._deblocking_params_present_flag."""
    disabled = 0
    if not pps["pps_deblocking_filter_disabled_flag"]:
        disabled = s.u(f"{prefix}_deblocking_filter_disabled_flag", 1)
    if not disabled:
        deblocking_offsets(s, prefix, pps)
