"""Labelled objects with their pixels, whatever data set they come from."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import DatasetImportOptions, ObjectsOptions
from vcmpipe.datasets.importers import ow_jrd
from vcmpipe.datasets.importers.patterns import check_pattern, filled
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.samples import Samples
from vcmpipe.datasets.store import Store
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, read_picture
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text
from vcmpipe.thresholds.crops import cut

if TYPE_CHECKING:
    import pandas as pd

OW_JRD = "ow-jrd"
# Decoded pictures kept at a time: neighbours in a data set share them.
_KEPT = 16
# A crop is as small as its object.
_LEAST = 1
BOX = ["x1", "y1", "x2", "y2"]
"""The columns of boxes."""
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class ObjectSet:
    """Objects with labels and pixels.

    Attributes:
        samples: Labelled and recognisable objects only.
        pictures: Their pixels.
        left_out: Objects that were not taken because they are never recognised, or have no label.
        seen: Them, too: all rows with pixels, as a detector saw them.
    """

    samples: Samples
    pictures: Pictures
    left_out: int
    seen: pd.DataFrame

    def split(self, name: str) -> pd.DataFrame:
        """The rows of a split (train, val, test), or of all."""
        table = self.samples.table
        return table if name == "all" else table[table["split"] == name].reset_index(drop=True)

    def labels(self, name: str) -> NDArray[np.int64]:
        """The labels of a split."""
        return self.split(name)["label"].to_numpy(dtype=np.int64)

    def detections(self) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """By ``path`` what a detector saw in a picture: boxes (N, 4) and scores (N,).

        Raises:
            InputError: An object has no score, or no box.
        """
        lacking = self.seen[[*BOX, "score"]].isna().any(axis=1)
        if lacking.any():
            raise InputError(
                f"{self.samples.name} lacks the box or the score of {lacking.sum():,} of {len(lacking):,} objects, "
                "which a confidence map shows: take a built store or a label table, or leave out --confidence"
            )
        return {
            str(path): (rows[BOX].to_numpy(dtype=np.float64), rows["score"].to_numpy(dtype=np.float64))
            for path, rows in self.seen.groupby("path", sort=False)
        }


def open_objects(options: ObjectsOptions) -> ObjectSet:
    """The objects that the options name.

    Raises:
        InputError: There is no such data set, it is damaged, or no object in it has a label on VVC's QP scale.
    """
    samples, pictures = _open(options)
    if samples.scale != "vvc-qp":
        raise InputError(
            f"{options.data}: its labels count {samples.scale}, and thresholds of objects are VVC QPs: "
            "predictors cannot be trained or judged on it"
        )
    table = samples.table
    if options.exclude:
        table = table[~named_in(table["picture"], Path(options.exclude))]
    if not table.empty and table["path"].isna().all():
        raise InputError(f"{options.data} holds no crops and no pictures, only labels: {'; '.join(samples.missing)}")
    table = table[table["path"].notna()]  # the others are reported in samples.missing
    usable = table[table["label"].notna() & table["recognisable"]]
    if usable.empty:
        raise InputError(
            f"{options.data} has no labelled objects: {len(table)} are in it, none with a threshold (a store without "
            "objects, or a detector that sees none)"
        )
    # Which ones must not depend on what else is in the data set.
    kept = usable if options.limit is None else usable.groupby("split", sort=False).head(options.limit)
    samples = dataclasses.replace(samples, table=kept.reset_index(drop=True))
    return ObjectSet(samples, pictures, len(table) - len(usable), table.reset_index(drop=True))


def _open(options: ObjectsOptions) -> tuple[Samples, Pictures]:
    kind, _, rest = options.data.partition(":")
    if kind == OW_JRD:
        requested = DatasetImportOptions(data_set="ow-jrd", source=rest, out="unused", pattern=options.pattern)
        samples = ow_jrd.read(requested).samples
        return samples, SamplePictures(samples, options)
    samples = load_samples(options.data, options.rule)
    path = Path(options.data)
    # Of a store of segments the frames that boxes are of lie there as pictures, and the samples lead to them.
    built = samples.source.get("kind") == "jrd-store" and path.is_dir() and (path / "streams").is_dir()
    if built and not samples.source.get("video"):
        return samples, StorePictures(Store.open(path), Path(options.images) if options.images else None)
    return samples, SamplePictures(samples, options)


def named_in(pictures: Iterable[str], file: Path, *, some: bool = True) -> NDArray[np.bool_]:
    """Which pictures a list names, by their whole name, its last part, or that without ending.

    Where ``some`` is to be among them and none is, it is an InputError.
    """
    names = {line.strip() for line in read_text(file, LARGEST_DOCUMENT, "--exclude").splitlines()} - {""}
    paths = [PurePosixPath(name) for name in pictures]
    marks = [bool({str(p), p.name, p.stem, str(p.with_suffix(""))} & names) for p in paths]
    found = {n for p in paths for n in (str(p), p.name, p.stem, str(p.with_suffix("")))}
    unknown = names - found
    if some and unknown == names and names:
        raise InputError(f"--exclude {file}: none of its {len(names)} names is a picture of this data set")
    return np.array(marks, dtype=bool)


class StorePictures:
    """Pixels of a built store: sources from the folder of pictures, versions decoded when they are requested."""

    def __init__(self, store: Store, images: Path | None = None) -> None:
        self.store, self.images = store, images
        self._source = lru_cache(_KEPT)(self._read)

    def _read(self, name: str) -> Frame:
        return self.store.source(name, self.images)

    def crop(self, row: pd.Series) -> Pixels:
        """The object in the source: uint8 (rows, columns, 3); rows are those of ``Samples.table``."""
        return cut(*self.whole(row))

    def whole(self, row: pd.Series) -> tuple[Pixels, list[float]]:
        """The source that the object is in, and its box; InputError where there is only a crop."""
        return self._source(row["picture"]).rgb, row[BOX].to_list()

    def version(self, row: pd.Series, qp: int) -> Pixels:
        """The object in the picture coded at a QP, of the same size."""
        return cut(self.store.versions(row["picture"], [qp])[0].rgb, row[BOX].to_list())

    def picture(self, rows: pd.DataFrame) -> tuple[Frame, NDArray[np.float32]]:
        """A source picture and the boxes (N, 4) of the objects in it, in its pixels."""
        return self._source(rows["picture"].iloc[0]), rows[BOX].to_numpy(dtype=np.float32)

    def versions(self, rows: pd.DataFrame, qps: Sequence[int]) -> list[Frame]:
        """The same picture coded at QPs."""
        return self.store.versions(rows["picture"].iloc[0], list(qps))

    def file(self, row: pd.Series) -> Path:
        """The file that the source's pixels are in."""
        return (self.images or self.store.images) / str(row["picture"])

    def __getstate__(self) -> dict[str, object]:
        return {"store": self.store, "images": self.images}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__init__(state["store"], state["images"])  # type: ignore[misc, arg-type]


class SamplePictures:
    """Pixels of a table of samples: its paths lead to pictures, or to crops with coded versions by a pattern.

    Args:
        samples: The table.
        options: May give the place of the pixels.
    """

    def __init__(self, samples: Samples, options: ObjectsOptions) -> None:
        self.name, self.root = samples.name, Path(options.images or samples.root or ".")
        pattern = options.pattern or samples.source.get("versions")
        self.pattern = check_pattern(str(pattern), "--pattern", qp=True) if pattern else None

    def crop(self, row: pd.Series) -> Pixels:
        """See ``StorePictures``."""
        rgb, box = self._open(row)
        return cut(rgb, box)

    def whole(self, row: pd.Series) -> tuple[Pixels, list[float]]:
        """See ``StorePictures``."""
        rgb, box = self._open(row)
        if not self._is_whole(rgb, row):
            raise InputError(
                f"{self.name} holds a crop of {row['sample']!r} ({row['path']}) and not its picture, and --context and "
                "--confidence need that: take a built store or a label table with its pictures"
            )
        return rgb, box

    def _is_whole(self, rgb: Pixels, row: pd.Series) -> bool:
        size = row[["width", "height"]]
        named = row["path"] == row["picture"]
        same = bool(size.notna().all()) and size.to_list() == [rgb.shape[1], rgb.shape[0]]
        return bool(named or same) and not row[BOX].isna().any()

    def _open(self, row: pd.Series) -> tuple[Pixels, list[float]]:
        return self._boxed(read_picture(self.root / row["path"], _LEAST), row)

    def _boxed(self, rgb: Pixels, row: pd.Series) -> tuple[Pixels, list[float]]:
        if self._is_whole(rgb, row):
            return rgb, row[BOX].to_numpy(dtype=np.float64).tolist()
        return rgb, [0.0, 0.0, float(rgb.shape[1]), float(rgb.shape[0])]  # a crop

    def version(self, row: pd.Series, qp: int) -> Pixels:
        """See ``StorePictures``."""
        rgb, box = self._boxed(self._coded(row, qp), row)
        return cut(rgb, box)

    def _coded(self, row: pd.Series, qp: int) -> Pixels:
        if self.pattern is None:
            raise InputError(f"{self.name} holds no coded versions: take a built store, or name them with --pattern")
        path = self.root / filled(self.pattern, row["sample"], qp)
        if not path.is_file():
            raise InputError(f"{path} is missing: --pattern names coded versions")
        return read_picture(path, _LEAST)

    def picture(self, rows: pd.DataFrame) -> tuple[Frame, NDArray[np.float32]]:
        """See ``StorePictures``."""
        rgb, _ = self._open(rows.iloc[0])
        boxes = np.array([self._boxed(rgb, row)[1] for _, row in rows.iterrows()], dtype=np.float32)
        return Frame(0, rgb, str(rows["path"].iloc[0])), boxes

    def versions(self, rows: pd.DataFrame, qps: Sequence[int]) -> list[Frame]:
        """See ``StorePictures``."""
        row = rows.iloc[0]
        return [Frame(0, self._coded(row, qp), str(row["path"])) for qp in qps]

    def file(self, row: pd.Series) -> Path:
        """See ``StorePictures``."""
        return self.root / str(row["path"])


Pictures = StorePictures | SamplePictures
"""Where the pixels of objects come from."""


def groups(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows that one picture file holds, each group in the table's order; crops are files of their own."""
    key = rows["path"].fillna(rows["sample"])
    return [part for _, part in rows.groupby(key, sort=False)]
