"""Data sets to train on: crops with labels, written in the form of OW-JRD, and a store at all QPs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from vcmpipe.config import TrainOptions

# What tells how much an object bears: the brighter, the more. Labels 20, 30, 40 and 50.
BRIGHTNESS = {20: 40, 30: 100, 40: 160, 50: 220}


def write(path: Path, rgb: np.ndarray) -> None:
    """A PNG, without waiting for the disk: there are thousands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


def write_ow_jrd(folder: Path, train: int, val: int, test: int = 0, *, versions: bool = False) -> Path:
    """Crops of 24x20 with texture, by brightness; versions get noise with the QP."""
    rng = np.random.default_rng(3)
    labels: dict[str, int] = {}
    (folder / "jsonfiles").mkdir(parents=True)
    for split, count in (("train", train), ("val", val), ("test", test)):
        names = []
        for n in range(count):
            name = f"{split}{n // 2:03d}_{n % 2 + 1}"
            names.append(name)
            labels[name] = list(BRIGHTNESS)[int(rng.integers(4))]
            crop = np.clip(BRIGHTNESS[labels[name]] + rng.normal(0, 12, (20, 24, 3)), 0, 255).astype(np.uint8)
            write(folder / "data" / "original" / name / f"{name}.png", crop)
            for qp in range(64) if versions else ():
                coded = np.clip(crop.astype(float) + 3 * max(0, qp - labels[name]), 0, 255).astype(np.uint8)
                write(folder / "data" / "distorted" / name / f"{name}_{qp}.png", coded)
        (folder / "jsonfiles" / f"{split}_names.json").write_text(json.dumps({"names": names}))
    (folder / "jsonfiles" / "JRD_info.json").write_text(json.dumps(labels))
    return folder


@pytest.fixture(scope="session")
def ow_jrd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """50 objects with their coded versions, not to be changed."""
    return write_ow_jrd(tmp_path_factory.mktemp("ow-jrd") / "set", 28, 10, 12, versions=True)


@pytest.fixture(scope="session")
def quick() -> Callable[..., TrainOptions]:
    """Makes the options of a quick run."""
    return quick_options


@pytest.fixture(scope="session")
def make_ow_jrd() -> Callable[..., Path]:
    """Writes a data set."""
    return write_ow_jrd


def quick_options(ow_jrd: Path, out: Path, model: str = "dt_jrd", **changes: object) -> TrainOptions:
    """A run of seconds: a tiny network, small crops, random weights."""
    values: dict[str, object] = {
        "model": model,
        "data": f"ow-jrd:{ow_jrd}",
        "out": str(out),
        "init": "random",
        "backbone": "test_vit" if model == "dt_jrd" else "test_efficientnet",
        "size": 32,
        "epochs": 2,
        "batch": 4,
        "lr": 0.03,
        "device": "cpu",
        "seed": 5,
        "versions": 2,
        "checkpoint_every": 3,
        "limit": None if model == "dt_jrd" else 8,
    }
    return TrainOptions(**(values | changes))  # type: ignore[arg-type]
