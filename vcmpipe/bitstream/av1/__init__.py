"""High-level syntax of AV1 in the low-overhead format, read, joined, and told how it is to be shown.

Clauses are those of the AV1 Bitstream & Decoding Process Specification, version 1.0.0 with errata 1.
"""

from vcmpipe.bitstream.av1.containers import to_low_overhead
from vcmpipe.bitstream.av1.inspect import inspect_stream
from vcmpipe.bitstream.av1.joining import StreamWriter
from vcmpipe.bitstream.av1.obu import group_temporal_units, is_av1
from vcmpipe.bitstream.av1.presentation import presented
from vcmpipe.bitstream.av1.temporal_units import split_temporal_units

__all__ = [
    "StreamWriter",
    "group_temporal_units",
    "inspect_stream",
    "is_av1",
    "presented",
    "split_temporal_units",
    "to_low_overhead",
]
