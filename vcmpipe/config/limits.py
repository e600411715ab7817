"""How small and how large pictures may be, wherever they come from. Options load without numpy, so it is here."""

MIN_SIDE = 16
"""Pixels below which a side is refused: no encoder takes less."""
MAX_SIDE = 16384
"""Pixels above which a side is refused."""
MAX_PIXELS = 89_478_485
"""Pixels above which a picture is refused: where Pillow begins to suspect a decompression bomb."""
MOST_REDUCTION = 16
"""How many times smaller than its source, on a side, a picture is coded at most; a sidecar with more is forged."""
MAX_SAMPLES = 96_000_000
"""Luma samples above which a coded picture is refused: level 6.3 ends at 80 million, our own encodes at 90 million."""
