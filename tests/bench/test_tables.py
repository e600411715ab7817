from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable

import pytest

from vcmpipe.bench import BenchResult, tables
from vcmpipe.cli.parser import parse
from vcmpipe.config import BenchOptions
from vcmpipe.evaluation import Outcome

Make = Callable[..., BenchResult]


def test_the_summary_has_the_anchor_first_and_words_where_there_is_no_figure(bench_result: Make) -> None:
    table = tables.summary(bench_result())
    rows = {row[0]: dict(zip(table.heads, row, strict=True)) for row in table.rows}
    assert next(iter(rows)) == "plain"
    assert rows["plain"]["bytes per picture at 0.95"] == "10,000"
    assert rows["plain"]["saved at 0.95"] == rows["plain"]["BD-rate AP"] == "anchor"
    assert rows["jrd"]["bytes per picture at 0.95"] == "5,000"
    assert rows["jrd"]["saved at 0.95"] == "50.0 %"
    assert rows["jrd"]["BD-rate retention"].startswith("-")
    assert rows["frame"]["bytes per picture at 0.95"] == rows["frame"]["saved at 0.95"] == "not reached"


def test_without_ground_truth_its_columns_are_left_out(bench_result: Make) -> None:
    heads = tables.summary(bench_result(truth=False)).heads + tables.points(bench_result(truth=False)).heads
    assert not {"AP", "AP50", "BD-rate AP", "BD-rate AP50"} & set(heads)
    assert "BD-rate AP vs source" in heads


@pytest.mark.parametrize(
    ("points", "method", "saved", "rate"),
    [
        # Without the anchor nothing can be compared.
        ([("jrd", "a", 5_000.0, 99), ("jrd", "b", 4_000.0, 90)], "jrd", "no plain", "no plain"),
        # The method gets there and the anchor does not.
        (
            [("plain", "a", 5_000.0, 90), ("jrd", "a", 5_000.0, 99), ("jrd", "b", 4_000.0, 95)],
            "jrd",
            "plain: not reached",
            "one point only",
        ),
        (
            [
                ("plain", "a", 5_000.0, 50),
                ("plain", "b", 4_000.0, 40),
                ("jrd", "a", 5_000.0, 99),
                ("jrd", "b", 4e3, 95),
            ],
            "jrd",
            "plain: not reached",
            "no overlap",
        ),
    ],
)
def test_reasons(bench_result: Make, points: list[object], method: str, saved: str, rate: str) -> None:
    table = tables.summary(bench_result(points))
    row = next(dict(zip(table.heads, row, strict=True)) for row in table.rows if row[0] == method)
    assert (row["saved at 0.95"], row["BD-rate retention"]) == (saved, rate)


@pytest.mark.parametrize(
    ("outcome", "signed", "text"),
    [
        (Outcome(12.345), True, "+12.3 %"),
        (Outcome(-12.345), True, "-12.3 %"),
        (Outcome(12.345), False, "12.3 %"),
        (Outcome(-0.01), False, "0.0 %"),
        (Outcome(-0.01), True, "0.0 %"),
        (Outcome(0.01), True, "0.0 %"),
        (Outcome(12_345.0), True, "+12,345.0 %"),
        (Outcome(reason="not_finite"), True, "out of range"),
    ],
)
def test_percent(outcome: Outcome, signed: bool, text: str) -> None:
    assert tables.percent(outcome, signed=signed) == text


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (None, "To keep 95 % of the objects jrd needs 5,000 bytes per picture, 50.0 % fewer than plain (10,000)."),
        ([("plain", "a", 5_000.0, 99), ("jrd", "a", 6_000.0, 99)], "no method needs fewer bytes than plain (5,000"),
        ([("plain", "a", 5_000.0, 90)], "No method keeps 95 %"),
        ([("plain", "a", 5_000.0, 90), ("jrd", "a", 6_000.0, 99)], "jrd needs 6,000 bytes per picture."),
        ([("plain", "a", 5_000.0, 99)], "plain needs 5,000 bytes per picture."),
        ([], "No method keeps 95 %"),
    ],
)
def test_headline(bench_result: Make, points: list[object] | None, words: str) -> None:
    assert words in tables.headline(bench_result(points))


def test_headline_without_objects(bench_result: Make) -> None:
    result = bench_result([("plain", "a", 5_000.0, 0)], objects=0)
    assert tables.headline(result) == "There was no object to keep: nothing can be compared."
    assert [row[6] for row in tables.points(result).rows] == ["-"]


@pytest.mark.parametrize(
    "options",
    [
        BenchOptions(),
        BenchOptions(images="my frames", annotations="-a.json", margins="-12:6:3", background="-3"),
        BenchOptions(images="it's", limit=3, smooth=2, empty=40, device="cuda:0", methods="plain,jrd", risk=0.25),
    ],
)
def test_the_command_line_gives_the_same_options(options: BenchOptions) -> None:
    words = shlex.split(tables.command_line(dataclasses.asdict(options)))
    assert words[0] == "vcmpipe"
    assert parse(words[1:])[:2] == ("bench", options)
