"""A low-pass over what no detector has to see: smooth backgrounds take fewer bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Around every box so many standard deviations of the filter stay sharp, and over as many more it sets in.
_SHARP = 2.0


def blur_outside(rgb: NDArray[np.uint8], boxes_xyxy: NDArray[np.float64], sigma: float) -> NDArray[np.uint8]:
    """Blurs a picture outside its boxes, with a soft edge, so that no border is drawn that was not there.

    Args:
        rgb: (height, width, 3) picture.
        boxes_xyxy: (N, 4) corners in pixels.
        sigma: Standard deviation of the Gaussian in pixels, above 0.
    """
    import cv2

    height, width = rgb.shape[:2]
    sharp = np.zeros((height, width), np.float32)
    grow = _SHARP * sigma
    for x1, y1, x2, y2 in np.asarray(boxes_xyxy, np.float64).reshape(-1, 4):
        left, top = max(0, int(np.floor(x1 - grow))), max(0, int(np.floor(y1 - grow)))
        sharp[top : int(np.ceil(y2 + grow)), left : int(np.ceil(x2 + grow))] = 1.0
    # The edge reaches inwards as far as outwards: the boxes themselves lie beyond its reach.
    share = cv2.GaussianBlur(sharp, (0, 0), grow / 3)[..., None]
    blurred = cv2.GaussianBlur(rgb, (0, 0), sigma).astype(np.float32)
    return np.asarray(np.rint(share * rgb + (1 - share) * blurred), np.uint8)
