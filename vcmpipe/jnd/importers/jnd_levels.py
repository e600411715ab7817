"""Pictures with three JNDs in the layout of LASeR-JND and MTJND, or named by a manifest.

``train/``, ``valid/`` and ``test/`` hold pictures; ``jnd1train/``, ``jnd2valid/`` and so on the same pictures coded at
their JND, where they are there. ``JND-Levels.txt`` in each part has a row per picture, the pictures sorted by name,
with the columns JND1 JND2 JND3 between blanks; one such file beside the parts has the rows of train, valid and test
one after the other. A file ``manifest.csv`` beside the parts names each picture instead, and is then what counts: see
``jnd_manifest``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.importers.reading import and_more, pictures_by_stem, shown
from vcmpipe.datasets.importers.registry import Imported
from vcmpipe.datasets.samples import Samples, split_by_picture, table_of
from vcmpipe.errors import InputError
from vcmpipe.frames import picture_size
from vcmpipe.jnd.importers.jnd_manifest import LEVELS, MANIFEST, Entry, Labels, in_order, read_manifest, write_manifest
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text
from vcmpipe.process.text import count

LABELS = "JND-Levels.txt"
PARTS = {"train": "train", "valid": "val", "test": "test"}
# What the published layout counts: it was made of VideoSet.
DEFAULT_SCALE = "h264-qp"


def read(options: DatasetImportOptions) -> Imported:
    """Read names, sizes and labels; see the module.

    A sample is a picture and a level. The coded pictures are kept as ``coded``: sample, path, coded, both below the
    folder. With ``--write-manifest`` what was read is written down by name, too.

    Raises:
        InputError: Rows and pictures do not go together, a label is none or outside the scale, or the levels of a
            picture do not ascend; the message names file and row.
    """
    folder, scale = Path(options.source), options.scale or DEFAULT_SCALE
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder: name the one that holds {MANIFEST}, or {', '.join(PARTS)}")
    named = (folder / MANIFEST).is_file()
    entries = read_manifest(folder, scale) if named else _by_position(folder, scale)
    sizes = [_size(folder, entry) for entry in entries]
    by_seed = split_by_picture([entry.source for entry in entries], options.seed)
    rows, coded = [], []
    for entry, size, drawn in zip(entries, sizes, by_seed, strict=True):
        for level, label, version in zip(LEVELS, entry.labels, entry.coded, strict=True):
            if label is not None:
                sample = f"{entry.name}_{level}"
                rows.append((sample, entry.source, entry.split or drawn, label, level, *size, entry.name))
                if version is not None:
                    coded.append((sample, entry.name, version))
    table = table_of(("sample", "picture", "split", "label", "level", "width", "height", "path"), rows)
    source = {"kind": "jnd-levels", "by": "name" if named else "position"}
    if any(entry.split is None for entry in entries):
        source["split_seed"] = str(options.seed)
    samples = Samples(table, folder.resolve().name, scale, _missing(entries), root=str(folder.resolve()), source=source)
    if options.write_manifest is not None:
        write_manifest(Path(options.write_manifest), entries)
    return Imported(samples, {"coded": pd.DataFrame(coded, columns=["sample", "path", "coded"])} if coded else {})


def _by_position(folder: Path, scale: str) -> list[Entry]:
    """The entries of the layout without a manifest: rows and pictures are matched by their order, and counted."""
    parts = [part for part in PARTS if (folder / part).is_dir()]
    if not parts:
        raise InputError(f"{folder} has neither {MANIFEST} nor folders {', '.join(PARTS)}: name the data set's folder")
    pictures = {part: _pictures(folder / part) for part in parts}
    own = [part for part in parts if (folder / part / LABELS).is_file()]
    if (folder / LABELS).is_file():
        if own:
            raise InputError(f"there are {folder / LABELS} and {folder / own[0] / LABELS}: leave one of them")
        files = [(folder / LABELS, parts)]
    else:
        lacking = [part for part in parts if part not in own]
        if lacking:
            raise InputError(f"{folder / lacking[0] / LABELS} does not exist: a row for each picture in {lacking[0]}")
        files = [(folder / part / LABELS, [part]) for part in parts]
    entries = []
    for path, within in files:
        labels = _read_levels(path, scale)
        names = [(part, name) for part in within for name in pictures[part]]
        if len(labels) != len(names):
            raise InputError(
                f"{path} has {len(labels)} rows, {' and '.join(within)} {'has' if len(within) == 1 else 'have'} "
                f"{len(names)} pictures: without {MANIFEST} there must be a row for each, in the order of their names"
            )
        for (part, name), values in zip(names, labels, strict=True):
            relative = f"{part}/{name}"
            entries.append(Entry(relative, str(Path(relative).with_suffix("")), PARTS[part], values))
    versions: dict[str, list[str | None]] = {entry.name: [] for entry in entries}
    for part in parts:
        for level in LEVELS:
            listed = pictures[part]
            found: Sequence[str | None] = _coded(folder, part, level, listed) or [None] * len(listed)
            for name, version in zip(listed, found, strict=True):
                versions[f"{part}/{name}"].append(version)
    return [replace(entry, coded=tuple(versions[entry.name])) for entry in entries]


def _pictures(folder: Path) -> list[str]:
    """File names of the pictures in a folder, of which there must be some; see ``pictures_by_stem``."""
    # ``1.png`` and ``1.jpg`` would be one source, and may not even be the same picture.
    names = [path.name for path in pictures_by_stem(folder).values()]
    if not names:
        raise InputError(f"{folder} holds no pictures")
    return names


def _read_levels(path: Path, scale: str) -> list[Labels]:
    lines = read_text(path, LARGEST_DOCUMENT).splitlines()
    rows: list[Labels] = []
    for number, line in enumerate(lines, 1):
        cells = line.split()
        if not cells or (not rows and [cell.upper() for cell in cells] == ["JND1", "JND2", "JND3"]):
            continue
        if len(cells) != len(LEVELS):
            raise InputError(
                f"{path}, row {number}: {shown(line.strip())} has {len(cells)} columns, not JND1 JND2 JND3"
            )
        rows.append(in_order(cells, scale, f"{path}, row {number}"))
    return rows


def _coded(folder: Path, part: str, level: int, pictures: Sequence[str]) -> list[str] | None:
    """The coded versions of a part at a level, in the order of its pictures; None where there is no folder of them.

    Versions have the names of their pictures, with whatever ending; where none has, the order counts, as for labels.
    """
    place = folder / f"jnd{level}{part}"
    if not place.is_dir():
        return None
    names = _pictures(place)
    if len(names) != len(pictures):
        raise InputError(
            f"{place} has {count(len(names), 'picture')}, {folder / part} has {len(pictures)}: each needs its own"
        )
    by_stem = {Path(name).stem: name for name in names}
    lone = [name for name in pictures if Path(name).stem not in by_stem]
    if not lone:
        names = [by_stem[Path(name).stem] for name in pictures]
    elif len(lone) < len(pictures):
        raise InputError(f"{place} has no {shown(Path(lone[0]).stem)}{and_more(len(lone) - 1)}, but others by name")
    return [f"{place.name}/{name}" for name in names]


def _size(folder: Path, entry: Entry) -> tuple[int, int]:
    """Width and height of a picture, which those of its coded versions must be, too."""
    size = picture_size(folder / entry.name)
    for name in entry.coded:
        if name is not None and (other := picture_size(folder / name)) != size:
            raise InputError(
                f"{folder / name} has {other[0]}x{other[1]} pixels, {folder / entry.name} {size[0]}x{size[1]}"
            )
    return size


def _missing(entries: Sequence[Entry]) -> tuple[str, ...]:
    lines = []
    for i, level in enumerate(LEVELS):
        unlabelled = sum(entry.labels[i] is None for entry in entries)
        if unlabelled:
            lines.append(f"JND {level} of {unlabelled:,} of {len(entries):,} pictures")
        without = sum(entry.coded[i] is None for entry in entries)
        if without:
            lines.append(f"{without:,} of {len(entries):,} pictures coded at their JND {level}")
    return tuple(lines)
