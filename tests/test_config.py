"""Option ranges and the dataclasses behind every command."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

import pytest

from vcmpipe import config
from vcmpipe.audience import PixelThresholds, load_people
from vcmpipe.bench.statistics import summarise
from vcmpipe.encoders import CodingMode, PictureCoder
from vcmpipe.errors import InputError
from vcmpipe.evaluation import MatchRule, match
from vcmpipe.evaluation.coco import pseudo_truth
from vcmpipe.evaluation.threshold_errors import Bootstrap
from vcmpipe.frames import ColourSpec
from vcmpipe.qpmap import MapPolicy, QpMap, build_map
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.jnd.resjnd import jnd_map
from vcmpipe.verify import VerifyRules
from vcmpipe.verify.search import Limits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:47:5", (22, 27, 32, 37, 42, 47)),
        ("0:3", (0, 1, 2, 3)),
        ("5", (5,)),
        ("9,3,3", (3, 9)),
        ("10:15:4", (10, 14, 15)),  # both ends are included, also when the step misses the last
        ("-8:4:4", (-8, -4, 0, 4)),
    ],
)
def test_ranges(text: str, expected: tuple[int, ...]) -> None:
    assert config.parse_range(text, low=-63, high=63, what="--qps") == expected


@pytest.mark.parametrize("text", ["", "a", "1:", "5:1", "1:2:0", "1:2:3:4", "0:64", "-64", "1.5", "1:2:-1"])
def test_bad_ranges_name_the_option_and_the_value(text: str) -> None:
    with pytest.raises(InputError, match="--qps") as caught:
        config.parse_range(text, low=-63, high=63, what="--qps")
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"risk": 1.5}, "--risk"),
        ({"score": -0.1}, "--score"),
        ({"empty": 64}, "--empty"),
        ({"dilate": -1}, "--dilate"),
        ({"smooth": 0}, "--smooth"),
        ({"jobs": -1}, "--jobs"),
        ({"limit": 0}, "--limit"),
    ],
)
def test_values_out_of_range_name_their_option(values: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        config.EncodeOptions(input="in", out="out.bin", **values)  # type: ignore[arg-type]


DEFAULTS: list[tuple[Callable[..., object], str, object]] = [
    (MapPolicy, "background", config.EncodeOptions.background),
    (MapPolicy, "dilate_px", config.EncodeOptions.dilate),
    (MapPolicy, "step_limit", config.EncodeOptions.smooth),
    (MapPolicy, "empty", config.EncodeOptions.empty),
    (build_map, "ctu", config.EncodeOptions.ctu),
    (QpMap.uniform, "ctu", config.EncodeOptions.ctu),
    (PictureCoder, "ctu", config.EncodeOptions.ctu),
    (PictureCoder, "preset", config.EncodeOptions.preset),
    (PictureCoder, "form", config.EncodeOptions.form),
    (CodingMode, "preset", config.EncodeOptions.preset),
    (ColourSpec, "matrix", config.EncodeOptions.matrix),
    (ColourSpec, "range", config.EncodeOptions.range),
    (ColourSpec, "siting", config.EncodeOptions.siting),
    (MatchRule, "reference_score", config.EncodeOptions.score),
    (MatchRule, "found_score", config.EncodeOptions.min_score),
    (MatchRule, "iou", config.EncodeOptions.iou),
    (MatchRule, "reference_score", config.DatasetBuildOptions.score),
    (MatchRule, "found_score", config.DatasetBuildOptions.min_score),
    (MatchRule, "iou", config.DatasetBuildOptions.iou),
    (match, "min_score", config.EncodeOptions.min_score),
    (match, "iou", config.EncodeOptions.iou),
    (pseudo_truth, "score", config.BenchOptions.score),
    (Thresholds.decide, "decision", config.EncodeOptions.decision),
    (Thresholds.decide, "risk", config.EncodeOptions.risk),
    (Thresholds.quantile, "risk", config.EvaluatePredictorOptions.risk),
    (VerifyRules, "trials", config.EncodeOptions.max_trials),
    (VerifyRules, "scales", config.parse_scales(config.EncodeOptions.scales, "--scales")),
    (VerifyRules, "qp_margin", config.EncodeOptions.qp_margin),
    (VerifyRules, "score_margin", config.EncodeOptions.score_margin),
    (VerifyRules, "blur", config.EncodeOptions.background_blur),
    (Limits, "trials", config.EncodeOptions.max_trials),
    (Limits, "margin", config.EncodeOptions.qp_margin),
    (PixelThresholds, "factor", config.EncodeOptions.jnd_factor),
    (PixelThresholds, "floor", config.EncodeOptions.jnd_floor),
    (load_people, "factor", config.EncodeOptions.jnd_factor),
    (load_people, "floor", config.EncodeOptions.jnd_floor),
    (jnd_map, "tile", config.JndMapOptions.tile),
    (summarise, "average", config.BenchOptions.average),
    (summarise, "resamples", config.BenchOptions.resamples),
    (summarise, "seed", config.BenchOptions.seed),
    (Bootstrap, "rounds", config.EvaluatePredictorOptions.rounds),
]


@pytest.mark.parametrize(
    ("call", "name", "default"), DEFAULTS, ids=[f"{call.__qualname__}-{name}" for call, name, _ in DEFAULTS]
)
def test_the_library_and_the_command_line_have_the_same_defaults(
    call: Callable[..., object], name: str, default: object
) -> None:
    assert inspect.signature(call).parameters[name].default == default


def test_every_option_has_a_help_text() -> None:
    for name in ("EncodeOptions", "DecodeOptions", "InspectOptions", "ExtractOptions", "BenchOptions", "DoctorOptions"):
        for field in dataclasses.fields(getattr(config, name)):
            assert len(field.metadata["help"]) > 5, f"{name}.{field.name}"
