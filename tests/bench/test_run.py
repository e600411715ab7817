"""The bench with the real encoder: what it adds up, detectors that fail, and reruns that give the same."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

from vcmpipe.bench import BenchResult, bench
from vcmpipe.bench.coded_detections import _packed, cached_detections, guarded_detector
from vcmpipe.bench.split import split_bits
from vcmpipe.bench.traits import codes
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.config import BenchOptions, parse_scales
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, ProcessError, VcmError
from vcmpipe.frames import ColourSpec, Y4mWriter, rgb_to_yuv
from vcmpipe.plugins import METHODS
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.qpmap import MapPolicy


class SharpnessDetector:
    """Sees an object where the picture has kept its contrast; sees nothing in pictures narrower than 100 pixels."""

    name, digest, classes = "sharpness", "2" * 64, {0: "texture"}

    def __init__(self, limit: float = 3.0, score: float = 0.9) -> None:
        self.calls = 0
        self.limit, self.score = limit, score
        self.digest = f"{limit}-{score}".ljust(64, "0")

    def detect(self, frames):
        return [self._one(frame.rgb) for frame in frames]

    def _one(self, rgb: np.ndarray) -> sv.Detections:
        self.calls += 1
        contrast = np.abs(np.diff(rgb[8:60, 8:60].astype(float), axis=1)).mean()
        if rgb.shape[1] < 100 or contrast < self.limit:
            return sv.Detections.empty()
        return sv.Detections(
            np.array([[8, 8, 60, 60]], np.float32),
            confidence=np.array([self.score], np.float32),
            class_id=np.array([0]),
        )

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


class BrittleDetector(SharpnessDetector):
    """Crashes on pictures of one width: on the source, or on its coded versions only."""

    def __init__(self, width: int, *, coded_only: bool) -> None:
        super().__init__()
        self.width, self.spared = width, 1 if coded_only else 0
        self.first: bytes | None = None

    def _one(self, rgb: np.ndarray) -> sv.Detections:
        if rgb.shape[1] == self.width:
            self.first = self.first or rgb.tobytes()
            if not self.spared or rgb.tobytes() != self.first:
                raise RuntimeError("an index is out of range\nin a kernel")
        return super()._one(rgb)


@pytest.fixture
def options(picture_folder: Path, tmp_path: Path) -> BenchOptions:
    return BenchOptions(
        images=str(picture_folder),
        out=str(tmp_path / "report"),
        cache=str(tmp_path / "cache"),
        methods="plain,stock,plain-scaled,frame,roi,jrd",
        qps="22,40",
        margins="-4,0",
        scales="1,0.5",
        map_scales="1,0.75",
        predictor="constant:36",
        resamples=100,
        jobs=2,
        overwrite=True,
    )


def without_times(result: BenchResult) -> BenchResult:
    methods = [dataclasses.replace(method, costs=None) for method in result.methods]
    return dataclasses.replace(result, seconds=0.0, methods=methods)


def test_points_comparisons_and_a_rerun_from_the_cache(options: BenchOptions, tmp_path: Path, counting_encoder) -> None:
    detector, encoder = SharpnessDetector(), counting_encoder
    cached = CachedEncoder(encoder, ContentCache(tmp_path / "cache"))
    result = bench(options, detector=detector, encoder=cached)
    assert (result.pictures, result.objects, result.empty, result.truth) == (3, 2, 1, None)
    labels = [(p.method, p.label) for p in result.points]
    assert labels[:2] == [("plain", "QP 22"), ("plain", "QP 40")]
    assert len(labels) == len(set(labels)) == 2 + 2 + 4 + 4 + 4 + 4
    by_label = dict(zip(labels, result.points, strict=True))
    assert by_label["plain", "QP 22"].retention == 1.0
    sizes = {key: point.bytes_per_picture.value or 0.0 for key, point in by_label.items()}
    assert sizes["plain", "QP 22"] > sizes["plain", "QP 40"]
    assert sizes["plain-scaled", "QP 22 at 1"] == sizes["plain", "QP 22"]
    # One draw for all: the same points have the same intervals, and save exactly nothing.
    assert by_label["plain-scaled", "QP 22 at 1"].qualities == by_label["plain", "QP 22"].qualities
    assert result.method("plain").against.keys() == {"plain-scaled"}
    assert result.anchors == ("plain", "plain-scaled")
    assert [picture.objects for picture in result.per_picture] == [1, 1, 0]
    assert [picture.bits[0] for picture in result.per_picture] == [
        bits for bits in (p.bits[0] for p in result.per_picture) if bits > 0
    ]
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"report.html", "report.md", "points.csv", "methods.csv", "pictures.csv", "result.json"} <= names
    json.loads((tmp_path / "report" / "result.json").read_text(), parse_constant=pytest.fail)

    coded, looked = encoder.jobs, detector.calls
    again = bench(options, detector=detector, encoder=cached)
    assert encoder.jobs == coded, "a rerun codes nothing"
    assert detector.calls == looked + 3, "a rerun looks at the sources only"
    assert without_times(again) == without_times(result), "a rerun gives the same numbers, intervals included"
    other = bench(dataclasses.replace(options, seed=1), detector=detector, encoder=cached)
    assert [p.retention for p in other.points] == [p.retention for p in result.points]


def test_times_of_a_rerun_are_those_of_the_run_that_coded(
    options: BenchOptions, tmp_path: Path, counting_encoder
) -> None:
    cached = CachedEncoder(counting_encoder, ContentCache(tmp_path / "cache"))
    options = dataclasses.replace(options, methods="plain,frame,jrd-measured", jobs=1, limit=1)
    first, second = (bench(options, detector=SharpnessDetector(), encoder=cached) for _ in range(2))
    for method in ("plain", "frame", "jrd-measured"):
        before, after = first.method(method).costs, second.method(method).costs
        assert after.cached > 0.0 and after.encode > 0.0
        assert (before.unknown, after.unknown) == (0, 0)
        assert after.coded == before.coded
    assert first.method("plain").costs.cached == 0.0
    plain, frame, measured = (second.method(name).costs for name in ("plain", "frame", "jrd-measured"))
    assert plain.analysis == 0.0 and plain.coded == 1.0
    assert frame.detect > 0.0 and frame.search == 0.0
    # 21 versions of the picture, besides what is kept.
    assert measured.predict > measured.encode and 21.9 < measured.coded < 24.0


def test_jrd_measured_measures_whatever_the_predictor_is(options: BenchOptions, tmp_path: Path) -> None:
    notes: list[str] = []
    chosen = dataclasses.replace(options, methods="jrd,jrd-measured", margins="0", map_scales="1", limit=1)
    result = bench(chosen, detector=SharpnessDetector(), warn=notes.append)
    assert [point.method for point in result.points] == ["jrd", "jrd-measured"]
    assert result.points[0].bytes_per_picture != result.points[1].bytes_per_picture
    assert result.anchors == () and not any("left out" in note for note in notes)
    same = dataclasses.replace(chosen, predictor="measured")
    again = bench(same, detector=SharpnessDetector(), warn=notes.append)
    assert [point.method for point in again.points] == ["jrd"]
    assert again.points[0].bytes_per_picture == result.points[1].bytes_per_picture
    assert any("jrd-measured is left out" in note for note in notes)


def test_every_method_with_an_encoder_that_reads_maps(options: BenchOptions) -> None:
    names = [name for name in METHODS.built_in if "pictures" in codes(METHODS.load(name))]
    # Without a second detector.
    methods = ",".join(name for name in names if name != "rdo-panel")
    options = dataclasses.replace(options, encoder="kvazaar", methods=methods, qps="24,40", margins="0", limit=1)
    result = bench(options, detector=SharpnessDetector())
    assert {point.method for point in result.points} == set(methods.split(","))
    assert result.provenance["encoder"]["name"] == "kvazaar"
    for point in result.points:
        assert point.split.pictures == 0, "what is in a map's slices cannot be told apart"
        assert (point.trials is None) == (point.method not in ("verified", "rdo"))
        assert point.trials is None or 1 <= point.trials <= 20
        assert point.bytes_per_picture.value > 0


def test_frames_that_the_annotations_do_not_have_are_refused_before_they_are_coded(
    options: BenchOptions, tmp_path: Path, make_frame, counting_encoder
) -> None:
    with Y4mWriter(tmp_path / "v.y4m", (128, 96)) as writer:
        writer.write(rgb_to_yuv(make_frame(128, 96).rgb, ColourSpec()))
    content = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [],
        "categories": [{"id": 1, "name": "texture"}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(content))
    options = dataclasses.replace(options, images=str(tmp_path / "v.y4m"), annotations=str(tmp_path / "truth.json"))
    with pytest.raises(InputError, match=r"truth\.json: no frame of v\.y4m is in it: .* v_000000\.png"):
        bench(options, detector=SharpnessDetector(), encoder=counting_encoder)
    assert counting_encoder.jobs == 0 and not Path(options.out).exists()


def test_a_second_detector_has_objects_of_its_own(options: BenchOptions) -> None:
    options = dataclasses.replace(options, methods="plain", qps="22,46")
    result = bench(options, detector=SharpnessDetector(), second_detector=SharpnessDetector(5.0, 0.35))
    assert (result.objects, result.second_objects) == (2, 2)
    fine, coarse = result.points
    assert fine.quality("second_retention") == 1.0
    assert coarse.quality("second_retention") < 1.0
    assert result.provenance["second_detector"]["name"] == "sharpness"
    # Asked for later, it looks at what is in the cache, and changes nothing for the first.
    alone = bench(options, detector=SharpnessDetector())
    assert alone.second_objects is None
    assert [p.qualities["retention"] for p in alone.points] == [p.qualities["retention"] for p in result.points]


@pytest.mark.parametrize("coded_only", [False, True])
def test_a_picture_that_the_detector_fails_on_is_left_out_by_name(options: BenchOptions, coded_only: bool) -> None:
    options = dataclasses.replace(options, methods="plain,jrd", cache=f"{options.cache}-{coded_only}")
    with pytest.raises(VcmError, match=r"^p1\.png: the detector sharpness failed: .* --on-error skip leaves out"):
        bench(options, detector=BrittleDetector(161, coded_only=coded_only))
    assert not Path(options.out).exists()
    options = dataclasses.replace(options, on_error="skip")
    result = bench(options, detector=BrittleDetector(161, coded_only=coded_only))
    assert [picture.name for picture in result.per_picture] == ["p0.png", "p2.png"]
    (left_out,) = result.left_out
    assert left_out.name == "p1.png"
    assert left_out.reason == "the detector sharpness failed: an index is out of range in a kernel"
    assert all(point.total == 1 for point in result.points)
    page = (Path(options.out) / "report.html").read_text()
    assert "1 of 3 pictures was left out" in page and "Pictures left out" in page


def test_a_picture_that_cannot_be_read_or_coded_is_left_out_by_name(options: BenchOptions, tmp_path: Path) -> None:
    images = shutil.copytree(str(options.images), tmp_path / "spoiled")
    whole = (images / "p0.png").read_bytes()
    (images / "p0.png").write_bytes(whole[:-200])
    options = dataclasses.replace(
        options, images=str(images), methods="plain", cache=str(tmp_path / "cache"), gallery=0
    )
    with pytest.raises(InputError, match=r"p0\.png is a truncated"):
        bench(options, detector=SharpnessDetector())

    class Picky:
        """An encoder that fails on the second picture."""

        def __init__(self) -> None:
            self.inner = load_encoder("vvenc")
            self.name, self.build, self.capabilities = self.inner.name, self.inner.build, self.inner.capabilities

        def encode(self, jobs):
            if any(job.frames[0].y.shape[1] > 150 for job in jobs):
                raise ProcessError("the encoder is tired")
            return self.inner.encode(jobs)

    result = bench(dataclasses.replace(options, on_error="skip"), detector=SharpnessDetector(), encoder=Picky())
    assert [picture.name for picture in result.per_picture] == ["p2.png"]
    coded, read = result.left_out
    assert (coded.name, read.name) == ("p1.png", "p0.png")
    assert coded.reason.endswith("p1.png: the encoder is tired") and "is a truncated" in read.reason


def test_a_bench_that_stops_at_its_last_picture_keeps_the_others(
    options: BenchOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = tmp_path / "spoiled"
    images.mkdir()
    for number in range(5):
        shutil.copy(Path(str(options.images)) / "p0.png", images / f"p{number}.png")
    whole = (images / "p4.png").read_bytes()
    (images / "p4.png").write_bytes(whole[:-200])  # its header is sound
    monkeypatch.setattr("vcmpipe.bench.segments.BATCH", 1)
    options = dataclasses.replace(options, images=str(images), structure="intra", methods="plain", gallery=0, jobs=1)
    with pytest.raises(VcmError, match=r"p4\.png is a truncated .*the cache keeps what is done") as stopped:
        bench(options, detector=SharpnessDetector())
    assert stopped.value.exit_code == 1 and not Path(options.out).exists()


def test_starting_over_takes_nothing_from_the_cache(options: BenchOptions, tmp_path: Path) -> None:
    options = dataclasses.replace(options, methods="plain", gallery=0)
    made_again, results = [], []
    for fresh in (False, False, True):
        entries = [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]
        for path in entries:
            os.utime(path, (0, 0))
        results.append(bench(dataclasses.replace(options, fresh=fresh), detector=SharpnessDetector()))
        made_again.append([path.stat().st_mtime > 0 for path in entries])
    assert made_again[0] == []
    assert made_again[1] and not any(made_again[1]) and all(made_again[2])
    assert results[2].points == results[0].points


def test_a_detector_that_fails_on_every_picture_is_an_error(options: BenchOptions) -> None:
    class Broken(SharpnessDetector):
        def detect(self, frames):
            raise ValueError("no kernel image")

    options = dataclasses.replace(options, on_error="skip")
    with pytest.raises(VcmError, match=r"no picture could be coded and checked: p0\.png: .* no kernel") as caught:
        bench(options, detector=Broken())
    assert caught.value.exit_code == 1 and not Path(options.out).exists()

    class Short(SharpnessDetector):
        def detect(self, frames):
            return []

    with pytest.raises(VcmError, match=r"0 answers for 1 picture \("):
        bench(options, detector=Short())

    class Full(SharpnessDetector):
        def detect(self, frames):
            raise MemoryError

    with pytest.raises(MemoryError):
        bench(options, detector=Full())


def test_a_predictor_may_use_whatever_its_detector_has(options: BenchOptions) -> None:
    class Knowing(SharpnessDetector):
        depth = 7

    class Asking:
        name = "asking"

        def __init__(self, detector: object) -> None:
            self.detector = detector

    assert Asking(guarded_detector(Knowing())).detector.depth == 7
    with pytest.raises(AttributeError):
        guarded_detector(Knowing()).height


def test_a_damaged_cache_is_made_again(options: BenchOptions, tmp_path: Path, make_frame, counting_encoder) -> None:
    cache = ContentCache(tmp_path / "other")
    coder = SegmentCoder(counting_encoder, make_frame(128, 96))
    coded = coder.uniform([40])[0]
    detector = SharpnessDetector()
    (first,) = cached_detections(coder, coded, [detector], cache)
    (entry,) = [path for path in (tmp_path / "other").rglob("*") if path.is_file()]
    whole = entry.read_bytes()
    for damage in (b"", b"PK\x03\x04 no archive", whole[: len(whole) // 2], whole[:-40] + bytes(40), b"\x93NUMPY"):
        entry.write_bytes(damage)
        (again,) = cached_detections(coder, coded, [detector], cache)
        assert again.psnr_y == first.psnr_y and again.found[0][0] == first.found[0][0]
        assert entry.read_bytes() == whole


def test_a_cache_edited_to_hold_no_detections_changes_no_figure(tmp_path: Path, make_frame, counting_encoder) -> None:
    """A whole archive with other numbers in it: every reader of it would be content."""
    notes: list[str] = []
    cache = ContentCache(tmp_path / "other", notes.append)
    coder = SegmentCoder(counting_encoder, make_frame(128, 96))
    coded = coder.uniform([30])[0]
    detector = SharpnessDetector()
    (first,) = cached_detections(coder, coded, [detector], cache)
    (entry,) = [path for path in (tmp_path / "other").rglob("*") if path.is_file()]
    whole = entry.read_bytes()
    nothing = sv.Detections.empty()
    none = _packed(first.psnr_y, [nothing])
    for forged in (none, whole[:32] + none):
        entry.write_bytes(forged)
        (again,) = cached_detections(coder, coded, [detector], cache)
        assert len(again.found[0][0]) == len(first.found[0][0]) > 0
        assert entry.read_bytes() == whole
    assert len(notes) == 1 and "made again" in notes[0]


def test_bits_of_objects_and_background(make_frame, counting_encoder) -> None:
    coder = SegmentCoder(counting_encoder, make_frame(256, 192))
    box = np.array([[10.0, 10.0, 50.0, 50.0]])
    cut = coder.by_map(coder.map_of(box, np.array([24]), MapPolicy(background="48")), "regions")
    objects, background, headers = split_bits(coder, cut, box)
    assert objects + background + headers == cut.bits
    assert objects > background > 0 and headers > 0
    whole = coder.uniform([30])[0]
    assert split_bits(coder, whole, box) is None
    assert split_bits(coder, whole, np.zeros((0, 4))) == (0, whole.region_bits[0], whole.bits - whole.region_bits[0])


@pytest.mark.parametrize("text", ["", "0", "2", "a", "1,,0.5", "1,-0.5"])
def test_bad_scales(text: str) -> None:
    with pytest.raises(InputError, match="--scales"):
        parse_scales(text, "--scales")


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"anchors": "plain,best"}, "--anchors: unknown method 'best'"),
        ({"resamples": -1}, "--resamples"),
        ({"resamples": 10**9}, "--resamples"),
        ({"seed": -1}, "--seed"),
        ({"gallery": -1}, "--gallery"),
        ({"second_detector": ""}, "--second-detector"),
    ],
)
def test_bad_options(values: dict, named: str) -> None:
    with pytest.raises(VcmError, match=named):
        BenchOptions(**values)
