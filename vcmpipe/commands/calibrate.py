"""``vcmpipe calibrate``: a predictor for the user's own detector, from some of the user's pictures."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from vcmpipe import process
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.pipeline import Pipeline, parse_scale
from vcmpipe.config import CalibrateOptions, EncodeOptions
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.detection.naming import detect_named
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import Bootstrap, Interval
from vcmpipe.frames import Frame, find_pictures, open_source
from vcmpipe.frames.sources import refuse_frame_endings
from vcmpipe.measurement import SearchedLabels, search_labels
from vcmpipe.measurement.margins import Count, Trial, conditions_of, count_around, requested_map, trial
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.process.folders import same_file
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.reading import LARGEST_CARD, read_json
from vcmpipe.process.text import count
from vcmpipe.process.workers import in_order, worker_count, worker_pool
from vcmpipe.sidecar import provenance
from vcmpipe.tasks import Reference
from vcmpipe.thresholds import EXPECTED_RETENTION, ConstantPredictor, ThresholdPredictor, Thresholds
from vcmpipe.thresholds.calibrated import KIND, CalibratedCard
from vcmpipe.thresholds.foreign import base_spec, digest_of, load_base
from vcmpipe.training.transfer import FEW_OBJECTS, Fit, TransferData, choose_form, fit_form, fit_transfer, halves

if TYPE_CHECKING:
    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder

T = TypeVar("T")
R = TypeVar("R")

SMALLER = 0.75
"""The scale that is tried besides 1."""
# A picture that was only made smaller and larger again must keep so many objects for its scale to be worth encodes.
_WORTH = 0.97
# And it must take less than this of the bytes: so few pictures are not surer than that.
_GAIN = 0.9
# How much lower than thresholds in whole pictures margins lie in maps, QPs: where counting begins.
_BELOW = 3


@dataclass(frozen=True)
class CalibrationReport:
    """What was fitted, to what, and what it is worth.

    Attributes:
        out: The card that was written.
        card: What it says.
        pictures: Pictures that were looked at.
        errors: E_A with its 95 % interval, by ``constant``, ``base`` (as it is) and ``calibrated``; of each object by
            what had not seen its picture.
        count: What margins kept, as counted at the scale that was chosen.
        expected: The share that the default margin keeps, with its 95 % interval.
        seconds: What it took.
    """

    out: str
    card: CalibratedCard
    pictures: int
    errors: dict[str, Interval]
    count: Count
    expected: Interval
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it: the card, and where it is."""
        return {"out": self.out, "seconds": round(self.seconds, 1)} | self.card.to_dict()


@dataclass(frozen=True, eq=False)
class _Picture:
    """A picture with objects; its pixels are read again when they are needed."""

    path: Path
    reference: Reference
    thresholds: Thresholds
    labels: SearchedLabels

    @property
    def usable(self) -> int:
        """Objects with a threshold."""
        return int((self.labels.recognisable & self.thresholds.recognisable).sum())


def calibrate(
    options: CalibrateOptions,
    *,
    progress: Progress = lambda done, total: None,
    note: Callable[[str], None] = lambda text: None,
    warn: Warn = lambda message: None,
    detector: Detector | None = None,
    base: ThresholdPredictor | None = None,
    encoder: Encoder | None = None,
) -> CalibrationReport:
    """Measure what some pictures' objects bear, fit a predictor to it, count what margins keep, and write the card.

    Args:
        options: Which pictures, detector and base, and how pictures are coded.
        progress: Called with the pictures done, and their number, of each pass over them.
        note: Called with what the pass is for.
        warn: Called with what the user should know.
        detector: Used instead of the one that the options name.
        base: Likewise; it has to be one that the options' name stands for, too.
        encoder: Likewise.

    Returns:
        What was fitted; the card is written by then.

    Raises:
        VcmError: There are no pictures or no objects, a tool fails, or the card cannot be written; nothing is left.
    """
    began = time.monotonic()
    files = find_pictures(Path(options.images))
    out = Path(options.out)
    _check_place(out, files.values())
    if options.scale != "auto":
        parse_scale(options.scale)
    jobs = worker_count(options.jobs)
    found = detector or load_detector(resolve_detector_spec(options.detector), jobs=jobs, device=options.device)
    if not found.classes:
        raise InputError(f"--detector {found.name} finds nothing: name the detector that will be used")
    name = base_spec(options.predictor, found)
    fitted = base or load_base(name, found)
    with ExitStack() as stack:
        if options.cache is None:
            cache = ContentCache(stack.enter_context(process.temporary_folder("calibrate")))
        else:
            cache = ContentCache(Path(options.cache), warn, options.cache_limit)
        coded_by = CachedEncoder(encoder or load_encoder(options.encoder), cache)
        run = _Run(options, found, fitted, coded_by, stack.enter_context(worker_pool(jobs)), jobs, progress, note, warn)
        pictures = run.labelled(_spread(list(files.values()), options.limit))
        data = _objects(pictures, found, options)
        if len(data) < FEW_OBJECTS:
            warn(
                f"{count(len(data), 'object')} with a threshold: with fewer than {FEW_OBJECTS} no scale is fitted, and "
                "the share that a margin keeps is very uncertain: give more pictures"
            )
        fit = fit_transfer(data)
        scale, counted = run.counted(pictures, data)
    card = _card(options, name, fitted, found, coded_by, pictures, data, fit, scale, counted)
    margin = card.margin
    low, high = counted.interval_at(margin)
    card.write(out)
    errors = _errors(fit, data)
    expected = Interval(counted.share_at(margin), low, high)
    return CalibrationReport(str(out), card, run.looked_at, errors, counted, expected, time.monotonic() - began)


class _Run:
    """Pictures on their way through labels and margins."""

    def __init__(
        self,
        options: CalibrateOptions,
        detector: Detector,
        base: ThresholdPredictor,
        encoder: Encoder,
        pool: Any,
        jobs: int,
        progress: Progress,
        note: Callable[[str], None],
        warn: Warn,
    ) -> None:
        self._base, self._pool, self._jobs = base, pool, jobs
        self._progress, self._note, self._warn = progress, note, warn
        self._parts = {"detector": detector, "predictor": ConstantPredictor(), "encoder": encoder}
        self._scale = options.scale
        names = {each.name for each in dataclasses.fields(CalibrateOptions)}
        names &= {each.name for each in dataclasses.fields(EncodeOptions)}
        names -= {"out", "limit", "predictor", "scale", "cache", "json"}
        self._options = EncodeOptions(input="-", out="-", **{name: getattr(options, name) for name in names})
        self._whole = self._pipeline("1")
        self.looked_at = 0

    def _pipeline(self, scale: str) -> Pipeline:
        return Pipeline(self._options, scale=scale, **self._parts)  # type: ignore[arg-type]

    def _each(self, what: str, work: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """The results of one pass over the pictures."""
        self._note(what)
        self._progress(0, len(items))
        results = []
        for result in in_order(self._pool, work, items, ahead=self._jobs + 1):
            results.append(result)
            self._progress(len(results), len(items))
        return results

    def labelled(self, paths: Sequence[Path]) -> list[_Picture]:
        """The pictures that have objects, with labels; one that cannot be read is left out with a warning."""
        results = self._each("labels", self._label, paths)
        self.looked_at = sum(not isinstance(one, InputError) for one in results)
        for one in results:
            if isinstance(one, InputError):
                self._warn(f"left out: {one}")
        return [one for one in results if isinstance(one, _Picture)]

    def _label(self, path: Path) -> _Picture | InputError | None:
        try:
            frame = _read(path)
        except InputError as error:
            return error
        pipeline = self._whole
        reference = pipeline.task.reference(detect_named(pipeline.detector, [frame]))
        if not len(reference):
            return None
        (objects,) = reference.detections
        coder = pipeline.coder(frame)
        with blamed_on(pipeline.encoder, coder.segment.source):
            thresholds = self._base.predict(frame, objects, coder.of_frame(0))
            low, high = pipeline.encoder.capabilities.qp_range
            qps = range(low, high + 1)
            labels = search_labels(objects, coder.of_frame(0), pipeline.detector, pipeline.task, qps=qps)
        return _Picture(path, reference, thresholds, labels)

    def counted(self, pictures: Sequence[_Picture], data: TransferData) -> tuple[str, Count]:
        """The scale to code at, and what margins keep there, by thresholds that were fitted to the other half."""
        moved = _cross_fitted(pictures, data)
        if self._scale != "auto":
            return self._scale, self._count(self._scale, pictures, moved, self._start(pictures, moved))
        whole = self._count("1", pictures, moved, self._start(pictures, moved))
        aim = whole.margin_for(EXPECTED_RETENTION)
        if np.isnan(aim) or not self._may_shrink(pictures):
            return "1", whole
        smaller = self._count(f"{SMALLER:g}", pictures, moved, round(aim) - 1)
        pays = smaller.bytes_for(EXPECTED_RETENTION) < _GAIN * whole.bytes_for(EXPECTED_RETENTION)
        return (f"{SMALLER:g}", smaller) if pays else ("1", whole)

    def _start(self, pictures: Sequence[_Picture], moved: Sequence[Thresholds]) -> int:
        """The margin at which the share is kept in whole pictures, and somewhat less: a map is harder."""
        decision, risk = self._options.decision, self._options.risk
        room = np.concatenate(
            [
                (own.labels.label - new.decide(decision, risk))[own.labels.recognisable & new.recognisable]
                for own, new in zip(pictures, moved, strict=True)
            ]
        )
        return int(np.floor(np.quantile(room, 1 - EXPECTED_RETENTION))) - _BELOW

    def _count(self, scale: str, pictures: Sequence[_Picture], moved: Sequence[Thresholds], start: int) -> Count:
        pipeline = self._pipeline(scale)

        def at(margin: int) -> list[Trial]:
            def one(item: tuple[_Picture, Thresholds]) -> Trial:
                picture, thresholds = item
                coder = pipeline.coder(_read(picture.path))
                with blamed_on(pipeline.encoder, coder.segment.source):
                    requested = requested_map(pipeline, coder, picture.reference, thresholds, margin)
                    return trial(pipeline, coder, picture.reference, requested)

            return self._each(f"margin {margin:+d}, scale {scale}", one, list(zip(pictures, moved, strict=True)))

        return count_around(at, start)

    def _may_shrink(self, pictures: Sequence[_Picture]) -> bool:
        """Whether objects survive a smaller picture that nothing else was done to."""
        pipeline = self._pipeline(f"{SMALLER:g}")

        def kept(picture: _Picture) -> int:
            seen = pipeline.detector.detect([pipeline.coder(_read(picture.path)).uncoded()])
            return int(pipeline.task.compare(picture.reference, seen).kept.sum())

        objects = sum(len(picture.reference) for picture in pictures)
        return sum(self._each(f"objects at scale {SMALLER:g}", kept, pictures)) >= _WORTH * objects


def _spread(paths: list[Path], limit: int) -> list[Path]:
    """At most so many of the pictures, evenly spread."""
    if len(paths) <= limit:
        return paths
    return [paths[place] for place in np.linspace(0, len(paths) - 1, limit).round().astype(int)]


def _read(path: Path) -> Frame:
    (frame,) = open_source(str(path))
    return frame


def _objects(pictures: Sequence[_Picture], detector: Detector, options: CalibrateOptions) -> TransferData:
    """The objects with a threshold; InputError where there are too few to fit anything."""
    if not pictures:
        raise InputError(
            f"{detector.name} found no object with a confidence of {options.score:g} or more in the pictures of "
            f"{options.images}: give pictures like those that will be coded, or lower --score"
        )
    if sum(picture.usable > 0 for picture in pictures) < 2:
        raise InputError(
            f"{count(len(pictures), 'picture')} of {options.images} with objects of {detector.name}, and fewer than "
            "two with objects that any QP keeps: give more pictures"
        )
    keep = [picture.labels.recognisable & picture.thresholds.recognisable for picture in pictures]
    return TransferData(
        np.concatenate([own.thresholds.mass[rows] for own, rows in zip(pictures, keep, strict=True)]),
        np.concatenate([own.labels.label[rows] for own, rows in zip(pictures, keep, strict=True)]),
        np.repeat(np.arange(len(pictures)), [rows.sum() for rows in keep]),
    )


def _cross_fitted(pictures: Sequence[_Picture], data: TransferData) -> list[Thresholds]:
    """Each picture's thresholds as fitted to the other half of the pictures, form and all."""
    turn = halves([picture.usable for picture in pictures])
    fits = []
    for half in (0, 1):
        seen = data.of(turn[data.picture] != half)
        fits.append(fit_form(seen, choose_form(seen)))
    return [
        Thresholds(fits[half].mass(picture.thresholds.mass), picture.thresholds.recognisable)
        for picture, half in zip(pictures, turn.tolist(), strict=True)
    ]


def _errors(fit: Fit, data: TransferData) -> dict[str, Interval]:
    drawn = Bootstrap(data.picture)
    ones = np.ones(len(data))
    return {name: drawn.interval([missed, ones], lambda a, b: a / b) for name, missed in fit.errors.items()}


def _card(
    options: CalibrateOptions,
    name: str,
    base: ThresholdPredictor,
    detector: Detector,
    encoder: Encoder,
    pictures: Sequence[_Picture],
    data: TransferData,
    fit: Fit,
    scale: str,
    counted: Count,
) -> CalibratedCard:
    margin = counted.margin_for(EXPECTED_RETENTION)
    if np.isnan(margin):  # the nearest that was counted
        margin = counted.margins[0] if counted.retention[0] < EXPECTED_RETENTION else counted.margins[-1]
    low, high = counted.interval_at(round(margin))
    objects = int(counted.objects.sum())
    material = (
        f"{count(len(pictures), 'picture')} with {count(objects, 'object')} of {detector.name} (95 %: {low:.2f} to "
        f"{high:.2f})"
    )
    own = conditions_of(lambda each: getattr(options, each, getattr(EncodeOptions, each)))
    conditions = own | {"scale": scale}
    errors = {each: dataclasses.asdict(interval) for each, interval in _errors(fit, data).items()}
    rows = zip(counted.margins, counted.kept.sum(axis=0).tolist(), counted.bytes.tolist(), strict=True)
    known = {
        "counts": {"pictures": len(pictures), "objects": objects, "with_threshold": len(data)},
        "errors": errors,
        "counted": [{"margin": at, "kept": kept, "bytes_per_picture": round(size, 1)} for at, kept, size in rows],
        "encodes": sum(picture.labels.coded for picture in pictures),
        "learned_from": [hashlib.sha256(picture.path.read_bytes()).hexdigest()[:16] for picture in pictures],
        "provenance": provenance.collect(encoder, detector, name) | {"preset": options.preset},
    }
    return CalibratedCard(
        base=name,
        base_digest=digest_of(base),
        detector=detector.name,
        detector_digest=detector.digest,
        form=fit.form,
        transfer=fit.transfer,
        margin=round(margin),
        calibration=counted.calibration(material, detector.digest, conditions),
        known=known,
    )


def _check_place(out: Path, pictures: Iterable[Path]) -> None:
    """Refuse an output that would take the place of an input, or of a file that calibrate did not write."""
    refuse_frame_endings(out, ".json")
    if not out.exists():
        return
    if any(same_file(out, path) for path in pictures):
        raise InputError(f"--out {out} is one of the inputs: name another file")
    try:
        known = read_json(out, LARGEST_CARD)["kind"] == KIND
    except (InputError, KeyError, TypeError):
        known = False
    if not known:
        raise InputError(f"--out {out} exists, and is not a card of vcmpipe calibrate: name another file")
