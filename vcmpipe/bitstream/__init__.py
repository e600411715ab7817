"""High-level syntax of VVC (ITU-T H.266): reading, merging, extracting, inspecting; and reading HEVC. No decoder."""

from vcmpipe.bitstream.access_units import AccessUnit, split_access_units
from vcmpipe.bitstream.codec import Codec, StreamJoiner, codec_of, count_pictures, inspect_stream
from vcmpipe.bitstream.concatenate import StreamWriter, concatenate
from vcmpipe.bitstream.extract import extract_subpicture
from vcmpipe.bitstream.geometry import Rect, RegionLayout
from vcmpipe.bitstream.inspect import (
    ParameterSetInfo,
    PictureInfo,
    RegionInfo,
    StreamInfo,
    ctu_qps,
)
from vcmpipe.bitstream.merge import Form, merge_regions
from vcmpipe.bitstream.nal import NalType, NalUnit, split_nal_units
from vcmpipe.bitstream.vui import Vui

__all__ = [
    "AccessUnit",
    "Codec",
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
    "split_access_units",
    "split_nal_units",
]
