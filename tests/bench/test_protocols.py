"""Protocol files: each says what is anchor, what is test and how rates are averaged, and runs as one command."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from clips_made import write_clip

from vcmpipe.bench.traits import codes
from vcmpipe.bench.whole import INTRA_PERIOD
from vcmpipe.cli.main import main
from vcmpipe.cli.parser import parse
from vcmpipe.config import BenchOptions, parse_range
from vcmpipe.datasets.scenes import write_demo_dataset
from vcmpipe.plugins import METHODS
from vcmpipe.qpmap import parse_background

FOLDER = Path(__file__).parents[2] / "pipelines"
PROTOCOLS = ("bench-coco", "mpeg-vcm", "dt-jrd", "sfu-hw", "tvd", "bench-video")
VIDEO = ("sfu-hw", "tvd", "bench-video")


def options_of(name: str, *words: str) -> BenchOptions:
    command, options = parse(["bench", "--config", name, *words])
    assert command == "bench" and isinstance(options, BenchOptions)
    return options


def test_the_default_points_are_those_of_mpeg_vcm() -> None:
    assert parse_range(BenchOptions().qps, low=0, high=63, what="--qps") == (22, 27, 32, 37, 42, 47)
    assert options_of("mpeg-vcm").qps == BenchOptions().qps


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_says_what_is_compared_with_what(name: str) -> None:
    options = options_of(name)
    assert options.protocol
    methods = options.methods.split(",")
    assert set(options.anchors.split(",")) < set(methods) <= set(METHODS.built_in)
    text = (FOLDER / f"{name}.yaml").read_text()
    for word in ("# anchor", "# test", "# rates", "# figure", f"--config {name}"):
        assert word in text, word
    # It is written down, not left to defaults that may change.
    assert "\nanchors: " in text and "\naverage: " in text and '\nqps: "' in text
    assert options_of(f"pipelines/{name}.yaml") == options
    assert options_of(name, "--limit", "3", "--anchors", "roi").anchors == "roi"


@pytest.mark.parametrize("name", VIDEO)
def test_protocols_of_video_measure_against_the_whole_file(name: str) -> None:
    options = options_of(name, "--images", "clips")
    assert (options.anchors or "").split(",")[0] == "plain-whole" and INTRA_PERIOD == 32
    assert (options.structure, options.average, options.predictor in ("auto", "measured")) == (
        "random-access",
        "pictures",
        True,
    )
    qps = parse_range(options.qps, low=0, high=63, what="--qps")
    if name != "bench-video":
        assert [b - a for a, b in itertools.pairwise(qps)] == [4] * 5
    for method in options.methods.split(","):
        assert {"segments", "sequences"} & set(codes(METHODS.load(method))), method


@pytest.mark.slow
def test_bench_video_runs_on_a_folder_of_clips(tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    write_clip(tmp_path / "clips" / "walk.y4m", 6)
    words = ["bench", "--config", "bench-video", "--images", str(tmp_path / "clips"), "--detector", "demo"]
    words += ["--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache"), "--qps", "42", "--margins", "0"]
    assert main([*words, "--scales", "0.5", "--predictor", "constant:36", "--resamples", "10"]) == 0
    result = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [each["name"] for each in result["sequences"]] == ["walk.y4m"]
    assert result["anchors"] == ["plain-whole", "stock-whole"]
    assert {"rdo", "verified"} <= {each["method"] for each in result["points"]}


def test_dt_jrd_is_as_published() -> None:
    options = options_of("dt-jrd")
    assert parse_range(options.qps, low=0, high=63, what="--qps") == tuple(range(10, 51, 5))
    assert parse_range(options.margins, low=-63, high=63, what="--margins") == (0,)
    assert (parse_background(options.background), options.ctu, options.decision) == (
        parse_background("51"),
        64,
        "argmax",
    )


def test_bench_coco_names_the_bench_set() -> None:
    options = options_of("bench-coco")
    assert (options.limit, options.methods, options.average) == (40, BenchOptions.methods, "pictures")
    assert (options.images, options.annotations) == ("coco-bench", "coco-bench")
    assert (options.detector, options.second_detector) == ("yolox-nano", "fastestdet")


def test_a_protocol_is_one_command_and_is_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    annotations = write_demo_dataset(tmp_path / "demo", 1, 920_000)
    words = ["bench", "--config", "mpeg-vcm", "--images", str(annotations.parent / "images"), "--detector", "demo"]
    words += ["--annotations", str(annotations), "--out", str(tmp_path / "out"), "--cache", str(tmp_path / "cache")]
    assert main([*words, "--methods", "plain", "--qps", "32,42", "--average", "bpp", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    kept = json.loads((tmp_path / "out" / "result.json").read_text())
    assert printed == kept
    assert (kept["average"], kept["anchors"]) == ("bpp", ["plain"])
    assert kept["configuration"]["protocol"].startswith("MPEG VCM")
    assert kept["points"][0]["rate"]["value"] == pytest.approx(kept["points"][0]["bpp"])
    assert "Protocol: MPEG VCM" in (tmp_path / "out" / "report.html").read_text()
