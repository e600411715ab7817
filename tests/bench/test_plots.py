from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from vcmpipe.bench import BenchResult
from vcmpipe.bench.plots import plots
from vcmpipe.bench.savings import savings
from vcmpipe.bench.styles import OTHERS, STYLES, styles
from vcmpipe.plugins import METHODS

Make = Callable[..., BenchResult]
SVG = "{http://www.w3.org/2000/svg}"


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def _texts(plot: str) -> set[str]:
    return {"".join(element.itertext()) for element in ET.fromstring(plot).iter(f"{SVG}text")}


def _hints(plot: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(plot).iter(f"{SVG}title")]


def test_every_style_can_be_seen_on_both_pages_and_told_apart_without_colours() -> None:
    every = [*STYLES.values(), *OTHERS]
    assert set(METHODS.built_in) <= set(STYLES)
    assert min(_contrast(style.light, "#ffffff") for style in every) >= 3.0  # WCAG 2.1, 1.4.11
    assert min(_contrast(style.dark, "#14171a") for style in every) >= 3.0
    assert len({style.marker for style in every}) == len(every)


@pytest.mark.parametrize(("truth", "second", "count"), [(True, False, 5), (False, False, 3), (True, True, 8)])
def test_one_plot_per_quality_with_every_point_and_method_in_it(
    bench_result: Make, truth: bool, second: bool, count: int
) -> None:
    result = bench_result(truth=truth, second=second)
    drawn = plots(result)
    assert len(drawn) == count
    for plot in drawn:
        hints = _hints(plot)
        assert len(hints) == len(result.points)
        assert any(re.match(r"jrd, margin \+0: 5,000 at [\d.]+ \([\d.]+ to [\d.]+\)", hint) for hint in hints)
        assert not {"plain", "frame", "jrd"} & _texts(plot)  # the legend stands above all of them
        root = ET.fromstring(plot)
        assert "width" not in root.attrib and root.attrib["viewBox"]


def test_savings_have_a_row_per_method_and_retention_and_a_strip_per_method(bench_result: Make) -> None:
    forest, strips = savings(bench_result())
    assert "plain" not in _texts(forest) and {"jrd", "frame", "0.9", "0.95", "0.98", "0.99"} <= _texts(forest)
    assert any(re.match(r"jrd at 0.95: 50.0 % \(", hint) for hint in _hints(forest))
    assert "not reached" in _texts(forest)  # frame keeps 0.90 at best
    assert {"jrd", "margin +0", "frame", "margin -3"} <= _texts(strips)
    both = savings(bench_result([("plain", "a", 9e3, 99), ("plain-scaled", "a", 8e3, 99), ("jrd", "a", 5e3, 99)]))
    assert len(both) == 3


def test_a_method_far_worse_than_the_anchor_is_said_at_the_edge(bench_result: Make) -> None:
    (forest, _) = savings(bench_result([("plain", "a", 1e3, 99), ("roi", "a", 5e3, 99)]))
    assert "\u25c2 -400.0 %" in _texts(forest)


def test_colours_are_the_page_s(bench_result: Make) -> None:
    result = bench_result()
    for plot in (*plots(result), *savings(result)):
        used = set(re.findall(r"var\(--([\w-]+)\)", plot))
        assert used <= {"ink", "muted", "grid", "paper"} | {f"series-{i}" for i in range(len(styles(result)))}
        assert not re.findall(r"#0[0-9a-f]{5}\b", plot)  # no placeholder is left
    assert {f"series-{i}" for i in range(3)} < set(re.findall(r"var\(--([\w-]+)\)", plots(result)[0]))


@pytest.mark.parametrize(
    ("points", "objects", "count", "saved"),
    [
        ([], 100, 0, 0),
        ([("plain", "a", 5_000.0, 90)], 100, 5, 0),
        ([("plain", "a", 5_000.0, 90), ("plain", "b", 5_000.0, 90)], 100, 5, 0),
        ([("plain", "a", 9_000_000.0, 90), ("jrd", "b", 90.0, 0)], 100, 5, 2),
        ([("plain", "a", 5_000.0, 0), ("jrd", "a", 4_000.0, 0)], 0, 0, 1),  # nothing to keep: sizes alone
        ([("jrd", "a", 5_000.0, 90)], 100, 5, 0),
    ],
)
@pytest.mark.parametrize("average", ["pictures", "bpp"])
def test_odd_results_are_drawn_too(
    bench_result: Make, points: list[object], objects: int, count: int, saved: int, average: str
) -> None:
    result = bench_result(points, objects=objects, average=average)
    assert (len(plots(result)), len(savings(result))) == (count, saved)
