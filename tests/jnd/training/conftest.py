"""Pictures with JNDs by a rule, and pairs of patches: small enough that networks of real size take seconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch

from vcmpipe.config import TrainOptions
from vcmpipe.datasets.samples import Samples, make_table, write_samples


@pytest.fixture(autouse=True)
def one_thread():
    """Sums in one order, so that weights can be compared bit for bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def picture(seed: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Texture on a gradient, stronger with the seed."""
    rng = np.random.default_rng(seed)
    base = np.linspace(60, 190, width)[None, :, None]
    return np.clip(base + rng.normal(0, 5 + 6 * seed, (height, width, 3)), 0, 255).astype(np.uint8)


def write(path: Path, rgb: np.ndarray) -> None:
    """A PNG, without waiting for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), rgb[..., ::-1])


def write_jnd_set(
    folder: Path,
    splits: tuple[str, ...] = ("train", "train", "train", "val"),
    *,
    scale: str = "h264-qp",
    levels: tuple[int, ...] = (1, 2, 3),
    drop: tuple[tuple[int, int], ...] = (),
    change: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
) -> Path:
    """A folder of samples; ``drop`` has (picture, level) that are left out. Pictures lie below ``images``."""
    rows = []
    for number, split in enumerate(splits):
        path = f"{split}/p{number}.png"
        write(folder / "images" / path, picture(number))
        for level in levels:
            if (number, level) not in drop:
                label = 20.0 + 3 * number + 4 * level
                rows.append((f"p{number}_{level}", f"p{number}", split, label, level, path))
    columns = ("sample", "picture", "split", "label", "level", "path")
    table = change(
        make_table(**{name: list(values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)})
    )
    samples = Samples(table, "made", scale, root=str(folder / "images"), source={"kind": "made"})
    write_samples(samples, folder / "samples")
    return folder / "samples"


def write_pairs(folder: Path, counts: dict[str, int], size: tuple[int, int] = (16, 16)) -> Path:
    """CPL-Set's layout: the partner is the pristine patch, a little blurred."""
    number = 0
    for part, count in counts.items():
        for _ in range(count):
            pristine = picture(1 + number % 4, *size)
            number += 1
            write(folder / "Dataset" / part / "data_crop" / f"c{number}.png", pristine)
            write(folder / "Dataset" / part / "label_crop" / f"c{number}.png", cv2.blur(pristine, (3, 1)))
    return folder


def jnd_options(model: str, data: Path, out: Path, **changes: object) -> TrainOptions:
    """A run of seconds on the CPU."""
    values: dict[str, object] = {"model": model, "data": str(data), "out": str(out)}
    values |= {"epochs": 1, "batch": 2, "lr": 1e-4, "device": "cpu", "seed": 5}
    return TrainOptions(**(values | changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def jnd_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pictures of three levels, not to be changed."""
    return write_jnd_set(tmp_path_factory.mktemp("jnd"))


@pytest.fixture(scope="session")
def make_jnd_set() -> Callable[..., Path]:
    """Writes a data set."""
    return write_jnd_set


@pytest.fixture(scope="session")
def make_pairs() -> Callable[..., Path]:
    """Writes pairs in CPL-Set's layout."""
    return write_pairs


@pytest.fixture(scope="session")
def options() -> Callable[..., TrainOptions]:
    """Makes the options of a quick run."""
    return jnd_options
