"""How fast the networks that predict thresholds are, and that they learn.

    python benchmarks/predictors.py [--threads 2] [--store STORE --exclude FILE --limit 48]

Speed: seconds per object of DT-JRD with ViT-B/32 and ViT-L/32 in batches of 8, the cutting and resizing of crops
included, and of one BC-JRD decision. Weights are random, which changes nothing for speed.

With --store, each network is trained for one epoch on a few objects of a built store, from random weights, and the mean
loss over the first and the last quarter of the epoch is printed: it has to fall. BC-JRD sees crops of --bc-size.
"""

from __future__ import annotations

import argparse
import platform
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import supervision as sv
import torch

from vcmpipe.config import TrainOptions
from vcmpipe.frames import Frame
from vcmpipe.thresholds import bc_jrd, dt_jrd
from vcmpipe.thresholds.weights import write_weights
from vcmpipe.training.run import train


class Copies:
    """A coder that costs nothing: what is timed is the network."""

    def __init__(self, frame: Frame) -> None:
        self.frame = frame

    def __call__(self, qp: int) -> Frame:
        """See ``Coder``."""
        return self.frame

    def many(self, qps: Sequence[int]) -> list[Frame]:
        """See ``Coder``."""
        return [self.frame for _ in qps]


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
        print(f"dt_jrd {backbone}: {seconds / 8:.3f} s per object, batches of 8, 384x384")
    weights = folder / "bc.safetensors"
    write_weights(weights, bc_jrd.BcJrd(), {"model": "bc_jrd", "backbone": bc_jrd.BACKBONE, "size": bc_jrd.SIZE})
    network = bc_jrd.BcJrdPredictor(weights, device="cpu").network
    crops = torch.zeros(1, 3, bc_jrd.SIZE, bc_jrd.SIZE)
    with torch.inference_mode():
        original = network.features(crops)
        seconds = best_of(rounds, lambda: network.decide(original, network.features(crops)))
    print(f"bc_jrd {bc_jrd.BACKBONE}: {seconds:.3f} s per decision, 64 per object, 640x640")


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
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--store", help="a built store to train on")
    parser.add_argument("--images", help="the folder of its pictures, if it has moved")
    parser.add_argument("--exclude", help="a text file of pictures that are not to be trained on")
    parser.add_argument("--limit", type=int, default=48)
    parser.add_argument("--bc-size", type=int, default=192)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {arguments.threads} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as name:
        if not arguments.no_speed:
            time_networks(Path(name), arguments.rounds)
        if arguments.store:
            learn(Path(name), arguments, "dt_jrd", backbone="vit_base_patch32_384")
            learn(Path(name), arguments, "bc_jrd", size=arguments.bc_size, versions=8, batch=8)


if __name__ == "__main__":
    main()
