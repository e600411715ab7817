"""``encode`` on a cluster: a worker is given a segment with its detections, and gives back what became of it."""

from __future__ import annotations

import dataclasses
import json
import platform
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcmpipe.coding.faults import blamed_on
from vcmpipe.coding.finished import FinishedSegment
from vcmpipe.coding.search.answers import Choice
from vcmpipe.coding.segment import Segment
from vcmpipe.commands.encode_run import EncodeRun
from vcmpipe.config import EncodeOptions
from vcmpipe.errors import InputError
from vcmpipe.process.cluster import Cluster
from vcmpipe.process.stopwatch import Stopwatch

if TYPE_CHECKING:
    import supervision as sv

# What has to be the same on every machine, for its segments to be.
_SAME = ("encoder", "detectors", "predictor", "human", "point", "versions")
# Options that may name files, some behind a kind or several of them: onnx:PATH, torchvision:NAME@PATH, PATH,PATH.
_PLACES = ("detector", "predictor", "verify_with", "human", "encoder")


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
        places = {name: _everywhere(getattr(options, name)) for name in _PLACES}
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
        detector = _everywhere(identity["options"]["detector"])
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
        return FinishedSegment.of(*run.code(segment, found, start)).to_bytes()


@lru_cache(maxsize=1)
def _run(recipe: Recipe) -> EncodeRun:
    """A run that codes segments as the recipe says, its detectors loaded once per process."""
    run = EncodeRun(recipe.options, lambda message: None, lambda trials: None, None, Stopwatch(), {})
    run.pipeline.settle(stills=recipe.stills)
    own = json.loads(json.dumps(run.identity()))
    for name, wanted in json.loads(recipe.identity).items():
        if own[name] != wanted:
            here, there = json.dumps(own[name])[:200], json.dumps(wanted)[:200]
            raise InputError(
                f"the worker on {platform.node()} cannot take part: its {name} is {here}, that of the run {there}; "
                "install the same there"
            )
    return run


def _everywhere(value: Any) -> Any:
    """An option's files by their whole paths: a worker runs in another folder."""
    if not isinstance(value, str):
        return value
    parts = re.split("([:@,])", value)
    return "".join(str(Path(part).absolute()) if Path(part).suffix and Path(part).is_file() else part for part in parts)
