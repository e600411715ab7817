"""Which codec a stream is of, and the questions that are asked of streams of either."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from vcmpipe.bitstream import access_units as vvc
from vcmpipe.bitstream import hevc
from vcmpipe.bitstream import inspect as vvc_inspect
from vcmpipe.bitstream.concatenate import StreamWriter
from vcmpipe.bitstream.geometry import Rect
from vcmpipe.bitstream.hevc_sets import display_size, vui_of
from vcmpipe.bitstream.inspect import ParameterSetInfo, PictureInfo, RegionInfo, StreamInfo
from vcmpipe.errors import BitstreamError

Codec = Literal["vvc", "hevc"]


def codec_of(data: bytes) -> Codec:
    """``hevc`` where a stream begins as HEVC streams do, else ``vvc``, whose reader says what is wrong if it is not."""
    return "hevc" if hevc.is_hevc(data) else "vvc"


def count_pictures(data: bytes) -> int:
    """The number of coded pictures in an Annex-B stream of VVC or HEVC.

    Raises:
        BitstreamError: neither.
    """
    return hevc.count_pictures(data) if codec_of(data) == "hevc" else vvc.count_pictures(data)


def inspect_stream(data: bytes) -> StreamInfo:
    """Read the headers of an Annex-B stream of VVC or HEVC; see ``bitstream.inspect.inspect_stream``.

    Of HEVC a region is a picture that is one slice of an IDR picture; others have none.

    Raises:
        BitstreamError: neither, or not one picture of it could be read.
    """
    return _inspect_hevc(data) if codec_of(data) == "hevc" else vvc_inspect.inspect_stream(data)


class StreamJoiner:
    """Joins streams of one codec: VVC as ``StreamWriter`` does, HEVC pictures with their parameter sets as they are."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._writer = StreamWriter()

    def add(self, stream: bytes) -> bytes:
        """The bytes with which a stream continues the output.

        Raises:
            BitstreamError: it is of another codec, or cannot follow.
        """
        if self._codec == "vvc":
            return self._writer.add(stream)
        if codec_of(stream) != "hevc":
            raise BitstreamError("a stream to be joined is no HEVC stream that begins with its parameter sets")
        if not hevc.split_access_units(stream)[0].is_idr:
            raise BitstreamError("a stream to be joined does not begin with an IDR picture")
        return stream


def _inspect_hevc(data: bytes) -> StreamInfo:
    sets = hevc.HevcSets()
    pictures: list[PictureInfo] = []
    parameter_sets: list[ParameterSetInfo] = []
    problems: list[str] = []
    counts: Counter[str] = Counter()
    known: set[bytes] = set()
    for group in hevc.group_access_units(hevc.split_nal_units(data)):
        number = len(pictures)
        for unit in group:
            counts[unit.type_name] += 1
            try:
                fields = sets.read(unit)
            except BitstreamError as error:
                problems.append(f"picture {number}: {error}")
                continue
            if fields is not None and unit.data not in known:
                known.add(unit.data)
                parameter_sets.append(ParameterSetInfo(unit.type_name, number, dict(fields)))
        first = next((unit for unit in group if unit.begins_picture), None)
        if first is None:
            continue
        try:
            pictures.append(_picture(group, first, sets, number))
        except BitstreamError as error:
            problems.append(f"picture {number}: {error}")
    if not pictures:
        raise BitstreamError(problems[0] if problems else "the HEVC (H.265) stream holds no coded picture")
    return StreamInfo(len(data), tuple(pictures), tuple(parameter_sets), dict(counts), tuple(problems[:50]), "hevc")


def _picture(group: list[hevc.HevcNalUnit], first: hevc.HevcNalUnit, sets: hevc.HevcSets, number: int) -> PictureInfo:
    pps, sps = sets.active(hevc.read_slice_pps_id(first))
    width, height = sps["pic_width_in_luma_samples"], sps["pic_height_in_luma_samples"]
    shown = display_size(sps)
    deltas = bool(pps["cu_qp_delta_enabled_flag"])
    slices = [unit for unit in group if unit.is_slice]
    qp = hevc.idr_slice_qp(first, sets) if len(slices) == 1 else None
    regions: tuple[RegionInfo, ...] = ()
    if qp is not None:
        whole, bits = Rect(0, 0, width, height), 8 * len(first.data)
        offsets = (pps["pps_cb_qp_offset"], pps["pps_cr_qp_offset"])
        regions = (RegionInfo(0, whole, qp, bits, None, "I", deltas, offsets, False),)
    size = sps["log2_min_luma_coding_block_size_minus3"] + 3 + sps["log2_diff_max_min_luma_coding_block_size"]
    return PictureInfo(
        index=number,
        nal_type=first.type_name,
        slice_types="I" if qp is not None else "?",
        poc=0 if first.type in hevc.IDR_TYPES else None,
        temporal_id=first.temporal_id,
        width=width,
        height=height,
        display_width=shown[0],
        display_height=shown[1],
        ctu=1 << size,
        bits=8 * sum(unit.framing + len(unit.data) for unit in group),
        regions=regions,
        cu_qp_delta_possible=deltas or qp is None,
        chroma_qp_delta_possible=False,
        vui=vui_of(sps),
    )
