"""CPL-Set: pictures beside the same ones at their critical perceptual level: viewers just cannot tell them apart.

``Dataset/{train,valid}/{data_crop,label_crop}``: pristine pictures and their partners under the same names; ``test``
likewise, where it is there.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.importers.reading import and_more, pictures_by_stem, shown
from vcmpipe.datasets.importers.registry import Imported
from vcmpipe.datasets.samples import Samples, table_of
from vcmpipe.errors import InputError
from vcmpipe.frames import picture_size

PAIRS = 882
PARTS = {"train": "train", "valid": "val", "test": "test"}
"""Splits by the folders of the parts."""
PRISTINE, CRITICAL = "data_crop", "label_crop"
"""The folders of pristine pictures and of their partners."""


def read(options: DatasetImportOptions) -> Imported:
    """Read names and sizes of the pairs; see the module.

    A sample is a pristine picture, ``path`` leads to it. The partners are kept as ``pairs``: sample, path, critical,
    both below the data set's folder. There are no labels: the pictures themselves are what is learnt.

    Raises:
        InputError: A folder is missing, or a picture lacks its partner or has another size.
    """
    source = Path(options.source)
    root = source / "Dataset" if (source / "Dataset").is_dir() else source
    # A test part is not known to be published with pairs in it.
    needed = [part for part in PARTS if part != "test" or (root / part / CRITICAL).is_dir()]
    absent = [part for part in needed if not (root / part).is_dir()]
    if len(absent) == len(needed):
        raise InputError(f"{source} has no Dataset/train or Dataset/valid: name CPL-Set's folder")
    rows = []
    for part in needed:
        if part in absent:
            continue
        for name, path, partner in paired(root / part, PRISTINE, CRITICAL):
            size, other = picture_size(path), picture_size(partner)
            if size != other:
                raise InputError(f"{path} has {size[0]}x{size[1]} pixels, {partner} {other[0]}x{other[1]}")
            below = [each.relative_to(root).as_posix() for each in (path, partner)]
            rows.append((f"{part}/{name}", PARTS[part], *size, *below))
    if not rows:
        raise InputError(f"{root} holds no pairs of pictures")
    table = table_of(("sample", "picture", "split", "width", "height", "path"), [(row[0], *row[:5]) for row in rows])
    missing = [f"the {part} pairs" for part in absent]
    if len(rows) < PAIRS:
        missing.append(f"{PAIRS - len(rows)} of {PAIRS} pairs")
    samples = Samples(table, "cpl-set", "none", tuple(missing), root=str(root.resolve()), source={"kind": "cpl-set"})
    pairs = pd.DataFrame([(row[0], *row[4:]) for row in rows], columns=["sample", "path", "critical"])
    return Imported(samples, {"pairs": pairs})


def paired(folder: Path, first: str, second: str) -> list[tuple[str, Path, Path]]:
    """Pictures of two folders by their names: name, the first one's picture, the second one's.

    Raises:
        InputError: A folder is missing, or a picture lacks its partner.
    """
    left, right = (_pictures(folder / kind) for kind in (first, second))
    for some, others, kind in ((left, right, second), (right, left, first)):
        lone = [name for name in some if name not in others]
        if lone:
            raise InputError(f"{folder}: {shown(lone[0])}{and_more(len(lone) - 1)} has no partner in {kind}")
    return [(name, path, right[name]) for name, path in left.items()]


def _pictures(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(f"{folder} does not exist: pairs are in {PRISTINE} and {CRITICAL} in each part of CPL-Set")
    return pictures_by_stem(folder)
