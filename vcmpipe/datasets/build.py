"""Build a JRD store: every picture or segment at every scale and QP, side by side, resumable, or on a cluster."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcmpipe import process
from vcmpipe.coding.cutting import choose_structure
from vcmpipe.config import DatasetBuildOptions, parse_scales
from vcmpipe.datasets.clips import Clips
from vcmpipe.datasets.estimate import Estimate, estimate
from vcmpipe.datasets.manifest import Manifest
from vcmpipe.datasets.material import Item, Material, Pictures
from vcmpipe.datasets.store import Store, manifest_path, scale_path
from vcmpipe.datasets.work import Failure, Recipe, code_item, load_detectors
from vcmpipe.datasets.workers import run_everywhere
from vcmpipe.detection import resolve_detector_spec
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, VcmError
from vcmpipe.process.last_resort import heeded
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.text import count, duration
from vcmpipe.process.workers import worker_count
from vcmpipe.sidecar import provenance

if TYPE_CHECKING:
    from vcmpipe.encoders import Encoder


@dataclass(frozen=True)
class BuildReport:
    """What a build did: but for ``pictures``, this run alone.

    Attributes:
        pictures: Pictures, or segments of video, that are done at every scale, those of earlier runs included.
        built: Those that became so.
        objects: Objects, or tracks, in these.
        encodes: Versions that were coded, at all scales.
        bytes: What they take.
        without_objects: Those of these in which the detector found none: kept, without labels.
        estimate: What was expected before the start, None where nothing was left to do.
        noun: What is counted under ``pictures``: ``picture`` or ``segment``.
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
    noun: str = "picture"


def build(
    options: DatasetBuildOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
) -> BuildReport:
    """Build a store, or go on with one that was begun.

    A picture or segment is published as soon as it is done. An interrupt lets those that are under way end, a second
    one does not; either way the next run goes on from there, and the store becomes the same as in one go. With
    ``options.fresh`` all of it is coded again.

    Raises:
        InputError: The pictures or videos, the detector or the encoder are missing, the store was made with another
            configuration, somebody else is building it, or there is not enough space.
        VcmError: One failed, and ``options.on_error`` is ``stop``; what is done is in the store.
        OutputError: The store cannot be written to.
        KeyboardInterrupt: The user stopped it; what was done is in the store.
    """
    out = Path(options.out)
    # Whoever named the wrong folder reads of it before a detector is loaded.
    pictures = Pictures(Path(options.images), options.limit) if options.structure == "intra" else None
    jobs = worker_count(options.jobs)
    spec, further = _everywhere(resolve_detector_spec(options.detector)), tuple(map(_everywhere, options.further))
    encoder, detectors = load_encoder(options.encoder), load_detectors(spec, further, options.device, jobs)
    manifest = Manifest.of(options, encoder, detectors, provenance.versions())
    low, high = encoder.capabilities.qp_range
    if not low <= manifest.qps[0] <= manifest.qps[-1] <= high:
        raise InputError(f"--qps {options.qps}: {encoder.name} codes QPs from {low} to {high}")
    material = pictures or _clips(options, manifest, encoder)
    recipes = {
        scale: Recipe(replace(manifest, scale=scale), options.encoder, spec, options.device, jobs, further)
        for scale in parse_scales(options.scales, "--scales")
    }
    if options.estimate:
        work = _Work(material, recipes, {scale: _recorded(scale_path(out, scale)) for scale in recipes})
        return replace(work.report(out), estimate=work.estimate(out, jobs) if work.left else None)
    with _only_builder(out):
        stores = {scale: Store.create(scale_path(out, scale), each.manifest) for scale, each in recipes.items()}
        for store in stores.values():
            store.remove_leftovers()
        _note_other_versions([store.manifest for store in stores.values()], manifest, warn)
        there = {scale: _done(store, material, warn) for scale, store in stores.items() if not options.fresh}
        work = _Work(material, recipes, there or {scale: set() for scale in stores})
        if not work.left:
            return work.report(out)
        expected = work.estimate(out, jobs)
        expected.refuse_too_little_space(out)
        warn(_announced(expected, len(work.done), manifest.noun, options.cluster))
        return _run(options, stores, work, expected, progress, warn)


def _clips(options: DatasetBuildOptions, manifest: Manifest, encoder: Encoder) -> Clips:
    """The segments that are to be coded; InputError where the encoder has no such structure."""
    assert manifest.video is not None
    choose_structure(manifest.video.structure, None, encoder)
    return Clips(Path(options.images), manifest.video, manifest.colour, options.limit)


@dataclass(frozen=True)
class _Work:
    """What is to be done, and what is done: pictures or segments at each scale."""

    material: Material
    recipes: Mapping[float, Recipe]
    there: Mapping[float, set[str]]

    @cached_property
    def left(self) -> dict[str, list[float]]:
        """By name the scales that each is still to be coded at."""
        names = self.material.files
        missing = {name: [scale for scale, done in self.there.items() if name not in done] for name in names}
        return {name: scales for name, scales in missing.items() if scales}

    @property
    def done(self) -> set[str]:
        """Those that are done at every scale."""
        return set(self.material.files) - set(self.left)

    def report(self, out: Path) -> BuildReport:
        """What there is to say before anything is done."""
        noun = self.recipes[1.0].manifest.noun
        return BuildReport(str(out), len(self.done), failures=list(self.material.failures), noun=noun)

    def estimate(self, out: Path, jobs: int) -> Estimate:
        """What it will take."""
        parts = [
            (recipe, [name for name, scales in self.left.items() if scale in scales])
            for scale, recipe in self.recipes.items()
        ]
        return estimate([(recipe, names) for recipe, names in parts if names], self.material, out, jobs)


def _run(
    options: DatasetBuildOptions,
    stores: Mapping[float, Store],
    work: _Work,
    expected: Estimate,
    progress: Progress,
    warn: Warn,
) -> BuildReport:
    failures = dict.fromkeys(work.material.failures)  # a picture that is broken is so at every scale
    waiting = {name: len(scales) for name, scales in work.left.items()}
    objects: dict[str, int] = {}  # of each picture that became done
    encodes = size = 0
    total = len(work.material.files) * len(stores)
    ended = total - sum(waiting.values())
    with draining(warn) as stopping:

        def tasks() -> Iterator[tuple[Recipe, str, Item]]:
            nonlocal ended
            for name, item in work.material.read(list(work.left)):
                if isinstance(item, Failure):
                    failures[item] = None
                    if options.on_error == "stop":
                        return
                    ended += waiting[name]
                    continue
                for scale in work.left[name]:
                    if stopping.is_set() or (failures and options.on_error == "stop"):
                        return
                    yield work.recipes[scale], name, item

        jobs = work.recipes[1.0].jobs
        for result in run_everywhere(code_item, tasks(), jobs, options.cluster):
            if isinstance(result, Failure):
                failures[result] = None
            else:
                record = result.record
                stores[result.scale].publish(record, result.stream, result.pictures)
                encodes, size = encodes + len(record.qps), size + len(result.stream)
                waiting[record.name] -= 1
                if not waiting[record.name]:
                    objects[record.name] = len(record.xyxy)
            ended += 1
            progress(ended, total)
        if stopping.is_set():
            raise KeyboardInterrupt
    if failures and options.on_error == "stop":
        first = min(failures, key=lambda failure: failure.name)
        raise VcmError(
            f"{first.reason} (finished work is kept: the same command continues from there, and --on-error skip leaves "
            "out what fails)"
        )
    return replace(
        work.report(Path(options.out)),
        pictures=len(work.done) + len(objects),
        built=len(objects),
        objects=sum(objects.values()),
        encodes=encodes,
        bytes=size,
        without_objects=sum(count == 0 for count in objects.values()),
        failures=sorted(failures, key=lambda failure: failure.name),
        estimate=expected,
    )


def _everywhere(detector: str) -> str:
    """A detector's file by its whole path: a worker of a cluster runs in another folder."""
    kind, colon, path = detector.partition(":") if detector.startswith("onnx:") else ("", "", detector)
    return f"{kind}{colon}{Path(path).absolute()}" if Path(path).is_file() else detector


def _recorded(folder: Path) -> set[str]:
    """What is done in a store, if there is one."""
    return set(Store.open(folder).names()) if manifest_path(folder).is_file() else set()


def _done(store: Store, material: Material, warn: Warn) -> set[str]:
    """What is done and has not changed since; damaged records are made again."""
    done: set[str] = set()
    changed: dict[str, None] = {}
    for name in store.names():
        if name not in material.files:
            continue
        try:
            same = store.record(name).source_sha256 == material.digest(name)
        except InputError as error:
            warn(f"{error}: it is made again")
            continue
        except OSError:
            continue  # it is named when its turn comes
        if same:
            done.add(name)
        else:
            changed[f"{material.files[name]} has changed since it was coded: it is coded again"] = None
    for note in changed:  # a clip has several segments
        warn(note)
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
        heeded()
        signal.signal(signal.SIGINT, before)
        warn("stopping: work in progress is finished first; Ctrl-C again stops at once")

    signal.signal(signal.SIGINT, first)
    try:
        yield stopping
    finally:
        signal.signal(signal.SIGINT, before)


def _announced(expected: Estimate, done: int, noun: str, cluster: str | None) -> str:
    earlier = f", {done} done before" if done else ""
    where = " on this machine alone" if cluster else ""
    return (
        f"{count(expected.pictures, noun)}, about {count(expected.encodes, 'encode')}{earlier}: about "
        f"{duration(expected.seconds)}{where} and {expected.bytes / 1e6:,.0f} MB"
    )


def _note_other_versions(there: Sequence[Manifest], now: Manifest, warn: Warn) -> None:
    for then in dict.fromkeys(tuple(manifest.versions.items()) for manifest in there):
        before = dict(then)
        changed = [name for name, version in now.versions.items() if before.get(name, version) != version]
        if changed:
            which = ", ".join(f"{name} {before[name]} then, {now.versions[name]} now" for name in changed)
            warn(f"the store was started with other versions ({which}): detections may differ slightly")
