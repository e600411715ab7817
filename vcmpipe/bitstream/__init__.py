"""VVC (ITU-T H.266) high-level syntax: reading, merging, extracting and inspecting streams, with no decoder needed."""

from vcmpipe.bitstream.access_units import AccessUnit, count_pictures, split_access_units
from vcmpipe.bitstream.concatenate import StreamWriter, concatenate
from vcmpipe.bitstream.extract import extract_subpicture
from vcmpipe.bitstream.geometry import Rect, RegionLayout
from vcmpipe.bitstream.inspect import (
    ParameterSetInfo,
    PictureInfo,
    RegionInfo,
    StreamInfo,
    ctu_qps,
    inspect_stream,
)
from vcmpipe.bitstream.merge import Form, merge_regions
from vcmpipe.bitstream.nal import NalType, NalUnit, split_nal_units
from vcmpipe.bitstream.vui import Vui

__all__ = [
    "AccessUnit",
    "Form",
    "NalType",
    "NalUnit",
    "ParameterSetInfo",
    "PictureInfo",
    "Rect",
    "RegionInfo",
    "RegionLayout",
    "StreamInfo",
    "StreamWriter",
    "Vui",
    "concatenate",
    "count_pictures",
    "ctu_qps",
    "extract_subpicture",
    "inspect_stream",
    "merge_regions",
    "split_access_units",
    "split_nal_units",
]
