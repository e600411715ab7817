"""The sidecar: one versioned document beside the stream; and where a result comes from."""

from vcmpipe.sidecar.place import check_sidecar_place, find_sidecar, mismatch, refuse_sidecar, sidecar_path
from vcmpipe.sidecar.records import (
    Conformance,
    FrameRecord,
    LeftOutRecord,
    MapRecord,
    ObjectRecord,
    RegionRecord,
    SecondRecord,
    SegmentRecord,
    TargetRecord,
    TrackRecord,
    Verdict,
    VerificationRecord,
)
from vcmpipe.sidecar.schema import NoSidecarError, Sidecar

__all__ = [
    "Conformance",
    "FrameRecord",
    "LeftOutRecord",
    "MapRecord",
    "NoSidecarError",
    "ObjectRecord",
    "RegionRecord",
    "SecondRecord",
    "SegmentRecord",
    "Sidecar",
    "TargetRecord",
    "TrackRecord",
    "Verdict",
    "VerificationRecord",
    "check_sidecar_place",
    "find_sidecar",
    "mismatch",
    "refuse_sidecar",
    "sidecar_path",
]
