"""The OW-JRD data set as its authors lay it out: crops, coded crops, and label files.

DIR/JRD_info.json (or jsonfiles/)             {"00020_1": 50, ...}
DIR/{train,val,test}_names.json               {"names": [...]}
DIR/data/original/NAME/NAME.png               an object, cut out
DIR/data/distorted/NAME/...                   its 64 coded versions; the naming is a pattern
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.samples import SPLITS, Samples, make_table
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, read_picture

if TYPE_CHECKING:
    import pandas as pd

OW_JRD = "ow-jrd"
_FOLDERS = (".", "jsonfiles")
_CROPS = "data/original/{name}/{name}.png"


def read_ow_jrd(folder: Path) -> Samples:
    """Labels, splits and the places of the crops; crops that are not there are left out and counted.

    Raises:
        InputError: The folder or a label file is missing or damaged, or there are no crops.
    """
    labels = _read(folder, "JRD_info.json")
    if not all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= 63 for v in labels.values()):
        raise InputError(f"{folder}: JRD_info.json must hold a whole QP in 0..63 for each object")
    names, split = [], []
    for part in SPLITS:
        content = _read(folder, f"{part}_names.json").get("names")
        if not isinstance(content, list):
            raise InputError(f"{folder}: {part}_names.json must hold a list named names")
        names += [str(name) for name in content]
        split += [part] * len(content)
    unknown = next((name for name in names if name not in labels), None)
    if unknown is not None:
        raise InputError(f"{folder}: JRD_info.json has no label for {unknown!r}")
    paths = [_CROPS.format(name=name) for name in names]
    here = [(folder / path).is_file() for path in paths]
    if not any(here):
        raise InputError(
            f"{folder} holds no crops: {paths[0] if paths else 'data/original'} and the others are missing"
        )
    rows = [i for i, there in enumerate(here) if there]
    table = make_table(
        sample=[names[i] for i in rows],
        picture=[names[i].rpartition("_")[0] or names[i] for i in rows],
        split=[split[i] for i in rows],
        label=[float(labels[names[i]]) for i in rows],
        path=[paths[i] for i in rows],
    )
    absent = len(names) - len(rows)
    missing = (f"the crops of {absent:,} objects (data/original)",) if absent else ()
    return Samples(table, "OW-JRD", "vvc-qp", missing, root=str(folder), source={"kind": OW_JRD})


def _read(folder: Path, name: str) -> dict[str, Any]:
    path = next((folder / at / name for at in _FOLDERS if (folder / at / name).is_file()), None)
    if path is None:
        raise InputError(f"{folder} is no OW-JRD data set: {name} is missing (in it, or in jsonfiles/)")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} is damaged: it holds no names with values")
    return content


class OwJrdPictures:
    """Pixels of OW-JRD: every object is a picture of its own.

    Args:
        folder: The data set.
        pattern: Where the version of ``{name}`` at ``{qp}`` is.

    Raises:
        InputError: The pattern has other fields.
    """

    def __init__(self, folder: Path, pattern: str) -> None:
        self.folder, self.pattern = folder, pattern
        try:
            if pattern.format(name="a", qp=1) == pattern.format(name="a", qp=2):
                raise KeyError("{qp}")
        except (KeyError, IndexError, ValueError) as error:
            raise InputError(
                f"--versions-at {pattern!r} must hold {{name}} and {{qp}}, nothing else ({error})"
            ) from error

    def crop(self, row: pd.Series) -> NDArray[np.uint8]:
        """The object."""
        return read_picture(self.folder / _CROPS.format(name=row["sample"]))

    def version(self, row: pd.Series, qp: int) -> NDArray[np.uint8]:
        """The object, coded at a QP."""
        path = self.folder / self.pattern.format(name=row["sample"], qp=qp)
        if not path.is_file():
            raise InputError(f"{path} is missing: --versions-at says how the coded versions are named")
        return read_picture(path)

    def picture(self, rows: pd.DataFrame) -> tuple[Frame, NDArray[np.float32]]:
        """The crop as a picture, and a box around all of it."""
        frame = Frame(0, self.crop(rows.iloc[0]), str(rows["sample"].iloc[0]))
        return frame, np.array([[0, 0, frame.width, frame.height]], dtype=np.float32)

    def versions(self, rows: pd.DataFrame, qps: Sequence[int]) -> list[Frame]:
        """The coded crops as pictures."""
        row = rows.iloc[0]
        return [Frame(0, self.version(row, qp), str(row["sample"])) for qp in qps]
