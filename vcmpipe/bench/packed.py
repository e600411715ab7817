"""Pictures as they stand inside a page."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray

# The longest side that is shown: as wide as a picture ever gets on the page, at twice the resolution.
_SIDE = 960


def data_uri(rgb: NDArray[np.uint8], quality: int) -> str:
    """A picture as a WebP data URI, its longer side at most ``_SIDE``."""
    import cv2

    factor = _SIDE / max(rgb.shape[:2])
    if factor < 1:
        size = (max(1, round(rgb.shape[1] * factor)), max(1, round(rgb.shape[0] * factor)))
        rgb = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    done, packed = cv2.imencode(".webp", np.ascontiguousarray(rgb[:, :, ::-1]), [cv2.IMWRITE_WEBP_QUALITY, quality])
    assert done  # a picture in memory can always be packed
    return "data:image/webp;base64," + base64.b64encode(packed.tobytes()).decode()
