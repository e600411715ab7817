"""How sequences are coded, in words that a reader can repeat it by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vcmpipe.bench.inputs import Inputs
from vcmpipe.bench.operating_points import Setting
from vcmpipe.bench.traits import codes, cuts_scenes
from vcmpipe.bench.whole import INTRA_PERIOD
from vcmpipe.encoders.base import CodingMode, Job
from vcmpipe.frames import Yuv

if TYPE_CHECKING:
    from vcmpipe.coding.cutting import Cutting


def conditions(setting: Setting, inputs: Inputs) -> list[str]:
    """A sentence for segments, for sequences in one go, for a constant QP, and for the encoder as it comes.

    Nothing where pictures are compared.
    """
    if not inputs.sequences:
        return []
    cutting, encoder = inputs.sequences[0].cutting, setting.pipeline.encoder
    preset = setting.pipeline.options.preset
    scenes = " and end with their scene" if cutting.scene_cuts else ""
    seek = "only their first picture is intra"
    if cutting.seek_every is not None:
        seek = f"an intra picture at least every {cutting.seek_every:g} s"
    lines = [
        f"Segments are coded by {encoder.name} ({encoder.build}), preset {preset}, {cutting.structure}, each by "
        f"itself; they are at most {cutting.seconds:g} s long{scenes}; {seek}."
    ]
    in_one_go = [name for name, method in setting.methods.items() if "sequences" in codes(method)]
    if in_one_go:
        lines.append(
            f"{' and '.join(in_one_go)}: each sequence in one go, its bits shared out among the segments by the access "
            "units of their frames, parameter sets to the frame that they stand before."
        )
    by_scene = [name for name in in_one_go if cuts_scenes(setting.methods[name])]
    if by_scene and cutting.scene_cuts:
        lines.append(f"{' and '.join(by_scene)}: each scene by itself, only its first picture being intra.")
    if encoder.name == "vvenc":
        lines.append(
            f"Switches at a constant QP: in segments {_switches(cutting, preset, cutting.intra_period)}"
            f"{f'; in one go {_switches(cutting, preset, INTRA_PERIOD)}' if set(in_one_go) - set(by_scene) else ''}."
        )
        free = cutting.structure == "random-access"
        groups = ", group of pictures and intra period" if free else ""
        bound = "" if free else f"; {cutting.structure} by its switches"
        lines.append(
            f"As it comes (stock*): ffmpeg -c:v libvvenc -preset {preset} -qp QP, with perceptual QP "
            f"adaptation, temporal filter{groups} of its own choice{bound}."
        )
    return lines


def _switches(cutting: Cutting, preset: str, intra_period: int | None) -> str:
    """VVenC's switches for a sequence at a constant QP, as they are given."""
    from vcmpipe.encoders.vvenc import parameters

    still = Yuv(np.zeros((16, 16), np.uint16), np.zeros((8, 8), np.uint16), np.zeros((8, 8), np.uint16))
    mode = CodingMode(preset=preset)
    job = Job([still, still], 32, mode, structure=cutting.structure, rate=cutting.rate, intra_period=intra_period)
    return ", ".join(["qpa=0", *(f"{key}={value}" for key, value in parameters(job).items())])
