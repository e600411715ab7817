"""``bench`` on a cluster: a worker is given a picture or segment, and gives back what methods make of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from vcmpipe.bench.operating_points import Album, Setting
from vcmpipe.bench.segments import Part, SegmentOutcome, SourceSegment, run_segment
from vcmpipe.bench.setup import ALBUM, load_setting, sweep_of
from vcmpipe.bench.traits import codes, goes_in_turn
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.search import Answers
from vcmpipe.coding.search.answers import Choice
from vcmpipe.config import BenchOptions
from vcmpipe.encoders import load_encoder
from vcmpipe.process.cluster import Cluster, check_same, everywhere
from vcmpipe.process.content_cache import ContentCache, cache_folder
from vcmpipe.sidecar import provenance

# Options that may name files, some behind a kind or several of them.
_PLACES = ("detector", "second_detector", "panel", "predictor", "human", "encoder")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every picture or segment of a run is treated. Equal recipes share detectors within a process.

    Attributes:
        options: Those of the run.
        identity: The tools that decide what becomes of a picture, as JSON: a worker with others must not take part.
        sequences: Whether segments of sequences are compared, not pictures.
    """

    options: BenchOptions
    identity: str
    sequences: bool = False


class RemoteBench:
    """Compares methods on the workers of a cluster, each of which has a cache of its own machine.

    A method that codes a sequence in one go does so here, where all of it is.

    Args:
        cluster: The cluster.
        options: Those of the run.
        setting: What they name, loaded here.
        sequences: Whether segments of sequences are compared, not pictures.

    Attributes:
        threads: Pictures or segments that are worked on side by side.
    """

    def __init__(self, cluster: Cluster, options: BenchOptions, setting: Setting, *, sequences: bool) -> None:
        self.threads = cluster.threads
        self.stop = cluster.stop
        self._cluster, self._setting = cluster, setting
        options = dataclasses.replace(options, detector=setting.pipeline.detector_spec)
        places: dict[str, Any] = {name: everywhere(getattr(options, name)) for name in _PLACES}
        if options.cache is not None:
            places["cache"] = str(Path(options.cache).absolute())
        # What is read and written stays here.
        options = dataclasses.replace(options, images=None, annotations=None, out="-", cluster=None, json=False)
        self._recipe = Recipe(dataclasses.replace(options, **places), json.dumps(_identity(setting)), sequences)

    def run(self, source: SourceSegment) -> SegmentOutcome:
        """One of them under every method; see ``run_segment``, and ``Cluster.call`` for what is raised besides."""
        part, index = source.part, source.segment.index
        place, before = None, dict[str, Choice | None]()
        if part is not None:
            place = part.sequence, part.rate
            if any(map(goes_in_turn, self._setting.methods.values())):
                before = part.answers.before(index)
        bare = dataclasses.replace(source, part=None)
        outcome, chosen = self._cluster.call(bench_segment, self._recipe, bare, place, before)
        outcome = dataclasses.replace(outcome, versions=self._setting.album.take(outcome.versions))
        if part is None:
            return outcome
        part.answers.give(index, chosen)
        return self._with_whole(outcome, run_segment(_some(self._setting, whole=True), source))

    def _with_whole(self, outcome: SegmentOutcome, whole: SegmentOutcome) -> SegmentOutcome:
        """What was made elsewhere and here, in the order of the methods."""
        cells, accounts = outcome.cells | whole.cells, outcome.accounts | whole.accounts
        names = self._setting.methods
        return dataclasses.replace(
            outcome,
            cells={point: cell for name in names for point, cell in cells.items() if point.method == name},
            accounts={name: accounts[name] for name in names},
            notes=outcome.notes + whole.notes,
        )


def bench_segment(
    recipe: Recipe, source: SourceSegment, place: tuple[str, Fraction] | None, before: Mapping[str, Choice | None]
) -> tuple[SegmentOutcome, dict[str, Choice | None]]:
    """A picture, or a segment, under every method that does not code a sequence in one go, here on a worker.

    Args:
        recipe: How.
        source: The picture or segment.
        place: Name and frames per second of the sequence that it is a segment of.
        before: What its searches begin with, by label.

    Returns:
        What methods make of it, and what its searches chose, by label.

    Raises:
        VcmError: It cannot be coded or looked at, or the tools here are others than those of the run.
    """
    # How much is kept for the gallery is decided where all of it is.
    setting = dataclasses.replace(_setting(recipe), album=Album(ALBUM if recipe.options.gallery else 0))
    answers = Answers.begun(source.segment.index, before)
    if place is not None:
        source = dataclasses.replace(source, part=Part(*place, answers=answers))
    with blamed_on(setting.pipeline.encoder, source.segment.source):
        return run_segment(_some(setting, whole=False), source), answers.of(source.segment.index)


def _some(setting: Setting, *, whole: bool) -> Setting:
    """With the methods alone that code sequences in one go, or with the others."""
    methods = {name: each for name, each in setting.methods.items() if ("sequences" in codes(each)) == whole}
    return dataclasses.replace(setting, methods=methods)


@lru_cache(maxsize=1)
def _setting(recipe: Recipe) -> Setting:
    """What the recipe names, loaded once per process."""
    options = recipe.options
    cache = ContentCache(cache_folder(options.cache), limit=options.cache_limit, fresh=options.fresh)
    encoder = load_encoder(options.encoder)
    sweep = sweep_of(options, encoder)
    parts = {"encoder": CachedEncoder(encoder, cache)}
    setting = load_setting(options, sweep, cache, lambda message: None, parts, sequences=recipe.sequences)
    check_same(_identity(setting), json.loads(recipe.identity))
    return setting


def _identity(setting: Setting) -> dict[str, Any]:
    """All that decides what becomes of pictures, besides options."""
    pipeline = setting.pipeline
    return {
        "encoder": [pipeline.encoder.name, pipeline.encoder.build],
        "detectors": [[each.name, each.digest] for each in (pipeline.detector, *setting.panel.further)],
        "predictor": [pipeline.predictor.name, getattr(pipeline.predictor, "digest", "")],
        "human": pipeline.human_name,
        "methods": list(setting.methods),
        "versions": provenance.versions(),
    }
