"""What labels count: QPs of VVC or H.264, or quality factors of JPEG."""

RANGES: dict[str, tuple[int, int]] = {"vvc-qp": (0, 63), "h264-qp": (0, 51), "jpeg-qf": (0, 100)}
"""The labels there are on each scale; the larger a QP, the coarser; the larger a quality factor, the finer."""
NAMES = {"vvc-qp": "VVC QP", "h264-qp": "H.264 QP", "jpeg-qf": "JPEG quality factor"}
"""The title of an axis with labels on each scale."""
