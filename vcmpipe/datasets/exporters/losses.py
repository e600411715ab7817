"""The loss table: what every detection loses at every scale and QP, in one .parquet file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.config import DatasetExportOptions
from vcmpipe.datasets.exporters.registry import ExportReport
from vcmpipe.datasets.loss_table import GRID, UNCODED, LossRows, LossTable, Version, rows_of
from vcmpipe.datasets.records import Looks, PictureRecord
from vcmpipe.datasets.samples import SPLITS, split_by_picture
from vcmpipe.datasets.store import Store
from vcmpipe.errors import InputError
from vcmpipe.process.progress import Progress
from vcmpipe.sidecar import provenance
from vcmpipe.tasks import DetectionTask
from vcmpipe.tasks.loss import AccuracyLoss

if TYPE_CHECKING:
    import supervision as sv


def write(options: DatasetExportOptions, progress: Progress) -> ExportReport:
    """Write it.

    Raises:
        InputError: There is no store, or a picture is another one at another scale.
        OutputError: The place cannot be written to.
    """
    out = Path(options.out)
    store = Store.open(options.store)
    store.refuse_segments("the loss table")
    scaled = store.scaled()
    loss = AccuracyLoss()
    table = LossTable.of(
        _rows(store, scaled, loss, progress),
        scales=[each.manifest.scale for each in (store, *scaled)],
        qps=sorted({qp for each in (store, *scaled) for qp in each.manifest.qps}),
        facts=_facts(store, loss),
    )
    if options.objects_only:
        named = [name.strip() for name in options.objects_only.split(",")]
        unknown = [name for name in named if name not in table.judges]
        if unknown:
            raise InputError(f"--objects-only {unknown[0]}: it is not one of the judges ({', '.join(table.judges)})")
        table = table.with_objects_alone(named)
    table.save(out)
    pictures = table.table["picture"][table.table["item"] == "detection"].astype(str).tolist()
    split = split_by_picture(pictures, options.seed or 0)
    return ExportReport(
        out=options.out,
        layout="losses",
        objects=len(pictures),
        pictures=len(set(pictures)),
        left_out=0,
        splits={part: split.count(part) for part in SPLITS},
        rule=None,
    )


def _rows(store: Store, scaled: list[Store], loss: AccuracyLoss, progress: Progress) -> Iterator[LossRows]:
    names = store.names()
    task = DetectionTask(store.manifest.rule)
    for done, name in enumerate(names, 1):
        record = store.record(name)
        records = [(each.manifest.scale, each.record(name)) for each in scaled if each.has(name)]
        changed = [scale for scale, other in records if other.source_sha256 != record.source_sha256]
        if changed:
            raise InputError(
                f"{store.path}: {name} is another picture at scale {changed[0]:g}: vcmpipe dataset build codes it again"
            )
        everyone = [(store.manifest.scale, record), *records]
        for judge in (store.manifest.detector, *(each.name for each in store.manifest.judges)):
            looks = [(scale, each.qps.tolist(), _looks(each, judge, store)) for scale, each in everyone]
            source = looks[0][2].source
            seen: dict[Version, sv.Detections] = {}
            for scale, qps, own in looks:
                # At its own size a picture that is not coded is the source.
                seen[scale, UNCODED] = source if own.uncoded is None else own.uncoded
                seen |= {(scale, qp): detections for qp, detections in zip(qps, own.versions, strict=True)}
            size = record.width, record.height
            yield rows_of(name, record.source_sha256, size, judge, source, seen, loss=loss, task=task)
        progress(done, len(names))


def _looks(record: PictureRecord, judge: str, store: Store) -> Looks:
    if judge == store.manifest.detector:
        return record.looks
    if judge not in record.judges:
        raise InputError(f"{store.path}: {record.name} was not judged by {judge}: vcmpipe dataset verify {store.path}")
    return record.judges[judge]


def _facts(store: Store, loss: AccuracyLoss) -> dict[str, object]:
    manifest = store.manifest
    judges = [(manifest.detector, manifest.detector_digest, manifest.classes)]
    judges += [(each.name, each.digest, each.classes) for each in manifest.judges]
    return {
        "name": manifest.name,
        "pictures": len(store.names()),
        "judges": {
            name: {"digest": digest, "classes": {str(number): called for number, called in classes.items()}}
            for name, digest, classes in judges
        },
        "encoder": manifest.encoder,
        "encoder_build": manifest.encoder_build,
        "codec": manifest.codec,
        "preset": manifest.preset,
        "colour": dataclasses.asdict(manifest.colour),
        "search": manifest.search,
        "rule": dataclasses.asdict(manifest.rule),
        "loss": dataclasses.asdict(loss),
        "tiles": GRID,
        "versions": provenance.versions(),
    }
