"""The first sentences of a report: what is saved, what is kept and how accurate it is, and on what."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import pytest

from vcmpipe.bench import BenchResult
from vcmpipe.bench.headline import data_set, headline
from vcmpipe.config import BenchOptions

Make = Callable[..., BenchResult]


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (None, "To keep 95 % of the objects jrd needs 5,000 bytes per picture, 50.0 % fewer than plain (10,000)"),
        ([("plain", "a", 5_000.0, 99), ("jrd", "a", 6_000.0, 99)], "no method needs fewer bits than plain (5,000"),
        ([("plain", "a", 5_000.0, 90)], "No method keeps 95 %"),
        ([("plain", "a", 5_000.0, 90), ("jrd", "a", 6_000.0, 99)], "jrd needs 6,000 bytes per picture."),
        ([("plain", "a", 5_000.0, 99)], "plain needs 5,000 bytes per picture."),
        ([], "No method keeps 95 %"),
    ],
)
def test_headline(bench_result: Make, points: list[object] | None, words: str) -> None:
    assert words in headline(bench_result(points))[0]


def test_the_headline_has_its_interval_in_words(bench_result: Make) -> None:
    assert re.search(r"\(10,000\); 95 % interval -?[\d.]+ % to [\d.]+ %\.$", headline(bench_result())[0])
    assert headline(bench_result(resamples=0))[0].endswith("plain (10,000).")
    # In draws in which neither keeps so much there is nothing to compare.
    points = [("plain", "a", 9e3, 95), ("plain", "b", 5e3, 90), ("jrd", "a", 5e3, 95), ("jrd", "b", 4e3, 90)]
    assert re.search(r"[\d.]+ % to [\d.]+ % in \d\d % of draws\.$", headline(bench_result(points))[0])


SHARE = r"0\.\d{3} \(0\.\d{3} to [01]\.\d{3}\)"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {},
            rf"At margin \+0, jrd keeps {SHARE} of the objects with AP {SHARE}; "
            r"bits saved against plain at equal AP: 50\.0 % \([\d.]+ % to [\d.]+ %\)\.",
        ),
        ({"resamples": 0}, r"At margin \+0, jrd keeps 0\.950 of .* AP 0\.\d{3}; bits saved .* AP: [\d.]+ %\."),
        ({"truth": False}, rf".* with AP vs source {SHARE}; bits saved against plain at equal AP vs source: .*\."),
        ({"points": [("plain", "a", 5e3, 90), ("jrd", "a", 6e3, 99)]}, r"At a, jrd .*; plain never reaches it\."),
        ({"points": [("plain", "a", 5e3, 99)]}, rf"At a, plain keeps {SHARE} of the objects with AP {SHARE}\."),
        # Where no method keeps enough, the one that keeps most.
        ({"points": [("plain", "a", 5e3, 90), ("jrd", "a", 6e3, 93)]}, r"At a, jrd keeps 0\.930 .*"),
    ],
)
def test_retention_and_accuracy_stand_beside_what_is_saved(bench_result: Make, options: dict, words: str) -> None:
    assert re.fullmatch(words, headline(bench_result(**options))[1])


@pytest.mark.parametrize(
    ("changes", "more", "words"),
    [
        ({}, {"truth": "instances.json"}, "10 pictures of frames, annotations instances.json"),
        ({}, {"truth": None}, "10 pictures of frames, without annotations"),
        (
            {"images": "/data/val2017/images"},
            {"truth": "/a/b.json"},
            "10 pictures of val2017/images, annotations b.json",
        ),
        (
            {"images": "/c/demo-900000-4/images"},
            {"truth": None},
            "10 pictures of the built-in demo, without annotations",
        ),
        ({"images": None}, {"truth": None}, "10 pictures, without annotations"),
        (
            {"protocol": "MPEG VCM: anchor plain"},
            {"truth": None},
            "10 pictures of frames, without annotations, by the protocol MPEG VCM",
        ),
    ],
)
def test_the_data_are_named(bench_result: Make, changes: dict, more: dict, words: str) -> None:
    configuration = dataclasses.asdict(BenchOptions(images="frames")) | changes
    result = bench_result(resamples=0, configuration=configuration, **({"truth": bool(more["truth"])}))
    result = dataclasses.replace(result, **more)
    assert data_set(result) == words
    assert headline(result)[-1] == f"Measured on {words}."


def test_without_objects_nothing_is_compared(bench_result: Make) -> None:
    first, measured = headline(bench_result([("plain", "a", 5_000.0, 0)], objects=0))
    assert first == "There was no object to keep: nothing can be compared."
    assert measured.startswith("Measured on 10 pictures of frames")
