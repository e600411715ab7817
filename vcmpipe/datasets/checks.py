"""Whether a picture or a clip's segments are sound: records, streams that decode to what these state, and sources."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from vcmpipe.coding.segment import Segment
from vcmpipe.datasets.clips import segment_name, segments_of
from vcmpipe.datasets.records import PictureRecord
from vcmpipe.datasets.store import Store
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import Frame, Yuv, psnr_y, rgb_to_yuv, scale_rgb, scale_yuv

# dB by which a decoder may depart from the record: none, but for rounding in another build of numpy.
_SAME_DB = 1e-6
_SOME = 4

Checked = tuple[dict[str, int], list[str]]
"""What was checked, by the names of ``StoreReport``; and the faults."""


def check_picture(store: Store, name: str, images: Path | None, decode: str) -> Checked:
    """Check one picture's record, stream and, where ``images`` are there, its source."""
    return _check(store, name, decode, lambda record: None if images is None else [store.source(name, images)])


def check_clip(store: Store, clip: str, names: Sequence[str], file: Path | None, decode: str) -> Checked:
    """Check a clip's segments, reading it once where it is there.

    Args:
        store: The store.
        clip: The clip's name in it.
        names: Its segments that have a record.
        file: The clip; None: it is not there, and nothing is compared with it.
        decode: The versions to decode: all, some or none.
    """
    counts, faults, left = Counter[str](), list[str](), dict.fromkeys(names)
    missing: list[str] = []

    def add(checked: Checked) -> None:
        counts.update(checked[0])
        faults.extend(checked[1])

    if file is not None:
        manifest = store.manifest
        assert manifest.video is not None
        try:
            with file.open("rb") as opened:
                digest = hashlib.file_digest(opened, "sha256").hexdigest()
            for segment in segments_of(file, manifest.video, manifest.colour):
                name = segment_name(clip, segment.index)
                if name in left:
                    del left[name]
                    add(_check(store, name, decode, _source_in(segment, digest)))
                else:
                    missing.append(name)
        except VcmError as error:
            faults.append(str(error))
        except OSError as error:
            faults.append(f"{file} cannot be read: {error.strerror}")
        else:
            faults += [f"{name}: {file} has no such segment: it has changed since it was coded" for name in left]
    for name in left:
        add(_check(store, name, decode, lambda record: None))
    return dict(counts), faults + no_records(store, missing)


def no_records(store: Store, missing: Sequence[str]) -> list[str]:
    """The fault that pictures or segments have no record in a store; none where none are missing."""
    if not missing:
        return []
    more = f" and {len(missing) - 1} more" if missing[1:] else ""
    scale = "" if store.manifest.scale == 1.0 else f" at scale {store.manifest.scale:g}"
    return [f"{missing[0]}{more}: no record{scale}; vcmpipe dataset build continues with them"]


def _source_in(segment: Segment, digest: str) -> Callable[[PictureRecord], Sequence[Frame]]:
    """A function that gives the frames of a record's segment, and refuses a record of others."""

    def source(record: PictureRecord) -> Sequence[Frame]:
        span = record.span
        if record.source_sha256 != digest:
            raise InputError(f"{record.name}: its clip is not the one that was coded: it has changed since")
        if span is None or (span.first, span.frames) != (segment.frames[0].index, len(segment)):
            raise InputError(f"{record.name}: its record is of other frames than the clip is cut into")
        return segment.frames

    return source


def _check(
    store: Store, name: str, decode: str, source_of: Callable[[PictureRecord], Sequence[Frame] | None]
) -> Checked:
    """Check a record and what belongs to it; ``source_of`` gives its source's frames, None where they are not there."""
    try:
        record = store.record(name)
        faults = list(_record_faults(store, name, record))
        data = store.stream_path(name).read_bytes()
    except InputError as error:
        return {}, [str(error)]
    except OSError as error:
        return {}, [f"{store.stream_path(name)} cannot be read: {error.strerror}"]
    faults += _frame_faults(store, record)
    checked = {"objects": len(record.xyxy), "versions": len(record.qps), "bytes": len(data)}
    if len(data) != int(record.bits.sum()) // 8 or hashlib.sha256(data).hexdigest() != record.stream_sha256:
        faults.append(f"{store.stream_path(name)} is not the stream that its record means (SHA-256 differs)")
        return checked, faults
    source = None
    try:
        source = source_of(record)
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
    if (record.span is None) != (store.manifest.video is None):
        yield f"{where}: it is the record of no {store.manifest.noun}"
        return
    coded = [int(qp) for qp in record.qps]
    wanted = list(store.manifest.qps)
    if (not store.manifest.search and coded != wanted) or not set(coded) <= set(wanted):
        yield f"{where}: coded at {len(coded)} QPs that are not the {len(wanted)} of the manifest"
    own = record.matched(store.manifest.task)
    if own.found.shape != record.found.shape or (own.found != record.found).any():
        yield f"{where}: its strings are not what its detections give under the manifest's rule"
    scaled = store.coded_size(record) != (record.width, record.height)
    if any((looks.uncoded is not None) != scaled for looks in (record.looks, *record.judges.values())):
        yield f"{where}: {'nobody looked' if scaled else 'there is a look'} at a scaled picture that was not coded"
    if list(record.judges) != [judge.name for judge in store.manifest.judges]:
        yield f"{where}: its further judges are not those of the manifest"
    if record.class_id.size and not set(record.class_id.tolist()) <= set(store.manifest.classes):
        yield f"{where}: it has classes that the manifest does not know"


def _frame_faults(store: Store, record: PictureRecord) -> Iterator[str]:
    """What is wrong with the pictures of frames that tracks' boxes are of."""
    if record.span is None:
        return
    lacking = set(record.span.place.tolist()) - set(record.span.pictures)
    if lacking:
        yield f"{store.record_path(record.name)}: it names no picture of frame {min(lacking)}, where a box is"
    for place, digest in record.span.pictures.items():
        path = store.frame_path(record, place)
        try:
            if hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                yield f"{path} is not the picture that its record means (SHA-256 differs)"
        except OSError as error:
            yield f"{path} cannot be read: {error.strerror}"


def _chosen(qps: np.ndarray, decode: str) -> list[int]:
    if decode == "none" or not len(qps):
        return []
    if decode == "all":
        return [int(qp) for qp in qps]
    return sorted({int(qps[round(i * (len(qps) - 1) / (_SOME - 1))]) for i in range(_SOME)})


def _version_faults(store: Store, record: PictureRecord, qp: int, source: Sequence[Frame] | None) -> Iterator[str]:
    where = f"{store.stream_path(record.name)}, QP {qp}"
    values = []
    try:
        for place, yuv in enumerate(store.samples_of(record, qp)):
            if source is not None and place < len(source):
                values.append(psnr_y(_coded(store, record, source[place]), yuv))
    except VcmError as error:
        yield f"{where}: {error}"
        return
    if source is None:
        return
    stated = float(record.psnr_y[list(record.qps).index(qp)])
    measured = float(np.mean(values))
    if abs(measured - stated) > _SAME_DB:
        yield f"{where}: PSNR {measured:.3f} dB, its record states {stated:.3f}"


def _coded(store: Store, record: PictureRecord, frame: Frame) -> Yuv:
    """A source frame's samples at the size at which it was coded."""
    size = store.coded_size(record)
    if frame.planes is None:
        return rgb_to_yuv(scale_rgb(frame.rgb, size), store.manifest.colour)
    yuv, own = frame.planes.yuv(), (frame.width, frame.height)
    return yuv if size == own else scale_yuv(yuv, size, of=own, siting=frame.planes.colour.siting)
