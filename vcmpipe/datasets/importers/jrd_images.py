"""Pictures with their 64 coded versions in folders, as the 8,471-picture set of DT-JRD has them.

Patterns state where originals and versions are, ``original/{name}.*`` and ``distorted/{name}/{name}_{qp}.png``
unless others are named. Labels come from a JSON file ``{"NAME_1": 41, ...}`` with an object's number after its
picture's name, or with the picture's name alone; lists ``{train,val,test}_names.json`` beside it give the split.
Without labels every picture is one sample whose label is not known.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vcmpipe.config import DatasetImportOptions, parse_range
from vcmpipe.datasets.importers.ow_jrd import LABELS, NAMES, picture_of, read_labels, read_split
from vcmpipe.datasets.importers.patterns import check_pattern, find_by_pattern, incomplete
from vcmpipe.datasets.importers.reading import and_more, shown
from vcmpipe.datasets.importers.registry import Imported
from vcmpipe.datasets.samples import SPLITS, Samples, make_table, split_by_picture
from vcmpipe.errors import InputError
from vcmpipe.frames import picture_size

ORIGINALS = "original/{name}.*"
VERSIONS = "distorted/{name}/{name}_{qp}.png"


def read(options: DatasetImportOptions) -> Imported:
    """Read names, sizes and labels; see the module.

    Raises:
        InputError: There are no pictures, or labels of pictures that are not there, or the labels are damaged.
    """
    folder = Path(options.source)
    originals = check_pattern(options.originals or ORIGINALS, "--originals", qp=False)
    versions = check_pattern(options.pattern or VERSIONS, "--pattern", qp=True)
    qps = parse_range(options.qps, low=0, high=63, what="--qps")
    pictures = find_by_pattern(folder, originals)
    if not pictures:
        raise InputError(f"{folder} has no picture like {originals}: give their names with --originals")
    labels, split = _labels(folder, options.labels, pictures)
    bare = set(pictures) - {_home(name, pictures) for name in labels}
    names = sorted([*labels, *bare])
    homes = {name: _home(name, pictures) for name in names}
    sizes = {name: picture_size(folder / path) for name, path in pictures.items()}
    by_seed = dict(zip(pictures, split_by_picture(pictures, options.seed), strict=True))
    by_list = {homes[name]: part for name, part in split.items()}
    table = make_table(
        sample=names,
        picture=[homes[name] for name in names],
        split=[by_list.get(homes[name], by_seed[homes[name]]) for name in names],
        label=[labels.get(name, np.nan) for name in names],
        width=[sizes[homes[name]][0] for name in names],
        height=[sizes[homes[name]][1] for name in names],
        path=[pictures[homes[name]] for name in names],
    )
    missing = []
    if not labels:
        missing.append("the labels: vcmpipe dataset build on the originals makes them")
    elif bare:
        missing.append(f"labels of {len(bare):,} of {len(pictures):,} pictures")
    if any(name not in pictures for name in labels):
        missing.append("the boxes and classes of the objects")
    lacking = incomplete(folder, versions, pictures, qps)
    if lacking:
        missing.append(
            f"coded versions of {len(lacking):,} of {len(pictures):,} pictures ({versions}, QP {options.qps})"
        )
    source = {"kind": "jrd-images", "versions": versions, "qps": list(qps), "split_seed": options.seed}
    return Imported(
        Samples(table, folder.resolve().name, "vvc-qp", tuple(missing), root=str(folder.resolve()), source=source)
    )


def _labels(folder: Path, name: str | None, pictures: dict[str, str]) -> tuple[dict[str, int], dict[str, str]]:
    """Labels by name, and their split where there are lists of names."""
    path = Path(name) if name is not None else folder / LABELS
    if name is None and not path.is_file():
        return {}, {}
    labels = read_labels(path)
    strange = [each for each in labels if _home(each, pictures) not in pictures]
    if strange:
        raise InputError(
            f"{path}: {shown(strange[0])}{and_more(len(strange) - 1)} belongs to no picture that is there: "
            "the names are PICTURE or PICTURE_NUMBER"
        )
    homes = {_home(each, pictures) for each in labels if each not in pictures}
    both = [each for each in labels if each in homes]
    if both:
        raise InputError(
            f"{path}: {shown(both[0])} has a label of its own and labels of objects: give one or the other"
        )
    lists = [path.parent / NAMES.format(split=part) for part in SPLITS]
    return labels, read_split(path.parent, labels) if any(each.is_file() for each in lists) else {}


def _home(name: str, pictures: dict[str, str]) -> str:
    """The picture that a name of a picture or an object belongs to."""
    return name if name in pictures else picture_of(name)
