"""Procedural materials for the demo scenes: scalar patterns in [0, 1] of any size, and palettes to colour them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def _coordinates(rng: np.random.Generator, height: int, width: int) -> tuple[Field, Field]:
    """Rotated pixel coordinates (along, across), each (height, width)."""
    angle = rng.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    x, y = np.arange(width, dtype=np.float32)[None, :], np.arange(height, dtype=np.float32)[:, None]
    return x * cos + y * sin, y * cos - x * sin


def smooth_noise(rng: np.random.Generator, height: int, width: int, cell_x: float, cell_y: float) -> Field:
    """Value noise in [0, 1] whose grains measure about ``cell_x`` by ``cell_y`` pixels."""
    shape = (max(2, int(np.ceil(height / cell_y)) + 1), max(2, int(np.ceil(width / cell_x)) + 1))
    coarse = rng.random(shape, dtype=np.float32)
    resized: Field = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return resized


def _cloud(rng: np.random.Generator, height: int, width: int) -> Field:
    cell = rng.uniform(24, 64)
    parts = [smooth_noise(rng, height, width, cell / 2**i, cell / 2**i) * np.float32(0.6**i) for i in range(4)]
    total: Field = sum(parts[1:], parts[0]) / np.float32(2.1)
    return np.asarray(np.clip((total - 0.25) * 2.0, 0, 1), dtype=np.float32)


def _grating(rng: np.random.Generator, height: int, width: int) -> Field:
    along, _ = _coordinates(rng, height, width)
    warp = smooth_noise(rng, height, width, 60, 60) * np.float32(rng.uniform(0, 6))
    wave: Field = np.sin(along * np.float32(2 * np.pi / rng.uniform(6, 26)) + warp) * np.float32(0.5) + np.float32(0.5)
    return wave


def _bricks(rng: np.random.Generator, height: int, width: int) -> Field:
    along, across = _coordinates(rng, height, width)
    tall = np.float32(rng.uniform(9, 24))
    long, joint = tall * np.float32(rng.uniform(1.4, 2.6)), np.float32(rng.uniform(1.2, 2.6))
    row = np.floor(across / tall)
    shifted = along + row * long * np.float32(0.5)
    column = np.floor(shifted / long)
    mortar = ((across - row * tall) < joint) | ((shifted - column * long) < joint)
    # A cheap hash of the brick's place gives each its own tone.
    tone: Field = np.sin(row * np.float32(12.9898) + column * np.float32(78.233)) * np.float32(43.7585)
    tone = np.float32(0.4) + np.float32(0.5) * (tone - np.floor(tone))
    tone[mortar] = 0.0
    return tone


def _grass(rng: np.random.Generator, height: int, width: int) -> Field:
    thin, long = rng.uniform(1.5, 3.0), rng.uniform(14, 40)
    flat = rng.random() < 0.5
    fine = smooth_noise(rng, height, width, long if flat else thin, thin if flat else long)
    return fine * np.float32(0.75) + smooth_noise(rng, height, width, 30, 30) * np.float32(0.25)


def _pebbles(rng: np.random.Generator, height: int, width: int) -> Field:
    cell = rng.uniform(5, 14)
    noise = smooth_noise(rng, height, width, cell, cell)
    return np.asarray(np.clip((noise - np.float32(0.5)) * np.float32(4) + np.float32(0.5), 0, 1), dtype=np.float32)


def _tiles(rng: np.random.Generator, height: int, width: int) -> Field:
    along, across = _coordinates(rng, height, width)
    side = np.float32(rng.uniform(7, 24))
    return np.asarray((np.floor(along / side) + np.floor(across / side)) % 2, dtype=np.float32)


def _wood(rng: np.random.Generator, height: int, width: int) -> Field:
    along, across = _coordinates(rng, height, width)
    rings = across + smooth_noise(rng, height, width, 90, 90) * np.float32(rng.uniform(20, 60))
    value = rings / np.float32(rng.uniform(5, 14)) + np.sin(along * np.float32(0.02))
    return np.asarray(value - np.floor(value), dtype=np.float32)


def _plain(rng: np.random.Generator, height: int, width: int) -> Field:
    along, _ = _coordinates(rng, height, width)
    along = along - along.min()
    return np.asarray(along / max(float(along.max()), 1.0), dtype=np.float32)


PATTERNS: tuple[Callable[[np.random.Generator, int, int], Field], ...] = (
    _cloud,
    _grating,
    _bricks,
    _grass,
    _pebbles,
    _tiles,
    _wood,
    _plain,
)


def threefold(plane: Field) -> Field:
    """Repeat a (height, width) plane as three channels."""
    repeated: Field = cv2.merge([plane, plane, plane])
    return repeated


def palette(rng: np.random.Generator, count: int) -> Field:
    """Draw ``count`` muted RGB colours, 0..255, shape (count, 3): neighbours in hue, spread in brightness."""
    hue = (rng.uniform(0, 180) + rng.uniform(-30, 30, count)) % 180
    hsv = np.stack([hue, rng.uniform(15, 105, count), np.linspace(75, 215, count) + rng.uniform(-15, 15, count)], 1)
    rgb: NDArray[np.uint8] = cv2.cvtColor(hsv.astype(np.uint8)[None], cv2.COLOR_HSV2RGB)
    return np.asarray(rgb[0], dtype=np.float32)


def material(rng: np.random.Generator, height: int, width: int, colour: Field, contrast: float) -> Field:
    """Paint one textured surface whose mean colour is about ``colour``.

    Args:
        rng: Source of all randomness.
        height: Rows.
        width: Columns.
        colour: RGB, 0..255, shape (3,).
        contrast: Peak-to-peak amplitude of the pattern in grey levels.

    Returns:
        (height, width, 3) float32, not clipped.
    """
    pattern = PATTERNS[int(rng.integers(len(PATTERNS)))](rng, height, width)
    grain = smooth_noise(rng, height, width, 1.6, 1.6) - np.float32(0.5)
    level = (pattern - np.float32(pattern.mean())) * np.float32(contrast) + grain * np.float32(rng.uniform(4, 16))
    # The pattern tints as well as darkens, so that two tones of one surface differ in hue too.
    tint = (1.0 + rng.uniform(-0.35, 0.35, 3)).astype(np.float32)
    # Channel by channel and merged: numpy is slow where the innermost axis holds only three values.
    painted: Field = cv2.merge([level * gain + base for gain, base in zip(tint, colour, strict=True)])
    return painted
