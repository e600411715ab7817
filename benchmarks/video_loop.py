"""Which closed loop pays on video, replayed from the table of ``video_trials.py``: nothing is coded again.

    python benchmarks/video_loop.py FOLDER --detectors yolox_nano fastestdet

The table has to hold ``raN``, and ``10s`` at scales 1, 0.7 and 0.5 and QPs 30 to 50 in steps of 4 (``--cut`` names
another one). For each clip and policy: bytes, retention of tracks' instances under each detector, and bytes over those
of random access at equal retention (see ``video_verified.py``); then the geometric mean over the clips.

    fixed      one scale and QP for the clip, the best by hindsight
    bisection  the plain baseline: at scale 1, the largest QP that keeps as many tracks as any
    oracle     of all versions of a segment the one with the fewest lost tracks, then bits + lambda x loss
    loss       the same without tracks: bits + lambda x loss alone
    search     what ``encode --verify`` does, on the grid of the table, at the mean of several first versions
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from video_trials import Version, load
from video_verified import TASK, bytes_at

from vcmpipe.coding.search.answers import LAG, Choice
from vcmpipe.coding.search.sequence_search import SequenceSearch, Trial

MIRRORED, WEIGHT = "flip", 0.5
LAMBDAS = (0, 400, 1600, 3200, 6400)
STARTS = (Choice(0.7, 38), Choice(0.7, 34), Choice(0.5, 34), Choice(1.0, 38), Choice(1.0, 42), Choice(0.5, 30))


@dataclass(frozen=True)
class Cell:
    """A segment in one version: bytes, the first detector's lost tracks, loss by both judges, instances kept."""

    bytes: float
    lost: int
    loss: float
    kept: Mapping[str, int]


@dataclass(frozen=True)
class Clip:
    """A clip: its segments by version, the instances that there are, and random access's points by detector."""

    name: str
    segments: Sequence[Mapping[Choice, Cell]]
    instances: Mapping[str, int]
    anchor: Mapping[str, list[tuple[int, float]]]

    def figures(self, picks: Sequence[Choice]) -> tuple[float, dict[str, float], dict[str, float]]:
        """Bytes, retention by detector, and bytes over random access's."""
        cells = [own[pick] for own, pick in zip(self.segments, picks, strict=True)]
        size = sum(cell.bytes for cell in cells)
        kept = {name: sum(cell.kept[name] for cell in cells) / whole for name, whole in self.instances.items()}
        return size, kept, {name: size / bytes_at(self.anchor[name], share) for name, share in kept.items()}


def read(folder: Path, cut: str, detectors: Sequence[str]) -> Clip:
    """The table of a clip."""
    source = load(folder / "source.npz")
    versions = {}
    for path in folder.glob(f"{cut}_*_faster_*.npz"):
        _, scale, _, qp = path.stem.split("_")
        versions[Choice(float(scale), int(qp))] = load(path)
    starts = [*next(iter(versions.values())).starts.tolist(), len(source.bits)]
    whole = {name: TASK.reference(source.found[name]) for name in detectors}
    edges = {name: np.cumsum([0, *map(len, own.detections)]) for name, own in whole.items()}

    def kept(version: Version, name: str) -> np.ndarray:
        return TASK.frames.compare(whole[name], version.found[name]).kept

    found = {choice: {name: kept(version, name) for name in detectors} for choice, version in versions.items()}
    segments = []
    for first, last in pairwise(starts):
        part = slice(first, last)
        reference = TASK.reference(source.found[detectors[0]][part])
        cells = {}
        for choice, version in versions.items():
            comparison = TASK.compare(reference, version.found[detectors[0]][part])
            losses = [
                weight * TASK.loss(source.found[name][part], version.found[name][part])
                for name, weight in ((detectors[0], 1.0), (MIRRORED, WEIGHT))
            ]
            own = {name: int(found[choice][name][edges[name][first] : edges[name][last]].sum()) for name in detectors}
            lost = len(np.unique(reference.tracks[~comparison.promised]))
            cells[choice] = Cell(version.bits[part].sum() / 8, lost, sum(losses), own)
        segments.append(cells)
    plain = [load(path) for path in folder.glob("ra32_1_faster_*.npz")]
    anchor = {name: [(each.bytes, float(kept(each, name).mean())) for each in plain] for name in detectors}
    return Clip(folder.name, segments, {name: len(own) for name, own in whole.items()}, anchor)


class Replay(SequenceSearch):
    """The search of ``encode --verify`` among the versions of a table."""

    cells: Mapping[Choice, Cell]

    def look(self, choice: Choice) -> Trial:
        """Read instead of coding."""
        cell, best = self.cells[choice], self.best
        cost = 8 * cell.bytes + self.factor * cell.loss
        aborted = best is not None and self.keep and cell.lost > self.cost(best)[0]
        judged = None if aborted else SimpleNamespace(cost=lambda factor, objective: cost)
        self.tried[choice] = Trial(None, None, (), cell.lost, judged)  # type: ignore[arg-type]
        return self.tried[choice]

    def _free(self, choice: Choice) -> Choice | None:
        grid = [each for each in self.cells if each.scale == choice.scale]
        near = min(grid, key=lambda each: (abs(each.qp - choice.qp), each.qp))
        return None if near in self.tried else near


def searched(clip: Clip, factor: float, start: Choice, trials: tuple[int, int]) -> tuple[list[Choice], float]:
    """What the search picks, and its encodes for each segment."""
    picks: list[Choice] = []
    counts = []
    for place, cells in enumerate(clip.segments):
        scales = sorted({choice.scale for choice in cells}, reverse=True)
        search = Replay(None, lambda scale: None, scales, 8 * factor, True)  # type: ignore[arg-type, return-value]
        search.cells = cells
        before = picks[place - LAG] if place >= LAG else None
        picks.append(search.run(trials[before is None], before or start))
        counts.append(len(search.tried))
    return picks, float(np.mean(counts))


def policies(clip: Clip) -> Iterator[tuple[str, list[Choice]]]:
    """The policies that need no search, by name."""

    def each(key: Callable[[Choice, Cell], tuple[float, ...]], scale: float | None = None) -> list[Choice]:
        return [
            min((c for c in cells if scale in (None, c.scale)), key=lambda c: key(c, cells[c]))
            for cells in clip.segments
        ]

    for choice in clip.segments[0]:
        yield f"fixed {choice.scale:g}/{choice.qp}", [choice] * len(clip.segments)
    yield "bisection, scale 1", each(lambda choice, cell: (cell.lost, -choice.qp), 1.0)
    for factor in LAMBDAS:
        yield f"oracle, lambda {factor}", each(lambda _, cell: (cell.lost, cell.bytes + factor * cell.loss))  # noqa: B023
        yield f"loss, lambda {factor}", each(lambda _, cell: (cell.bytes + factor * cell.loss,))  # noqa: B023


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--detectors", nargs="+", required=True)
    parser.add_argument("--cut", default="10s")
    args = parser.parse_args()
    clips = [read(folder, args.cut, args.detectors) for folder in sorted(args.table.iterdir())]
    rows: dict[str, list[tuple[float, dict[str, float], dict[str, float]]]] = {}
    for clip in clips:
        for name, picks in policies(clip):
            rows.setdefault(name, []).append(clip.figures(picks))
        for factor in LAMBDAS:
            for trials in ((5, 6), (20, 20)):
                found = [searched(clip, factor, start, trials) for start in STARTS]
                figures = [clip.figures(picks) for picks, _ in found]
                name = f"search, lambda {factor}, {trials[0]} and {trials[1]} trials"
                mean = [
                    {key: float(np.mean([each[place][key] for each in figures])) for key in args.detectors}
                    for place in (1, 2)
                ]
                rows.setdefault(name, []).append((float(np.mean([each[0] for each in figures])), mean[0], mean[1]))
    print("| policy | " + " | ".join(f"{clip.name}: bytes, kept, over RA" for clip in clips) + " | mean |")
    print("|---" * (len(clips) + 2) + "|")
    for name, own in rows.items():
        cells = [
            f"{size:,.0f}, {'/'.join(f'{kept[d]:.3f}' for d in kept)}, {'/'.join(f'{ratio[d]:.2f}' for d in ratio)}"
            for size, kept, ratio in own
        ]
        means = [np.exp(np.mean([np.log(max(ratio[d], 0.01)) for *_, ratio in own])) for d in args.detectors]
        print(f"| {name} | " + " | ".join(cells) + f" | {'/'.join(f'{each:.2f}' for each in means)} |")


if __name__ == "__main__":
    main()
