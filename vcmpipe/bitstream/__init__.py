"""High-level syntax of coded streams, no decoder: VVC is read, merged, cut and inspected, HEVC and AV1 are read and
inspected; in all, how a stream is to be shown is stated.
"""

from vcmpipe.bitstream.access_unit import AccessUnit
from vcmpipe.bitstream.codecs import (
    CODECS,
    Codec,
    CodecSpec,
    StreamJoiner,
    codec_of,
    count_pictures,
    inspect_stream,
    split_access_units,
    with_presentation,
)
from vcmpipe.bitstream.geometry import RegionLayout
from vcmpipe.bitstream.info import ParameterSetInfo, PictureInfo, RegionInfo, StreamInfo, ctu_qps, presentation_order
from vcmpipe.bitstream.nal import NalUnit
from vcmpipe.bitstream.vui import Vui
from vcmpipe.bitstream.vvc import (
    Form,
    NalType,
    StreamWriter,
    concatenate,
    extract_subpicture,
    merge_regions,
    split_nal_units,
)
from vcmpipe.frames.yuv import Rect

__all__ = [
    "CODECS",
    "AccessUnit",
    "Codec",
    "CodecSpec",
    "Form",
    "NalType",
    "NalUnit",
    "ParameterSetInfo",
    "PictureInfo",
    "Rect",
    "RegionInfo",
    "RegionLayout",
    "StreamInfo",
    "StreamJoiner",
    "StreamWriter",
    "Vui",
    "codec_of",
    "concatenate",
    "count_pictures",
    "ctu_qps",
    "extract_subpicture",
    "inspect_stream",
    "merge_regions",
    "presentation_order",
    "split_access_units",
    "split_nal_units",
    "with_presentation",
]
