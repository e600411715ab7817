"""A store in the layout in which DT-JRD's training scripts read OW-JRD: ``jsonfiles``, and crops in ``data``.

What is written can be read again by ``vcmpipe dataset import ow-jrd``. Objects that are never recognised have no JRD;
the layout cannot express that, so they are left out and counted.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vcmpipe.config import DatasetExportOptions
from vcmpipe.datasets.exporters.registry import ExportReport
from vcmpipe.datasets.importers import ow_jrd as layout
from vcmpipe.datasets.importers.patterns import check_pattern, filled
from vcmpipe.datasets.label_table import is_store, load_samples
from vcmpipe.datasets.samples import SPLITS, Samples, check_free, split_by_picture
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.workers import run_everywhere
from vcmpipe.errors import InputError
from vcmpipe.frames import png_bytes
from vcmpipe.process.folders import publish_folder
from vcmpipe.process.progress import Progress
from vcmpipe.process.workers import worker_count

# How many test labels stand in one batch of the published file.
_BATCH = 32
Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class _Recipe:
    """What writing the crops of a picture needs, picture by picture the same."""

    store: Store
    images: Path | None
    folder: Path
    originals: str
    versions: str


def write(options: DatasetExportOptions, progress: Progress) -> ExportReport:
    """Write the layout; see the module. The folder is there whole or not at all.

    Raises:
        InputError: The store has no objects, a source picture has gone, or ``--out`` is taken.
        OutputError: The place cannot be written to.
    """
    out = Path(options.out)
    check_free(out)
    originals = check_pattern(options.originals or layout.ORIGINALS, "--originals", qp=False)
    versions = check_pattern(options.pattern or layout.VERSIONS, "--pattern", qp=True)
    if "*" in originals:
        raise InputError(f"--originals {originals!r}: write the whole name, without *")
    samples = load_samples(options.store, options.rule)
    if options.crops and is_store(Path(options.store)):
        Store.open(options.store).refuse_segments("cutting crops of every version (leave them out with --no-crops)")
    if samples.scale != "vvc-qp":
        raise InputError(f"{options.store} has labels on the scale {samples.scale}: the layout is for VVC QPs")
    all_ = samples.table
    table = all_[all_["recognisable"] & all_["label"].notna()].reset_index(drop=True)
    if table.empty:
        raise InputError(f"{options.store} has no recognisable objects: there is nothing to write")
    names = _names(table)
    pictures = table["picture"].tolist()
    split = table["split"].tolist() if options.seed is None else split_by_picture(pictures, options.seed)
    with publish_folder(out) as folder:
        (folder / layout.JSON).mkdir()
        for file, value in _files(samples, table, names, split).items():
            (folder / layout.JSON / file).write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
        crops = 0
        if options.crops:
            store = Store.open(options.store)
            images = Path(options.images) if options.images else None
            recipe = _Recipe(store, images, folder, originals, versions)
            crops = _write_crops(recipe, table, names, worker_count(options.jobs), progress)
    return ExportReport(
        out=options.out,
        layout="ow-jrd",
        objects=len(table),
        pictures=int(table["picture"].nunique()),
        left_out=len(all_) - len(table),
        splits={part: split.count(part) for part in SPLITS},
        rule=samples.rule,
        crops=crops,
    )


def _names(table: pd.DataFrame) -> list[str]:
    """Names ``PICTURE_N`` that are no paths; where folders lend pictures one name, a digest tells them apart."""
    homes: dict[str, str] = {}
    numbers = []
    for picture, name in zip(table["picture"], table["sample"], strict=True):
        home, _, number = name.rpartition("_")
        # A picture that is a sample of its own has no number.
        own = name == picture or not home or not number.isdecimal()
        homes.setdefault(picture, name if own else home)
        numbers.append("1" if own else number)
    flat = {picture: home.replace("/", "_") for picture, home in homes.items()}
    clashes = {name for name, times in Counter(flat.values()).items() if times > 1}
    for picture, name in flat.items():
        if name in clashes:
            digest = hashlib.sha256(picture.encode("utf-8", "surrogatepass")).hexdigest()[:8]
            flat[picture] = f"{name}-{digest}"
    return [f"{flat[picture]}_{number}" for picture, number in zip(table["picture"], numbers, strict=True)]


def _files(samples: Samples, table: pd.DataFrame, names: list[str], split: list[str]) -> dict[str, object]:
    labels = dict(zip(names, (int(label) for label in table["label"]), strict=True))
    lists = {part: [name for name, own in zip(names, split, strict=True) if own == part] for part in SPLITS}
    # Scripts go through all classes of the detector, whether any object has them or not.
    known = table[["class_id", "class_name"]].dropna().drop_duplicates()
    classes = {str(number): name for number, name in sorted(known.itertuples(index=False))}
    classes = dict(samples.source.get("classes", {})) or classes
    test = [labels[name] for name in lists["test"]]
    files: dict[str, object] = {
        layout.LABELS: labels,
        layout.CLASSES: classes,
        layout.TEST_LABELS: {"gt": [test[i : i + _BATCH] for i in range(0, len(test), _BATCH)]},
    }
    files |= {layout.NAMES.format(split=part): {"names": lists[part]} for part in SPLITS}
    if table["class_id"].notna().all():
        files[layout.OBJECTS] = {name: _info(row) for name, row in zip(names, table.itertuples(), strict=True)}
    return files


def _info(row: object) -> dict[str, object]:
    """What is known of an object; sizes in pixels of the picture."""
    values = {key: getattr(row, key) for key in ("class_id", "class_name", "x1", "y1", "x2", "y2")}
    info: dict[str, object] = {"class": int(values["class_id"])}
    if not pd.isna(values["class_name"]):
        info["class_name"] = str(values["class_name"])
    if not math.isnan(values["x1"]):
        info["bbox_xyxy"] = [float(values[side]) for side in ("x1", "y1", "x2", "y2")]
    for key in ("picture", "width", "height", "score"):
        value = getattr(row, key)
        if not pd.isna(value):
            info[key] = value if isinstance(value, str) else float(value) if key == "score" else int(value)
    return info


def _write_crops(recipe: _Recipe, table: pd.DataFrame, names: list[str], jobs: int, progress: Progress) -> int:
    objects: dict[str, list[tuple[str, Box]]] = {}
    columns = (table[key] for key in ("picture", "x1", "y1", "x2", "y2", "width", "height"))
    for name, picture, x1, y1, x2, y2, width, height in zip(names, *columns, strict=True):
        objects.setdefault(picture, []).append((name, tight(x1, y1, x2, y2, int(width), int(height))))
    written = 0
    tasks = ((recipe, picture, own) for picture, own in objects.items())
    for done, count in enumerate(run_everywhere(_crop_picture, tasks, jobs), 1):
        written += count
        progress(done, len(objects))
    return written


def _crop_picture(recipe: _Recipe, picture: str, objects: Sequence[tuple[str, Box]]) -> int:
    """Write the crops of one picture; one version is in memory at a time."""
    store, record = recipe.store, recipe.store.record(picture)
    for qp in (None, *record.qps.tolist()):
        rgb = (store.source(picture, recipe.images) if qp is None else store.version(record, qp)).rgb
        for name, (x1, y1, x2, y2) in objects:
            path = recipe.folder / filled(recipe.originals if qp is None else recipe.versions, name, qp)
            path.parent.mkdir(parents=True, exist_ok=True)
            # The whole folder is published at the end: no file needs to be by itself.
            path.write_bytes(png_bytes(rgb[y1:y2, x1:x2]))
    return len(objects) * (1 + len(record.qps))


def tight(x1: float, y1: float, x2: float, y2: float, width: int, height: int) -> Box:
    """The pixels that a box touches, at least one, within the picture: (left, top, right, bottom), ends excluded."""
    left, top = (min(max(math.floor(low), 0), size - 1) for low, size in ((x1, width), (y1, height)))
    right, bottom = (
        min(max(math.ceil(high), low + 1), size) for high, low, size in ((x2, left, width), (y2, top, height))
    )
    return left, top, right, bottom
