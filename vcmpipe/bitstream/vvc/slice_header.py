"""slice_header() (ITU-T H.266 clause 7.3.7)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vcmpipe.bitstream.bits import BitReader, Bits, BitWriter, Fields
from vcmpipe.bitstream.nal import NalUnit
from vcmpipe.bitstream.vvc.nal import IDR_TYPES
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.partition import Partition
from vcmpipe.bitstream.vvc.picture_header import alf_parameters, deblocking_parameters, picture_header_structure
from vcmpipe.bitstream.vvc.reference_lists import num_ref_entries, pred_weight_table, ref_pic_lists
from vcmpipe.errors import BitstreamError

SLICE_B, SLICE_P, SLICE_I = 0, 1, 2
_USUAL = 512  # bytes that hold a picture and slice header, but for those of many entry points
SLICE_TYPE_NAMES = {SLICE_B: "B", SLICE_P: "P", SLICE_I: "I"}


@dataclass(slots=True)
class Slice:
    """A slice of a picture.

    Attributes:
        nal_type: ``nal_unit_type`` of its NAL unit.
        temporal_id: TemporalId of its NAL unit.
        fields: the slice header's own elements.
        picture_header: the elements of its picture header, wherever that stood.
        index: its index among the picture's rectangular slices; for runs of tiles, its first tile.
        data: slice_data() and the trailing bits, without emulation prevention; empty where only the header was read.
    """

    nal_type: int
    temporal_id: int
    fields: Fields = field(default_factory=dict)
    picture_header: Fields = field(default_factory=dict)
    index: int = 0
    data: bytes = b""

    @property
    def type(self) -> int:
        """``sh_slice_type``: 0 B, 1 P, 2 I."""
        return self.fields.get("sh_slice_type", SLICE_I)


def read_slice_header(unit: NalUnit, sets: ParameterSets, picture_header: Fields | None) -> Slice:
    """A slice as ``read_slice`` reads it, but without its data: of a long slice only the first bytes are looked at."""
    if len(unit.data) > _USUAL:
        try:
            return replace(_read(unit.type, unit.temporal_id, unit.payload(_USUAL), sets, picture_header), data=b"")
        except BitstreamError:
            pass  # a longer header, or a wrong one
    return replace(read_slice(unit, sets, picture_header), data=b"")


def read_slice(unit: NalUnit, sets: ParameterSets, picture_header: Fields | None) -> Slice:
    """Parse a slice's header; BitstreamError for an element that cannot be.

    ``picture_header`` is the one sent for this picture in a NAL unit of its own, if there was one.
    """
    return _read(unit.type, unit.temporal_id, unit.payload(), sets, picture_header)


def _read(kind: int, temporal_id: int, payload: bytes, sets: ParameterSets, picture_header: Fields | None) -> Slice:
    reader = BitReader(payload, "slice header")
    found = Slice(kind, temporal_id, reader.fields)
    if not payload or payload[0] & 0x80:
        picture_header = {}
    elif picture_header is None:
        raise BitstreamError("slice header: sh_picture_header_in_slice_header_flag is 0 but no picture header was sent")
    found.picture_header = picture_header
    found.index = _slice_header(reader, sets, picture_header, kind)
    reader.trailing("byte_alignment()")
    found.data = payload[reader.position // 8 :]
    if not found.data.strip(b"\0"):
        raise BitstreamError("slice_data(): the data ends behind the slice header (truncated stream)")
    return found


def write_slice(piece: Slice, sets: ParameterSets) -> bytes:
    """The payload of a slice NAL unit: its header written anew, its data as it is."""
    writer = BitWriter("slice header", piece.fields)
    _slice_header(writer, sets, piece.picture_header, piece.nal_type)
    writer.trailing("byte_alignment()")
    return writer.data() + piece.data


def slice_qp(piece: Slice, pps: Fields) -> int:
    """SliceQpY, the QP at which the slice's first coding unit starts."""
    in_ph = pps.get("pps_qp_delta_info_in_ph_flag")
    delta = piece.picture_header.get("ph_qp_delta") if in_ph else piece.fields.get("sh_qp_delta")
    if delta is None:
        raise BitstreamError("slice header: the PPS changed between ph_qp_delta and the slice (damaged stream)")
    return 26 + pps["pps_init_qp_minus26"] + delta


def _slice_header(s: Bits, sets: ParameterSets, ph: Fields, nal_type: int) -> int:
    """The slice header up to byte_alignment(); returns the slice's index or first tile."""
    ph_here = s.u("sh_picture_header_in_slice_header_flag", 1)
    if ph_here:
        own, s.fields = s.fields, ph
        picture_header_structure(s, sets)
        s.fields = own
    pps, sps = sets.active(ph["ph_pic_parameter_set_id"])
    partition = sets.partition(ph["ph_pic_parameter_set_id"])
    index, tiles = _slice_address(s, sps, partition)
    kind = s.ue("sh_slice_type", 2) if ph["ph_inter_slice_allowed_flag"] else SLICE_I
    if 7 <= nal_type <= 10:
        s.u("sh_no_output_of_prior_pics_flag", 1)
    if sps["sps_alf_enabled_flag"] and not pps.get("pps_alf_info_in_ph_flag"):
        alf_parameters(s, sps, "sh")
    if ph.get("ph_lmcs_enabled_flag") and not ph_here:
        s.u("sh_lmcs_used_flag", 1)
    if ph.get("ph_explicit_scaling_list_enabled_flag") and not ph_here:
        s.u("sh_explicit_scaling_list_used_flag", 1)
    _references(s, sps, pps, ph, nal_type, kind)
    _quantization_and_filters(s, sps, pps)
    if pps["pps_slice_header_extension_present_flag"]:
        for i in range(s.ue("sh_slice_header_extension_length", 256)):
            s.u(f"sh_slice_header_extension_data_byte[{i}]", 8)
    if sps["sps_entry_point_offsets_present_flag"]:
        wavefront = bool(sps["sps_entropy_coding_sync_enabled_flag"])
        points = partition.entry_points(index if partition.rectangular else None, index, tiles, wavefront)
        if points > 0:
            bits = s.ue("sh_entry_offset_len_minus1", 31) + 1
            for i in range(points):
                s.u(f"sh_entry_point_offset_minus1[{i}]", bits)
    return index


def _slice_address(s: Bits, sps: Fields, partition: Partition) -> tuple[int, int]:
    """(index of the rectangular slice or first tile, tiles in a slice that is no rectangle)."""
    subpic = 0
    if sps["sps_subpic_info_present_flag"]:
        subpic = partition.subpic_index(s.u("sh_subpic_id", sps["sps_subpic_id_len_minus1"] + 1))
    slices = partition.subpic_slices[subpic]
    address = 0
    if partition.rectangular:
        if not slices:
            raise BitstreamError(f"{s.structure}: sh_subpic_id names a sub-picture without slices (damaged stream)")
        if len(slices) > 1:
            address = s.u("sh_slice_address", (len(slices) - 1).bit_length(), len(slices) - 1)
    elif partition.tiles > 1:
        address = s.u("sh_slice_address", (partition.tiles - 1).bit_length(), partition.tiles - 1)
    for i in range(sum(sps[f"sps_extra_sh_bit_present_flag[{i}]"] for i in range(8 * sps["sps_num_extra_sh_bytes"]))):
        s.u(f"sh_extra_bit[{i}]", 1)
    if partition.rectangular:
        return slices[address], 0
    left = partition.tiles - address
    return address, s.ue("sh_num_tiles_in_slice_minus1", left - 1) + 1 if left > 1 else 1


def _references(s: Bits, sps: Fields, pps: Fields, ph: Fields, nal_type: int, kind: int) -> None:
    in_ph = pps.get("pps_rpl_info_in_ph_flag", 0)
    lists = ph if in_ph else s.fields
    sent_here = not in_ph and (nal_type not in IDR_TYPES or sps["sps_idr_rpl_present_flag"])
    if sent_here:
        ref_pic_lists(s, sps, pps)
    if kind == SLICE_I:
        return
    if not in_ph and not sent_here:
        raise BitstreamError(
            f"{s.structure}: sh_slice_type is not I in an IDR picture without reference lists (damaged stream)"
        )
    entries = [num_ref_entries(lists, sps, pps, i) for i in range(2)]
    used = 2 if kind == SLICE_B else 1
    active = [0, 0]  # NumRefIdxActive of both lists
    override = any(count > 1 for count in entries[:used]) and s.u("sh_num_ref_idx_active_override_flag", 1)
    for i, count in enumerate(entries[:used]):
        if override:
            active[i] = s.ue(f"sh_num_ref_idx_active_minus1[{i}]", 14) + 1 if count > 1 else 1
        else:
            active[i] = min(pps[f"pps_num_ref_idx_default_active_minus1[{i}]"] + 1, count)
    if pps["pps_cabac_init_present_flag"]:
        s.u("sh_cabac_init_flag", 1)
    if ph.get("ph_temporal_mvp_enabled_flag") and not in_ph:
        from_l0 = s.u("sh_collocated_from_l0_flag", 1) if kind == SLICE_B else 1
        if active[0 if from_l0 else 1] > 1:
            s.ue("sh_collocated_ref_idx", 14)
    weighted = "pps_weighted_pred_flag" if kind == SLICE_P else "pps_weighted_bipred_flag"
    if not pps.get("pps_wp_info_in_ph_flag") and pps[weighted]:
        pred_weight_table(s, sps, pps, (active[0], active[1]), lists)


def _quantization_and_filters(s: Bits, sps: Fields, pps: Fields) -> None:
    chroma = sps["sps_chroma_format_idc"]
    if not pps.get("pps_qp_delta_info_in_ph_flag"):
        s.se("sh_qp_delta", -138, 138)
    if pps.get("pps_slice_chroma_qp_offsets_present_flag"):
        s.se("sh_cb_qp_offset", -12, 12)
        s.se("sh_cr_qp_offset", -12, 12)
        if sps.get("sps_joint_cbcr_enabled_flag"):
            s.se("sh_joint_cbcr_qp_offset", -12, 12)
    if pps.get("pps_cu_chroma_qp_offset_list_enabled_flag"):
        s.u("sh_cu_chroma_qp_offset_enabled_flag", 1)
    if sps["sps_sao_enabled_flag"] and not pps.get("pps_sao_info_in_ph_flag"):
        s.u("sh_sao_luma_used_flag", 1)
        if chroma:
            s.u("sh_sao_chroma_used_flag", 1)
    if (
        pps.get("pps_deblocking_filter_override_enabled_flag")
        and not pps.get("pps_dbf_info_in_ph_flag")
        and s.u("sh_deblocking_params_present_flag", 1)
    ):
        deblocking_parameters(s, pps, "sh")
    dep_quant = s.u("sh_dep_quant_used_flag", 1) if sps["sps_dep_quant_enabled_flag"] else 0
    hiding = 0
    if sps["sps_sign_data_hiding_enabled_flag"] and not dep_quant:
        hiding = s.u("sh_sign_data_hiding_used_flag", 1)
    no_ts_coding = 0
    if sps["sps_transform_skip_enabled_flag"] and not dep_quant and not hiding:
        no_ts_coding = s.u("sh_ts_residual_coding_disabled_flag", 1)
    if not no_ts_coding and sps.get("sps_ts_residual_coding_rice_present_in_sh_flag"):
        s.u("sh_ts_residual_coding_rice_idx_minus1", 3)
    if sps.get("sps_reverse_last_sig_coeff_enabled_flag"):
        s.u("sh_reverse_last_sig_coeff_flag", 1)
