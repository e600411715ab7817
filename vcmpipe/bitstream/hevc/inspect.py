"""What an HEVC stream says about itself. A picture that is one slice is one region; others have none."""

from __future__ import annotations

from vcmpipe.bitstream.hevc.access_units import group_access_units
from vcmpipe.bitstream.hevc.nal import begins_picture
from vcmpipe.bitstream.hevc.parameter_sets import ParameterSets, ctb_size, display_size
from vcmpipe.bitstream.hevc.slice_header import read_slice
from vcmpipe.bitstream.hevc.vui import picture_rate, sample_aspect_of, vui_of
from vcmpipe.bitstream.info import ParameterSetInfo, PictureInfo, PictureOrder, RegionInfo, StreamInfo, stream_info
from vcmpipe.bitstream.nal import NalUnit
from vcmpipe.errors import BitstreamError
from vcmpipe.frames.yuv import Rect


def inspect_stream(data: bytes) -> StreamInfo:
    """Read the headers of an Annex-B HEVC stream; what cannot be read is listed in ``problems`` and passed over.

    Raises:
        BitstreamError: no HEVC stream, or not one picture of it could be read.
    """
    sets, order = ParameterSets(), PictureOrder()
    pictures: list[PictureInfo] = []
    parameter_sets: dict[bytes, ParameterSetInfo] = {}
    problems: list[str] = []
    groups = group_access_units(data)
    for group in groups:
        number = len(pictures)
        for unit in group:
            try:
                fields = sets.read(unit)
            except BitstreamError as error:
                problems.append(f"picture {number}: {error}")
                continue
            if fields is not None:
                parameter_sets.setdefault(unit.data, ParameterSetInfo(unit.type_name, number, dict(fields)))
        try:
            if any(begins_picture(unit) for unit in group):
                pictures.append(_picture(group, sets, order, number))
        except BitstreamError as error:
            problems.append(f"picture {number}: {error}")
    return stream_info("hevc", data, groups, pictures, parameter_sets.values(), problems)


def _picture(group: list[NalUnit], sets: ParameterSets, order: PictureOrder, number: int) -> PictureInfo:
    slices = [unit for unit in group if unit.is_slice and not unit.layer_id]
    first = next(unit for unit in slices if begins_picture(unit))
    header = read_slice(first, sets)
    pps, sps = sets.active(header["slice_pic_parameter_set_id"])
    others = [read_slice(unit, sets) for unit in slices if unit is not first]
    kinds = {"BPI"[fields["slice_type"]] for fields in (header, *others) if "slice_type" in fields}
    width, height = sps["pic_width_in_luma_samples"], sps["pic_height_in_luma_samples"]
    shown = display_size(sps)
    deltas = bool(pps["cu_qp_delta_enabled_flag"])
    regions: tuple[RegionInfo, ...] = ()
    if len(slices) == 1:
        qp = 26 + pps["init_qp_minus26"] + header["slice_qp_delta"]
        offsets = (
            pps["pps_cb_qp_offset"] + header.get("slice_cb_qp_offset", 0),
            pps["pps_cr_qp_offset"] + header.get("slice_cr_qp_offset", 0),
        )
        whole, bits = Rect(0, 0, width, height), 8 * len(first.data)
        regions = (RegionInfo(0, whole, qp, bits, None, "".join(kinds), deltas, offsets, False),)
    return PictureInfo(
        index=number,
        nal_type=first.type_name,
        slice_types="".join(sorted(kinds)),
        poc=order.of(
            header.get("slice_pic_order_cnt_lsb", 0),
            1 << (sps["log2_max_pic_order_cnt_lsb_minus4"] + 4),
            msb=0 if 16 <= first.type <= 20 else None,  # BLA and IDR pictures
            # Odd types below 16 are reference pictures; 6 to 9 are leading ones.
            reference=not first.temporal_id and (first.type > 9 or first.type in (1, 3, 5)),
        ),
        temporal_id=first.temporal_id,
        width=width,
        height=height,
        display_width=shown[0],
        display_height=shown[1],
        ctu=ctb_size(sps),
        bits=8 * sum(unit.framing + len(unit.data) for unit in group),
        regions=regions,
        cu_qp_delta_possible=deltas or not regions,
        chroma_qp_delta_possible=False,
        vui=vui_of(sps),
        rate=picture_rate(sps),
        sample_aspect=sample_aspect_of(sps),
    )
