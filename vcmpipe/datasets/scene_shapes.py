"""Outlines of the demo scenes' objects and clutter, as polygons in a unit frame.

An outline is a list of layers painted in order: ``(points, value)`` with points of shape (N, 2) in about [-1, 1]^2
(x right, y down) and value 1 for material, 0 for a hole. Each call draws new proportions, so that no class is one
template.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Points: TypeAlias = NDArray[np.float64]
Outline: TypeAlias = list[tuple[Points, int]]


def _ellipse(cx: float, cy: float, rx: float, ry: float, count: int = 40) -> Points:
    t = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    return np.stack([cx + rx * np.cos(t), cy + ry * np.sin(t)], axis=1)


def _box(x0: float, y0: float, x1: float, y1: float) -> Points:
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float64)


def _ring(rng: np.random.Generator) -> Outline:
    hole = rng.uniform(0.45, 0.65)
    return [(_ellipse(0, 0, 1, 1), 1), (_ellipse(0, 0, hole, hole), 0)]


def _star(rng: np.random.Generator) -> Outline:
    tips = int(rng.integers(5, 7))
    t = np.linspace(0.0, 2.0 * np.pi, 2 * tips, endpoint=False)
    radius = np.where(np.arange(2 * tips) % 2 == 0, 1.0, rng.uniform(0.36, 0.5))
    return [(np.stack([radius * np.cos(t), radius * np.sin(t)], axis=1), 1)]


def _cross(rng: np.random.Generator) -> Outline:
    a, b = rng.uniform(0.2, 0.32, size=2)
    return [(_box(-1, -a, 1, a), 1), (_box(-b, -1, b, 1), 1)]


def _arrow(rng: np.random.Generator) -> Outline:
    half, neck, head = rng.uniform(0.13, 0.22), rng.uniform(-0.1, 0.3), rng.uniform(0.55, 0.8)
    points = [[-1, -half], [neck, -half], [neck, -head], [1, 0], [neck, head], [neck, half], [-1, half]]
    return [(np.array(points, dtype=np.float64), 1)]


def _crescent(rng: np.random.Generator) -> Outline:
    shift, bite = rng.uniform(0.35, 0.55), rng.uniform(0.78, 0.9)
    # The arcs themselves rather than disc minus disc, so that the extent is the shape's own.
    x = (1.0 + shift**2 - bite**2) / (2.0 * shift)
    tip, inner = np.arctan2(np.sqrt(1.0 - x * x), x), np.arctan2(np.sqrt(1.0 - x * x), x - shift)
    back, home = np.linspace(tip, 2.0 * np.pi - tip, 40), np.linspace(2.0 * np.pi - inner, inner, 40)
    outer_arc = np.stack([np.cos(back), np.sin(back)], axis=1)
    inner_arc = np.stack([shift + bite * np.cos(home), bite * np.sin(home)], axis=1)
    return [(np.concatenate([outer_arc, inner_arc]), 1)]


def _dumbbell(rng: np.random.Generator) -> Outline:
    r, bar = rng.uniform(0.36, 0.48), rng.uniform(0.1, 0.17)
    return [(_box(-0.7, -bar, 0.7, bar), 1), (_ellipse(r - 1, 0, r, r), 1), (_ellipse(1 - r, 0, r, r), 1)]


def _fish(rng: np.random.Generator) -> Outline:
    height, tail = rng.uniform(0.38, 0.55), rng.uniform(0.4, 0.55)
    fin = np.array([[-1, -tail], [-0.3, 0], [-1, tail], [-0.82, 0]], dtype=np.float64)
    return [(_ellipse(0.25, 0, 0.75, height), 1), (fin, 1)]


def _mug(rng: np.random.Generator) -> Outline:
    taper, ry = rng.uniform(0.0, 0.12), rng.uniform(0.38, 0.55)
    body = np.array([[-0.8, -0.8], [0.4, -0.8], [0.4 - taper, 0.8], [-0.8 + taper, 0.8]], dtype=np.float64)
    thick = rng.uniform(0.16, 0.22)
    return [(_ellipse(0.4, 0, 0.6, ry), 1), (_ellipse(0.38, 0, 0.6 - thick, ry - thick), 0), (body, 1)]


SHAPES: dict[str, Callable[[np.random.Generator], Outline]] = {
    "ring": _ring,
    "star": _star,
    "cross": _cross,
    "arrow": _arrow,
    "crescent": _crescent,
    "dumbbell": _dumbbell,
    "fish": _fish,
    "mug": _mug,
}


def clutter(rng: np.random.Generator) -> Outline:
    """Draw an outline that belongs to no class: a smooth blob, a plate or a bar."""
    kind = rng.integers(3)
    if kind == 0:
        t = np.linspace(0.0, 2.0 * np.pi, 48, endpoint=False)
        radius = 0.8 + 0.12 * np.sin(2 * t + rng.uniform(0, 6.3)) + 0.08 * np.sin(3 * t + rng.uniform(0, 6.3))
        return [(np.stack([radius * np.cos(t), radius * np.sin(t)], axis=1), 1)]
    side = rng.uniform(0.5, 0.9) if kind == 1 else rng.uniform(0.1, 0.25)
    return [(_box(-1, -side, 1, side), 1)]


def place(
    outline: Outline, rng: np.random.Generator, size: float, *, margin: int
) -> tuple[list[tuple[Points, int]], int, int]:
    """Mirror, turn (up to 50 degrees), stretch and scale an outline to a longer side of ``size`` pixels.

    Returns:
        The layers in pixels of a patch with ``margin`` free pixels around the object, the patch's height and its width.
    """
    angle, squeeze, shear = rng.uniform(-0.87, 0.87), rng.uniform(0.78, 1.0), rng.uniform(-0.12, 0.12)
    mirror = 1.0 if rng.random() < 0.5 else -1.0
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[cos, -sin], [sin, cos]]) @ np.array([[mirror, shear], [0.0, squeeze]])
    layers = [(points @ matrix.T, value) for points, value in outline]
    solid = np.concatenate([points for points, value in layers if value])
    low, high = solid.min(axis=0), solid.max(axis=0)
    scale = size / float((high - low).max())
    width, height = (np.ceil((high - low) * scale).astype(int) + 2 * margin).tolist()
    return [((points - low) * scale + margin, value) for points, value in layers], height, width
