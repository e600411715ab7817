"""A small data set in each published layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vcmpipe.config import DatasetImportOptions
from vcmpipe.frames import write_png

LABELS = {"00020_1": 50, "00020_2": 0, "00022_1": 41, "00027_1": 63, "a_b_1": 30}
SPLIT = {"train": ["00020_1", "00020_2"], "val": ["00022_1"], "test": ["00027_1", "a_b_1"]}


def importing(data_set: str, source: Path, **changes: Any) -> DatasetImportOptions:
    """Options of an import whose result is not written."""
    return DatasetImportOptions(data_set=data_set, source=str(source), **({"out": "unused"} | changes))  # type: ignore[arg-type]


def write_json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def picture(path: Path, size: tuple[int, int] = (24, 16), grey: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_png(path, np.full((size[1], size[0], 3), grey, np.uint8))


def write_ow_jrd(folder: Path) -> Path:
    """The JSON files of five objects in four pictures."""
    write_json(folder / "JRD_info.json", LABELS)
    for split, names in SPLIT.items():
        write_json(folder / f"{split}_names.json", {"names": names})
    write_json(folder / "coco80_indices.json", {"0": "person", "2": "car"})
    return folder


@pytest.fixture
def ow_jrd(tmp_path: Path) -> Path:
    return write_ow_jrd(tmp_path / "ow-jrd")
