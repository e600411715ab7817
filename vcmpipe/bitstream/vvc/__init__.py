"""High-level syntax of VVC (ITU-T H.266): reading, merging, extracting, inspecting."""

from vcmpipe.bitstream.vvc.access_units import group_access_units, split_access_units
from vcmpipe.bitstream.vvc.concatenate import StreamWriter, concatenate
from vcmpipe.bitstream.vvc.extract import extract_subpicture
from vcmpipe.bitstream.vvc.inspect import inspect_stream
from vcmpipe.bitstream.vvc.merge import Form, merge_regions
from vcmpipe.bitstream.vvc.nal import NalType, split_nal_units
from vcmpipe.bitstream.vvc.presentation import presented

__all__ = [
    "Form",
    "NalType",
    "StreamWriter",
    "concatenate",
    "extract_subpicture",
    "group_access_units",
    "inspect_stream",
    "merge_regions",
    "presented",
    "split_access_units",
    "split_nal_units",
]
