"""What ``encode --verify`` of whole clips costs and keeps, against the ways of ``video_trials.py`` at equal retention.

    python benchmarks/video_verified.py CLIP... --table FOLDER --detectors yolox_nano.onnx fastestdet.onnx

The first detector is that of the encode; the others look at what came out. Retention is that of instances of tracks:
detections of tracks that a detector has in the whole source clip, found again. A way's bytes at a retention are read
off the upper envelope of its points, log-linear between two of them; the table has to hold the ways ``raN``,
``default``, ``intra`` and those of fixed segments (``10s``, ``scene``, with or without a scale). ``best fixed`` is the
envelope of all of the latter: the best choice for the clip by hindsight, without a loop. Anchors that the table lacks
are left out.

    bytes over X   the verified stream's over those of X at the same retention; <= where X reaches it at no QP, and its
                   bytes are those of its best point
    time           of the encode, over that of a plain encode of the clip at QP 37 with an intra picture every 32
                   frames, in the same run
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from time import monotonic

import numpy as np
from video_trials import Version, load, look

from vcmpipe import EncodeOptions, Sidecar, encode, open_source
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.commands.restoring import restored
from vcmpipe.detection import load_detector
from vcmpipe.encoders import load_encoder
from vcmpipe.evaluation.tracking import count_tracks, track_accuracy
from vcmpipe.frames import Frame
from vcmpipe.sidecar import sidecar_path
from vcmpipe.tasks import TrackingTask

TASK = TrackingTask()
Points = list[tuple[int, float]]
ANCHORS = {"ra32": ("ra32_1_",), "default": ("default_1_",), "intra": ("intra_1_",), "best fixed": ("10s_", "scene_")}


@dataclass(frozen=True)
class Row:
    """One clip.

    Attributes:
        clip: Its name.
        bytes: Of the verified stream.
        retention: By detector the share of its tracks' instances that is found again.
        ratios: By anchor and detector the bytes over the anchor's at equal retention.
        bounds: Whether the anchor does not reach it, so that this is an upper bound.
        tracks: Tracks of all segments, those that are kept, and those that no version tried keeps.
        idf1: Against the first detector's tracks in the source.
        false: Instances of false tracks, and those of the finest plain version in the table.
        trials: Encodes for each segment that was searched.
        most: Most of them in one segment.
        seconds: Of the encode; ``plain``: of the plain one.
    """

    clip: str
    bytes: int
    retention: dict[str, float]
    ratios: dict[str, dict[str, float]]
    bounds: dict[str, dict[str, bool]]
    tracks: tuple[int, int, int]
    idf1: float
    false: tuple[int, int]
    trials: float
    most: int
    seconds: float
    plain: float


def envelope(points: Points) -> Points:
    """The points that no cheaper one outdoes."""
    kept: Points = []
    for size, quality in sorted(points):
        if not kept or quality > kept[-1][1]:
            kept.append((size, quality))
    return kept


def reaches(points: Points, quality: float) -> bool:
    """Whether a way reaches a quality."""
    return quality <= max(quality for _, quality in points)


def bytes_at(points: Points, quality: float) -> float:
    """What a way takes to reach a quality; its best point's bytes where it never does, else at least its fewest."""
    upper = envelope(points)
    if quality > upper[-1][1]:
        return float(upper[-1][0])
    for (low, least), (high, most) in pairwise(upper):
        if least <= quality <= most:
            share = (quality - least) / (most - least)
            return float(np.exp(np.log(low) + share * (np.log(high) - np.log(low))))
    return float(upper[0][0])


def retention(source: Version, found: Version, name: str) -> float:
    """The share of a detector's instances that is found again."""
    reference = TASK.reference(source.found[name])
    return float(TASK.frames.compare(reference, found.found[name]).kept.mean())


def plain_seconds(frames: Sequence[Frame], rate: object, preset: str) -> float:
    """What a plain encode takes."""
    segment = Segment(0, frames, "random-access", rate, 32)  # type: ignore[arg-type]
    started = monotonic()
    SegmentCoder(load_encoder("vvenc"), segment, preset=preset).uniform([37])
    return monotonic() - started


def measure(clip: Path, folder: Path, specs: Sequence[str], preset: str, more: dict[str, object]) -> Row:
    """Code a clip, and hold it against the table's ways of the same preset."""
    names = [Path(spec).stem for spec in specs]
    opened = open_source(str(clip))
    frames = list(opened)
    plain = plain_seconds(frames, opened.info.rate, preset)
    source = load(folder / clip.stem / "source.npz")
    table = {path.stem: load(path) for path in (folder / clip.stem).glob(f"*_{preset}_*.npz")}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "verified.266"
        started = monotonic()
        settings = {"verify": True, "detector": specs[0], "preset": preset, **more}
        encode(EncodeOptions(input=str(clip), out=str(out), **settings))  # type: ignore[arg-type]
        seconds = monotonic() - started
        sidecar = Sidecar.read(sidecar_path(out))
        data = out.read_bytes()
    shown = (Frame(n, each.rgb(), str(n)) for n, each in enumerate(restored(data, sidecar)))
    found = look({name: load_detector(spec) for name, spec in zip(names, specs, strict=True)}, shown)
    mine = Version(np.array([8 * len(data)]), np.zeros(1, np.int64), seconds, found)
    kept = {name: retention(source, mine, name) for name in names}
    ratios: dict[str, dict[str, float]] = {}
    bounds: dict[str, dict[str, bool]] = {}
    for anchor, starts in ANCHORS.items():
        ways = [version for name, version in table.items() if name.startswith(starts)]
        for name in names if ways else ():
            points = [(each.bytes, retention(source, each, name)) for each in ways]
            ratios.setdefault(anchor, {})[name] = len(data) / bytes_at(points, kept[name])
            bounds.setdefault(anchor, {})[name] = not reaches(points, kept[name])
    searched = [each.verification for each in sidecar.segments if each.verification and each.verification.tracks]
    tracks = [track for each in searched for track in each.tracks]
    finest = min((each for name, each in table.items() if name.startswith("ra32_1_")), key=lambda each: -each.bytes)
    own = source.found[names[0]]
    false = [sum(map(len, TASK.false_instances(own, each.found[names[0]]))) for each in (mine, finest)]
    truth = list(TASK.reference(own).detections)
    accuracy = track_accuracy([count_tracks(truth, TASK.followed(found[names[0]]), own)])
    return Row(
        clip.stem,
        len(data),
        kept,
        ratios,
        bounds,
        (len(tracks), sum(each.kept for each in tracks), sum(not each.recoverable for each in tracks)),
        accuracy.idf1 or float("nan"),
        (false[0], false[1]),
        float(np.mean([each.trials for each in searched])) if searched else 0.0,
        max((each.trials for each in searched), default=0),
        seconds,
        plain,
    )


def show(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Print the table, geometric means in the last line."""
    ways = [
        (anchor, name)
        for anchor in ANCHORS
        for name in names
        if all(name in row.ratios.get(anchor, {}) for row in rows)
    ]
    heads = ["clip", "bytes", *(f"kept {name}" for name in names), *(f"{a}, {n}" for a, n in ways)]
    print("| " + " | ".join([*heads, "tracks kept", "IDF1", "false", "trials", "time"]) + " |")
    print("|---" * (len(heads) + 5) + "|")
    for row in rows:
        total, kept, beyond = row.tracks
        cells = [row.clip, f"{row.bytes:,}", *(f"{row.retention[name]:.3f}" for name in names)]
        cells += [f"{'<= ' if row.bounds[a][n] else ''}{row.ratios[a][n]:.3f}" for a, n in ways]
        cells += [f"{kept}/{total} ({beyond} by none)", f"{row.idf1:.3f}", f"{row.false[0]} ({row.false[1]})"]
        print("| " + " | ".join([*cells, f"{row.trials:.1f}", f"{row.seconds / row.plain:.1f}"]) + " |")
    means = [f"{np.exp(np.mean([np.log(row.ratios[a][n]) for row in rows])):.3f}" for a, n in ways]
    print("| " + " | ".join(["geometric mean", "", *("" for _ in names), *means, "", "", "", "", ""]) + " |")


def main() -> None:
    """Measure every clip."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path, nargs="+")
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--detectors", nargs="+", required=True)
    parser.add_argument("--with", dest="judges", help="further judges, as in --verify-with")
    parser.add_argument(
        "--preset", default="faster", help="of the encode, and of the table's ways that it is held against"
    )
    parser.add_argument("--promise", choices=["all", "first"], default="all")
    parser.add_argument("--split-empty", type=float)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    more: dict[str, object] = {} if args.judges is None else {"verify_with": args.judges, "promise": args.promise}
    if args.split_empty is not None:
        more["split_empty"] = args.split_empty
    rows = []
    for clip in args.clips:
        rows.append(measure(clip, args.table, args.detectors, args.preset, more))
        print(json.dumps(asdict(rows[-1])), flush=True)
    show(rows, [Path(spec).stem for spec in args.detectors])
    if args.json:
        args.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
