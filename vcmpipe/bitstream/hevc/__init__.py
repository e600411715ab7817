"""High-level syntax of HEVC (ITU-T H.265), read, joined, and told how it is to be shown."""

from vcmpipe.bitstream.hevc.access_units import group_access_units, split_access_units
from vcmpipe.bitstream.hevc.inspect import inspect_stream
from vcmpipe.bitstream.hevc.joining import StreamWriter
from vcmpipe.bitstream.hevc.nal import is_hevc
from vcmpipe.bitstream.hevc.presentation import presented

__all__ = ["StreamWriter", "group_access_units", "inspect_stream", "is_hevc", "presented", "split_access_units"]
