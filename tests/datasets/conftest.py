"""Pictures for data sets, and a small store built of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcmpipe.config import DatasetBuildOptions
from vcmpipe.datasets.build import build
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.datasets.store import Store
from vcmpipe.frames import write_png

QPS = "26:50:8"
SEED = 910_000


def options(images: Path | str, out: Path | str, **changes: object) -> DatasetBuildOptions:
    """A quick build: four QPs, the demo's detector."""
    values: dict[str, object] = {"images": str(images), "out": str(out), "detector": "demo", "qps": QPS}
    return DatasetBuildOptions(**(values | changes))  # type: ignore[arg-type]


def write_scenes(folder: Path, count: int) -> Path:
    """Demo scenes, the second of them in a sub-folder."""
    for i in range(count):
        path = folder / ("sub" if i == 1 else "") / f"scene{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_png(path, render_scene(SEED + i).rgb)
    return folder


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three demo scenes, one of them in a sub-folder; not to be changed."""
    return write_scenes(tmp_path_factory.mktemp("pictures") / "scenes", 3)


@pytest.fixture(scope="session")
def built(scenes: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store of the three scenes at four QPs, built in one go; not to be changed."""
    out = tmp_path_factory.mktemp("stores") / "store"
    build(options(scenes, out))
    return Store.open(out)
