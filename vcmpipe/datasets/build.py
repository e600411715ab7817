"""Build a JRD store: every picture at every QP, side by side, resumable, on one machine or on a cluster."""

from __future__ import annotations

import hashlib
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vcmpipe import process
from vcmpipe.config import DatasetBuildOptions
from vcmpipe.datasets.estimate import Estimate, estimate
from vcmpipe.datasets.manifest import Manifest
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.work import Failure, Recipe, code_picture
from vcmpipe.datasets.workers import run_everywhere
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import find_pictures
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.workers import worker_count
from vcmpipe.sidecar import provenance


@dataclass(frozen=True)
class BuildReport:
    """What a build did: but for ``pictures``, this run alone.

    Attributes:
        pictures: Pictures that are done, those of earlier runs included.
        encodes: Versions that were coded.
        without_objects: Pictures in which the detector found none: kept, without labels.
        estimate: What was expected before the start, None where nothing was left to do.
    """

    store: str
    pictures: int
    built: int = 0
    objects: int = 0
    encodes: int = 0
    bytes: int = 0
    without_objects: int = 0
    failures: list[Failure] = field(default_factory=list)
    estimate: Estimate | None = None


def build(
    options: DatasetBuildOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
) -> BuildReport:
    """Build a store, or go on with one that was begun.

    A picture is published as soon as it is done. An interrupt lets the pictures that are under way end, a second one
    does not; either way the next run goes on from there, and the store becomes the same as in one go.

    Raises:
        InputError: The pictures, the detector or the encoder are missing, the store was made with another
            configuration, somebody else is building it, or there is not enough space.
        OutputError: The store cannot be written to.
        KeyboardInterrupt: The user stopped it; what was done is in the store.
    """
    images, out = Path(options.images), Path(options.out)
    pictures = find_pictures(images, limit=options.limit)
    jobs = worker_count(options.jobs)
    spec = _everywhere(resolve_detector_spec(options.detector))
    encoder, detector = load_encoder(options.encoder), load_detector(spec, device=options.device, jobs=jobs)
    manifest = Manifest.of(options, encoder, detector, provenance.versions())
    low, high = encoder.capabilities.qp_range
    if not low <= manifest.qps[0] <= manifest.qps[-1] <= high:
        raise InputError(f"--qps {options.qps}: {encoder.name} codes QPs from {low} to {high}")
    recipe = Recipe(manifest, options.encoder, spec, options.device, jobs)
    if options.estimate:
        there = Store.open(out) if (out / "manifest.json").is_file() else None
        left = [path for name, path in pictures.items() if there is None or not there.has(name)]
        expected = estimate(recipe, left, out, jobs) if left else None
        return BuildReport(str(out), len(pictures) - len(left), estimate=expected)
    with _only_builder(out):
        store = Store.create(out, manifest)
        store.remove_leftovers()
        _note_other_versions(store.manifest, manifest, warn)
        done = _done(store, pictures, warn)
        missing = {name: path for name, path in pictures.items() if name not in done}
        if not missing:
            return BuildReport(str(out), len(done))
        expected = estimate(recipe, list(missing.values()), out, jobs)
        expected.refuse_too_little_space(out)
        warn(_announced(expected, len(done), options.cluster))
        return _run(options, store, recipe, missing, len(done), expected, progress, warn)


def _run(
    options: DatasetBuildOptions,
    store: Store,
    recipe: Recipe,
    missing: Mapping[str, Path],
    done: int,
    expected: Estimate,
    progress: Progress,
    warn: Warn,
) -> BuildReport:
    failures: list[Failure] = []
    done_now: list[tuple[int, int, int]] = []  # objects, encodes and bytes of each picture
    total = done + len(missing)
    with draining(warn) as stopping:

        def tasks() -> Iterator[tuple[Recipe, str, bytes]]:
            for name, path in missing.items():
                if stopping.is_set():
                    return
                try:
                    data = path.read_bytes()
                except OSError as error:
                    failures.append(Failure(name, f"{path} cannot be read: {error.strerror}"))
                    continue
                yield recipe, name, data

        for result in run_everywhere(code_picture, tasks(), recipe.jobs, options.cluster):
            if isinstance(result, Failure):
                failures.append(result)
            else:
                store.publish(result.record, result.stream)
                done_now.append((len(result.record.xyxy), len(result.record.qps), len(result.stream)))
            progress(done + len(done_now) + len(failures), total)
        if stopping.is_set():
            raise KeyboardInterrupt
    failures.sort(key=lambda failure: failure.name)
    return BuildReport(
        store=str(store.path),
        pictures=done + len(done_now),
        built=len(done_now),
        objects=sum(objects for objects, _, _ in done_now),
        encodes=sum(encodes for _, encodes, _ in done_now),
        bytes=sum(size for _, _, size in done_now),
        without_objects=sum(objects == 0 for objects, _, _ in done_now),
        failures=failures,
        estimate=expected,
    )


def _everywhere(detector: str) -> str:
    """A detector's file by its whole path: a worker of a cluster runs in another folder."""
    kind, colon, path = detector.partition(":") if detector.startswith("onnx:") else ("", "", detector)
    return f"{kind}{colon}{Path(path).absolute()}" if Path(path).is_file() else detector


def _done(store: Store, pictures: Mapping[str, Path], warn: Warn) -> set[str]:
    """The pictures that are done and have not changed since; damaged records are done again."""
    done: set[str] = set()
    for name in store.names():
        if name not in pictures:
            continue
        try:
            same = store.record(name).source_sha256 == hashlib.sha256(pictures[name].read_bytes()).hexdigest()
        except InputError as error:
            warn(f"{error}: it is made again")
            continue
        except OSError:
            continue  # it is named when its turn comes
        if same:
            done.add(name)
        else:
            warn(f"{pictures[name]} has changed since it was coded: it is coded again")
    return done


@contextmanager
def _only_builder(out: Path) -> Iterator[None]:
    """Make the store's folder, and hold the right to write to it.

    Raises:
        InputError: Somebody else holds it.
    """
    try:
        process.make_parents(out, [])
    except OSError as error:
        raise process.output_error(out, error) from error
    with process.only_writer(out):
        yield


@contextmanager
def draining(warn: Warn) -> Iterator[threading.Event]:
    """An event that the first interrupt sets; the second one does what an interrupt did before.

    Signals can be handled in the main thread alone: outside it nothing changes.
    """
    stopping = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopping
        return
    before = signal.getsignal(signal.SIGINT)

    def first(number: int, frame: Any) -> None:
        stopping.set()
        signal.signal(signal.SIGINT, before)
        warn("stopping: the pictures under way are finished first; Ctrl-C again stops at once")

    signal.signal(signal.SIGINT, first)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, before)


def _announced(expected: Estimate, done: int, cluster: str | None) -> str:
    earlier = f", {done} are done" if done else ""
    where = " on this machine alone" if cluster else ""
    return (
        f"{expected.pictures} pictures, about {expected.encodes:,} encodes{earlier}: about "
        f"{duration(expected.seconds)}{where} and {expected.bytes / 1e6:,.0f} MB"
    )


def duration(seconds: float) -> str:
    """A time to show: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _note_other_versions(there: Manifest, now: Manifest, warn: Warn) -> None:
    changed = [name for name, version in now.versions.items() if there.versions.get(name, version) != version]
    if changed:
        which = ", ".join(f"{name} {there.versions[name]} then, {now.versions[name]} now" for name in changed)
        warn(f"the store was begun with other versions ({which}): detections may differ a little")
