"""High-level syntax of HEVC (ITU-T H.265), read only: what an HEVC encoder wrote is looked at."""

from vcmpipe.bitstream.hevc.access_units import group_access_units, joined, split_access_units
from vcmpipe.bitstream.hevc.inspect import inspect_stream
from vcmpipe.bitstream.hevc.nal import is_hevc

__all__ = ["group_access_units", "inspect_stream", "is_hevc", "joined", "split_access_units"]
