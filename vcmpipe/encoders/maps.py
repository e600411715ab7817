"""Maps on their way to encoders: bent to what an encoder can say, and written in the form that it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from vcmpipe.encoders.base import Capabilities, Job
from vcmpipe.errors import InputError
from vcmpipe.process.text import count
from vcmpipe.qpmap import (
    MAX_RECTANGLES,
    MapLimits,
    QpMap,
    fit_map,
    fit_maps,
    write_addroi,
    write_csv,
    write_frame_deltas,
    write_mask,
    write_rectangles,
    write_roi,
)

MapForm = Literal["roi-text", "roi-binary", "rectangles", "mask", "frame-deltas", "csv", "addroi"]
MAP_FORMS: tuple[MapForm, ...] = get_args(MapForm)
# What a form itself cannot say, whatever the encoder could.
_FORM_LIMITS: dict[str, dict[str, Any]] = {
    "mask": {"levels": 2},
    "rectangles": {"rectangles": MAX_RECTANGLES},
    "frame-deltas": {"levels": 1},
    "addroi": {"shared": True},
}
# Frames of the longest group of pictures, which an encoder may look up behind the end.
_SPARE_FRAMES = 65


@dataclass(frozen=True)
class WrittenMap:
    """A map file, the QP that the encoder must run at, and the QP outside its objects (a mask's background)."""

    path: Path
    qp: int
    background: int


def limits_of(form: MapForm, ctu: int | None, qp_range: tuple[int, int], span: int | None) -> MapLimits:
    """What maps of that form can say to an encoder."""
    return MapLimits(ctu=ctu, qp_range=qp_range, span=span, **_FORM_LIMITS.get(form, {}))


def write_map(
    job: Job, form: MapForm, path: Path, capabilities: Capabilities, order: Sequence[int] | None = None
) -> WrittenMap:
    """Write the maps of a job, one for each of its frames; InputError where they exceed the encoder's limits.

    ``order`` has the frames in the order in which the encoder reads maps; None: as they are presented.
    """
    limits, maps = capabilities.map_limits, job.maps
    if limits is None or not maps:
        raise InputError("this encoder reads no QP maps")
    if len(maps) != len(job.frames):
        raise InputError(f"{count(len(maps), 'map')} for {count(len(job.frames), 'frame')}: give each frame one")
    notes = fit_map(job.qp, limits).notes if isinstance(job.qp, QpMap) else fit_maps(maps, limits)[1]
    if notes:
        raise InputError(f"the map does not fit the encoder ({notes[0]}): bend it first (fit_map, fit_maps)")
    maps = tuple(maps[frame] for frame in order or range(len(maps)))
    low, high = job.lowest_qp, max(int(one.qp.max()) for one in maps)
    if form == "rectangles":
        if any(background != high for background in write_rectangles(path, maps)):
            raise InputError("maps as rectangles leave out their largest QP: give all frames of a segment the same one")
        return WrittenMap(path, high, high)
    if form == "addroi":
        if any(one != maps[0] for one in maps):
            raise InputError("filters are the same for all frames: give all frames of a segment one map")
        return WrittenMap(path, write_addroi(path, maps[0], depth=capabilities.bit_depths[0]), high)
    if form == "mask":
        write_mask(path, maps, low)
    elif form == "frame-deltas":
        write_frame_deltas(path, [one.minimum() for one in maps], low, spare=_SPARE_FRAMES)
    elif form == "csv":
        write_csv(path, maps)
    else:
        write_roi(path, maps, low, binary=form == "roi-binary", ctu=maps[0].ctu, qp_range=limits.qp_range)
    return WrittenMap(path, low, high)
