"""The sidecar: one versioned document beside the stream; and where a result comes from."""

from vcmpipe.sidecar.schema import (
    MapRecord,
    NoSidecarError,
    ObjectRecord,
    PictureRecord,
    RegionRecord,
    SecondRecord,
    Sidecar,
    VerificationRecord,
    sidecar_path,
)

__all__ = [
    "MapRecord",
    "NoSidecarError",
    "ObjectRecord",
    "PictureRecord",
    "RegionRecord",
    "SecondRecord",
    "Sidecar",
    "VerificationRecord",
    "sidecar_path",
]
