"""Maps on their way to encoders: bent to what an encoder can say, and written in the form that it reads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from vcmpipe.encoders.base import Capabilities, Job
from vcmpipe.errors import InputError
from vcmpipe.qpmap import (
    MAX_RECTANGLES,
    MapLimits,
    QpMap,
    fit_map,
    write_csv,
    write_mask,
    write_rectangles,
    write_roi,
)

MapForm = Literal["roi-text", "roi-binary", "rectangles", "mask", "csv"]
MAP_FORMS: tuple[MapForm, ...] = get_args(MapForm)
# What a form itself cannot say, whatever the encoder could.
_FORM_LIMITS: dict[str, dict[str, int]] = {"mask": {"levels": 2}, "rectangles": {"rectangles": MAX_RECTANGLES}}


@dataclass(frozen=True)
class WrittenMap:
    """A map file, the QP that the encoder must run at, and the QP outside its objects (a mask's background)."""

    path: Path
    qp: int
    background: int


def limits_of(form: MapForm, ctu: int | None, qp_range: tuple[int, int], span: int | None) -> MapLimits:
    """What maps of that form can say to an encoder."""
    return MapLimits(ctu=ctu, qp_range=qp_range, span=span, **_FORM_LIMITS.get(form, {}))


def write_map(job: Job, form: MapForm, path: Path, capabilities: Capabilities) -> WrittenMap:
    """Write the map of a job, once for each of its frames; InputError where it exceeds the encoder's limits."""
    limits = capabilities.map_limits
    qp_map = job.qp
    if limits is None or not isinstance(qp_map, QpMap):
        raise InputError("this encoder reads no QP maps")
    if notes := fit_map(qp_map, limits).notes:
        raise InputError(f"the map does not fit the encoder ({notes[0]}): bend it first (fit_map)")
    maps = [qp_map] * len(job.frames)
    low, high = qp_map.minimum(), int(qp_map.qp.max())
    if form == "rectangles":
        write_rectangles(path, maps)
        return WrittenMap(path, high, high)
    if form == "mask":
        write_mask(path, maps)
    elif form == "csv":
        write_csv(path, maps)
    else:
        write_roi(path, maps, low, binary=form == "roi-binary", ctu=qp_map.ctu, qp_range=limits.qp_range)
    return WrittenMap(path, low, high)
