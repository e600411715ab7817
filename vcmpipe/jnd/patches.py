"""Patches of pairs for training: partners are cut at the same places, and a picture's patches are in one split."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from vcmpipe.config import DatasetCropOptions
from vcmpipe.datasets.samples import check_free, split_by_picture
from vcmpipe.errors import InputError
from vcmpipe.frames import png_bytes, read_picture
from vcmpipe.jnd.importers.cpl_set import CRITICAL, PARTS, PRISTINE, paired
from vcmpipe.jnd.pairs import FILE, read_pairs
from vcmpipe.process import output_error
from vcmpipe.process.folders import publish_folder, safe_stem
from vcmpipe.process.progress import Progress
from vcmpipe.sidecar import provenance

# Folders of pristine pictures and their partners, where nobody has split them yet.
WHOLE = ("data", "label")
# CPL-Set has no test part of its own.
_SHARES = (0.9, 0.1, 0.0)


@dataclass(frozen=True)
class CropReport:
    """What was cut: pairs of pictures, pairs of patches by split, names of pictures too small for a patch."""

    out: str
    size: int
    stride: int
    pictures: int
    patches: dict[str, int]
    too_small: list[str]


class _Pair(NamedTuple):
    name: str
    split: str
    pristine: Path
    critical: Path


def crop_pairs(options: DatasetCropOptions, *, progress: Progress = lambda done, total: None) -> CropReport:
    """Cut pairs into patches, in the layout that ``vcmpipe dataset import cpl-set`` reads.

    Raises:
        InputError: There are no pairs, partners differ in size, or no picture holds a patch.
        OutputError: The folder cannot be written.
    """
    out = Path(options.out)
    check_free(out)
    pairs = _pairs(Path(options.source), options.seed)
    stride = options.stride or options.size
    counts = dict.fromkeys(PARTS.values(), 0)
    too_small: list[str] = []
    with publish_folder(out) as folder:
        try:
            for done, pair in enumerate(pairs, 1):
                count = _cut(pair, folder, options.size, stride)
                counts[pair.split] += count
                too_small += [] if count else [pair.name]
                progress(done, len(pairs))
            if len(too_small) == len(pairs):
                raise InputError(
                    f"{options.source}: no picture holds a patch of {options.size} pixels: a smaller --size"
                )
            report = CropReport(options.out, options.size, stride, len(pairs) - len(too_small), counts, too_small)
            about = asdict(report) | {"source": options.source, "seed": options.seed}
            text = json.dumps(about | {"provenance": provenance.versions()}, indent=2, ensure_ascii=False)
            (folder / "crops.json").write_text(text + "\n", encoding="utf-8", errors="surrogatepass")
        except OSError as error:
            raise output_error(out, error) from error
    return report


def _cut(pair: _Pair, folder: Path, size: int, stride: int) -> int:
    """Write the patches of a pair; how many there are."""
    pristine, critical = read_picture(pair.pristine), read_picture(pair.critical)
    if pristine.shape != critical.shape:
        (height, width), (rows, columns) = pristine.shape[:2], critical.shape[:2]
        raise InputError(f"{pair.pristine} has {width}x{height} pixels, {pair.critical} {columns}x{rows}")
    part = next(name for name, split in PARTS.items() if split == pair.split)
    places = [
        (y, x)
        for y in range(0, pristine.shape[0] - size + 1, stride)
        for x in range(0, pristine.shape[1] - size + 1, stride)
    ]
    for kind, rgb in ((PRISTINE, pristine), (CRITICAL, critical)):
        target = folder / "Dataset" / part / kind
        target.mkdir(parents=True, exist_ok=True)
        for y, x in places:
            (target / f"{pair.name}_{y}_{x}.png").write_bytes(png_bytes(rgb[y : y + size, x : x + size]))
    return len(places)


def _pairs(source: Path, seed: int) -> list[_Pair]:
    """Pairs with names of their own that are safe to write under."""
    if not source.is_dir():
        raise InputError(f"{source} does not exist: name a folder of samples or of pairs")
    found: list[_Pair]
    if (source / FILE).is_file():
        opened = read_pairs(source)
        found = [
            _Pair(str(row["sample"]), str(row["split"]), opened.root / row["path"], opened.root / row["critical"])
            for row in opened.table.to_dict("records")
        ]
    elif all((source / name).is_dir() for name in WHOLE):
        partners = paired(source, *WHOLE)
        splits = split_by_picture([name for name, _, _ in partners], seed, _SHARES)
        found = [_Pair(name, split, *files) for (name, *files), split in zip(partners, splits, strict=True)]
    else:
        raise InputError(
            f"{source} holds no pairs: name a folder that vcmpipe dataset import cpl-set made, or one with the folders "
            f"{' and '.join(WHOLE)}, pictures and their partners under the same names"
        )
    names = [safe_stem(pair.name, f"picture{n}") for n, pair in enumerate(found)]
    if len(set(names)) < len(names):
        names = [f"{n}_{name}" for n, name in enumerate(names)]
    return [pair._replace(name=name) for name, pair in zip(names, found, strict=True)]
