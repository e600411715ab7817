"""What a build will take in time and space, from a few pictures or segments coded at a few QPs."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vcmpipe.datasets.material import Material
from vcmpipe.datasets.work import Failure, Recipe, load_parts, versions_of
from vcmpipe.errors import InputError, VcmError

# Pictures or segments that are tried, one of so many and at most so many: the more, the nearer, the longer one waits.
_TRIED, _ONE_OF = 5, 10
_PROBES = (24, 36)
# Bits and encoding time at each QP over the sum of those at the two probes: medians of 7 photos, VVenC `faster`.
_AT = (0, 6, 12, 18, 24, 30, 36, 42, 48, 54, 60, 63)
_BITS = (3.46, 2.63, 1.92, 1.32, 0.79, 0.43, 0.209, 0.091, 0.035, 0.0143, 0.0062, 0.0046)
_TIME = (1.06, 1.0, 0.91, 0.76, 0.65, 0.5, 0.35, 0.24, 0.18, 0.25, 0.31, 0.34)
# Of segments there is no such curve: the bits of QP 0 over those at these two were 10 to 108 in three clips, the most
# where nothing but noise moves. So more of the QPs are tried, and what lies between two of them is interpolated.
_SEGMENT_PROBES, _ONE_QP_OF = 5, 4
# The share of the full sweep's time and bytes that a search takes.
_SEARCHED = 0.25
# Free space beyond the estimate that a build asks for: contents differ.
_SPARE = 1.3


@dataclass(frozen=True)
class Estimate:
    """What is left to do and what it takes.

    Attributes:
        pictures: Pictures or segments to code.
        encodes: Versions to code, all of these together.
        seconds: Wall time on this machine where it has nothing else to do.
        bytes: Size of what will be added to the store.
        free: Bytes free where the store is.
    """

    pictures: int
    encodes: int
    seconds: float
    bytes: int
    free: int

    def refuse_too_little_space(self, out: Path) -> None:
        """Raise InputError where the store will not fit."""
        if self.bytes * _SPARE > self.free:
            raise InputError(
                f"--out {out}: about {self.bytes / 1e9:.1f} GB are needed, and to be safe "
                f"{self.bytes * _SPARE / 1e9:.1f}; {self.free / 1e9:.1f} GB are free: free space, name another disk, "
                "or take fewer --qps, fewer --scales or --search"
            )


def estimate(left: Sequence[tuple[Recipe, Sequence[str]]], material: Material, out: Path, workers: int) -> Estimate:
    """Estimate the build of some pictures or segments; unreadable ones are passed over.

    Args:
        left: How they will be coded, at each scale, and the names of those that are still to be done so.
        material: What they are.
        out: Where the store is, or will be.
        workers: How many are worked on side by side.
    """
    parts = [_at_one_scale(recipe, names, material, workers) for recipe, names in left]
    encodes, seconds, size = (sum(values) for values in zip(*parts, strict=True))
    pictures = len({name for _, names in left for name in names})
    return Estimate(pictures, int(encodes), seconds, int(size), shutil.disk_usage(_existing(out)).free)


def _at_one_scale(recipe: Recipe, names: Sequence[str], material: Material, workers: int) -> tuple[int, float, int]:
    """Encodes, seconds and bytes."""
    sizes = {name: size for name in names if (size := material.pixels(name))}
    pixels = sum(sizes.values())
    share = _SEARCHED if recipe.manifest.search else 1.0
    encodes = round(len(names) * len(recipe.manifest.qps) * share)
    by_size = sorted(sizes, key=lambda name: sizes[name])
    seconds_per_pixel, bytes_per_pixel = _probe(recipe, by_size, material)
    return encodes, seconds_per_pixel * pixels * share / workers, int(bytes_per_pixel * pixels * share)


def _probe(recipe: Recipe, names: list[str], material: Material) -> tuple[float, float]:
    """Seconds of one core, and bytes, per source pixel and full sweep."""
    encoder, _ = load_parts(recipe)
    tried = min(_TRIED, -(-len(names) // _ONE_OF))
    # Spread over the sizes.
    wanted = {names[(2 * i + 1) * len(names) // (2 * tried)] for i in range(tried)}
    low, high = encoder.capabilities.qp_range
    qps = np.array(recipe.manifest.qps)
    probes = [min(max(qp, low), high) for qp in _PROBES]
    if recipe.manifest.video is not None:
        count = min(_SEGMENT_PROBES, max(2, -(-len(qps) // _ONE_QP_OF)))
        probes = sorted({int(qps[round(place)]) for place in np.linspace(0, len(qps) - 1, count)})
    pixels = detecting = 0.0
    coding, bits = np.zeros(len(probes)), np.zeros(len(probes))
    for name, item in material.read([name for name in material.files if name in wanted]):
        if isinstance(item, Failure):
            continue
        try:
            versions = versions_of(recipe, name, item)
            times = [_seconds()]
            for qp in probes:
                versions.coder.uniform([qp])
                times.append(_seconds())
            versions.detect(probes)
        except VcmError:
            continue  # it will fail again in its turn, and be named then
        pixels += material.pixels(name) or 0
        coding += np.diff(times)
        detecting += (_seconds() - times[-1]) / len(probes)
        bits += [each.bits for each in versions.coder.uniform(probes)]
    if not pixels:
        return 0.0, 0.0
    if recipe.manifest.video is not None:
        seconds = float(np.interp(qps, probes, coding).sum())
        size = float(np.exp(np.interp(qps, probes, np.log(bits))).sum()) / 8
    else:
        seconds = float(coding.sum() * np.interp(qps, _AT, _TIME).sum())
        size = float(bits.sum() / 8 * np.exp(np.interp(qps, _AT, np.log(_BITS))).sum())
    return (seconds + detecting * len(qps)) / pixels, size / pixels


def _seconds() -> float:
    """Seconds of processor time of this process and its children; wall time where a system has no such figures."""
    if os.name != "posix":
        return time.monotonic()
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _existing(path: Path) -> Path:
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path
