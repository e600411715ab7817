"""``encode`` on a cluster: a worker is given a segment with its detections, and gives back what became of it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.finished import FinishedSegment
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.segment import Segment
from vcmpipe.commands.encode_run import EncodeRun
from vcmpipe.config import EncodeOptions
from vcmpipe.detection.recorded import KIND, recorded_path
from vcmpipe.process.cluster import Cluster, check_same, everywhere
from vcmpipe.process.stopwatch import Stopwatch

if TYPE_CHECKING:
    import supervision as sv

# What has to be the same on every machine, for its segments to be.
_SAME = ("encoder", "detectors", "predictor", "human", "point", "versions")
# Options that may name files, some behind a kind or several of them: onnx:PATH, torchvision:NAME@PATH, PATH,PATH.
_PLACES = ("detector", "classes", "predictor", "verify_with", "human", "encoder")


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How every segment of a run is treated. Equal recipes share detectors within a process.

    Attributes:
        options: Those of the run.
        stills: Whether its segments are pictures.
        identity: The tools that decide what becomes of a segment, as JSON: a worker with others must not take part.
    """

    options: EncodeOptions
    stills: bool
    identity: str


class RemoteCoding:
    """Codes the segments of a run on the workers of a cluster.

    Args:
        cluster: The cluster.
        options: Those of the run.
    """

    def __init__(self, cluster: Cluster, options: EncodeOptions) -> None:
        self.threads = cluster.threads
        self.stop = cluster.stop
        self._cluster = cluster
        places = {name: everywhere(getattr(options, name)) for name in _PLACES}
        # What is read and written stays here.
        self._options = dataclasses.replace(options, input="-", out="-", json=False, map_out=None, **places)

    def code(
        self,
        identity: Mapping[str, Any],
        segment: Segment,
        found: Sequence[sv.Detections],
        start: Choice | None,
    ) -> FinishedSegment:
        """Code a segment; see ``EncodeRun.code``, and ``Cluster.call`` for what is raised besides."""
        spec = identity["options"]["detector"]
        recorded = recorded_path(spec)
        detector = everywhere(spec) if recorded is None else f"{KIND}:{recorded.absolute()}"
        options = dataclasses.replace(self._options, detector=detector)
        same = json.dumps({name: identity[name] for name in _SAME}, sort_keys=True)
        recipe = Recipe(options, segment.structure == "intra", same)
        return FinishedSegment.from_bytes(self._cluster.call(code_segment, recipe, segment, tuple(found), start))


def code_segment(recipe: Recipe, segment: Segment, found: Sequence[sv.Detections], start: Choice | None) -> bytes:
    """Code a segment here, on a worker.

    Returns:
        ``FinishedSegment.to_bytes()``.

    Raises:
        VcmError: It cannot be coded, or the tools here are others than those of the run.
    """
    run = _run(recipe)
    with blamed_on(run.pipeline.encoder, segment.source):
        return run.finish(segment, found, start).to_bytes()


@lru_cache(maxsize=1)
def _run(recipe: Recipe) -> EncodeRun:
    """A run that codes segments as the recipe says, its detectors loaded once per process."""
    run = EncodeRun(recipe.options, lambda message: None, lambda trials: None, None, Stopwatch(), {})
    run.pipeline.settle(stills=recipe.stills)
    check_same(run.identity(), json.loads(recipe.identity))
    return run
