from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable

import pytest

from vcmpipe.bench import BenchResult, breakdowns, fmt, tables
from vcmpipe.bench.result import Costs, LeftOut
from vcmpipe.bench.traits import explained
from vcmpipe.cli.parser import parse
from vcmpipe.config import BenchOptions
from vcmpipe.evaluation import Estimate
from vcmpipe.plugins import METHODS

Make = Callable[..., BenchResult]


def rows_of(table: tables.Table) -> dict[str, dict[str, str]]:
    return {row[0]: dict(zip(table.heads, row, strict=True)) for row in table.rows}


def named(result: BenchResult) -> dict[str, tables.Table]:
    return {table.title: table for table in tables.summaries(result)}


def test_the_summaries_have_the_anchor_first_and_words_where_there_is_no_figure(bench_result: Make) -> None:
    found = named(bench_result(resamples=0))
    assert list(found) == ["Bytes per picture", "Saved against plain", "BD-rate against plain"]
    rates, saved, bd_rates = (rows_of(table) for table in found.values())
    assert next(iter(rates)) == "plain"
    assert [rates["plain"][f"at {key}"] for key in ("0.95", "0.99")] == ["10,000", "20,000"]
    assert (rates["jrd"]["at 0.95"], saved["jrd"]["at 0.95"]) == ("5,000", "50.0 %")
    assert rates["frame"]["at 0.95"] == saved["frame"]["at 0.95"] == "not reached"
    assert bd_rates["jrd"]["retention"].startswith("-")
    assert "plain" not in saved and "plain" not in bd_rates


def test_intervals_stand_below_their_figures(bench_result: Make) -> None:
    found = named(bench_result())
    figure, interval = rows_of(found["Bytes per picture"])["jrd"]["at 0.9"].split("\n")
    low, high = (float(end.replace(",", "")) for end in interval.split(" to "))
    assert low < float(figure.replace(",", "")) < high
    assert "\n" not in "".join("".join(row) for row in found["Bytes per picture"].plain().rows)


def test_without_ground_truth_its_columns_are_left_out(bench_result: Make) -> None:
    result = bench_result(truth=False)
    heads = named(result)["BD-rate against plain"].heads + tables.points(result).heads
    assert not {"AP", "AP50"} & set(heads)
    assert "AP vs source" in heads
    assert "no annotations: everything is measured against the source's detections" in tables.setting(result)


@pytest.mark.parametrize(
    ("points", "saved", "rate"),
    [
        # The method gets there and the anchor does not.
        (
            [("plain", "a", 5_000.0, 90), ("jrd", "a", 5_000.0, 99), ("jrd", "b", 4_000.0, 95)],
            "anchor: not reached",
            "one point only",
        ),
        (
            [
                ("plain", "a", 5_000.0, 50),
                ("plain", "b", 4_000.0, 40),
                ("jrd", "a", 5_000.0, 99),
                ("jrd", "b", 4e3, 95),
            ],
            "anchor: not reached",
            "no overlap",
        ),
        ([("plain", "a", 5_000.0, 50), ("jrd", "a", 5_000.0, 60)], "neither reaches it", "one point only"),
    ],
)
def test_reasons(bench_result: Make, points: list[object], saved: str, rate: str) -> None:
    found = named(bench_result(points))
    assert rows_of(found["Saved against plain"])["jrd"]["at 0.95"] == saved
    assert rows_of(found["BD-rate against plain"])["jrd"]["retention"] == rate


def test_without_the_anchor_nothing_is_compared(bench_result: Make) -> None:
    result = bench_result([("jrd", "a", 5_000.0, 99), ("jrd", "b", 4_000.0, 90)])
    assert list(named(result)) == ["Bytes per picture"]
    assert "saved" not in tables.points(result).heads


def test_two_tables_beside_each_other(bench_result: Make) -> None:
    found = named(bench_result())
    both = tables.side_by_side(found["Saved against plain"], found["BD-rate against plain"], "Against plain")
    assert both.heads[:5] == ("method", "at 0.9", "at 0.95", "at 0.98", "at 0.99") and both.heads[5] == "retention"
    assert [len(row) for row in both.rows] == [len(both.heads)] * 2
    assert sum(count for _, count in both.groups) == len(both.heads)


@pytest.mark.parametrize(
    ("outcome", "signed", "text"),
    [
        (Estimate(12.345), True, "+12.3 %"),
        (Estimate(-12.345), True, "-12.3 %"),
        (Estimate(12.345), False, "12.3 %"),
        (Estimate(-0.01), False, "0.0 %"),
        (Estimate(-0.01), True, "0.0 %"),
        (Estimate(0.01), True, "0.0 %"),
        (Estimate(12_345.0), True, "+12,345.0 %"),
        (Estimate(reason="not_finite"), True, "out of range"),
    ],
)
def test_percent(outcome: Estimate, signed: bool, text: str) -> None:
    assert fmt.percent(outcome, signed=signed) == text


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (Estimate(5.0), ""),
        (Estimate(5.0, None, 4.0, 6.0), "4 to 6"),
        (Estimate(5.0, None, 4.0, None, {"not_reached": 0.2}), "4 or more"),
        (Estimate(5.0, None, None, 6.0, {"anchor_not_reached": 0.2}), "6 or less"),
        (Estimate(5.0, None, 4.0, 6.0, {"single_point": 0.2, "no_overlap": 0.05}), "4 to 6, 75 % of draws"),
        (Estimate(5.0, None, 4.0, 6.0, {"single_point": 0.001}), "4 to 6"),
        (Estimate(5.0, None, None, None, {"single_point": 0.7}), "in 30 % of draws"),
        (Estimate(5.0, None, None, None, {"not_reached": 0.2, "anchor_not_reached": 0.3}), "open on both sides"),
    ],
)
def test_interval(estimate: Estimate, text: str) -> None:
    assert fmt.interval(estimate, lambda value: f"{value:.0f}") == text


def test_every_reason_has_words() -> None:
    from vcmpipe.evaluation import REASONS

    assert set(fmt.REASONS) == set(REASONS) - {None}


def test_without_objects_bits_are_shown(bench_result: Make) -> None:
    result = bench_result([("plain", "a", 5_000.0, 0)], objects=0)
    table = tables.points(result)
    assert {row[table.heads.index("retention")] for row in table.rows} == {"no objects"}
    assert "10 pictures hold no object" in " ".join(tables.cautions(result))
    empty = next(table for table in breakdowns.tables(result) if table.title == "Pictures without objects")
    assert empty.rows == [("plain", "a", "5,000")]
    assert "p0.png, p1.png" in empty.notes[0]


def test_what_one_must_know_is_said(bench_result: Make) -> None:
    configuration = dataclasses.asdict(BenchOptions(protocol="A paper (2030)", resamples=100, seed=7))
    left_out = (LeftOut("a.png", "the detector x failed: no"), LeftOut("b.png", "no"))
    said = tables.cautions(bench_result(second=True, configuration=configuration, left_out=left_out, objects=40))
    assert said[0] == "Protocol: A paper (2030)."
    assert said[1].startswith(
        "2 of 12 pictures were left out for every method: a.png (the detector x failed: no), and 1"
    )
    assert any("40 objects are few: each is 0.025" in line for line in said)
    assert any("second detector 40 objects" in line for line in said)
    assert "The panel: first.onnx, second.onnx." in said
    assert any("100 draws of the pictures (seed 7)" in line for line in said)
    assert not any("rule of three" in line for line in tables.cautions(bench_result()))
    full = tables.cautions(bench_result([("plain", "a", 5_000.0, 100)]))
    assert any("every object is kept (100)" in line and "up to 3.0 %" in line for line in full)


@pytest.mark.parametrize("name", METHODS.built_in)
def test_every_method_says_what_it_does_in_one_sentence(name: str) -> None:
    said = explained(METHODS.load(name))
    assert 20 < len(said) <= 125 and said.endswith(".") and "`" not in said and said.count(". ") == 0


def test_methods_are_explained_and_so_are_the_labels_of_their_points(bench_result: Make) -> None:
    table = tables.methods(bench_result())
    assert table.rows == [(name, f"What {name} does.") for name in ("plain", "jrd", "frame")]
    assert [note.partition(":")[0] for note in table.notes] == ["QP 32", "margin -3"]
    scaled = tables.methods(bench_result([("plain", "QP 22 at 0.5", 5e3, 99), ("rdo", "lambda 1000", 5e3, 99)]))
    assert [note.partition(":")[0] for note in scaled.notes] == ["QP 32", "at 0.75", "lambda 1000"]
    assert not tables.methods(bench_result([("plain", "a", 5e3, 99)])).notes


def test_breakdowns(bench_result: Make) -> None:
    result = bench_result(second=True)
    found = {table.title: table for table in breakdowns.tables(result)}
    assert list(found) == ["Regret", "Under other detectors", "By class of picture", "Where the bits go", "Time"]
    others = rows_of(found["Under other detectors"])["jrd"]
    assert (others["point"], others["retention"].split("\n")[0]) == ("margin +0", "0.950")
    assert others["second.onnx"] == others["retention"] and others["satisfied"].startswith("0.500")
    classes = found["By class of picture"]
    assert classes.heads == ("class", "pictures", "objects", "plain, bytes", "jrd", "frame")
    assert {row[0] for row in classes.rows} == {"cat", "dog", "fish"}
    split = rows_of(found["Where the bits go"])
    assert split["jrd"]["objects"] == "3,750 (75 %)" and list(split) == ["jrd"]
    notes = found["Where the bits go"].notes
    assert notes[-1].startswith("Not in the table: plain, frame. They code every picture in one piece")
    time = rows_of(found["Time"])["jrd"]
    assert (time["analysis"], time["encode"], time["coded"], time["cached"]) == ("2.01", "0.50", "22.00", "25 %")


def test_unknown_times_are_called_so(bench_result: Make) -> None:
    result = bench_result()
    methods = [dataclasses.replace(m, costs=Costs(0, 0, 0, 1.5, 1, 0.5, 3)) for m in result.methods]
    table = breakdowns.costs(dataclasses.replace(result, methods=methods))
    assert table is not None and rows_of(table)["jrd"]["encode"] == "at least 1.50"
    assert breakdowns.costs(dataclasses.replace(result, methods=[])) is None


@pytest.mark.parametrize(("average", "unit"), [("bpp", "Bits per pixel"), ("classes", "Bytes per picture, mean of cl")])
def test_averaging_rules_name_their_unit(bench_result: Make, average: str, unit: str) -> None:
    result = bench_result(average=average, resamples=0)
    rates = tables.summaries(result)[0]
    assert rates.title.startswith(unit)
    assert len(tables.points(result).heads) == len(tables.points(bench_result(resamples=0)).heads) + 1
    assert rows_of(tables.summaries(result)[1])["jrd"]["at 0.95"] == "50.0 %"


@pytest.mark.parametrize(
    "options",
    [
        BenchOptions(),
        BenchOptions(images="my frames", annotations="-a.json", margins="-12:6:3", background="-3"),
        BenchOptions(images="it's", limit=3, smooth=2, empty=40, device="cuda:0", methods="plain,jrd", risk=0.25),
        BenchOptions(
            anchors="roi",
            average="bpp",
            protocol="it's one",
            seed=3,
            second_detector="demo",
            panel="flip,a b.onnx",
            gallery=0,
        ),
    ],
)
def test_the_command_line_gives_the_same_options(options: BenchOptions) -> None:
    words = shlex.split(breakdowns.command_line(dataclasses.asdict(options)))
    assert words[0] == "vcmpipe"
    assert parse(words[1:])[:2] == ("bench", options)
