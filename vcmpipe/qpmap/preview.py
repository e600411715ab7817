"""A QP map as a picture for people, with the scale of its colours below it."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.qpmap.formats import write_maps
from vcmpipe.qpmap.qp_map import QP_MAX, QpMap

# The place in the palette behind the QPs: greys of the scale, from paper to ink.
_PAPER, _GREYS = QP_MAX + 1, 16
# Pixels that the scale takes at least across, and by how much of the picture its type grows.
_NARROWEST, _SMALLEST_TYPE, _TYPE = 300, 12, 1 / 45
_STEP = 10


def write_png(path: str | Path, qp_map: QpMap) -> None:
    """Writes a preview: the map at picture size, yellow for low QPs (many bits) to dark for high ones, and its scale.

    A palette PNG whose index is the QP in its first ``height`` rows and ``width`` columns; what lies below has further
    indices for the writing. The text chunk ``vcmpipe-ctu`` names the CTU size, ``vcmpipe-size`` width and height of the
    map, as ``640x480``.

    Raises:
        OutputError: The file cannot be written.
    """
    from PIL import Image, PngImagePlugin

    pixels = qp_map.qp.repeat(qp_map.ctu, axis=0).repeat(qp_map.ctu, axis=1)[: qp_map.height, : qp_map.width]
    scale = _scale(qp_map)
    whole = np.full((qp_map.height + len(scale), scale.shape[1]), _PAPER, np.uint8)
    whole[: qp_map.height, : qp_map.width] = pixels
    whole[qp_map.height :] = scale
    image = Image.fromarray(whole, mode="P")
    greys = np.rint(np.linspace(255, 0, _GREYS)).astype(np.uint8)
    image.putpalette(np.concatenate([palette(), np.stack([greys] * 3, 1)]).tobytes())
    text = PngImagePlugin.PngInfo()
    text.add_text("vcmpipe-ctu", str(qp_map.ctu))
    text.add_text("vcmpipe-size", f"{qp_map.width}x{qp_map.height}")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=text)
    write_maps(path, [buffer.getvalue()])


def palette() -> NDArray[np.uint8]:
    """The preview's colours, (64, 3) RGB uint8, all different: yellow for QP 0 over red to near black for QP 63."""
    stops = np.array([(255, 250, 150), (250, 150, 20), (200, 40, 70), (90, 15, 110), (10, 5, 40)], np.float64)
    at = np.linspace(0, len(stops) - 1, QP_MAX + 1)
    return np.rint(np.stack([np.interp(at, np.arange(len(stops)), stops[:, c]) for c in range(3)], 1)).astype(np.uint8)


def _scale(qp_map: QpMap) -> NDArray[np.uint8]:
    """(rows, columns) palette indices: all QPs as a bar, those of the map marked, numbers below, a line of text.

    All maps have the same scale, so that previews can be compared.
    """
    from PIL import Image, ImageDraw, ImageFont

    size = max(_SMALLEST_TYPE, round(min(qp_map.width, qp_map.height) * _TYPE))
    width = max(qp_map.width, _NARROWEST, 16 * size)
    font = ImageFont.load_default(size)
    low, high = int(qp_map.qp.min()), int(qp_map.qp.max())
    said = f"QP {low}" if low == high else f"QP {low} to {high}"
    bar, gap = round(1.1 * size), max(3, size // 4)
    top = 2 * gap + size + gap  # of the bar
    drawn = Image.new("L", (width, top + bar + 2 * gap + size + 2 * gap), 0)
    pen = ImageDraw.Draw(drawn)
    left, right = size, width - size
    pen.text((left, gap), f"{said}, CTUs of {qp_map.ctu}", fill=255, font=font)
    edges = np.rint(np.linspace(left, right, QP_MAX + 2)).astype(int)  # of the QPs' cells
    for qp in (*range(0, QP_MAX - _STEP // 2, _STEP), QP_MAX):
        middle = (edges[qp] + edges[qp + 1]) / 2
        pen.line([(middle, top + bar), (middle, top + bar + gap)], fill=255, width=max(1, size // 12))
        pen.text((middle, top + bar + gap), str(qp), fill=255, font=font, anchor="ma")
    line = max(2, size // 7)
    pen.rectangle((edges[low], top - 2 * line, edges[high + 1] - 1, top - line - 1), fill=255)
    scale = (_PAPER + np.asarray(drawn) // (256 // _GREYS)).astype(np.uint8)
    scale[top : top + bar, left:right] = np.repeat(np.arange(QP_MAX + 1), np.diff(edges))
    return scale
