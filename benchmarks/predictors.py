"""How fast the predictors of thresholds are, and that the networks among them learn.

    python benchmarks/predictors.py [--threads 2] [--detector D --photos DIR] [--store STORE --exclude FILE --limit 48]

Speed: seconds per object of DT-JRD with ViT-B/32 and ViT-L/32 in batches of 8, the cutting and resizing of crops
included, and of one BC-JRD decision. Weights are random, which changes nothing for speed.

With --detector and --photos: milliseconds per object of ``detector_aware`` on one core, a picture's objects at a time,
and its share of the time of ``encode`` (open loop, one job): by a clock around the prediction, and as the difference to
a run that is handed the very same thresholds for nothing; and the share that its forecast of losses takes of
``encode --objective accuracy``.

With --store, each network is trained for one epoch on a few objects of a built store, from random weights, and the mean
loss over the first and the last quarter of the epoch is printed: it has to fall. BC-JRD sees crops of --bc-size.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import supervision as sv
import torch

from vcmpipe.coding.open_loop import SCALES
from vcmpipe.coding.pipeline import Pipeline, encode_segment
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.weighed import encode_weighed
from vcmpipe.config import EncodeOptions, TrainOptions
from vcmpipe.detection import load_detector
from vcmpipe.frames import Frame, open_source
from vcmpipe.tasks import DetectionTask
from vcmpipe.thresholds import ThresholdPredictor, Thresholds, bc_jrd, dt_jrd, load_predictor
from vcmpipe.thresholds.detector_aware import DetectorAware
from vcmpipe.thresholds.loss_curves import LossForecast
from vcmpipe.thresholds.weights import write_weights
from vcmpipe.training.run import train


class Copies:
    """A coder that costs nothing: what is timed is the network."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __call__(self, qp: int) -> Frame:
        """See ``Coder``."""
        return self.frame

    def many(self, qps: Sequence[int]) -> Iterator[Frame]:
        """See ``Coder``."""
        return (self.frame for _ in qps)


def picture_with_boxes(count: int) -> tuple[Frame, sv.Detections]:
    rng = np.random.default_rng(0)
    frame = Frame(0, rng.integers(0, 256, (480, 640, 3), dtype=np.uint8), "noise.png")
    corners = rng.uniform((0, 0), (400, 280), (count, 2))
    return frame, sv.Detections(np.hstack([corners, corners + rng.uniform(20, 200, (count, 2))]).astype(np.float32))


def best_of(rounds: int, work) -> float:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def time_networks(folder: Path, rounds: int) -> None:
    frame, boxes = picture_with_boxes(8)
    coder = Copies(frame)
    for backbone in ("vit_base_patch32_384", "vit_large_patch32_384"):
        weights = folder / f"{backbone}.safetensors"
        write_weights(weights, dt_jrd.build(backbone), {"model": "dt_jrd", "backbone": backbone, "size": 384})
        predictor = dt_jrd.DtJrdPredictor(weights, device="cpu")
        predictor.predict(frame, boxes, coder)
        seconds = best_of(rounds, lambda p=predictor: p.predict(frame, boxes, coder))
        requested = " (at most 0.15 is requested)" if "base" in backbone else ""
        print(f"dt_jrd {backbone}: {seconds / 8:.3f} s per object, batches of 8, 384x384{requested}")
    weights = folder / "bc.safetensors"
    write_weights(weights, bc_jrd.BcJrd(), {"model": "bc_jrd", "backbone": bc_jrd.BACKBONE, "size": bc_jrd.SIZE})
    network = bc_jrd.BcJrdPredictor(weights, device="cpu").network
    crops = torch.zeros(1, 3, bc_jrd.SIZE, bc_jrd.SIZE)
    with torch.inference_mode():
        original = network.features(crops)
        seconds = best_of(rounds, lambda: network.decide(original, network.features(crops)))
    print(f"bc_jrd {bc_jrd.BACKBONE}: {seconds:.3f} s per decision, 64 per object, 640x640")


class Clocked:
    """A predictor with a clock, that remembers what it said."""

    def __init__(self, inner: ThresholdPredictor) -> None:
        self.inner, self.name, self.seconds = inner, inner.name, 0.0
        self.said: dict[str, Thresholds] = {}

    def predict(self, frame: Frame, detections: sv.Detections, coder: object) -> Thresholds:
        """See ``ThresholdPredictor``."""
        began = time.perf_counter()
        said = self.inner.predict(frame, detections, coder)  # type: ignore[arg-type]
        self.seconds += time.perf_counter() - began
        self.said[frame.source] = said
        return said


class Said:
    """Says again, for nothing, what another predictor has said."""

    name = "said"

    def __init__(self, said: dict[str, Thresholds]) -> None:
        self.said = said

    def predict(self, frame: Frame, detections: sv.Detections, coder: object) -> Thresholds:
        """See ``ThresholdPredictor``."""
        return self.said[frame.source]


def time_aware(arguments: argparse.Namespace) -> None:
    """On one core: the process is bound to one while it lasts."""
    import cv2

    cores, threads = os.sched_getaffinity(0), cv2.getNumThreads()
    os.sched_setaffinity(0, {min(cores)})
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    detector, task = load_detector(arguments.detector, jobs=1), DetectionTask()
    predictors = {"as it ships": load_predictor("detector_aware", detector=detector)}
    predictors["features alone"] = DetectorAware(predictors["as it ships"]._weights)  # type: ignore[attr-defined]
    photos = []
    for frame in open_source(arguments.photos, limit=arguments.pictures * 3):
        found = detector.detect([frame])[0]
        (kept,) = task.reference([found]).detections
        if len(kept):
            photos.append((frame, kept))
    groups = {"all photos": photos, "photos of 8 objects or more": [pair for pair in photos if len(pair[1]) >= 8]}
    for title, group in groups.items():
        objects = sum(len(kept) for _, kept in group)
        for name, predictor in predictors.items():
            rounds = []
            for _ in range(arguments.rounds):
                wall, cpu = time.perf_counter(), time.process_time()
                for frame, kept in group:
                    predictor.predict(frame, kept, None)  # type: ignore[arg-type]
                rounds.append((time.perf_counter() - wall, time.process_time() - cpu))
            wall, cpu = (1000 * min(values) / objects for values in zip(*rounds, strict=True))
            print(
                f"detector_aware {name}, {title} ({len(group)}, {objects} objects): {wall:.2f} ms per object on one "
                f"core, {cpu:.2f} ms of it computing"
            )
    os.sched_setaffinity(0, cores)
    cv2.setNumThreads(threads)
    torch.set_num_threads(arguments.threads)


def share_of_encode(arguments: argparse.Namespace) -> None:
    options = EncodeOptions(input=arguments.photos, out="unused", detector=arguments.detector, jobs=1)
    detector = load_detector(arguments.detector, jobs=1)
    clocked = Clocked(load_predictor("detector_aware", detector=detector))
    frames = list(open_source(arguments.photos, limit=arguments.pictures))

    def coded(predictor: ThresholdPredictor) -> float:
        pipeline = Pipeline(options, detector=detector, predictor=predictor)
        began = time.perf_counter()
        for frame in frames:
            encode_segment(pipeline, Segment.still(frame), detector.detect([frame]), check=False)
        return time.perf_counter() - began

    coded(clocked)  # the first one warms up
    clocked.seconds = 0.0
    times: dict[str, list[float]] = {"with": [], "without": []}
    for _ in range(2):
        times["with"].append(coded(clocked))
        times["without"].append(coded(Said(clocked.said)))
    with_it, without = (min(values) for values in times.values())
    share = clocked.seconds / sum(times["with"])
    print(
        f"encode, {len(frames)} photos, open loop, one job: {with_it:.2f} s with detector_aware, {without:.2f} s where "
        f"the same thresholds cost nothing: {100 * (with_it / without - 1):+.1f} %; "
        f"by the clock around it prediction takes {100 * share:.1f} % (at most 10 % is requested)"
    )


class Foretelling:
    """A predictor of losses with a clock."""

    def __init__(self, inner: DetectorAware) -> None:
        self.inner, self.name, self.seconds, self.detections = inner, inner.name, 0.0, 0

    def predict(self, frame: Frame, detections: sv.Detections, coder: object) -> Thresholds:
        """See ``ThresholdPredictor``."""
        return self.inner.predict(frame, detections)

    def forecast(self, frame: Frame, detections: sv.Detections) -> LossForecast | None:
        """See ``LossPredictor``."""
        began = time.perf_counter()
        found = self.inner.forecast(frame, detections)
        self.seconds += time.perf_counter() - began
        self.detections += len(detections)

        def clocked(scale: float, known: object) -> np.ndarray:
            began = time.perf_counter()
            shares = found(scale, known)
            self.seconds += time.perf_counter() - began
            return shares

        return clocked if found else None


def share_of_open_loop(arguments: argparse.Namespace) -> None:
    """What the forecast takes of ``encode --objective accuracy``."""
    options = EncodeOptions(
        input=arguments.photos, out="unused", detector=arguments.detector, jobs=1, objective="accuracy"
    )
    detector = load_detector(arguments.detector, jobs=1)
    predictor = Foretelling(load_predictor("detector_aware", detector=detector))  # type: ignore[arg-type]
    frames = list(open_source(arguments.photos, limit=arguments.pictures))
    pipeline = Pipeline(options, detector=detector, predictor=predictor)
    for counted in (False, True):  # the first one warms up
        predictor.seconds, predictor.detections, began = 0.0, 0, time.perf_counter()
        for frame in frames if counted else frames[:2]:
            found = detector.detect([frame])
            encode_weighed(pipeline, Segment.still(frame), found, factor=20_000.0, scales=SCALES, check=False)
    seconds = time.perf_counter() - began
    print(
        f"encode --objective accuracy, {len(frames)} photos, one job: {seconds:.2f} s; the forecast takes "
        f"{100 * predictor.seconds / seconds:.1f} % (at most 10 % is requested), "
        f"{1000 * predictor.seconds / predictor.detections:.2f} ms for each of {predictor.detections} detections"
    )


def learn(folder: Path, arguments: argparse.Namespace, model: str, **changes: object) -> None:
    out = folder / model
    values: dict[str, object] = {
        "model": model,
        "data": arguments.store,
        "images": arguments.images,
        "exclude": arguments.exclude,
        "limit": arguments.limit,
        "out": str(out),
        "init": "random",
        "epochs": 1,
        "batch": 4,
    }
    report = train(TrainOptions(**(values | changes)))  # type: ignore[arg-type]
    (log,) = (out / "logs").glob("start-*/metrics.csv")
    losses = pd.read_csv(log)["train_loss_step"].dropna().to_numpy()
    quarter = max(1, len(losses) // 4)
    first, last = losses[:quarter].mean(), losses[-quarter:].mean()
    figures = ", ".join(f"{name} {value:.4f}" for name, value in report.metrics.items())
    words = "falls" if last < first else "DOES NOT FALL"
    print(
        f"{model}: one epoch of {report.objects['train']} objects, {report.seconds:.0f} s; "
        f"loss {words} from {first:.3f} to {last:.3f} (first and last quarter); {figures}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-speed", action="store_true", help="leave the networks' speed out")
    parser.add_argument("--detector", help="the detector that detector_aware was trained for")
    parser.add_argument("--photos", help="a folder of photos to predict in and to encode")
    parser.add_argument("--pictures", type=int, default=20, help="photos to encode; three times as many to predict in")
    parser.add_argument("--store", help="a built store to train on")
    parser.add_argument("--images", help="the folder of its pictures, if it has moved")
    parser.add_argument("--exclude", help="a text file of pictures that are not to be trained on")
    parser.add_argument("--limit", type=int, default=48)
    parser.add_argument("--bc-size", type=int, default=192)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    load = os.getloadavg()[0]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {arguments.threads} threads, torch {torch.__version__}, "
        f"load of the machine {load:.1f}"
    )
    with tempfile.TemporaryDirectory() as name:
        if not arguments.no_speed:
            time_networks(Path(name), arguments.rounds)
        if arguments.detector and arguments.photos:
            time_aware(arguments)
            share_of_encode(arguments)
            share_of_open_loop(arguments)
        if arguments.store:
            learn(Path(name), arguments, "dt_jrd", backbone="vit_base_patch32_384")
            learn(Path(name), arguments, "bc_jrd", size=arguments.bc_size, versions=8, batch=8)


if __name__ == "__main__":
    main()
