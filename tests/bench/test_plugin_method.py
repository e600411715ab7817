"""Bench methods of other packages."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from vcmpipe.bench import Coded, SegmentBench, Sweep, bench
from vcmpipe.config import BenchOptions
from vcmpipe.errors import InputError

PAGE = Path(__file__).parents[2] / "docs" / "extend.md"


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package: the method that the documentation shows, and one that does not exist."""
    example = re.search(
        r"^`qpandhalf/qpandhalf\.py`\n\n```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert example is not None
    (tmp_path / "qpandhalf.py").write_text(example[1])
    metadata = tmp_path / "qpandhalf-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: qpandhalf\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[vcmpipe.methods]\nqp-and-half = qpandhalf:qp_and_half\nbroken = qpandhalf:nothing\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "qpandhalf", raising=False)


def options(folder: Path, pictures: Path, methods: str, **more: str) -> BenchOptions:
    return BenchOptions(
        images=str(pictures), out=str(folder / "report"), cache=str(folder / "cache"), methods=methods, qps="30,40",
        detector="demo", predictor="constant:36", resamples=10, limit=1, jobs=1, gallery=1, **more,
    )  # fmt: skip


def test_a_method_of_another_package_is_compared(plugin: None, tmp_path: Path, picture_folder: Path) -> None:
    result = bench(options(tmp_path, picture_folder, "plain,qp-and-half", anchors="plain,qp-and-half"))
    own, plain = result.of("qp-and-half"), result.of("plain")
    assert [point.label for point in own] == ["QP 30", "QP 40"] and result.anchors == ("plain", "qp-and-half")
    assert [point.bytes_per_picture for point in own] == [point.bytes_per_picture for point in plain]
    costs = next(method.costs for method in result.methods if method.method == "qp-and-half")
    assert costs is not None and costs.detect == 0.0 and costs.coded == 1.0
    assert "qp-and-half" in (tmp_path / "report" / "report.html").read_text()


def test_a_method_that_is_not_for_human_viewers_is_left_out(
    plugin: None, tmp_path: Path, picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qpandhalf

    monkeypatch.setattr(qpandhalf.qp_and_half, "viewers", ("machine",), raising=False)
    chosen = options(tmp_path, picture_folder, "qp-and-half", viewer="human", human="constant:34")
    with pytest.raises(InputError, match="none of --methods qp-and-half codes for --viewer human"):
        bench(chosen)


def test_points_that_differ_between_pictures_are_refused(
    plugin: None, tmp_path: Path, picture_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import qpandhalf

    def fickle(bench: SegmentBench, sweep: Sweep) -> list[Coded]:
        coder = bench.coder()
        return [Coded(bench.segment.name, coder, coder.uniform([40])[0])]

    monkeypatch.setattr(qpandhalf, "qp_and_half", fickle)
    chosen = replace(options(tmp_path, picture_folder, "qp-and-half"), limit=2)
    with pytest.raises(InputError, match="method qp-and-half has not the same points in every picture"):
        bench(chosen)


def test_names_are_known_when_options_are_made(plugin: None, tmp_path: Path, picture_folder: Path) -> None:
    with pytest.raises(InputError, match=r"--methods: unknown method 'qp-and-haf'.*did you mean 'qp-and-half'"):
        options(tmp_path, picture_folder, "qp-and-haf")
    with pytest.raises(InputError, match=r"method 'broken' \(qpandhalf:nothing\) cannot be loaded"):
        bench(options(tmp_path, picture_folder, "broken"))
