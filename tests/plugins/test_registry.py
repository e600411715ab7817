"""Names for objects of a process, beside those that come along and those of entry points."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vcmpipe import BenchOptions, InputError, load_detector
from vcmpipe.bench import Coded, bench
from vcmpipe.plugins import DETECTORS, METHODS, Registry


@pytest.fixture
def registry() -> Iterator[Registry]:
    """One with a built-in name, and a group that nobody installs anything under."""
    yield Registry("thing", "vcmpipe.no-such-group", {"there": "pathlib:Path"})


def test_a_registered_object_is_found_by_its_name(registry: Registry) -> None:
    first, second = object(), object()
    registry.register("mine", first)
    assert registry.load("mine") is first and list(registry.known()) == ["mine", "there"]
    registry.register("mine", second)  # as when a cell runs again
    assert registry.load("mine") is second and registry.load("there") is Path
    with pytest.raises(InputError, match=r"unknown thing 'mein'.*did you mean 'mine'"):
        registry.load("mein")


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("there", "there is a thing 'there' already: choose another name"),
        ("", "a thing cannot be called ''"),
        ("a:b", "a thing cannot be called 'a:b': use letters, digits, - and _"),
        ("a,b", "a thing cannot be called 'a,b'"),
    ],
)
def test_names_that_cannot_be_taken(registry: Registry, name: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        registry.register(name, object())
    assert not registry.registered


def test_a_detector_of_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(DETECTORS.registered, "x", lambda argument, **options: (argument, options["min_score"]))
    assert load_detector("x:12", min_score=0.2) == ("12", 0.2)


def test_a_method_of_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="unknown method 'one-qp'"):
        BenchOptions(methods="one-qp")

    def one_qp(bench, sweep):  # type: ignore[no-untyped-def]
        coder = bench.coder()
        return [Coded("QP 50", coder, coder.uniform([50])[0])]

    monkeypatch.setitem(METHODS.registered, "one-qp", one_qp)
    options = BenchOptions(
        images="demo",
        limit=1,
        methods="plain,one-qp",
        qps="45,50",
        anchors="plain",
        predictor="constant",
        gallery=0,
        resamples=0,
        cache=str(tmp_path / "cache"),
        out=str(tmp_path / "report"),
    )
    points = {(point.method, point.label): point for point in bench(options).points}
    own, plain = points["one-qp", "QP 50"], points["plain", "QP 50"]
    assert (own.bytes_per_picture.value, own.kept) == (plain.bytes_per_picture.value, plain.kept)
