"""Detect, predict, map, code: from pictures to one stream and its sidecar, picture by picture."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe import process, provenance
from vcmpipe.audience import People, load_people, shifted, smaller
from vcmpipe.bitstream import StreamJoiner
from vcmpipe.config import EncodeOptions, PipelineOptions
from vcmpipe.detection import load_detector, resolve_detector_spec
from vcmpipe.detection.naming import detect_named
from vcmpipe.encoders import CachedEncoder, CodedPicture, ContentCache, PictureCoder, load_encoder, prove
from vcmpipe.encoders.faults import blamed_on, check_fidelity
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.evaluation import MatchRule, match
from vcmpipe.frames import ColourSpec, Frame, FrameSource, PictureSource, open_source, scaled_size
from vcmpipe.qpmap import KVAZAAR_SPAN, ROI_QP_RANGE, MapPolicy, QpMap, limit_steps, write_csv, write_png, write_roi
from vcmpipe.records import object_records, picture_record
from vcmpipe.sidecar import NoSidecarError, PictureRecord, Sidecar, sidecar_path
from vcmpipe.staging import publish_folder, safe_stem, same_file
from vcmpipe.thresholds import ThresholdPredictor, choose_predictor, own_margin
from vcmpipe.workers import in_order as in_order
from vcmpipe.workers import worker_count as worker_count
from vcmpipe.workers import worker_pool as worker_pool

if TYPE_CHECKING:
    import supervision as sv

    from vcmpipe.detection import Detector
    from vcmpipe.encoders import Encoder

# Pictures detected in one call of the detector.
BATCH = 16

Progress = Callable[[int, int | None], None]


def parse_scale(text: str) -> float | None:
    """Read ``--scale``: a factor in (0, 1], or None for ``detector``.

    Raises:
        InputError: It is neither.
    """
    if text == "detector":
        return None
    try:
        factor = float(text)
    except ValueError:
        factor = 0.0
    if not 0.0 < factor <= 1.0:
        raise InputError(f"--scale {text}: give a factor above 0 and at most 1, or detector")
    return factor


def _class_names(text: str | None, detector: Detector) -> list[str]:
    """Read ``--keep-classes``: names that the detector has.

    Raises:
        InputError: It has no such class.
    """
    if text is None:
        return []
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in detector.classes.values():
            some = ", ".join(list(detector.classes.values())[:8])
            raise InputError(f"--keep-classes: {detector.name} has no class {name!r}; it has {some}, ...")
    return names


@dataclass(frozen=True)
class Objects:
    """What has to be kept in one picture.

    Attributes:
        detections: The source's detections with at least the score asked for, boxes in source pixels.
        thresholds: (N,) one QP per object, decided, with margin and clipping.
        recognisable: (N,) False for objects that no QP keeps; they take no part in the map.
    """

    detections: sv.Detections
    thresholds: NDArray[np.int64]
    recognisable: NDArray[np.bool_]


class Pipeline:
    """The way of a picture from the detector to the bits, with everything that the options name loaded once.

    Args:
        options: How to map and how to code.
        scale: ``--scale``'s value.
        margin: ``--margin``'s value; None: the predictor's own.
        classes: ``--keep-classes``'s value; None: all.
        detector: Used instead of the one that the options name.
        predictor: Likewise.
        encoder: Likewise.
        people: Instead of the people's thresholds that the options name.
        cache: Remembers what takes long: people's JND maps.
        warn: Told, in one line, what the user should know.
    """

    def __init__(
        self,
        options: PipelineOptions,
        *,
        scale: str = "1",
        margin: int | None = None,
        classes: str | None = None,
        detector: Detector | None = None,
        predictor: ThresholdPredictor | None = None,
        encoder: Encoder | None = None,
        people: People | None = None,
        cache: ContentCache | None = None,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.options = options
        self.jobs = worker_count(options.jobs)
        self.scale = parse_scale(scale)
        self.policy = MapPolicy(
            background=options.background, dilate_px=options.dilate, step_limit=options.smooth, empty=options.empty
        )
        self.spec = ColourSpec(matrix=options.matrix, range=options.range, siting=options.siting)
        self.rule = MatchRule(reference_score=options.score, found_score=options.min_score, iou=options.iou)
        self.encoder = encoder or load_encoder(options.encoder)
        self.detector_spec = resolve_detector_spec(options.detector)
        self.detector = detector or load_detector(self.detector_spec, jobs=self.jobs, device=options.device)
        self.classes = frozenset(_class_names(classes, self.detector))
        self.people = people
        if people is None and options.human is not None:
            self.people = load_people(
                options.human,
                device=options.device,
                factor=options.jnd_factor,
                floor=options.jnd_floor,
                cache=cache,
                detector=self.detector,
            )
        for_people = options.viewer == "human"
        # Where nobody asks it, nothing has to be said about it.
        told = (lambda message: None) if for_people else warn
        self.predictor = predictor or choose_predictor(options.predictor, self.detector, told)
        default = 0 if for_people else own_margin(self.predictor)
        self.margin = default if margin is None else margin

    def coded_size(self, frame: Frame) -> tuple[int, int]:
        """The size that a frame is coded at."""
        if self.scale is None:
            wanted = self.detector.input_size(frame.width, frame.height)
            return min(wanted[0], frame.width), min(wanted[1], frame.height)
        return scaled_size(frame.width, frame.height, self.scale)

    def coder(self, frame: Frame, size: tuple[int, int] | None = None) -> PictureCoder:
        """The coder of one picture, at a size or at that of ``--scale``."""
        return PictureCoder(
            self.encoder,
            frame,
            coded_size=size or self.coded_size(frame),
            spec=self.spec,
            preset=self.options.preset,
            ctu=self.options.ctu,
            form=self.options.form,
        )

    def wanted(self, detections: sv.Detections, detector: Detector) -> NDArray[np.int64]:
        """Positions of a detector's objects that have to be kept: by score, and by ``--keep-classes``."""
        chosen = self.rule.select(detections)
        if not self.classes:
            return chosen
        numbers = [number for number, name in detector.classes.items() if name in self.classes]
        return chosen[np.isin(np.asarray(detections.class_id)[chosen], numbers)]

    def objects(self, frame: Frame, detections: sv.Detections, coder: PictureCoder) -> Objects:
        """The objects to keep in a picture and the QP that each bears."""
        kept = detections[self.wanted(detections, self.detector)]
        thresholds = self.predictor.predict(frame, kept, coder)
        low, high = self.encoder.capabilities.qp_range
        qps = thresholds.decide(self.options.decision, self.options.risk, self.margin, low, high)
        return Objects(kept, qps, thresholds.recognisable)

    def qp_map(self, objects: Objects, coder: PictureCoder) -> QpMap:
        """The machine's map of a picture, at the padded coded size."""
        part = objects.recognisable
        return coder.map_of(objects.detections.xyxy[part], objects.thresholds[part], self.policy)

    def people_map(self, coder: PictureCoder) -> QpMap | None:
        """The people's map of a picture; None where it is coded for machines alone."""
        return None if self.people is None else self.smoothed(self.people.ask(coder).map)

    def smoothed(self, qp_map: QpMap) -> QpMap:
        """A map within ``--smooth``; that of the machine is already."""
        limit = self.policy.step_limit
        if limit is None:
            return qp_map
        return QpMap(limit_steps(qp_map.qp, limit), qp_map.ctu, qp_map.width, qp_map.height)

    def asked(self, frame: Frame, detections: sv.Detections, coder: PictureCoder) -> tuple[Objects, QpMap]:
        """The objects of a picture, and the map that its viewer asks for, at the padded coded size."""
        people = self.people_map(coder)
        if people is None or self.options.viewer == "both":
            objects = self.objects(frame, detections, coder)
            own = self.qp_map(objects, coder)
            return objects, own if people is None else smaller(own, people)
        asked = shifted(people, self.margin, self.encoder.capabilities.qp_range)
        kept = detections[self.wanted(detections, self.detector)]
        return Objects(kept, coder.qps_at(kept.xyxy, asked), np.ones(len(kept), dtype=np.bool_)), asked


@dataclass(frozen=True)
class EncodedPicture:
    """One picture through the whole pipeline: its stream, and its record (bits to be filled in by the writer)."""

    coded: CodedPicture
    record: PictureRecord
    asked: QpMap


PictureCoding = Callable[[Frame, "sv.Detections"], EncodedPicture]


def encode_picture(pipeline: Pipeline, frame: Frame, detections: sv.Detections, *, check: bool) -> EncodedPicture:
    """Code one picture with its detections; with ``check`` the detector looks at the result."""
    coder = pipeline.coder(frame)
    objects, asked = pipeline.asked(frame, detections, coder)
    coded = coder.by_map(asked, pipeline.options.realise)
    # Decoded in any case: an encoder may leave with exit code 0 having written a damaged picture.
    decoded, psnr = coder.decode(coded)
    check_fidelity(psnr, (int(coded.realised(asked).qp.max()),))
    honoured = prove(coder, coded, asked)
    if honoured.startswith("no: ") and coded.realisation != "native":
        # Read from the headers, without doubt; a native map is only measured.
        raise ProcessError(f"the stream does not carry its map ({honoured}): try another encoder")
    kept: list[bool | None] = [None] * len(objects.detections)
    if check:
        found = detect_named(pipeline.detector, [decoded])[0]
        matches = match(objects.detections, found, iou=pipeline.rule.iou, min_score=pipeline.rule.found_score)
        kept = [bool(value) for value in matches.kept]
    record = picture_record(
        frame,
        coder,
        coded,
        asked,
        object_records(pipeline.detector, objects.detections, objects.thresholds, objects.recognisable, kept),
        psnr_y=psnr,
        honoured=honoured,
    )
    return EncodedPicture(coded, record, asked)


def write_maps(picture: EncodedPicture, folder: Path) -> tuple[str, ...]:
    """Write a picture's map as CSV, as a picture, and as the ROI file of uvg266 and kvazaar (deltas on its minimum).

    Returns:
        What the ROI file could not say as it was asked for.
    """
    name = safe_stem(Path(picture.record.source).stem, "picture")
    stem = folder / f"{picture.record.index:06d}_{name}"
    write_csv(f"{stem}.csv", [picture.asked])
    write_png(f"{stem}.png", picture.asked)
    base = min(picture.asked.minimum(), ROI_QP_RANGE[1])
    return write_roi(f"{stem}.roi.txt", [picture.asked], base, span=KVAZAAR_SPAN).notes


def detected(detector: Detector, frames: Iterable[Frame]) -> Iterator[tuple[Frame, sv.Detections]]:
    """Frames with their detections, the detector being given a batch at a time."""
    stream = iter(frames)
    while batch := list(islice(stream, BATCH)):
        yield from zip(batch, detect_named(detector, batch), strict=True)


def _refuse_overwriting(out: Path, beside: Path, source: FrameSource) -> None:
    """Refuse an output that would take the place of an input, or of a JSON file that is nothing of ours."""
    if out.is_file():
        inputs = source.paths if isinstance(source, PictureSource) else (source.path,)
        if any(same_file(out, path) for path in inputs):
            raise InputError(f"--out {out} is one of the inputs: name another file for the stream")
    if beside.is_file():
        try:
            Sidecar.read(beside)
        except NoSidecarError as error:
            raise InputError(
                f"--out {out}: the sidecar would take the place of {beside}, which is not vcmpipe's: "
                "give the stream another name"
            ) from error
        except InputError:
            pass  # damaged or of another version, but a sidecar


def encode(
    options: EncodeOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Callable[[str], None] = lambda message: None,
    coding: Callable[[Pipeline], PictureCoding] | None = None,
    **parts: Any,
) -> Sidecar:
    """Code pictures into one stream with its sidecar, open loop; both appear together, or neither.

    ``vcmpipe.encode`` is this with the closed loop of ``--verify`` on top.

    Args:
        options: What to code and how.
        progress: Called after every picture with the number done and the total, where it is known.
        warn: Called with what the user should know.
        coding: Makes what codes one picture with its detections, instead of ``encode_picture``.
        **parts: ``detector``, ``predictor``, ``encoder`` objects to use instead of those that the options name.

    Returns:
        The sidecar that was written.

    Raises:
        VcmError: Input, a tool, or the output fails; nothing is left behind.
    """
    if options.verify and coding is None:
        raise InputError("this function codes open loop: call vcmpipe.encode for --verify")
    out = Path(options.out)
    beside = sidecar_path(out)
    if out == beside:
        raise InputError(
            f"--out {out}: the sidecar is NAME.json, so give the stream another ending, such as .bin or .266"
        )
    source = open_source(options.input, limit=options.limit)
    _refuse_overwriting(out, beside, source)
    if options.cache:
        cache = parts["cache"] = ContentCache(Path(options.cache), warn)
        parts.setdefault("encoder", CachedEncoder(load_encoder(options.encoder), cache))
    # A search needs no thresholds, and so no remark that there are none.
    quiet = lambda message: None  # noqa: E731
    told = quiet if options.verify else warn
    pipeline = Pipeline(
        options, scale=options.scale, margin=options.margin, classes=options.keep_classes, warn=told, **parts
    )
    code = coding(pipeline) if coding else partial(encode_picture, pipeline, check=options.check)

    def work(item: tuple[Frame, sv.Detections]) -> EncodedPicture:
        with blamed_on(pipeline.encoder, item[0]):
            return code(*item)

    records: list[PictureRecord] = []
    notes: list[str] = []
    digest = hashlib.sha256()
    with ExitStack() as outputs:
        stream_file = outputs.enter_context(process.publish(out))
        sidecar_file = outputs.enter_context(process.publish(beside))
        maps = outputs.enter_context(publish_folder(Path(options.map_out))) if options.map_out else None
        stream = outputs.enter_context(stream_file.open("wb"))
        pool = outputs.enter_context(worker_pool(pipeline.jobs))
        writer = StreamJoiner(pipeline.encoder.capabilities.codec)
        for picture in in_order(pool, work, detected(pipeline.detector, source), ahead=2 * pipeline.jobs):
            data = writer.add(picture.coded.data)
            stream.write(data)
            digest.update(data)
            records.append(replace(picture.record, bits=8 * len(data)))
            if maps:
                notes += write_maps(picture, maps)
            progress(len(records), source.count)
        stream.flush()
        checked = [obj.kept for record in records for obj in record.objects if obj.kept is not None]
        sidecar = Sidecar(
            stream=out.name,
            sha256=digest.hexdigest(),
            bytes=stream.tell(),
            kept=sum(checked) if options.check else None,
            lost=len(checked) - sum(checked) if options.check else None,
            colour=dataclasses.asdict(pipeline.spec),
            # What was decided by default is written down as decided: the run can be repeated elsewhere.
            configuration=dataclasses.asdict(options) | {"detector": pipeline.detector_spec, "margin": pipeline.margin},
            provenance=provenance.collect(
                pipeline.encoder, pipeline.detector, pipeline.predictor.name, pipeline.people
            ),
            pictures=records,
            codec=pipeline.encoder.capabilities.codec,
        )
        sidecar_file.write_text(sidecar.to_json())
    tell(warn, f"ROI files in {options.map_out}", notes)
    tell(warn, f"encoder {pipeline.encoder.name}", [f"{r.source}: {note}" for r in records for note in r.notes])
    doubts = [f"{r.source}: {r.map_honoured}" for r in records if r.map_honoured.startswith("no: ")]
    tell(warn, "maps that were not honoured", doubts)
    return sidecar


def tell(warn: Callable[[str], None], what: str, notes: Sequence[str]) -> None:
    """One line for however many notes; the sidecar has them all."""
    if notes:
        more = f" (and {len(notes) - 1} more such notes)" if len(notes) > 1 else ""
        warn(f"{what}: {notes[0]}{more}")
