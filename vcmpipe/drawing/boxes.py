"""Boxes on pictures: what was found in them, and whether it was kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.drawing.labels import Corners, place_labels
from vcmpipe.drawing.theme import BLUE, GREEN, ORANGE
from vcmpipe.process import one_line

# Not checked, kept, lost: places in the palette.
_COLOURS = (BLUE, GREEN, ORANGE)
_UNKNOWN, _KEPT, _LOST = range(3)
_LONGEST = 40


@dataclass(frozen=True)
class Box:
    """A box to draw.

    Attributes:
        corners: Left, top, right, bottom in pixels of the picture; what lies outside is not drawn.
        name: What is in it.
        score: The confidence, 0..1.
        kept: Whether it was found again; None where that was not checked.
    """

    corners: tuple[float, float, float, float]
    name: str
    score: float
    kept: bool | None


def draw_boxes(rgb: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """A copy of (height, width, 3) uint8 RGB with boxes: green and whole for kept, orange and dashed for lost ones.

    Lines and letters grow with the picture; lost boxes lie on top.
    """
    height, width = rgb.shape[:2]
    placed = sorted(
        ((corners, box) for box in boxes if (corners := _within(box.corners, width, height)) is not None),
        key=lambda each: (each[1].kept is False, -_area(each[0])),
    )
    if not placed:
        return rgb.copy()
    import supervision as sv

    states = np.array([_state(box) for _, box in placed])
    drawn = sv.Detections(np.array([corners for corners, _ in placed], np.float32), class_id=states)
    side = min(height, width)
    thickness, letters = max(2, round(side / 300)), max(11, round(side / 45))
    # supervision draws on BGR and swaps its colours by itself: they are given the other way round.
    palette = sv.ColorPalette([sv.Color.from_hex(each) for each in _COLOURS])
    swapped = sv.ColorPalette([sv.Color(each.b, each.g, each.r) for each in palette.colors])
    out = np.ascontiguousarray(rgb).copy()
    whole = drawn[states != _LOST]
    # White around and between the colours, so that they are seen on any ground.
    sv.BoxAnnotator(sv.Color.WHITE, thickness + 2).annotate(out, whole)
    sv.BoxAnnotator(swapped, thickness).annotate(out, whole)
    for corners in drawn.xyxy[states == _LOST]:
        _dashed(out, corners, palette.colors[_LOST].as_rgb(), thickness + 1)
    # Lost ones lie on top, and choose their place first.
    return _labelled(out, placed[::-1], letters, thickness)


def _labelled(
    rgb: NDArray[np.uint8], placed: Sequence[tuple[Corners, Box]], letters: int, radius: int
) -> NDArray[np.uint8]:
    """The picture with a label of each box: its name in white on the colour of its state."""
    from PIL import Image, ImageDraw, ImageFont

    picture = Image.fromarray(rgb)
    pen, font, padding = ImageDraw.Draw(picture), ImageFont.truetype(_font(), letters), max(2, letters // 4)
    texts = [_text(box) for _, box in placed]
    # Of one height, whatever letters are in them.
    tall = sum(font.getmetrics()) + padding
    sizes = [(pen.textlength(text, font) + 2 * padding, tall) for text in texts]
    spots = place_labels([corners for corners, _ in placed], sizes, rgb.shape[1], rgb.shape[0])
    for (left, top), (wide, _), text, (_, box) in zip(spots, sizes, texts, placed, strict=True):
        area = (left, top, left + wide - 1, top + tall - 1)
        pen.rounded_rectangle(area, radius, fill=_COLOURS[_state(box)])
        pen.text((left + padding, top + padding / 2), text, "white", font)
    return np.asarray(picture).copy()


def _state(box: Box) -> int:
    return {None: _UNKNOWN, True: _KEPT, False: _LOST}[box.kept]


def _text(box: Box) -> str:
    name = one_line(box.name)
    name = name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…"
    return f"{'lost: ' if box.kept is False else ''}{name} {box.score:.2f}"


def _within(
    corners: tuple[float, float, float, float], width: int, height: int
) -> tuple[float, float, float, float] | None:
    """The part of a box that lies in the picture; None where there is none."""
    left, right = (min(max(x, 0.0), width - 1.0) for x in corners[::2])
    top, bottom = (min(max(y, 0.0), height - 1.0) for y in corners[1::2])
    return (left, top, right, bottom) if right > left and bottom > top else None


def _area(corners: tuple[float, float, float, float]) -> float:
    return (corners[2] - corners[0]) * (corners[3] - corners[1])


def _dashed(rgb: NDArray[np.uint8], corners: NDArray[np.float32], colour: tuple[int, int, int], thickness: int) -> None:
    """A rectangle of dashes on a white one."""
    import cv2

    left, top, right, bottom = (int(each) for each in corners)
    cv2.rectangle(rgb, (left, top), (right, bottom), (255, 255, 255), thickness + 1)
    dash = 4 * thickness
    for x in range(left, right, 2 * dash):
        for y in (top, bottom):
            cv2.line(rgb, (x, y), (min(x + dash, right), y), colour, thickness)
    for y in range(top, bottom, 2 * dash):
        for x in (left, right):
            cv2.line(rgb, (x, y), (x, min(y + dash, bottom)), colour, thickness)


def _font() -> str:
    """A typeface of many scripts, which matplotlib brings."""
    import matplotlib

    return str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf")
