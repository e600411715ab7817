"""What detectors see of objects in many versions of a picture: the trials that ``verify_prior.py`` fits and checks by.

Of every picture: the source's objects; a look at each scale before anything is coded; the whole picture at SCALES x
QPS; and in regions, at some scales, objects at a few QPs with surroundings and background at the same or at coarser
ones, in one layout per QP, so that an object's samples stay the same while the rest of the picture changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.search import SCALES
from vcmpipe.coding.search.canvas import Candidate, Canvas, RateError
from vcmpipe.coding.search.posterior import Exposure, Posterior, Subjects
from vcmpipe.coding.search.prior import Prior
from vcmpipe.coding.search.problem import SegmentProblem
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.detection import Detector, load_detector, resolve_detector_spec
from vcmpipe.encoders import Encoder, load_encoder
from vcmpipe.frames import Frame, find_pictures, open_source, scaled_size
from vcmpipe.process import publish
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.tasks import Constraint, Constraints, DetectionTask
from vcmpipe.training.objects import named_in

Floats = NDArray[np.float64]

QPS = tuple(range(20, 53, 4))
REGION_SCALES = (0.9, 0.6, 0.4)
REGION_QPS = (26, 34, 42)
# Every second object lies so many QPs above the others.
STAGGER = 6
# How far surroundings and background lie above the objects; the first is what a layout is planned for.
AROUND = ((9, 18), (0, 63), (63, 63))
# How far an object's surroundings may reach, in pixels of the detector's input.
REACHES = (32.0, 64.0, 128.0)


@dataclass(frozen=True, eq=False)
class Trials:
    """One picture: N objects, S scales, V versions.

    Attributes:
        subjects: (4, N) source, size, zoom, limit, as in ``Subjects``.
        at: (S,) log2 of each scale.
        scaled: (S, N) strength in the scaled source.
        octaves: (V,) log2 of the coded scale.
        regions: (V,) whether it was coded in regions.
        own: (V, N) QP of each object.
        ring: (REACHES, V, N) QP of its surroundings, as far as each of REACHES goes.
        samples: (V, N) numbers, equal where the object's samples are.
        strength: (V, N) what was seen, a logit.
        kept: (V, N) whether it was found again.
    """

    subjects: Floats
    at: Floats
    scaled: Floats
    octaves: Floats
    regions: NDArray[np.bool_]
    own: Floats
    ring: Floats
    samples: NDArray[np.int64]
    strength: Floats
    kept: NDArray[np.bool_]

    @property
    def count(self) -> int:
        """How many objects."""
        return self.subjects.shape[1]

    def posterior(self, prior: Prior) -> Posterior:
        """What is believed once every scale was looked at uncoded."""
        posterior = Posterior(Subjects(*self.subjects), prior)
        for octaves, strength in zip(self.at.tolist(), self.scaled, strict=True):
            posterior.observe_scaled(octaves, strength)
        return posterior

    def rings(self, prior: Prior) -> Floats:
        """(V, N) QPs of surroundings as far as a prior has them reach, which has to be one of REACHES."""
        return np.asarray(self.ring[REACHES.index(prior.ring_reach)])

    def observe(self, posterior: Posterior, versions: Sequence[int], prior: Prior) -> None:
        """Let a posterior learn from some of the versions."""
        ring = self.rings(prior)
        for v in versions:
            posterior.observe(Exposure(float(self.octaves[v]), self.own[v], ring[v], self.samples[v]), self.strength[v])

    def ask(self, versions: NDArray[np.int64], prior: Prior, question: Callable[..., object]) -> Iterator[tuple]:
        """Put versions to a posterior's ``strength`` or ``log_chance``, those of a scale together.

        Yields:
            The versions, (M,), and the answer, of (N, M) arrays.
        """
        ring = self.rings(prior)
        for octaves in np.unique(self.octaves[versions]):
            mine = versions[self.octaves[versions] == octaves]
            yield mine, question(float(octaves), self.own[mine].T, ring[mine].T, self.samples[mine].T)


def load(file: Path) -> dict[str, Trials]:
    """The trials of a file by picture; none where there is no such file."""
    if not file.is_file():
        return {}
    with np.load(file) as stored:
        names = stored["names"].tolist()
        return {
            name: Trials(*(stored[f"{number}.{field.name}"] for field in fields(Trials)))
            for number, name in enumerate(names)
        }


def save(file: Path, trials: dict[str, Trials]) -> None:
    """Publish them whole, or not at all."""
    arrays = {
        f"{number}.{field.name}": getattr(each, field.name)
        for number, each in enumerate(trials.values())
        for field in fields(Trials)
    }
    with publish(file) as part, part.open("wb") as stream:
        np.savez_compressed(stream, names=np.array(list(trials)), **arrays)


def collect(
    folders: Sequence[Path], detector: str, file: Path, limit: int, exclude: Path | None, cache: Path | None
) -> dict[str, Trials]:
    """Code what a file of trials does not have yet, and keep it there picture by picture."""
    trials = load(file)
    paths = {name: path for folder in folders for name, path in find_pictures(folder).items()}
    names = sorted(paths)
    if exclude:
        names = [name for name, out in zip(names, named_in(names, exclude), strict=True) if not out]
    wanted = names[:limit]
    missing = [name for name in wanted if name not in trials]
    if not missing:
        return {name: trials[name] for name in wanted}
    eye = load_detector(resolve_detector_spec(detector), jobs=1)
    encoder: Encoder = load_encoder("vvenc")
    if cache:
        encoder = CachedEncoder(encoder, ContentCache(cache))
    for name in missing:
        trials[name] = of_picture(next(iter(open_source(paths[name]))), eye, encoder)
        save(file, trials)
        print(f"{name}: {trials[name].count} objects, {len(trials[name].octaves)} versions", flush=True)
    return {name: trials[name] for name in wanted}


def of_picture(frame: Frame, detector: Detector, encoder: Encoder) -> Trials:
    """Code every version of one picture and detect in it."""
    constraints = Constraints([Constraint.of(detector, DetectionTask(), detector.detect([frame]))])
    count = len(constraints)
    if not count:
        return nothing()
    coders: dict[float, SegmentCoder] = {}

    def coder_at(scale: float) -> SegmentCoder:
        if scale not in coders:
            size = scaled_size(frame.width, frame.height, scale)
            coders[scale] = SegmentCoder(encoder, frame, coded_size=size)
        return coders[scale]

    problem = SegmentProblem(constraints, coder_at, scales=SCALES)
    subjects = problem.posterior.subjects
    for scale in SCALES:
        problem.canvas(scale)
    uncoded = [problem.strength(problem.uncoded[scale].comparison) for scale in SCALES]
    rows: list[tuple] = []
    for scale in SCALES:
        canvas = problem.canvas(scale)
        others = [
            Canvas(
                scale,
                canvas.coder,
                constraints.footprint,
                reach * np.exp2(subjects.zoom),
                dilate_px=8,
                step_limit=None,
                errors=RateError(),
            )
            for reach in REACHES
        ]
        for candidate in candidates(canvas, count):
            if not np.isfinite(problem.attempt(candidate).bits):
                continue
            batch = canvas.of_candidate(candidate)
            ring = [other.of_candidate(candidate).ring[0] for other in others]
            tried = problem.tried[candidate]
            own, samples, regions = batch.own[0], batch.samples[0], candidate.how == "regions"
            rows.append((canvas.octaves, regions, own, ring, samples, tried.strength, tried.judgement.comparison.kept))
    octaves, regions, own, rings, samples, strength, kept = zip(*rows, strict=True)
    return Trials(
        np.stack([subjects.source, subjects.size, subjects.zoom, subjects.limit]),
        np.array([problem.canvas(scale).octaves for scale in SCALES]),
        np.stack(uncoded),
        np.array(octaves),
        np.array(regions),
        np.stack(own),
        np.stack([np.stack(each) for each in rings]).transpose(1, 0, 2),
        np.stack(samples),
        np.stack(strength),
        np.stack(kept),
    )


def nothing() -> Trials:
    """A picture without objects, which is not looked at again."""
    table = np.zeros((0, 0))
    return Trials(
        subjects=np.zeros((4, 0)),
        at=np.zeros(0),
        scaled=table,
        octaves=np.zeros(0),
        regions=np.zeros(0, np.bool_),
        own=table,
        ring=np.zeros((len(REACHES), 0, 0)),
        samples=table.astype(np.int64),
        strength=table,
        kept=table.astype(np.bool_),
    )


def candidates(canvas: Canvas, count: int) -> Iterator[Candidate]:
    """The versions of a picture at one scale."""
    whole = canvas.uniform(np.array(QPS))
    canvas.coder.uniform(QPS)  # together: that starts fewer processes
    yield from (canvas.candidate(whole, number) for number in range(len(QPS)))
    if canvas.scale not in REGION_SCALES or canvas.coder.padded_size[0] <= canvas.coder.ctu:
        return
    top = canvas.qp_range[1]
    for qp in REGION_QPS:
        inner = qp + STAGGER * (np.arange(count) % 2)
        maps = np.stack(
            [
                canvas.map_of(inner, np.minimum(inner + around, top), min(qp + STAGGER + behind, top))
                for around, behind in AROUND
            ]
        )
        layout = canvas.planned(maps[0])
        if len(layout.regions()) == 1:
            continue
        batch = canvas.batch(maps, layout)
        made = [canvas.candidate(batch, number) for number in range(len(maps))]
        # Maps that come to the same regions at the same QPs are one version.
        yield from {candidate.identity: candidate for candidate in made}.values()
