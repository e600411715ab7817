"""The bench with human viewers: methods that follow the viewer, and how points look."""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.bench import BenchResult, bench
from vcmpipe.bench.cached import cached_quality
from vcmpipe.bench.result import HUMAN_QUALITIES
from vcmpipe.bench.traits import viewers_of
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import BenchOptions
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.jnd.visual_quality import human_quality
from vcmpipe.plugins import METHODS
from vcmpipe.process.content_cache import ContentCache


class Everything:
    """Sees one object in every picture, however it was coded."""

    name, digest, classes = "everything", "3" * 64, {0: "thing"}

    def detect(self, frames):
        import supervision as sv

        box = np.array([[4, 4, 40, 40]], np.float32)
        return [sv.Detections(box, confidence=np.array([0.9], np.float32), class_id=np.array([0])) for _ in frames]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


@pytest.fixture
def options(picture_folder: Path, tmp_path: Path) -> BenchOptions:
    return BenchOptions(
        images=str(picture_folder),
        out=str(tmp_path / "report"),
        overwrite=True,
        cache=str(tmp_path / "cache"),
        methods="plain,frame,roi,jrd",
        qps="24,40",
        margins="-4,0",
        map_scales="1",
        predictor="constant:36",
        background="44",
        resamples=20,
        gallery=0,
        limit=1,
        jobs=1,
    )


def sizes(result: BenchResult) -> dict[tuple[str, str], float]:
    return {(p.method, p.label): p.bytes_per_picture.value or 0.0 for p in result.points}


def test_methods_with_maps_follow_the_viewer(options: BenchOptions) -> None:
    machine = sizes(bench(options, detector=Everything()))
    both = sizes(bench(dataclasses.replace(options, viewer="both", human="constant:34"), detector=Everything()))
    notes: list[str] = []
    human_only = dataclasses.replace(options, viewer="human", human="constant:34")
    human = sizes(bench(human_only, detector=Everything(), warn=notes.append))
    assert notes == ["roi does not depend on human viewers: it is left out with --viewer human"]
    assert list(both) == list(machine) and {method for method, _ in human} == {"plain", "frame", "jrd"}
    for qp in ("QP 24", "QP 40"):
        assert machine["plain", qp] == both["plain", qp] == human["plain", qp]
    # The object at 32 or 36, the rest at 44; for both nothing above 34; human viewers alone: 34 and less by the margin.
    assert both["jrd", "margin -4"] > machine["jrd", "margin -4"]
    assert both["jrd", "margin +0"] == both["frame", "margin +0"] == human["jrd", "margin +0"]
    assert human["jrd", "margin -4"] == human["frame", "margin -4"] > human["jrd", "margin +0"]
    assert both["roi", "QP 40"] == human["jrd", "margin +0"]


def test_human_viewers_count_at_every_scale_and_charged_once(options: BenchOptions, tmp_path: Path) -> None:
    maps = tmp_path / "maps"
    maps.mkdir()
    np.save(maps / "p0.npy", np.full((120, 160), 4.0, np.float32))
    wanted = dataclasses.replace(
        options, methods="plain,jrd", map_scales="1,0.5", viewer="human", human=f"maps:{maps}", margins="-6,-3,0"
    )
    result = bench(wanted, detector=Everything())
    found = sizes(result)
    assert {label for method, label in found if method == "jrd"} >= {"margin -6", "margin +0", "margin +0 at 0.5"}
    assert found["jrd", "margin +0 at 0.5"] < found["jrd", "margin +0"] < found["jrd", "margin -6"]
    again = bench(dataclasses.replace(wanted, margins="0"), detector=Everything())
    costs, same = result.method("jrd").costs, again.method("jrd").costs
    assert costs.predict > 0 and same.cached > 0.5
    # Encodes for the map are those of two scales, whatever the number of margins.
    assert same.coded - result.method("plain").costs.coded > 5


def test_every_method_knows_for_whom_it_is_not(options: BenchOptions) -> None:
    assert all("machine" in viewers_of(METHODS.load(name)) for name in METHODS.built_in)
    wanted = dataclasses.replace(options, methods="verified", viewer="both", human="constant:34")
    with pytest.raises(InputError, match="none of --methods verified"):
        bench(wanted, detector=Everything())


def test_points_say_how_they_look(options: BenchOptions, tmp_path: Path) -> None:
    wanted = dataclasses.replace(options, methods="plain", human_quality=True, limit=2)
    result = bench(wanted, detector=Everything())
    fine, coarse = result.points
    for name in HUMAN_QUALITIES:
        assert fine.qualities[name].value > coarse.qualities[name].value
        assert fine.qualities[name].low <= fine.qualities[name].value <= fine.qualities[name].high
        for place, point in enumerate(result.points):
            mean = np.mean([getattr(picture, name)[place] for picture in result.per_picture])
            assert point.qualities[name].value == pytest.approx(mean)
    with (tmp_path / "report" / "points.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["vmaf"]) for row in rows] == [fine.qualities["vmaf"].value, coarse.qualities["vmaf"].value]
    with (tmp_path / "report" / "pictures.csv").open() as file:
        assert {"xpsnr", "vmaf"} <= set(next(csv.DictReader(file)))
    page = (tmp_path / "report" / "report.html").read_text()
    assert "VMAF" in page and "XPSNR" in page
    assert result.to_dict()["per_picture"][0]["vmaf"]
    without = bench(dataclasses.replace(wanted, human_quality=False), detector=Everything())
    assert not set(HUMAN_QUALITIES) & set(without.points[0].qualities) and without.per_picture[0].vmaf == ()


def test_qualities_are_cached_and_belong_to_the_source(make_frame, tmp_path: Path, monkeypatch) -> None:
    from vcmpipe.jnd import visual_quality

    calls: list[int] = []

    def counted(source, versions):
        calls.append(len(versions))
        return human_quality(source, versions)

    monkeypatch.setattr(visual_quality, "human_quality", counted)
    cache = ContentCache(tmp_path / "cache")
    encoder = CachedEncoder(load_encoder("vvenc"), cache)
    frame = make_frame(96, 64)
    whole = SegmentCoder(encoder, frame)
    half = SegmentCoder(encoder, frame, coded_size=(48, 32))
    versions = [(whole, whole.uniform([30])[0]), (half, half.uniform([30])[0]), (whole, whole.uniform([30])[0])]
    found = cached_quality(Segment.still(frame), versions, cache)
    assert calls == [2] and found[0] == found[2] and found[0]["vmaf"] > found[1]["vmaf"]
    assert cached_quality(Segment.still(frame), versions, cache) == found and calls == [2]
    cached_quality(Segment.still(Frame(0, 255 - frame.rgb, "negative.png")), versions[:1], cache)
    assert calls == [2, 1], "the same stream, judged beside another source"
