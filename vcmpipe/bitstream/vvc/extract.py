"""Cutting one region out of a stream into a stream of its own, without encoding anything anew."""

from __future__ import annotations

from vcmpipe.bitstream.bits import Fields
from vcmpipe.bitstream.nal import NalUnit, join_nal_units
from vcmpipe.bitstream.vvc.merge_sets import cropped_and_coloured
from vcmpipe.bitstream.vvc.nal import IRAP_TYPES, NalType, make_nal
from vcmpipe.bitstream.vvc.parameter_sets import ParameterSets
from vcmpipe.bitstream.vvc.partition import partition_of
from vcmpipe.bitstream.vvc.pps import write_pps
from vcmpipe.bitstream.vvc.region_streams import CodedPicture, alf_aps, read_coded_pictures
from vcmpipe.bitstream.vvc.slice_header import SLICE_I, Slice, write_slice
from vcmpipe.bitstream.vvc.sps import chroma_units, write_sps
from vcmpipe.errors import BitstreamError, InputError
from vcmpipe.frames.yuv import Rect
from vcmpipe.process.text import count

_PARTITION_PREFIXES = (
    "pps_log2_ctu_size",
    "pps_num_exp_",
    "pps_tile_",
    "pps_rect_slice",
    "pps_single_slice",
    "pps_num_slices",
    "pps_slice_width",
    "pps_slice_height_in_tiles",
    "pps_exp_slice",
    "pps_loop_filter_across",
)


def extract_subpicture(data: bytes, index: int, *, picture: int | None = None) -> bytes:
    """Cut a region out of a stream.

    A sub-picture can be cut out of any stream in which it is independent and one slice. A plain slice can be cut out of
    all-intra pictures whose in-loop filters stop at slice borders, as ``merge_regions`` makes them.

    Args:
        data: an Annex-B VVC stream.
        index: the region's index, from 0, in the order of sub-pictures or slices.
        picture: the number of the only picture to take, in decoding order; all pictures if None.

    Returns:
        An Annex-B stream whose pictures decode to the region's samples. What the full picture's conformance window
        crops is cropped from it too, as far as the region reaches into it.

    Raises:
        InputError: a picture has no such region, or there is no such picture.
        BitstreamError: the stream is damaged, or its regions depend on each other; the message names the element.
    """
    if index < 0:
        raise InputError(f"extract: the region's index is 0 or more, not {index}")
    output: list[NalUnit] = []
    written = ParameterSets()
    last_sets: list[NalUnit] = []
    number = -1
    for number, coded in enumerate(read_coded_pictures(data, "extract")):
        if picture is not None and number != picture:
            continue
        piece, sps, pps = _cut(coded, index, number)
        if not output and piece.nal_type not in IRAP_TYPES:
            raise BitstreamError(f"extract: picture {number} is neither IDR nor CRA: decoding cannot begin with it")
        written.add_sps(sps)
        written.add_pps(pps)
        sets = [make_nal(NalType.SPS, write_sps(sps)), make_nal(NalType.PPS, write_pps(pps))]
        if sets != last_sets:
            output += sets
            last_sets = sets
        for aps_id in _used_aps(coded, piece):
            output.append(alf_aps(aps_id, coded.aps[aps_id], piece.temporal_id))
        output.append(make_nal(piece.nal_type, write_slice(piece, written), piece.temporal_id))
    if not output:
        raise InputError(f"extract: there is no picture {picture}, the stream has {number + 1}")
    return join_nal_units(output)


def _cut(coded: CodedPicture, index: int, number: int) -> tuple[Slice, Fields, Fields]:
    """The region's slice with its new header, and the parameter sets that it needs alone."""
    sps, pps = coded.sps, coded.pps
    partition = partition_of(sps, pps)
    with_subpics = bool(sps["sps_subpic_info_present_flag"])
    if not partition.rectangular:
        raise BitstreamError("extract: pps_rect_slice_flag = 0: the slices are no rectangles")
    regions = len(partition.subpics) if with_subpics else len(partition.slices)
    if index >= regions:
        raise InputError(f"extract: picture {number} has {count(regions, 'region')}, there is no region {index}")
    chosen = partition.subpic_slices[index] if with_subpics else (index,)
    pieces = [piece for piece in coded.slices if piece.index in chosen]
    if len(pieces) != 1 or len(chosen) != 1:
        raise BitstreamError(f"extract: picture {number}: region {index} has {len(pieces)} slices, only 1 is supported")
    piece = pieces[0]
    if regions > 1:
        _check_independent(coded, piece, with_subpics, number)
    area = partition.samples(partition.subpics[index] if with_subpics else partition.slices[index])
    if with_subpics and partition.slices[piece.index] != partition.subpics[index]:
        raise BitstreamError(f"extract: picture {number}: sub-picture {index} is not filled by its slice")
    fields = {name: value for name, value in piece.fields.items() if name not in ("sh_subpic_id", "sh_slice_address")}
    fields["sh_picture_header_in_slice_header_flag"] = 1
    alone = Slice(piece.nal_type, piece.temporal_id, fields, piece.picture_header, 0, piece.data)
    return alone, _sps_alone(sps, area), _pps_alone(pps, area)


def _check_independent(coded: CodedPicture, piece: Slice, with_subpics: bool, number: int) -> None:
    if with_subpics:
        if not coded.sps.get("sps_independent_subpics_flag"):
            raise BitstreamError(
                f"extract: picture {number}: sps_independent_subpics_flag = 0: sub-pictures depend on others"
            )
        return
    if coded.picture_header["ph_inter_slice_allowed_flag"] or piece.type != SLICE_I:
        raise BitstreamError(
            f"extract: picture {number}: ph_inter_slice_allowed_flag = 1: inter slices cannot be cut out"
        )
    for name in ("pps_loop_filter_across_tiles_enabled_flag", "pps_loop_filter_across_slices_enabled_flag"):
        if coded.pps.get(name):
            raise BitstreamError(f"extract: picture {number}: {name} = 1: in-loop filters cross the region's border")


def _sps_alone(sps: Fields, area: Rect) -> Fields:
    fields = {name: value for name, value in sps.items() if not name.startswith(("sps_subpic_", "sps_num_subpics"))}
    fields.pop("sps_independent_subpics_flag", None)
    fields["sps_subpic_info_present_flag"] = 0
    fields["sps_pic_width_max_in_luma_samples"] = area.width
    fields["sps_pic_height_max_in_luma_samples"] = area.height
    display = area.width, area.height
    if sps["sps_conformance_window_flag"]:
        units = chroma_units(sps)
        if sps["sps_conf_win_left_offset"] or sps["sps_conf_win_top_offset"]:
            raise BitstreamError("extract: sps_conf_win_left_offset: a crop at the left or top is not supported")
        right = sps["sps_pic_width_max_in_luma_samples"] - units[0] * sps["sps_conf_win_right_offset"]
        bottom = sps["sps_pic_height_max_in_luma_samples"] - units[1] * sps["sps_conf_win_bottom_offset"]
        visible = min(area.width, right - area.x), min(area.height, bottom - area.y)
        display = visible if min(visible) > 0 else display
    return cropped_and_coloured(fields, display, None)


def _pps_alone(pps: Fields, area: Rect) -> Fields:
    if pps["pps_conformance_window_flag"]:
        raise BitstreamError("extract: PPS: pps_conformance_window_flag = 1 is not supported here")
    fields = {name: value for name, value in pps.items() if not name.startswith(_PARTITION_PREFIXES)}
    fields["pps_pic_width_in_luma_samples"] = area.width
    fields["pps_pic_height_in_luma_samples"] = area.height
    fields["pps_no_pic_partition_flag"] = 1
    return fields


def _used_aps(coded: CodedPicture, piece: Slice) -> list[int]:
    used = {value for name, value in piece.fields.items() if name.startswith("sh_alf_") and "aps_id" in name}
    missing = used - coded.aps.keys()
    if missing:
        raise BitstreamError(f"extract: sh_alf_aps_id_luma = {min(missing)}: no such APS was sent (damaged stream)")
    return sorted(used)
