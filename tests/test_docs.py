"""The documentation holds: its commands parse, its links lead somewhere, its options and fields are the code's."""

from __future__ import annotations

import dataclasses
import itertools
import re
import shlex
import shutil
import types
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe import sidecar
from vcmpipe.bench import files
from vcmpipe.bench.result import (
    QUALITIES,
    BenchResult,
    ClassResult,
    Comparison,
    Costs,
    LeftOut,
    MethodResult,
    PanelDetector,
    PictureResult,
    PointResult,
    Regret,
    Split,
)
from vcmpipe.bench.sequence_result import SequencePoint, SequenceResult, TrackCounts
from vcmpipe.cli.commands import COMMANDS
from vcmpipe.cli.config_files import find_config
from vcmpipe.cli.options import CommonOptions
from vcmpipe.cli.parser import parse
from vcmpipe.coding.pipeline import parse_scale
from vcmpipe.config import BenchOptions, EncodeOptions, flag_of, parse_range
from vcmpipe.encoders import CodingMode, Job
from vcmpipe.errors import InputError
from vcmpipe.evaluation import REASONS, Estimate, MatchRule
from vcmpipe.frames import ColourSpec, rgb_to_yuv
from vcmpipe.jnd.models.scale import H264_TO_VVC, JPEG_TO_VVC
from vcmpipe.plugins import METHODS
from vcmpipe.qpmap import parse_background, rate
from vcmpipe.tasks import Task
from vcmpipe.thresholds import load_predictor

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
OPTION = re.compile(r"(?<![\w-])--[a-z][\w-]*")
# Of other programs, as they are mentioned in running text.
FOREIGN = {"--enable-libvvenc", "--version", "--roi"}


def name_of(page: Path) -> str:
    """The page as this file speaks of it: two folders may hold pages of one name."""
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of every fenced block."""
    return FENCE.findall(page.read_text())


def spans(page: Path) -> list[str]:
    """Inline code outside fenced blocks."""
    return INLINE.findall(FENCE.sub("", page.read_text()))


def shown_commands() -> list[tuple[str, str, bool]]:
    """(page, command, whether it is whole): lines of console blocks are, mentions in running text need not be."""
    found = []
    for page in PAGES:
        for language, text in blocks(page):
            lines = [line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ ")]
            assert language != "console" or lines, f"{name_of(page)}: a console block without a command: {text[:60]!r}"
            found += [(name_of(page), line, True) for line in lines if line.startswith("vcmpipe ")]
        found += [(name_of(page), span, False) for span in spans(page) if span.startswith("vcmpipe ")]
    return found


def words_of(command: str, whole: bool) -> list[str]:
    """The arguments, without comment and redirection; what a mention leaves out of required options is filled in."""
    words = shlex.split(command, comments=True)[1:]
    words = words[: next((i for i, word in enumerate(words) if word in (">", "|")), len(words))]
    if command_of(words) in COMMANDS and not whole:
        for field in dataclasses.fields(COMMANDS[command_of(words)].options):
            if field.metadata.get("positional"):
                continue  # nothing tells which of the words they are: a mention has them all
            if field.default is dataclasses.MISSING and f"--{field.name}" not in words:
                ending = next((each for each in field.metadata["writes"] if each.startswith(".")), "")
                words += [f"--{field.name}", f"x{ending}"]
    return words


def command_of(words: list[str]) -> str:
    """The command that words begin with, of two words or of one."""
    return " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else " ".join(words[:1])


def own_names(page: str, group: str) -> list[str]:
    """Plugins that a page itself shows how to write."""
    text = (ROOT / page).read_text() if page.startswith("docs/") else ""
    return re.findall(rf'^\[project\.entry-points\."{re.escape(group)}"\]\n([\w-]+) = ', text, re.MULTILINE)


def test_the_pages_show_commands() -> None:
    assert {command_of(command.split()[1:]) for _, command, whole in shown_commands() if whole} >= set(COMMANDS)


@pytest.mark.parametrize(("page", "command", "whole"), shown_commands())
def test_every_command_parses(
    page: str, command: str, whole: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = words_of(command, whole)
    for name in own_names(page, "vcmpipe.methods"):
        monkeypatch.setitem(METHODS.built_in, name, "of the page")
    for name in (word for before, word in itertools.pairwise(words) if before == "--config"):
        if name == "my.yaml":  # stands for a file of the reader's
            (tmp_path / name).write_text("margin: -4\n")
    try:
        name, options = parse(words)
    except SystemExit as end:
        assert end.code == 0, f"{page}: {command}"
        return
    assert name == command_of(words)
    if isinstance(options, EncodeOptions) and options.scale != "auto":
        parse_scale(options.scale)
    if isinstance(options, BenchOptions):
        parse_range(options.qps, low=0, high=63, what="--qps")
        parse_range(options.margins, low=-63, high=63, what="--margins")
    if isinstance(options, EncodeOptions | BenchOptions):
        parse_background(options.background)
        predictor = options.predictor.partition(":")[0]
        need_files = ("dt_jrd", "bc_jrd", "laser", "mtjnd", "card.json")
        if predictor not in ("auto", "measured", *need_files, *own_names(page, "vcmpipe.thresholds")):
            load_predictor(options.predictor)
        assert options.task in ("auto", "detection", "tracking", *own_names(page, "vcmpipe.tasks"))
        assert options.encoder in ("vvenc", *own_names(page, "vcmpipe.encoders"))


@pytest.mark.parametrize("span", ["vcmpipe encode --bckground 3", "vcmpipe nonsense", "vcmpipe inspect --ctu 32"])
def test_a_command_that_is_wrong_would_be_found(span: str) -> None:
    with pytest.raises(InputError):
        parse(words_of(span, False))


def known_options() -> set[str]:
    known = {"--debug", "--print-completion"}
    for options in [CommonOptions, *(command.options for command in COMMANDS.values())]:
        for field in dataclasses.fields(options):
            flag = flag_of(field.name)
            known |= {flag, flag.replace("--", "--no-", 1)} if field.type == "bool" else {flag}
    return known


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_no_page_mentions_an_option_that_does_not_exist(page: Path) -> None:
    mentioned = {
        flag
        for span in spans(page)
        if span.split()[0] in ("vcmpipe",) or span.startswith("--")
        for flag in OPTION.findall(span)
    }
    assert mentioned <= known_options() | FOREIGN


def test_every_option_is_explained() -> None:
    mentioned = {flag for page in PAGES for flag in OPTION.findall(page.read_text())}
    for command in COMMANDS.values():
        for field in dataclasses.fields(command.options):
            if field.metadata.get("positional"):
                continue
            # A switch that is on by default is of interest for how it is turned off.
            flag = flag_of(f"no_{field.name}" if field.default is True else field.name)
            assert flag in mentioned, f"no page explains {flag}"


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives a page's headings."""
    heads = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{name_of(page)} links to {target}"
        assert not fragment or fragment in anchors(place), f"{name_of(page)} links to {target}"


def test_the_page_of_results_lists_every_study() -> None:
    studies = {path.name for path in (ROOT / "docs" / "studies").glob("*.md")}
    assert set(re.findall(r"\]\(studies/([\w-]+\.md)\)", (ROOT / "docs" / "benchmarks.md").read_text())) == studies


def test_lines_are_wrapped() -> None:
    for page in PAGES:
        for number, line in enumerate(page.read_text().splitlines(), 1):
            # A table's row cannot be wrapped.
            assert len(line) <= 120 or line.startswith("|"), f"{name_of(page)}:{number} has {len(line)} columns"


def test_every_ready_configuration_that_is_named_exists() -> None:
    for name in ("encode-safe", "encode-extractable", "bench-quick", "bench-coco", "mpeg-vcm", "dt-jrd"):
        assert f"`{name}`" in (ROOT / "docs" / "guide.md").read_text()
        assert find_config(name).is_file()
    with pytest.raises(InputError):
        find_config("no-such-thing")


@pytest.mark.parametrize(
    "kind",
    [
        sidecar.Sidecar,
        sidecar.SegmentRecord,
        sidecar.FrameRecord,
        sidecar.ObjectRecord,
        sidecar.MapRecord,
        sidecar.RegionRecord,
        sidecar.Conformance,
        sidecar.VerificationRecord,
    ],
)
def test_every_field_of_the_sidecar_is_described(kind: type) -> None:
    described = set(spans(ROOT / "docs" / "formats.md"))
    assert {field.name for field in dataclasses.fields(kind)} <= described


def described_in(text: str, column: str, anchors: Sequence[str]) -> bool:
    """A column, or its pattern: ``saved_RETENTION_ANCHOR``, ``..._low``."""
    for anchor in anchors:
        column = re.sub(rf"_{anchor}(?=$|_)", "_ANCHOR", column, count=1)
    column = re.sub(r"(?<=_)0\.\d+", "RETENTION", column)
    column = re.sub(r"_(low|high|reason|undefined)$", "", column)
    names = {column, re.sub(rf"_({'|'.join(QUALITIES)})(?=_ANCHOR)", "_QUALITY", column)}
    return bool(names & set(re.findall(r"`([^`\n]+)`", text)))


def test_every_column_of_the_bench_is_described(bench_result: Callable[..., BenchResult]) -> None:
    points = [(method, f"QP {i}", 10_000.0 / (1 + i), 99 - i) for method in ("plain", "jrd") for i in range(3)]
    result = bench_result([*points, ("plain-scaled", "a", 5_000.0, 90)], second=True)
    text = FENCE.sub("", (ROOT / "docs" / "formats.md").read_text())
    for make in (files.point_records, files.method_records, files.class_records, files.picture_records):
        records = list(make(result))
        for column in records[0]:
            assert described_in(text, column, result.anchors[::-1]), f"{make.__name__}: {column}"
    described = set(spans(ROOT / "docs" / "formats.md"))
    kinds = (BenchResult, PointResult, MethodResult, Costs, ClassResult, PictureResult, LeftOut, Estimate, Split)
    for kind in (*kinds, Comparison, SequenceResult, SequencePoint, TrackCounts, PanelDetector, Regret):
        assert {field.name for field in dataclasses.fields(kind)} <= described, kind.__name__


def test_every_reason_is_described() -> None:
    assert set(filter(None, REASONS)) <= set(spans(ROOT / "docs" / "bench.md"))


def test_the_rate_model_is_described_with_its_constants() -> None:
    text = (ROOT / "docs" / "how-it-works.md").read_text()
    (_, first), (_, second) = rate.HINGES
    for value in (first, second, rate.STEP_SLOPE, rate.BITS_PER_SAMPLE, f"{rate.FIXED_BITS:g}", rate.BORDER_BITS[0]):
        assert str(value) in text
    assert str(rate.BORDER_BITS[2]) in text and str(rate.BORDER_BITS[-1]) in text


def test_the_lines_between_scales_are_those_of_the_code() -> None:
    text = "".join((ROOT / "docs" / page).read_text() for page in ("human.md", "studies/scale-conversion.md"))
    for line in (H264_TO_VVC, JPEG_TO_VVC):
        assert text.count(f"{line.offset:.2f} + {line.slope:.4f} x") == 2


def plugin(name: str) -> types.ModuleType:
    """An example of extend.md, run from the page itself."""
    text = (ROOT / "docs" / "extend.md").read_text()
    (code,) = re.findall(rf"^`{name}/{name}\.py`\n\n```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    module = types.ModuleType(name)
    exec(compile(code, f"extend.md:{name}", "exec"), module.__dict__)
    return module


def test_the_detector_of_the_documentation_detects(make_frame: Callable[..., object]) -> None:
    frame = make_frame(96, 64)
    frame.rgb[:] = 20
    frame.rgb[10:40, 20:60] = 250
    detector = plugin("hotspots").make("240", jobs=1, device="cpu", min_score=0.05)
    (found,) = detector.detect([frame])
    assert found.xyxy.tolist() == [[20, 10, 60, 40]] and found.confidence.tolist() == [1.0]
    assert len(detector.digest) == 64 and set(found.class_id) <= set(detector.classes)


def test_the_task_of_the_documentation_weighs_what_is_lost() -> None:
    both = sv.Detections(
        np.array([[0, 0, 32, 32], [40, 0, 50, 10]], np.float32), confidence=np.full(2, 0.8), class_id=np.zeros(2, int)
    )
    task = plugin("byarea").make("", rule=MatchRule())
    reference = task.reference([both, both])
    assert isinstance(task, Task) and len(reference) == 4
    assert task.loss([both, both], [both[[0]], both[[1]]]) == (100 + 32 * 32) / 10_000
    with pytest.raises(InputError, match="no argument"):
        plugin("byarea").make("x", rule=MatchRule())


def test_the_predictor_of_the_documentation_predicts(make_frame: Callable[..., object]) -> None:
    predictor = plugin("bysize").make("34")
    boxes = sv.Detections(np.array([[0, 0, 32, 32], [0, 0, 128, 128]], np.float32), class_id=np.zeros(2, int))
    thresholds = predictor.predict(make_frame(128, 128), boxes, None)
    assert thresholds.argmax().tolist() == [34, 42]
    assert (thresholds.decide("quantile", 0.05) < thresholds.argmax()).all()
    with pytest.raises(InputError, match="by-size:QP"):
        plugin("bysize").make("x")


def test_the_encoder_of_the_documentation_encodes(
    make_frame: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    import imageio_ffmpeg

    from vcmpipe.bitstream import inspect_stream

    monkeypatch.setattr(shutil, "which", lambda name: imageio_ffmpeg.get_ffmpeg_exe() if name == "ffmpeg" else None)
    yuv = rgb_to_yuv(make_frame(64, 32).rgb, ColourSpec())
    streams = plugin("oneshot").make().encode([Job([yuv], qp, CodingMode(region=True, ctu=32)) for qp in (30, 41)])
    assert [inspect_stream(stream).pictures[0].regions[0].qp for stream in streams] == [30, 41]
