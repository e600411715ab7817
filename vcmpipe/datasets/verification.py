"""Whether a store is sound: digests, completeness, and versions that decode to what their record states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vcmpipe.config import DatasetVerifyOptions
from vcmpipe.datasets.checks import Checked, check_clip, check_picture, no_records
from vcmpipe.datasets.clips import clip_of
from vcmpipe.datasets.store import Store, scale_path
from vcmpipe.datasets.workers import run_everywhere
from vcmpipe.errors import InputError
from vcmpipe.frames import find_pictures, find_videos
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.workers import worker_count

# What is checked by itself: a function and its arguments.
_Check = tuple[Callable[..., Checked], tuple[Any, ...]]


@dataclass(frozen=True)
class StoreReport:
    """What was checked, and a line for every fault.

    ``objects`` and ``versions`` are those of all scales: an object counts once at each. ``decoded`` versions were
    decoded, and compared where the source is there; ``bytes`` is the size of the streams. ``noun`` is what is counted
    under ``pictures``: ``picture`` or ``segment``.
    """

    store: str
    pictures: int
    objects: int
    versions: int
    decoded: int
    bytes: int
    faults: list[str] = field(default_factory=list)
    noun: str = "picture"


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
    video = store.manifest.video is not None
    there = images if images.is_dir() or (video and images.is_file()) else None
    if there is None:
        what = "videos" if video else "pictures"
        warn(f"the {what} ({images}) do not exist: name their folder with --images to compare with them")
    faults, found, counts = list[str](), list[str](), Counter[str]()
    checks: list[_Check] = []
    for each in (store, *store.scaled()):
        names = each.names()
        faults += _scale_faults(store, each)
        if video:
            own, missing = _clip_checks(each, there, names, options.decode)
        else:
            own = [(check_picture, (each, name, there, options.decode)) for name in names]
            missing = [] if there is None else no_records(each, sorted(set(find_pictures(there)) - set(names)))
        checks, faults = checks + own, faults + missing
        if there is not None:
            faults += _strays(each, names)
    for done, (counted, own_faults) in enumerate(run_everywhere(_called, checks, worker_count(options.jobs)), 1):
        counts.update(counted)
        found += own_faults
        progress(done, len(checks))
    totals = {key: counts[key] for key in ("objects", "versions", "decoded", "bytes")}
    faults += sorted(found)
    noun = store.manifest.noun
    return StoreReport(store=str(store.path), pictures=len(store.names()), faults=faults, noun=noun, **totals)


def _called(function: Callable[..., Checked], arguments: tuple[Any, ...]) -> Checked:
    return function(*arguments)


def _clip_checks(store: Store, place: Path | None, names: list[str], decode: str) -> tuple[list[_Check], list[str]]:
    """A check of each clip, and faults of those that are gone; ``place``: their folder, None where it is not there."""
    files = {} if place is None else find_videos(place)
    known: dict[str, list[str]] = {clip: [] for clip in files}
    for name in names:
        known.setdefault(clip_of(name), []).append(name)
    checks: list[_Check] = [(check_clip, (store, clip, own, files.get(clip), decode)) for clip, own in known.items()]
    gone = [] if place is None else [f"{clip} no longer exists" for clip in known if clip not in files]
    return checks, gone


def _scale_faults(store: Store, scaled: Store) -> Iterator[str]:
    """What does not fit between a store and one of another scale below it."""
    try:
        store.manifest.refuse_other(replace(scaled.manifest, scale=store.manifest.scale), scaled.path)
    except InputError as error:
        yield str(error)
    if scaled is not store and scaled.path != scale_path(store.path, scaled.manifest.scale):
        yield f"{scaled.path}: it is of the scale {scaled.manifest.scale:g}"


def _strays(store: Store, names: list[str]) -> Iterator[str]:
    streams = store.path / "streams"
    known = {store.stream_path(name) for name in names}
    for stray in sorted(path for path in streams.rglob("*") if path.is_file() and path not in known):
        if not stray.name.startswith("."):
            yield f"{stray}: a stream without a record; the next build of its picture replaces it"
