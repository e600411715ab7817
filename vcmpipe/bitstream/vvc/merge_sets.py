"""The parameter sets of a merged stream, made from those of its regions."""

from __future__ import annotations

from collections.abc import Sequence

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.geometry import RegionLayout
from vcmpipe.bitstream.levels import level_for
from vcmpipe.bitstream.vui import Vui
from vcmpipe.bitstream.vvc.pps import shortest_prefix
from vcmpipe.bitstream.vvc.sps import chroma_units, ctb_size
from vcmpipe.bitstream.vvc.timing import picture_rate
from vcmpipe.bitstream.vvc.vui import is_vui_element, restated_vui
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.yuv import Rect

_CROP_SIDES = ("left", "right", "top", "bottom")
_SIZES = ("width", "height")
# What may differ between regions: it is stated anew, or corrected in every slice header.
_FREE_SPS = frozenset(
    {
        "general_level_idc",
        "sps_pic_width_max_in_luma_samples",
        "sps_pic_height_max_in_luma_samples",
        "sps_alf_enabled_flag",
        "sps_ccalf_enabled_flag",
    }
)
_FREE_PPS = frozenset({"pps_pic_width_in_luma_samples", "pps_pic_height_in_luma_samples", "pps_init_qp_minus26"})


def require_equal(structure: str, region: int, fields: Fields, expected: Fields, reference: int = 0) -> None:
    """Raise BitstreamError naming the first element in which a region differs from the region ``reference``."""
    if fields == expected:
        return
    for name in (*expected, *fields):
        if fields.get(name) != expected.get(name):
            raise BitstreamError(
                f"region {region}: {structure}: {name} is {fields.get(name, 'absent')}, but "
                f"{expected.get(name, 'absent')} in region {reference} (regions must be coded with equal parameters)"
            )


def cropped_and_coloured(sps: Fields, display: tuple[int, int], vui: Vui | None) -> Fields:
    """An SPS with the conformance window that leaves ``display`` luma samples, and with ``vui`` if it is given."""
    fields = {name: value for name, value in sps.items() if not name.startswith("sps_conf_win_")}
    units = chroma_units(sps)
    right, bottom = ((sps[f"sps_pic_{s}_max_in_luma_samples"] - display[i]) // units[i] for i, s in enumerate(_SIZES))
    fields["sps_conformance_window_flag"] = int(right > 0 or bottom > 0)
    if fields["sps_conformance_window_flag"]:
        offsets = zip(_CROP_SIDES, (0, right, 0, bottom), strict=True)
        fields |= {f"sps_conf_win_{side}_offset": offset for side, offset in offsets}
    others = {name: value for name, value in fields.items() if not is_vui_element(name)}
    return others | restated_vui(fields, vui)


def merged_sps(
    regions: Sequence[Fields], layout: RegionLayout, subpictures: bool, display: tuple[int, int], vui: Vui | None
) -> Fields:
    """The SPS of the whole picture; raises BitstreamError naming the first element in which ``regions`` differ."""
    with_alf = [i for i, sps in enumerate(regions) if sps["sps_alf_enabled_flag"]]
    reference = with_alf[0] if with_alf else 0
    base = regions[reference]

    def compared(sps: Fields) -> Fields:
        return {k: v for k, v in sps.items() if k not in _FREE_SPS and not (vui is not None and is_vui_element(k))}

    expected = compared(base)
    for i, (sps, area) in enumerate(zip(regions, layout.regions(), strict=True)):
        _check_size(i, sps, area, layout.ctu)
        if sps is not base:
            require_equal("SPS", i, compared(sps), expected, reference)
        if i in with_alf:
            name = "sps_ccalf_enabled_flag"
            require_equal("SPS", i, {name: sps.get(name, 0)}, {name: base.get(name, 0)}, reference)
    fields = dict(base)
    fields["sps_pic_width_max_in_luma_samples"] = layout.width
    fields["sps_pic_height_max_in_luma_samples"] = layout.height
    fields["general_level_idc"] = max(
        *(sps["general_level_idc"] for sps in regions),
        level_for(layout.width, layout.height, len(regions), len(layout.columns), len(layout.rows), picture_rate(base)),
    )
    for name in base:
        # Sublayers may state lower levels than the merged pictures need: without them the general level holds.
        if name.startswith("ptl_sublayer_level_present_flag"):
            fields[name] = 0
    if subpictures:
        fields |= _subpicture_fields(layout)
    return cropped_and_coloured(fields, display, vui)


def _check_size(region: int, sps: Fields, area: Rect, ctu: int) -> None:
    if "general_level_idc" not in sps:
        raise BitstreamError(f"region {region}: SPS: sps_ptl_dpb_hrd_params_present_flag = 0 is not supported here")
    coded = sps["sps_pic_width_max_in_luma_samples"], sps["sps_pic_height_max_in_luma_samples"]
    if coded != (area.width, area.height):
        raise BitstreamError(
            f"region {region}: sps_pic_width_max_in_luma_samples: the stream codes {coded[0]}x{coded[1]}, "
            f"the layout has {area.width}x{area.height} there"
        )
    if ctb_size(sps) != ctu:
        raise BitstreamError(f"region {region}: sps_log2_ctu_size_minus5: the CTU size is {ctb_size(sps)}, not {ctu}")
    for name in ("sps_conformance_window_flag", "sps_subpic_info_present_flag"):
        if sps[name]:
            raise BitstreamError(f"region {region}: SPS: {name} = 1 is not supported in the stream of a region")


def _subpicture_fields(layout: RegionLayout) -> Fields:
    regions = layout.regions()
    last = len(regions) - 1
    fields: Fields = {
        "sps_subpic_info_present_flag": 1,
        "sps_num_subpics_minus1": last,
        "sps_independent_subpics_flag": 1,
        "sps_subpic_same_size_flag": 0,
        "sps_subpic_id_len_minus1": max(last.bit_length(), 1) - 1,
        "sps_subpic_id_mapping_explicitly_signalled_flag": 0,
    }
    for i, area in enumerate(regions):
        fields[f"sps_subpic_ctu_top_left_x[{i}]"] = area.x // layout.ctu
        fields[f"sps_subpic_ctu_top_left_y[{i}]"] = area.y // layout.ctu
        fields[f"sps_subpic_width_minus1[{i}]"] = -(-area.width // layout.ctu) - 1
        fields[f"sps_subpic_height_minus1[{i}]"] = -(-area.height // layout.ctu) - 1
    return fields


def merged_pps(regions: Sequence[Fields], layout: RegionLayout) -> Fields:
    """The PPS of the whole picture; raises BitstreamError naming the first element in which ``regions`` differ."""
    base = regions[0]
    expected = {name: value for name, value in base.items() if name not in _FREE_PPS}
    for i, pps in enumerate(regions):
        if not pps["pps_no_pic_partition_flag"]:
            raise BitstreamError(
                f"region {i}: PPS: pps_no_pic_partition_flag = 0 is not supported in a region's stream"
            )
        if pps["pps_conformance_window_flag"]:
            raise BitstreamError(f"region {i}: PPS: pps_conformance_window_flag = 1 is not supported here")
        if pps is not base:
            require_equal("PPS", i, {k: v for k, v in pps.items() if k not in _FREE_PPS}, expected)
    fields = dict(base)
    fields["pps_pic_width_in_luma_samples"] = layout.width
    fields["pps_pic_height_in_luma_samples"] = layout.height
    fields["pps_no_pic_partition_flag"] = 0
    fields |= _tile_fields(layout)
    if len(regions) > 1:
        fields |= _slice_fields(layout)
    for name in ("rpl", "sao", "alf", "qp_delta", "dbf"):
        fields[f"pps_{name}_info_in_ph_flag"] = 0
    return fields


def _tile_fields(layout: RegionLayout) -> Fields:
    fields: Fields = {"pps_log2_ctu_size_minus5": layout.ctu.bit_length() - 6}
    for kind, size, sizes in (("column", "width", layout.columns), ("row", "height", layout.rows)):
        explicit = shortest_prefix(sizes)
        fields[f"pps_num_exp_tile_{kind}s_minus1"] = len(explicit) - 1
        fields |= {f"pps_tile_{kind}_{size}_minus1[{i}]": value - 1 for i, value in enumerate(explicit)}
    fields["pps_loop_filter_across_tiles_enabled_flag"] = 0
    fields["pps_rect_slice_flag"] = 1
    return fields


def _slice_fields(layout: RegionLayout) -> Fields:
    # One slice per sub-picture could be stated by pps_single_slice_per_subpic_flag, but FFmpeg rejects that where a
    # tile holds several bands; so the slices are listed in both forms.
    fields: Fields = {
        "pps_single_slice_per_subpic_flag": 0,
        "pps_num_slices_in_pic_minus1": sum(len(bands) for bands in layout.bands) - 1,
        "pps_tile_idx_delta_present_flag": 0,
        "pps_loop_filter_across_slices_enabled_flag": 0,
    }
    index = 0
    for bands in layout.bands:
        fields[f"pps_slice_width_in_tiles_minus1[{index}]"] = 0
        fields[f"pps_slice_height_in_tiles_minus1[{index}]"] = 0
        explicit = shortest_prefix(bands) if len(bands) > 1 else []
        fields[f"pps_num_exp_slices_in_tile[{index}]"] = len(explicit)
        for j, height in enumerate(explicit):
            fields[f"pps_exp_slice_height_in_ctus_minus1[{index}][{j}]"] = height - 1
        index += len(bands)
    return fields
