"""pic_parameter_set_rbsp() (ITU-T H.266 clause 7.3.2.5) and the tiles and slices it makes (clause 6.5.1)."""

from __future__ import annotations

from vcmpipe.bitstream.bits import BitReader, Bits, BitWriter, Fields, flags
from vcmpipe.bitstream.vvc.sps import MAX_SIDE, MAX_SUBPICS
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.yuv import Rect

MAX_SLICES = 1000
MAX_TILE_COLUMNS, MAX_TILE_ROWS = 30, 990


def read_pps(payload: bytes) -> Fields:
    """The elements of a PPS payload; raises BitstreamError naming the element that cannot be."""
    reader = BitReader(payload, "PPS")
    _pic_parameter_set(reader)
    reader.end()
    return reader.fields


def write_pps(fields: Fields) -> bytes:
    """The payload of a PPS."""
    writer = BitWriter("PPS", fields)
    _pic_parameter_set(writer)
    writer.trailing("rbsp_trailing_bits")
    return writer.data()


def expand_sizes(explicit: list[int], whole: int) -> list[int]:
    """Sizes of which the last one repeats until ``whole`` is used up: tile columns, tile rows, slices in a tile."""
    sizes = list(explicit)
    left = whole - sum(sizes)
    while left > 0:
        sizes.append(min(sizes[-1], left))
        left -= sizes[-1]
    return sizes


def shortest_prefix(sizes: tuple[int, ...]) -> list[int]:
    """The fewest leading sizes from which ``expand_sizes`` makes all of them."""
    count = len(sizes)
    while count > 1 and expand_sizes(list(sizes[: count - 1]), sum(sizes)) == list(sizes):
        count -= 1
    return list(sizes[:count])


def tile_sizes(pps: Fields, ctb: int) -> tuple[list[int], list[int]]:
    """Tile column widths and tile row heights in CTUs of a partitioned or unpartitioned picture."""
    columns = -(-pps["pps_pic_width_in_luma_samples"] // ctb)
    rows = -(-pps["pps_pic_height_in_luma_samples"] // ctb)
    if pps["pps_no_pic_partition_flag"]:
        return [columns], [rows]
    found = []
    for kind, size, whole in (("column", "width", columns), ("row", "height", rows)):
        count = pps[f"pps_num_exp_tile_{kind}s_minus1"] + 1
        explicit = [pps[f"pps_tile_{kind}_{size}_minus1[{i}]"] + 1 for i in range(count)]
        if sum(explicit) > whole:
            raise BitstreamError(
                f"PPS: pps_tile_{kind}_{size}_minus1 exceeds the picture's {whole} CTUs (damaged stream)"
            )
        found.append(expand_sizes(explicit, whole))
    return found[0], found[1]


def signalled_slices(pps: Fields, columns: list[int], rows: list[int]) -> list[Rect]:
    """The rectangular slices that a PPS lists one by one, as CTU rectangles."""
    return _rectangular_slices(BitWriter("PPS", pps), columns, rows)


def _pic_parameter_set(s: Bits) -> None:
    s.u("pps_pic_parameter_set_id", 6)
    s.u("pps_seq_parameter_set_id", 4)
    s.u("pps_mixed_nalu_types_in_pic_flag", 1)
    s.ue("pps_pic_width_in_luma_samples", MAX_SIDE)
    s.ue("pps_pic_height_in_luma_samples", MAX_SIDE)
    if s.u("pps_conformance_window_flag", 1):
        for side in ("left", "right", "top", "bottom"):
            s.ue(f"pps_conf_win_{side}_offset", MAX_SIDE)
    if s.u("pps_scaling_window_explicit_signalling_flag", 1):
        for side in ("left", "right", "top", "bottom"):
            s.se(f"pps_scaling_win_{side}_offset", -MAX_SIDE * 16, MAX_SIDE)
    s.u("pps_output_flag_present_flag", 1)
    unpartitioned = s.u("pps_no_pic_partition_flag", 1)
    if s.u("pps_subpic_id_mapping_present_flag", 1):
        last = 0 if unpartitioned else s.ue("pps_num_subpics_minus1", MAX_SUBPICS - 1)
        bits = s.ue("pps_subpic_id_len_minus1", 15) + 1
        for i in range(last + 1):
            s.u(f"pps_subpic_id[{i}]", bits)
    if not unpartitioned:
        _partitioning(s)
    _references_and_qp(s)
    _deblocking(s)
    if not unpartitioned:
        in_ph = s.u("pps_rpl_info_in_ph_flag", 1)
        flags(s, ("pps_sao_info_in_ph_flag", "pps_alf_info_in_ph_flag"))
        if (s.fields["pps_weighted_pred_flag"] or s.fields["pps_weighted_bipred_flag"]) and in_ph:
            s.u("pps_wp_info_in_ph_flag", 1)
        s.u("pps_qp_delta_info_in_ph_flag", 1)
    flags(s, ("pps_picture_header_extension_present_flag", "pps_slice_header_extension_present_flag"))
    if s.u("pps_extension_flag", 1):
        s.rest("pps_extension_data")


def _partitioning(s: Bits) -> None:
    ctb = 32 << s.u("pps_log2_ctu_size_minus5", 2, 2)
    whole_columns = -(-s.fields["pps_pic_width_in_luma_samples"] // ctb)
    whole_rows = -(-s.fields["pps_pic_height_in_luma_samples"] // ctb)
    exp_columns = s.ue("pps_num_exp_tile_columns_minus1", MAX_TILE_COLUMNS - 1) + 1
    exp_rows = s.ue("pps_num_exp_tile_rows_minus1", MAX_TILE_ROWS - 1) + 1
    for i in range(exp_columns):
        s.ue(f"pps_tile_column_width_minus1[{i}]", max(whole_columns - 1, 0))
    for i in range(exp_rows):
        s.ue(f"pps_tile_row_height_minus1[{i}]", max(whole_rows - 1, 0))
    columns, rows = tile_sizes(s.fields, ctb)
    rectangular = 1
    if len(columns) * len(rows) > 1:
        s.u("pps_loop_filter_across_tiles_enabled_flag", 1)
        rectangular = s.u("pps_rect_slice_flag", 1)
    single = s.u("pps_single_slice_per_subpic_flag", 1) if rectangular else 0
    listed = bool(rectangular and not single)
    if listed:
        _rectangular_slices(s, columns, rows)
    if not listed or s.fields["pps_num_slices_in_pic_minus1"]:
        s.u("pps_loop_filter_across_slices_enabled_flag", 1)


def _rectangular_slices(s: Bits, columns: list[int], rows: list[int]) -> list[Rect]:
    """The listed slices, from pps_num_slices_in_pic_minus1 on, and where they lie."""
    last = s.ue("pps_num_slices_in_pic_minus1", MAX_SLICES - 1)
    deltas = s.u("pps_tile_idx_delta_present_flag", 1) if last > 1 else 0
    lefts = [sum(columns[:i]) for i in range(len(columns))]
    tops = [sum(rows[:i]) for i in range(len(rows))]
    found: list[Rect] = []
    tile, height = 0, 1
    while len(found) <= last:
        i = len(found)
        if not 0 <= tile < len(columns) * len(rows):
            raise BitstreamError(f"{s.structure}: slice {i} lies outside the picture's tiles (damaged stream)")
        row, column = divmod(tile, len(columns))
        width = 1
        if i == last:
            width, height = len(columns) - column, len(rows) - row
        else:
            if column != len(columns) - 1:
                width = s.ue(f"pps_slice_width_in_tiles_minus1[{i}]", len(columns) - 1) + 1
            if row == len(rows) - 1:
                height = 1
            elif deltas or column == 0:
                height = s.ue(f"pps_slice_height_in_tiles_minus1[{i}]", len(rows) - 1) + 1
        if column + width > len(columns) or row + height > len(rows):
            raise BitstreamError(f"{s.structure}: slice {i} reaches outside the picture's tiles (damaged stream)")
        heights = [sum(rows[row : row + height])]
        if width == 1 and height == 1 and i < last and rows[row] > 1:
            heights = _slices_in_tile(s, i, rows[row])
        y = tops[row]
        for part in heights:
            found.append(Rect(lefts[column], y, sum(columns[column : column + width]), part))
            y += part
        if len(found) > last + 1:
            raise BitstreamError(
                f"{s.structure}: more slices in tiles than pps_num_slices_in_pic_minus1 states (damaged stream)"
            )
        if deltas and len(found) <= last:
            tile += s.se(f"pps_tile_idx_delta_val[{len(found) - 1}]")
        elif not deltas:
            tile += width
            if tile % len(columns) == 0:
                tile += (height - 1) * len(columns)
    return found


def _slices_in_tile(s: Bits, i: int, tile_height: int) -> list[int]:
    explicit = []
    left = tile_height
    for j in range(s.ue(f"pps_num_exp_slices_in_tile[{i}]", tile_height - 1)):
        explicit.append(s.ue(f"pps_exp_slice_height_in_ctus_minus1[{i}][{j}]", tile_height - 1) + 1)
        left -= explicit[-1]
    if left < 0:
        raise BitstreamError(
            f"{s.structure}: pps_exp_slice_height_in_ctus_minus1[{i}] exceeds the tile (damaged stream)"
        )
    return expand_sizes(explicit, tile_height) if explicit else [tile_height]


def _references_and_qp(s: Bits) -> None:
    s.u("pps_cabac_init_present_flag", 1)
    for i in range(2):
        s.ue(f"pps_num_ref_idx_default_active_minus1[{i}]", 14)
    flags(s, ("pps_rpl1_idx_present_flag", "pps_weighted_pred_flag", "pps_weighted_bipred_flag"))
    if s.u("pps_ref_wraparound_enabled_flag", 1):
        s.ue("pps_pic_width_minus_wraparound_offset", MAX_SIDE)
    s.se("pps_init_qp_minus26", -74, 37)
    s.u("pps_cu_qp_delta_enabled_flag", 1)
    if s.u("pps_chroma_tool_offsets_present_flag", 1):
        s.se("pps_cb_qp_offset", -12, 12)
        s.se("pps_cr_qp_offset", -12, 12)
        joint = s.u("pps_joint_cbcr_qp_offset_present_flag", 1)
        if joint:
            s.se("pps_joint_cbcr_qp_offset_value", -12, 12)
        s.u("pps_slice_chroma_qp_offsets_present_flag", 1)
        if s.u("pps_cu_chroma_qp_offset_list_enabled_flag", 1):
            for i in range(s.ue("pps_chroma_qp_offset_list_len_minus1", 5) + 1):
                s.se(f"pps_cb_qp_offset_list[{i}]", -12, 12)
                s.se(f"pps_cr_qp_offset_list[{i}]", -12, 12)
                if joint:
                    s.se(f"pps_joint_cbcr_qp_offset_list[{i}]", -12, 12)


def _deblocking(s: Bits) -> None:
    if not s.u("pps_deblocking_filter_control_present_flag", 1):
        return
    override = s.u("pps_deblocking_filter_override_enabled_flag", 1)
    disabled = s.u("pps_deblocking_filter_disabled_flag", 1)
    if not s.fields["pps_no_pic_partition_flag"] and override:
        s.u("pps_dbf_info_in_ph_flag", 1)
    if not disabled:
        deblocking_offsets(s, "pps", s.fields)


def deblocking_offsets(s: Bits, prefix: str, pps: Fields) -> None:
    """The deblocking offsets of a PPS, picture header or slice header."""
    for component in ("luma", "cb", "cr") if pps["pps_chroma_tool_offsets_present_flag"] else ("luma",):
        s.se(f"{prefix}_{component}_beta_offset_div2", -12, 12)
        s.se(f"{prefix}_{component}_tc_offset_div2", -12, 12)
