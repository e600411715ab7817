"""Whether a store is sound: digests, completeness, and versions that decode to what their record states."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from vcmpipe.config import DatasetVerifyOptions
from vcmpipe.datasets.records import PictureRecord
from vcmpipe.datasets.store import Store, scale_path
from vcmpipe.datasets.workers import run_everywhere
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import Frame, find_pictures, psnr_y, rgb_to_yuv, scale_rgb
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.workers import worker_count
from vcmpipe.tasks import DetectionTask

# dB by which a decoder may depart from the record: none, but for rounding in another build of numpy.
_SAME_DB = 1e-6
_SOME = 4


@dataclass(frozen=True)
class StoreReport:
    """What was checked, and a line for every fault.

    ``objects`` and ``versions`` are those of all scales: an object counts once at each. ``decoded`` versions were
    decoded, and compared where the source is there; ``bytes`` is the size of the streams.
    """

    store: str
    pictures: int
    objects: int
    versions: int
    decoded: int
    bytes: int
    faults: list[str] = field(default_factory=list)


def verify_store(
    options: DatasetVerifyOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
) -> StoreReport:
    """Check a store, and those of other scales below it.

    Raises:
        InputError: There is no store.
    """
    store = Store.open(options.store)
    images = Path(options.images) if options.images else store.images
    there = images if images.is_dir() else None
    if there is None:
        warn(f"the pictures ({images}) are not there: name their folder with --images to compare with them")
    faults, found, counts = list[str](), list[str](), Counter[str]()
    checks: list[tuple[Store, str, Path | None, str]] = []
    for each in (store, *store.scaled()):
        names = each.names()
        checks += [(each, name, there, options.decode) for name in names]
        faults += _scale_faults(store, each)
        if there is not None:
            faults += _missing(each, there, names)
    for done, (counted, own) in enumerate(run_everywhere(check_picture, checks, worker_count(options.jobs)), 1):
        counts.update(counted)
        found += own
        progress(done, len(checks))
    totals = {key: counts[key] for key in ("objects", "versions", "decoded", "bytes")}
    return StoreReport(store=str(store.path), pictures=len(store.names()), faults=faults + sorted(found), **totals)


def _scale_faults(store: Store, scaled: Store) -> Iterator[str]:
    """What does not fit between a store and one of another scale below it."""
    try:
        store.manifest.refuse_other(replace(scaled.manifest, scale=store.manifest.scale), scaled.path)
    except InputError as error:
        yield str(error)
    if scaled is not store and scaled.path != scale_path(store.path, scaled.manifest.scale):
        yield f"{scaled.path}: it is of the scale {scaled.manifest.scale:g}"


def _missing(store: Store, images: Path, names: list[str]) -> Iterator[str]:
    pictures = set(find_pictures(images))
    missing = sorted(pictures - set(names))
    if missing:
        more = f" and {len(missing) - 1} more" if missing[1:] else ""
        scale = "" if store.manifest.scale == 1.0 else f" at scale {store.manifest.scale:g}"
        yield f"{missing[0]}{more}: no record{scale}; vcmpipe dataset build goes on with them"
    streams = store.path / "streams"
    known = {store.stream_path(name) for name in names}
    for stray in sorted(path for path in streams.rglob("*") if path.is_file() and path not in known):
        if not stray.name.startswith("."):
            yield f"{stray}: a stream without a record; the next build of its picture replaces it"


def check_picture(store: Store, name: str, images: Path | None, decode: str) -> tuple[dict[str, int], list[str]]:
    """Check one picture's record, stream and, where ``images`` are there, its source.

    Returns:
        What was checked, by the names of ``StoreReport``; and the faults.
    """
    try:
        record = store.record(name)
        faults = list(_record_faults(store, name, record))
        data = store.stream_path(name).read_bytes()
    except InputError as error:
        return {}, [str(error)]
    except OSError as error:
        return {}, [f"{store.stream_path(name)} cannot be read: {error.strerror}"]
    checked = {"objects": len(record.xyxy), "versions": len(record.qps), "bytes": len(data)}
    if len(data) != int(record.bits.sum()) // 8 or hashlib.sha256(data).hexdigest() != record.stream_sha256:
        faults.append(f"{store.stream_path(name)} is not the stream that its record means (SHA-256 differs)")
        return checked, faults
    source = None
    if images is not None:
        try:
            source = store.source(name, images)
        except VcmError as error:
            faults.append(str(error))
    chosen = _chosen(record.qps, decode)
    for qp in chosen:
        faults += _version_faults(store, record, qp, source)
    return checked | {"decoded": len(chosen)}, faults


def _record_faults(store: Store, name: str, record: PictureRecord) -> Iterator[str]:
    where = store.record_path(name)
    if record.name != name:
        yield f"{where}: it is the record of {record.name}"
    coded = [int(qp) for qp in record.qps]
    wanted = list(store.manifest.qps)
    if (not store.manifest.search and coded != wanted) or not set(coded) <= set(wanted):
        yield f"{where}: coded at {len(coded)} QPs that are not the {len(wanted)} of the manifest"
    own = record.matched(DetectionTask(store.manifest.rule))
    if own.found.shape != record.found.shape or (own.found != record.found).any():
        yield f"{where}: its strings are not what its detections give under the manifest's rule"
    scaled = store.coded_size(record) != (record.width, record.height)
    if any((looks.uncoded is not None) != scaled for looks in (record.looks, *record.judges.values())):
        yield f"{where}: {'nobody looked' if scaled else 'there is a look'} at a scaled picture that was not coded"
    if list(record.judges) != [judge.name for judge in store.manifest.judges]:
        yield f"{where}: its further judges are not those of the manifest"
    if record.class_id.size and not set(record.class_id.tolist()) <= set(store.manifest.classes):
        yield f"{where}: it has classes that the manifest does not know"


def _chosen(qps: np.ndarray, decode: str) -> list[int]:
    if decode == "none" or not len(qps):
        return []
    if decode == "all":
        return [int(qp) for qp in qps]
    return sorted({int(qps[round(i * (len(qps) - 1) / (_SOME - 1))]) for i in range(_SOME)})


def _version_faults(store: Store, record: PictureRecord, qp: int, source: Frame | None) -> Iterator[str]:
    where = f"{store.stream_path(record.name)}, QP {qp}"
    try:
        yuv = store.samples_of(record, qp)
    except VcmError as error:
        yield f"{where}: {error}"
        return
    if source is None:
        return
    stated = float(record.psnr_y[list(record.qps).index(qp)])
    measured = psnr_y(rgb_to_yuv(scale_rgb(source.rgb, store.coded_size(record)), store.manifest.colour), yuv)
    if abs(measured - stated) > _SAME_DB:
        yield f"{where}: PSNR {measured:.3f} dB, its record states {stated:.3f}"
