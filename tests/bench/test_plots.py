from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

import pytest

from vcmpipe.bench import BenchResult
from vcmpipe.bench.plots import OTHERS, STYLES, plots, styles

Make = Callable[..., BenchResult]
SVG = "{http://www.w3.org/2000/svg}"


def _luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(a: str, b: str) -> float:
    low, high = sorted((_luminance(a), _luminance(b)))
    return (high + 0.05) / (low + 0.05)


def test_every_style_can_be_seen_on_both_pages_and_told_apart_without_colours() -> None:
    every = [*STYLES.values(), *OTHERS]
    assert min(_contrast(style.light, "#ffffff") for style in every) >= 3.0  # WCAG 2.1, 1.4.11
    assert min(_contrast(style.dark, "#14171a") for style in every) >= 3.0
    assert len({style.marker for style in every}) == len(every)


@pytest.mark.parametrize(("truth", "count"), [(True, 4), (False, 2)])
def test_one_plot_per_quality_with_every_point_and_method_in_it(bench_result: Make, truth: bool, count: int) -> None:
    result = bench_result(truth=truth)
    drawn = plots(result)
    assert len(drawn) == count
    for plot in drawn:
        root = ET.fromstring(plot.svg)
        hints = [element.text for element in root.iter(f"{SVG}title")]
        assert len(hints) == len(result.points)
        assert any(hint and hint.startswith("jrd, margin +0: 5,000 bytes") for hint in hints)
        texts = {"".join(element.itertext()) for element in root.iter(f"{SVG}text")}
        assert {"plain", "frame", "jrd"} <= texts
        assert "width" not in root.attrib
        assert root.attrib["viewBox"]


def test_colours_are_the_page_s(bench_result: Make) -> None:
    result = bench_result()
    svg = plots(result)[0].svg
    used = set(re.findall(r"var\(--([\w-]+)\)", svg))
    assert {f"series-{i}" for i in range(len(styles(result)))} < used
    assert used <= {"ink", "muted", "grid", "paper"} | {f"series-{i}" for i in range(len(styles(result)))}
    assert not re.findall(r"#0[0-9a-f]{5}\b", svg)  # no placeholder is left


@pytest.mark.parametrize(
    ("points", "objects", "count"),
    [
        ([], 100, 0),
        ([("plain", "a", 5_000.0, 90)], 100, 4),
        ([("plain", "a", 5_000.0, 90), ("plain", "b", 5_000.0, 90)], 100, 4),
        ([("plain", "a", 9_000_000.0, 90), ("jrd", "b", 90.0, 0)], 100, 4),
        ([("plain", "a", 5_000.0, 0)], 0, 3),  # no objects: no retention to draw
    ],
)
def test_odd_results_are_drawn_too(bench_result: Make, points: list[object], objects: int, count: int) -> None:
    assert len(plots(bench_result(points, objects=objects))) == count
