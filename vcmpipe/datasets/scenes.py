"""Seeded demo scenes with ground truth: textured surfaces, clutter and partly hidden objects, drawn with numpy and cv2.

Colour says nothing here: background, clutter and objects share one palette per scene, and an object's colour does not
depend on its class. What tells the classes apart is shape. Rotation, stretch, texture, relief, cast shadow, light, blur
and sensor noise vary with the seed.

Occlusion policy: a box is the extent of an object's *visible* pixels (as in COCO); a piece is placed only where every
object keeps at least ``1 - MAX_HIDDEN`` of its area in view, what later pieces cover and what lies outside the picture
counted together. So every object that is drawn is annotated, and none is mostly hidden.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.scene_shapes import SHAPES, Outline, clutter, place
from vcmpipe.datasets.scene_textures import Field, material, palette, smooth_noise, threefold
from vcmpipe.errors import InputError, OutputError

CLASSES: tuple[str, ...] = tuple(SHAPES)
"""Class names; a class id is the index here."""

WIDTH, HEIGHT = 512, 384
MIN_SIZE, MAX_SIZE = 24.0, 200.0
"""Range of an object's longer box side before anything hides part of it, in pixels (about log-uniform)."""
MAX_HIDDEN = 0.3
"""No object has more than this share of its area hidden."""

_MARGIN = 10  # Free pixels around an object in its patch: room for its shadow.
_TRIES = 12


@dataclass(frozen=True)
class Scene:
    """A demo picture and what is in it.

    Attributes:
        rgb: (384, 512, 3) uint8.
        boxes: (N, 4) float32, x0 y0 x1 y1 in pixels, the far edges exclusive: extents of the visible parts.
        class_ids: (N,) int64, indices into ``CLASSES``.
        hidden: (N,) float32, hidden share of each object's area, 0..``MAX_HIDDEN``.
    """

    rgb: NDArray[np.uint8]
    boxes: NDArray[np.float32]
    class_ids: NDArray[np.int64]
    hidden: NDArray[np.float32]


@dataclass
class _Canvas:
    """The scene while it is painted: colours, and which object owns each pixel (-1: none)."""

    colours: Field
    owner: NDArray[np.int16]
    areas: list[int] = field(default_factory=list)
    visible: list[int] = field(default_factory=list)
    class_ids: list[int] = field(default_factory=list)


def _rasterise(layers: Outline, height: int, width: int) -> NDArray[np.uint8]:
    mask = np.zeros((height, width), np.uint8)
    for points, value in layers:
        cv2.fillPoly(mask, [np.round(points * 16).astype(np.int32)], 255 * value, lineType=cv2.LINE_AA, shift=4)
    return mask


def _fits(canvas: _Canvas, solid: NDArray[np.bool_], area: int, top: int, left: int, *, clutter_piece: bool) -> bool:
    """Whether a piece at this place leaves everything drawn so far, and itself, enough in view; books the change."""
    window = canvas.owner[top : top + solid.shape[0], left : left + solid.shape[1]]
    taken = np.bincount(window[solid] + 1, minlength=len(canvas.areas) + 1)[1:]
    for lost, seen, whole in zip(taken, canvas.visible, canvas.areas, strict=True):
        if lost and seen - lost < (1.0 - MAX_HIDDEN) * whole:
            return False
    inside = int(np.count_nonzero(solid))
    if not clutter_piece and inside < (1.0 - MAX_HIDDEN) * area:
        return False
    for index, lost in enumerate(taken):
        canvas.visible[index] -= int(lost)
    window[solid] = -1 if clutter_piece else len(canvas.areas)
    if not clutter_piece:
        canvas.areas.append(area)
        canvas.visible.append(inside)
    return True


def _object_colour(rng: np.random.Generator, colours: Field, behind: Field, least: float) -> Field:
    """A palette colour with jitter, at least ``least`` grey levels (RGB distance) from what lies behind it."""
    for _ in range(6):
        colour = colours[int(rng.integers(len(colours)))] + rng.uniform(-14, 14, 3).astype(np.float32)
        if float(np.linalg.norm(colour - behind)) >= least:
            return np.asarray(colour, dtype=np.float32)
    step = least / np.sqrt(3.0) * (1.0 if float(behind.mean()) < 128 else -1.0)
    return np.asarray(behind + np.float32(step), dtype=np.float32)


def _paint(
    canvas: _Canvas,
    rng: np.random.Generator,
    mask: NDArray[np.uint8],
    top: int,
    left: int,
    colours: Field,
    light: Field,
) -> None:
    """Blend a piece over the canvas: shadow, then texture with a relief lit from ``light`` (unit x, y)."""
    height, width = mask.shape
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + height, HEIGHT), min(left + width, WIDTH)
    inner = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
    target = canvas.colours[y0:y1, x0:x1]
    alpha = mask[inner].astype(np.float32) / np.float32(255)
    shift = rng.uniform(1.5, 5.0)
    matrix = np.array([[1, 0, -light[0] * shift], [0, 1, -light[1] * shift]], dtype=np.float64)
    cast = cv2.GaussianBlur(cv2.warpAffine(mask, matrix, (width, height)), (0, 0), rng.uniform(1.0, 3.0))
    target *= threefold(1.0 - cast[inner].astype(np.float32) * np.float32(rng.uniform(0.1, 0.45) / 255))

    behind = cv2.mean(target, mask=mask[inner])[:3]
    colour = _object_colour(rng, colours, np.array(behind, dtype=np.float32), rng.uniform(55, 100))
    surface = material(rng, height, width, colour, rng.uniform(6, 45))
    # Relief: the slope of the blurred outline, seen along the light.
    soft = cv2.GaussianBlur(mask, (0, 0), max(1.0, 0.04 * max(height, width))).astype(np.float32)
    slope = cv2.Sobel(soft, cv2.CV_32F, 1, 0) * light[0] + cv2.Sobel(soft, cv2.CV_32F, 0, 1) * light[1]
    slope *= np.float32(rng.uniform(10, 45) / max(float(np.abs(slope).max()), 1.0))
    surface -= threefold(slope)
    target += (surface[inner] - target) * threefold(alpha)


def _add(canvas: _Canvas, rng: np.random.Generator, class_id: int | None, colours: Field, light: Field) -> None:
    """Add an object (or clutter for None) at a place that the occlusion policy allows, or nothing if none is found."""
    size = MIN_SIZE * float((MAX_SIZE / MIN_SIZE) ** (rng.random() ** 0.8))
    outline = clutter(rng) if class_id is None else SHAPES[CLASSES[class_id]](rng)
    layers, height, width = place(outline, rng, size, margin=_MARGIN)
    mask = _rasterise(layers, height, width)
    solid = mask > 127
    area = int(np.count_nonzero(solid))
    for _ in range(_TRIES):
        top = int(rng.integers(-height // 5, HEIGHT - height + height // 5 + 1))
        left = int(rng.integers(-width // 5, WIDTH - width + width // 5 + 1))
        part = solid[max(-top, 0) : HEIGHT - top, max(-left, 0) : WIDTH - left]
        if _fits(canvas, part, area, max(top, 0), max(left, 0), clutter_piece=class_id is None):
            _paint(canvas, rng, mask, top, left, colours, light)
            if class_id is not None:
                canvas.class_ids.append(class_id)
            return


def _background(rng: np.random.Generator, colours: Field) -> Field:
    """One surface, or two that meet at a slanted, soft edge."""

    def surface() -> Field:
        colour = colours[int(rng.integers(len(colours)))] + rng.uniform(-14, 14, 3).astype(np.float32)
        return material(rng, HEIGHT, WIDTH, np.asarray(colour, dtype=np.float32), rng.uniform(10, 48))

    ground = surface()
    if rng.random() < 0.5:
        line = np.array([[0, rng.uniform(80, 300)], [WIDTH, rng.uniform(80, 300)], [WIDTH, 0], [0, 0]])
        mask = _rasterise([(line, 1)], HEIGHT, WIDTH).astype(np.float32) / np.float32(255)
        ground += (surface() - ground) * threefold(mask)
    return ground


def _photograph(rng: np.random.Generator, colours: Field, light: Field) -> NDArray[np.uint8]:
    """Uneven light, a soft lens and sensor noise; rounds to uint8."""
    falloff = rng.uniform(0, 0.22)
    ramp = np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :] * light[0]
    ramp = ramp + np.linspace(-1, 1, HEIGHT, dtype=np.float32)[:, None] * light[1]
    shade = 1.0 + np.float32(falloff) * ramp + (smooth_noise(rng, HEIGHT, WIDTH, 160, 160) - 0.5) * np.float32(0.25)
    picture = colours * threefold(np.float32(rng.uniform(0.85, 1.1)) * shade)
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.0))
    strength = np.float32(rng.uniform(1.0, 4.5))
    picture += threefold(rng.standard_normal((HEIGHT, WIDTH), dtype=np.float32) * strength)
    chroma = cv2.resize(rng.standard_normal((HEIGHT // 2, WIDTH // 2, 3), dtype=np.float32), (WIDTH, HEIGHT))
    picture += chroma * (strength * np.float32(0.6))
    np.rint(picture, out=picture)
    return np.asarray(np.clip(picture, 0, 255, out=picture), dtype=np.uint8)


def render_scene(seed: int) -> Scene:
    """Draw the scene of a seed: the same seed gives the same scene.

    Args:
        seed: Any integer >= 0.

    Returns:
        A 512x384 scene with 4 to 9 objects of 24 to 200 pixels (fewer where they did not fit).

    Raises:
        InputError: If the seed is negative.
    """
    if seed < 0:
        raise InputError(f"scene seed {seed} is negative; use an integer >= 0")
    rng = np.random.default_rng(seed)
    colours = palette(rng, 5)
    angle = rng.uniform(0, 2 * np.pi)
    light = np.array([np.cos(angle), np.sin(angle)], dtype=np.float32)
    canvas = _Canvas(_background(rng, colours), np.full((HEIGHT, WIDTH), -1, np.int16))
    objects = rng.integers(0, len(CLASSES), int(rng.integers(4, 10))).tolist()
    pieces: list[int | None] = [*objects, *[None] * int(rng.integers(2, 6))]
    for index in rng.permutation(len(pieces)):
        _add(canvas, rng, pieces[index], colours, light)
    boxes = np.zeros((len(canvas.areas), 4), np.float32)
    for index in range(len(canvas.areas)):
        x, y, w, h = cv2.boundingRect((canvas.owner == index).view(np.uint8))
        boxes[index] = (x, y, x + w, y + h)
    areas, visible = np.array(canvas.areas, np.float32), np.array(canvas.visible, np.float32)
    hidden = np.asarray(1.0 - visible / np.maximum(areas, 1.0), dtype=np.float32)
    return Scene(_photograph(rng, canvas.colours, light), boxes, np.array(canvas.class_ids, np.int64), hidden)


def write_demo_dataset(folder: Path, count: int, first_seed: int) -> Path:
    """Write scenes ``first_seed .. first_seed + count - 1`` as PNG files with a COCO annotation file.

    ``folder`` gets ``images/scene_SEED.png`` and ``instances.json``, whose path is returned; a seed is also the COCO
    image id, and category ids are class ids + 1, as COCO counts from 1.

    Raises:
        InputError: If count is below 1 or the seed negative.
        OutputError: If a file cannot be written.
    """
    if count < 1:
        raise InputError(f"demo data set of {count} scenes: ask for at least 1")
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    pictures = folder / "images"
    target = folder / "instances.json"
    try:
        pictures.mkdir(parents=True, exist_ok=True)
        for seed in range(first_seed, first_seed + count):
            scene = render_scene(seed)
            name = f"scene_{seed:06d}.png"
            _, png = cv2.imencode(".png", cv2.cvtColor(scene.rgb, cv2.COLOR_RGB2BGR))
            (pictures / name).write_bytes(png.tobytes())
            images.append({"id": seed, "file_name": name, "width": WIDTH, "height": HEIGHT})
            for box, class_id in zip(scene.boxes.tolist(), scene.class_ids.tolist(), strict=True):
                x0, y0, x1, y1 = box
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": seed,
                        "category_id": class_id + 1,
                        "bbox": [x0, y0, x1 - x0, y1 - y0],
                        "area": (x1 - x0) * (y1 - y0),
                        "iscrowd": 0,
                    }
                )
        categories = [{"id": index + 1, "name": name} for index, name in enumerate(CLASSES)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        target.write_text(json.dumps(content), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the demo data set to {folder}: {error.strerror or error}") from error
    return target
