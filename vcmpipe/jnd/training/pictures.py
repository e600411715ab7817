"""Pictures with the JNDs that human observers found in them, whatever data set they come from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vcmpipe.config import TrainOptions
from vcmpipe.datasets.importers.reading import and_more
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import Samples, picture_files
from vcmpipe.errors import InputError
from vcmpipe.frames import read_picture
from vcmpipe.process.progress import Warn
from vcmpipe.process.text import count
from vcmpipe.training.objects import named_in


@dataclass(frozen=True)
class PictureSet:
    """Pictures with labels.

    Attributes:
        samples: The data set that they come from.
        table: A row per picture: ``path``, ``split``, and the label of each level in a column of that number.
        root: Where the paths start.
        levels: The levels that are learned; none where pictures alone are.
    """

    samples: Samples
    table: pd.DataFrame
    root: Path
    levels: tuple[int, ...]

    def split(self, name: str) -> pd.DataFrame:
        """The rows of a split: train, val, test."""
        return self.table[self.table["split"] == name].reset_index(drop=True)

    def labels(self, name: str) -> NDArray[np.float64]:
        """(N, levels) the labels of a split."""
        labels: NDArray[np.float64] = self.split(name)[list(self.levels)].to_numpy(dtype=np.float64)
        return labels

    def read(self, path: str) -> NDArray[np.uint8]:
        """A picture, RGB."""
        return read_picture(self.root / path)

    @property
    def digest(self) -> str:
        """Of names, splits and labels."""
        text = self.table[["path", "split", *self.levels]].to_csv(index=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    def out_of_order(self) -> list[str]:
        """Pictures whose labels do not go from fine to coarse."""
        labels = self.table[list(self.levels)].to_numpy(dtype=np.float64)
        steps = np.diff(labels, axis=1) * (-1 if self.samples.scale == "jpeg-qf" else 1)
        wrong = np.flatnonzero((steps < 0).any(axis=1))
        return [str(self.table["path"].iloc[int(row)]) for row in wrong]


def open_pictures(options: TrainOptions, levels: tuple[int, ...], warn: Warn = lambda message: None) -> PictureSet:
    """The pictures of a data set; every one must have the ``levels``, and labels out of order are warned of.

    Raises:
        InputError: There is no such data set; a picture is not there, lacks a level, or has one twice; nothing is left.
    """
    samples = load_samples(options.data)
    table = samples.table
    if options.exclude:
        table = table[~named_in(table["picture"], Path(options.exclude))]
    if table.empty:
        raise InputError(f"{options.data} holds no pictures to learn from")
    root = Path(options.images or samples.root or ".")
    picture_files(samples, table, options.images, "leave what has none out with --exclude")
    pictures = table.groupby("path", sort=False)["split"].first().reset_index()
    if levels:
        _check_levels(options.data, samples.scale, table)
        labels = table.dropna(subset=["level", "label"]).pivot(index="path", columns="level", values="label")
        _check_complete(options.data, pictures["path"], labels, levels)
        pictures = pictures.merge(labels[list(levels)], left_on="path", right_index=True, how="left")
    if options.limit is not None:
        pictures = pictures.groupby("split", group_keys=False, sort=False).head(options.limit)
    found = PictureSet(samples, pictures.reset_index(drop=True), root, levels)
    if len(levels) > 1 and (wrong := found.out_of_order()):
        warn(f"the JNDs are not in order in {count(len(wrong), 'picture')}, such as {wrong[0]!r}: answers always are")
    return found


def _check_levels(data: str, scale: str, table: pd.DataFrame) -> None:
    if scale == "none" or table["label"].isna().all():
        raise InputError(f"{data} has no labels: only the stage autoencoder can learn from it")
    if table["level"].isna().all():
        raise InputError(f"{data} has no JND levels: its labels are of objects, not of human viewers")
    twice = table.dropna(subset=["level"]).duplicated(["path", "level"])
    if twice.any():
        row = table.dropna(subset=["level"])[twice].iloc[0]
        raise InputError(f"{data}: {row['path']!r} has level {row['level']} twice{and_more(int(twice.sum()) - 1)}")


def _check_complete(data: str, paths: pd.Series, labels: pd.DataFrame, levels: tuple[int, ...]) -> None:
    for level in levels:
        known = list(labels.index[labels[level].notna()]) if level in labels.columns else []
        lacking = paths[~paths.isin(known)]
        if len(lacking):
            which = f"{str(lacking.iloc[0])!r}{and_more(len(lacking) - 1)}"
            raise InputError(
                f"{data}: {which} lacks a label of level {level}, which is learned: leave it out with --exclude, or "
                "choose another variant or --level"
            )
