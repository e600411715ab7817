"""Option ranges and the dataclasses behind every command."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vcmpipe import config
from vcmpipe.bench.statistics import summarise
from vcmpipe.cli.commands import COMMANDS
from vcmpipe.coding.search import SearchRules
from vcmpipe.coding.search.search import Limits
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config.base import MAX_JOBS
from vcmpipe.config.bench import MAX_RESAMPLES
from vcmpipe.config.limits import MAX_SIDE
from vcmpipe.encoders import CodingMode
from vcmpipe.errors import InputError
from vcmpipe.evaluation import MatchRule, match
from vcmpipe.evaluation.bootstrap import Bootstrap
from vcmpipe.evaluation.coco import pseudo_truth
from vcmpipe.frames import ColourSpec
from vcmpipe.jnd.models.resjnd import jnd_map
from vcmpipe.jnd.viewer import PixelThresholds, load_human_viewer
from vcmpipe.qpmap import MapPolicy, QpMap, build_map
from vcmpipe.thresholds import Thresholds


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


NAN = float("nan")
ENCODE = {"input": "in", "out": "out.bin"}
VERIFY = ENCODE | {"verify": True}
HUMAN = ENCODE | {"viewer": "both", "human": "constant:30"}
TRAIN = {"model": "dt_jrd", "data": "store", "out": "run"}
LIMITS: list[tuple[Callable[..., object], dict[str, object], str, list[float], list[float]]] = [
    (config.EncodeOptions, ENCODE, "risk", [0.0, 0.99], [-0.1, 1.0, NAN]),
    (config.EncodeOptions, ENCODE, "score", [0.0, 1.0], [-0.1, 1.1, NAN]),
    (config.EncodeOptions, ENCODE, "min_score", [0.0, 1.0], [-0.1, 1.1]),
    (config.EncodeOptions, ENCODE, "iou", [0.01, 1.0], [0.0, 1.1]),
    (config.EncodeOptions, ENCODE, "empty", [0, 63], [-1, 64]),
    (config.EncodeOptions, ENCODE, "dilate", [0, MAX_SIDE], [-1, MAX_SIDE + 1]),
    (config.EncodeOptions, ENCODE, "smooth", [1, 63], [0, 64]),
    (config.EncodeOptions, ENCODE, "jobs", [0, MAX_JOBS], [-1, MAX_JOBS + 1]),
    (config.EncodeOptions, ENCODE, "limit", [1], [0]),
    (config.EncodeOptions, ENCODE, "margin", [-63, 63], [-64, 64]),
    (config.EncodeOptions, VERIFY, "max_trials", [1, 1000], [0, 1001]),
    (config.EncodeOptions, VERIFY, "qp_margin", [0, 32], [-1, 33]),
    (config.EncodeOptions, VERIFY, "score_margin", [0.0, 1.0], [-0.1, 1.1, NAN]),
    (config.EncodeOptions, VERIFY, "background_blur", [0.0, 100.0], [-1.0, 101.0]),
    (config.EncodeOptions, HUMAN, "jnd_factor", [0.1], [0.0, NAN, float("inf")]),
    (config.EncodeOptions, HUMAN, "jnd_floor", [0.0, 255.0], [-1.0, 256.0]),
    (config.BenchOptions, {}, "limit", [1], [0]),
    (config.BenchOptions, {}, "resamples", [0, MAX_RESAMPLES], [-1, MAX_RESAMPLES + 1]),
    (config.BenchOptions, {}, "seed", [0], [-1]),
    (config.BenchOptions, {}, "gallery", [0], [-1]),
    (config.PredictOptions, {"input": "in"}, "margin", [-63, 63], [-64, 64]),
    (config.PredictOptions, {"input": "in"}, "limit", [1], [0]),
    (config.PredictOptions, {"input": "in"}, "risk", [0.5], [1.0]),
    (config.PredictOptions, {"input": "in"}, "jobs", [1], [-1]),
    (config.EvaluatePredictorOptions, {"data": "d", "weights": "w"}, "risk", [0.0], [1.0]),
    (config.EvaluatePredictorOptions, {"data": "d", "weights": "w"}, "rounds", [2], [1]),
    (config.EvaluatePredictorOptions, {"data": "d", "weights": "w"}, "limit", [1], [0]),
    (config.JndMapOptions, {"input": "in", "weights": "w", "out": "d"}, "tile", [16, 16384], [15, 16385]),
    (config.JndMapOptions, {"input": "in", "weights": "w", "out": "d"}, "limit", [1], [0]),
    (config.DatasetBuildOptions, {"images": "in", "out": "store"}, "limit", [1], [0]),
    (config.DatasetBuildOptions, {"images": "in", "out": "store"}, "iou", [1.0], [0.0]),
    (config.DatasetConvertOptions, {"samples": "s", "out": "d"}, "jobs", [0], [-1]),
    (config.DatasetCropOptions, {"source": "s", "out": "d"}, "size", [16, 16384], [15, 16385]),
    (config.DatasetCropOptions, {"source": "s", "out": "d"}, "stride", [1, 16384], [0, 16385]),
    (config.TrainOptions, TRAIN, "epochs", [1], [0]),
    (config.TrainOptions, TRAIN, "batch", [1], [0]),
    (config.TrainOptions, TRAIN, "size", [1], [0]),
    (config.TrainOptions, TRAIN, "sigma", [0.1], [0.0, NAN]),
    (config.TrainOptions, TRAIN, "lr", [0.1], [0.0, NAN]),
    (config.TrainOptions, TRAIN, "weight_decay", [0.0], [-0.1]),
    (config.TrainOptions, TRAIN, "attention_weight", [0.0], [-0.1]),
    (config.TrainOptions, TRAIN | {"model": "laser"}, "level", [1, 3], [0, 4]),
    (config.TrainOptions, TRAIN, "versions", [1, 64], [0, 65]),
    (config.TrainOptions, TRAIN, "patience", [0], [-1]),
    (config.TrainOptions, TRAIN, "workers", [0], [-1]),
    (config.TrainOptions, TRAIN, "checkpoint_every", [1], [0]),
    (config.TrainOptions, TRAIN, "limit", [1], [0]),
]


@pytest.mark.parametrize(
    ("make", "others", "name", "good", "bad"), LIMITS, ids=[f"{each[0].__name__}-{each[2]}" for each in LIMITS]
)
def test_numbers_out_of_range_name_their_option(
    make: Callable[..., object], others: dict[str, object], name: str, good: list[float], bad: list[float]
) -> None:
    for value in good:
        assert getattr(make(**others, **{name: value}), name) == value
    for value in bad:
        with pytest.raises(InputError, match=f"^--{name.replace('_', '-')} {value}: give "):
            make(**others, **{name: value})


@pytest.mark.parametrize(
    ("make", "others"),
    [
        (config.EncodeOptions, {"input": "", "out": "b"}),
        (config.DecodeOptions, {"input": "a", "out": ""}),
        (config.InspectOptions, {"input": "a", "sidecar": ""}),
        (config.TrainOptions, TRAIN | {"init": ""}),
        (config.DatasetVerifyOptions, {"store": ""}),
        (config.BenchOptions, {"cache": ""}),
    ],
)
def test_an_empty_name_is_refused(make: Callable[..., object], others: dict[str, object]) -> None:
    (name,) = (name for name, value in others.items() if value == "")
    with pytest.raises(InputError, match=f"^--{name} is empty"):
        make(**others)


DEFAULTS: list[tuple[Callable[..., object], str, object]] = [
    (MapPolicy, "background", config.EncodeOptions.background),
    (MapPolicy, "dilate_px", config.EncodeOptions.dilate),
    (MapPolicy, "step_limit", config.EncodeOptions.smooth),
    (MapPolicy, "empty", config.EncodeOptions.empty),
    (build_map, "ctu", config.EncodeOptions.ctu),
    (QpMap.uniform, "ctu", config.EncodeOptions.ctu),
    (SegmentCoder, "ctu", config.EncodeOptions.ctu),
    (SegmentCoder, "preset", config.EncodeOptions.preset),
    (SegmentCoder, "form", config.EncodeOptions.form),
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
    (SearchRules, "trials", config.EncodeOptions(input="x", out="x.bin", verify=True).trials),
    (SearchRules, "scales", config.parse_scales(config.EncodeOptions.scales, "--scales")),
    (SearchRules, "qp_margin", config.EncodeOptions.qp_margin),
    (SearchRules, "score_margin", config.EncodeOptions.score_margin),
    (SearchRules, "blur", config.EncodeOptions.background_blur),
    (Limits, "trials", config.EncodeOptions(input="x", out="x.bin", verify=True).trials),
    (Limits, "margin", config.EncodeOptions.qp_margin),
    (PixelThresholds, "factor", config.EncodeOptions.jnd_factor),
    (PixelThresholds, "floor", config.EncodeOptions.jnd_floor),
    (load_human_viewer, "factor", config.EncodeOptions.jnd_factor),
    (load_human_viewer, "floor", config.EncodeOptions.jnd_floor),
    (jnd_map, "tile", config.JndMapOptions.tile),
    (summarise, "average", config.BenchOptions.average),
    (summarise, "resamples", config.BenchOptions.resamples),
    (summarise, "seed", config.BenchOptions.seed),
    (Bootstrap, "resamples", config.EvaluatePredictorOptions.rounds),
]


@pytest.mark.parametrize(
    ("call", "name", "default"), DEFAULTS, ids=[f"{call.__qualname__}-{name}" for call, name, _ in DEFAULTS]
)
def test_the_library_and_the_command_line_have_the_same_defaults(
    call: Callable[..., object], name: str, default: object
) -> None:
    assert inspect.signature(call).parameters[name].default == default


def test_every_option_has_a_help_text() -> None:
    for command in COMMANDS.values():
        for field in dataclasses.fields(command.options):
            assert len(field.metadata["help"]) > 5, f"{command.options.__name__}.{field.name}"


@pytest.mark.parametrize(
    ("make", "values", "named"),
    [
        (
            config.EncodeOptions,
            {"input": np.zeros((4, 4, 3), np.uint8)},
            "--input is of the type ndarray: .*encode_frames",
        ),
        (
            config.EncodeOptions,
            {"input": [np.zeros((4, 4, 3), np.uint8)]},
            "--input is of the type ndarray: .*encode_frames",
        ),
        (config.BenchOptions, {"images": np.zeros((4, 4, 3))}, "--images is of the type ndarray: .*encode_frames"),
        (config.EncodeOptions, {"input": "a", "out": 3}, "--out is of the type int: give a text"),
        (config.EncodeOptions, {"input": "a", "margin": "3"}, "--margin is of the type str: give a number"),
        (config.EncodeOptions, {"input": "a", "risk": np.zeros(3)}, "--risk is of the type ndarray: give a number"),
    ],
)
def test_values_of_another_type_are_named(make: Callable[..., object], values: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        make(**({"out": "a.bin"} | values))
    assert "\n" not in str(caught.value)


def test_paths_and_numbers_of_numpy_are_taken() -> None:
    options = config.EncodeOptions(input=Path("frames"), out=Path("a.bin"), margin=np.int64(-2), risk=np.float32(0.5))  # type: ignore[arg-type]
    assert (options.input, options.out, options.margin, options.risk) == ("frames", "a.bin", -2, 0.5)
    assert json.loads(json.dumps(dataclasses.asdict(options)))["margin"] == -2
