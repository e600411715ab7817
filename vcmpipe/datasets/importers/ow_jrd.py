"""OW-JRD: JRDs of 29,218 objects in COCO photos (TMM 2023), in the files that DT-JRD (TMM 2025) ships.

``JRD_info.json`` has the labels, ``{train,val,test}_names.json`` an image-disjoint split, ``coco80_indices.json`` the
class names, ``all_GT_classes.json`` the test labels once more, ``all_objects_infos.json`` each object's class (in
BC-JRD's files ``objects_infos.json``, where it is named ``CategoryId``). The JSON files lie in ``jsonfiles`` or in the
folder itself; crops are below ``data/original`` and their 64 coded versions below ``data/distorted``. All but labels
and split may be missing, which is reported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.importers.patterns import check_pattern, filled, incomplete
from vcmpipe.datasets.importers.reading import (
    and_more,
    finite,
    kind,
    read_json,
    read_names,
    read_object,
    shown,
    whole,
)
from vcmpipe.datasets.importers.registry import Imported
from vcmpipe.datasets.samples import SPLITS, Samples, make_table
from vcmpipe.errors import InputError

JSON = "jsonfiles"
LABELS = "JRD_info.json"
NAMES = "{split}_names.json"
CLASSES = "coco80_indices.json"
OBJECTS = "all_objects_infos.json"
# The file of DT-JRD, which is written, too, and that of BC-JRD; and what they call the class.
_OBJECTS = {OBJECTS: "class", "objects_infos.json": "CategoryId"}
TEST_LABELS = "all_GT_classes.json"
ORIGINALS = "data/original/{name}/{name}.png"
VERSIONS = "data/distorted/{name}/{name}_{qp}.png"
QPS = tuple(range(64))
_SIDES = ("x1", "y1", "x2", "y2")


def read(options: DatasetImportOptions) -> Imported:
    """Read the data set; see the module.

    Raises:
        InputError: A file is missing or damaged, or files contradict each other.
    """
    folder = Path(options.source)
    originals = check_pattern(options.originals or ORIGINALS, "--originals", qp=False)
    versions = check_pattern(options.pattern or VERSIONS, "--pattern", qp=True)
    files = folder / JSON if (folder / JSON).is_dir() else folder
    labels = read_labels(files / LABELS)
    split = read_split(files, labels)
    _check_test_labels(files, labels)
    classes = read_classes(files / CLASSES) if (files / CLASSES).is_file() else {}
    objects = next((files / name for name in _OBJECTS if (files / name).is_file()), None)
    infos = _infos(objects, labels, classes) if objects is not None else {}
    names = list(labels)
    crops = {name: filled(originals, name) for name in names}
    there = [name for name in names if (folder / crops[name]).is_file()]
    found = set(there)
    missing = []
    if not classes:
        missing.append(f"the class names ({CLASSES})")
    if not infos:
        missing.append(f"the classes and boxes of the objects ({OBJECTS})")
    elif not any("x1" in info for info in infos.values()):
        missing.append("the boxes of the objects")
    if len(there) < len(names):
        missing.append(f"the crops of {len(names) - len(there):,} of {len(names):,} objects ({originals})")
    if lacking := incomplete(folder, versions, names, QPS):
        missing.append(f"coded versions of {len(lacking):,} of {len(names):,} objects ({versions}, QP 0..63)")
    table = make_table(
        sample=names,
        picture=[picture_of(name) for name in names],
        split=[split[name] for name in names],
        label=[labels[name] for name in names],
        class_id=[infos.get(name, {}).get("class_id", pd.NA) for name in names],
        class_name=[infos.get(name, {}).get("class_name", pd.NA) for name in names],
        path=[crops[name] if name in found else pd.NA for name in names],
        **{side: [infos.get(name, {}).get(side, np.nan) for name in names] for side in _SIDES},
    )
    source = {"kind": "ow-jrd", "folder": folder.name, "versions": versions, "originals": originals}
    return Imported(Samples(table, "ow-jrd", "vvc-qp", tuple(missing), root=str(folder.resolve()), source=source))


def read_labels(path: Path) -> dict[str, int]:
    """Labels 0..63 by name.

    Raises:
        InputError: The file is damaged, or a label is none.
    """
    labels = read_object(path)
    if not labels:
        raise InputError(f"{path} holds no labels")
    if "" in labels:
        raise InputError(f"{path}: a label has an empty name")
    return {name: whole(value, 0, 63, f"{path}: the label of {shown(name)}") for name, value in labels.items()}


def read_split(folder: Path, labels: dict[str, Any]) -> dict[str, str]:
    """The split of every name, from the three lists of names.

    Raises:
        InputError: A list is damaged, names something without a label, leaves a label out, or cuts a picture.
    """
    split: dict[str, str] = {}
    homes: dict[str, str] = {}
    for part in SPLITS:
        path = folder / NAMES.format(split=part)
        names = read_names(path)
        unknown = [name for name in names if name not in labels]
        if unknown:
            raise InputError(f"{path}: {shown(unknown[0])}{and_more(len(unknown) - 1)} has no label in {LABELS}")
        for name in names:
            if name in split:
                raise InputError(f"{path}: {shown(name)} is in the {split[name]} split, too")
            home = homes.setdefault(picture_of(name), part)
            if home != part:
                raise InputError(f"{path}: objects of picture {shown(picture_of(name))} are in the {home} split, too")
            split[name] = part
    left = [name for name in labels if name not in split]
    if left:
        raise InputError(f"{folder / LABELS}: {shown(left[0])}{and_more(len(left) - 1)} is in none of the three splits")
    return split


def read_classes(path: Path) -> dict[int, str]:
    """Class names by number.

    Raises:
        InputError: The file is damaged.
    """
    classes: dict[int, str] = {}
    for key, name in read_object(path).items():
        if not (key.isascii() and key.isdigit() and len(key) < 10) or not isinstance(name, str):
            raise InputError(f'{path}: {shown(key)} is not a class: it should hold {{"0": "person", ...}}')
        classes[int(key)] = name
    return classes


def picture_of(name: str) -> str:
    """The picture that an object is in: its name without the number at the end."""
    return name.rpartition("_")[0] or name


def _infos(path: Path, labels: dict[str, int], classes: dict[int, str]) -> dict[str, dict[str, Any]]:
    """Class and, where it is stated, box of each object."""
    infos, key = read_object(path), _OBJECTS[path.name]
    numbers = {name: number for number, name in classes.items()}
    found: dict[str, dict[str, Any]] = {}
    for name in labels:
        if name not in infos:
            raise InputError(f"{path} has no object {shown(name)}, which has a label in {LABELS}")
        info = infos[name]
        if not isinstance(info, dict) or key not in info:
            raise InputError(f'{path}: {shown(name)} has no "{key}"')
        where = f'{path}: "{key}" of {shown(name)}'
        value = info[key]
        if isinstance(value, str) and value in numbers:
            found[name] = {"class_id": numbers[value], "class_name": value}
        elif isinstance(value, str) and not value.isdigit():
            found[name] = {"class_name": value}
        else:
            number = whole(int(value[:9]) if isinstance(value, str) and value.isascii() else value, 0, 10**6, where)
            found[name] = {"class_id": number, "class_name": classes.get(number, pd.NA)}
        found[name] |= _box(info, f"{path}: {shown(name)}")
    return found


def _box(info: dict[str, Any], where: str) -> dict[str, float]:
    # Our own exports state the box; the published file is not to be had, so that nothing is known of a box in it.
    box = info.get("bbox_xyxy")
    if box is None:
        return {}
    if not isinstance(box, list) or len(box) != 4:
        raise InputError(f'{where}: "bbox_xyxy" must be a list of 4 numbers, not {kind(box)} {shown(box)}')
    return dict(zip(_SIDES, (finite(side, f'{where}: a side of "bbox_xyxy"') for side in box), strict=True))


def _check_test_labels(folder: Path, labels: dict[str, int]) -> None:
    """Where the test labels are there a second time, they must be the same."""
    path = folder / TEST_LABELS
    if not path.is_file():
        return
    value = read_json(path)
    batches = value.get("gt") if isinstance(value, dict) else None
    if not isinstance(batches, list) or not all(isinstance(batch, list) for batch in batches):
        raise InputError(f'{path} must hold {{"gt": [[...], ...]}}')
    stated = [label for batch in batches for label in batch]
    if stated != [labels[name] for name in read_names(folder / NAMES.format(split="test"))]:
        raise InputError(f"{path} does not hold the labels that {LABELS} has for the test split: one of them is wrong")
