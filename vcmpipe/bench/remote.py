"""``bench`` on a cluster: a worker is given a picture with its detections, and gives back what methods make of it."""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from vcmpipe.bench.operating_points import Album, Setting
from vcmpipe.bench.segments import SegmentOutcome, SourceSegment, run_segment
from vcmpipe.bench.setup import ALBUM, load_setting, sweep_of
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.faults import blamed_on
from vcmpipe.config import BenchOptions
from vcmpipe.encoders import load_encoder
from vcmpipe.process.cluster import Cluster, check_same, everywhere
from vcmpipe.process.content_cache import ContentCache, cache_folder
from vcmpipe.sidecar import provenance

# Options that may name files, some behind a kind or several of them.
_PLACES = ("detector", "second_detector", "panel", "predictor", "human", "encoder")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every picture of a run is treated. Equal recipes share detectors within a process.

    Attributes:
        options: Those of the run.
        identity: The tools that decide what becomes of a picture, as JSON: a worker with others must not take part.
    """

    options: BenchOptions
    identity: str


class RemoteBench:
    """Compares methods over pictures on the workers of a cluster, each of which has a cache of its own machine.

    Args:
        cluster: The cluster.
        options: Those of the run.
        setting: What they name, loaded here.

    Attributes:
        threads: Pictures that are worked on side by side.
    """

    def __init__(self, cluster: Cluster, options: BenchOptions, setting: Setting) -> None:
        self.threads = cluster.threads
        self.stop = cluster.stop
        self._cluster, self._album = cluster, setting.album
        options = dataclasses.replace(options, detector=setting.pipeline.detector_spec)
        places: dict[str, Any] = {name: everywhere(getattr(options, name)) for name in _PLACES}
        if options.cache is not None:
            places["cache"] = str(Path(options.cache).absolute())
        # What is read and written stays here.
        options = dataclasses.replace(options, images=None, annotations=None, out="-", cluster=None, json=False)
        self._recipe = Recipe(dataclasses.replace(options, **places), json.dumps(_identity(setting)))

    def run(self, source: SourceSegment) -> SegmentOutcome:
        """A picture under every method; see ``run_segment``, and ``Cluster.call`` for what is raised besides."""
        outcome = self._cluster.call(bench_picture, self._recipe, source)
        return dataclasses.replace(outcome, versions=self._album.take(outcome.versions))


def bench_picture(recipe: Recipe, source: SourceSegment) -> SegmentOutcome:
    """A picture under every method, here on a worker.

    Raises:
        VcmError: It cannot be coded or looked at, or the tools here are others than those of the run.
    """
    # How much is kept for the gallery is decided where all of it is.
    setting = dataclasses.replace(_setting(recipe), album=Album(ALBUM if recipe.options.gallery else 0))
    with blamed_on(setting.pipeline.encoder, source.segment.source):
        return run_segment(setting, source)


@lru_cache(maxsize=1)
def _setting(recipe: Recipe) -> Setting:
    """What the recipe names, loaded once per process."""
    options = recipe.options
    cache = ContentCache(cache_folder(options.cache), limit=options.cache_limit, fresh=options.fresh)
    encoder = load_encoder(options.encoder)
    sweep = sweep_of(options, encoder)
    parts = {"encoder": CachedEncoder(encoder, cache)}
    setting = load_setting(options, sweep, cache, lambda message: None, parts, sequences=False)
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
