"""The bench on video: segments add up to streams, sequences have figures of their own, a rerun comes from the cache."""

from __future__ import annotations

import csv
import dataclasses
import json
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import supervision as sv
from clips_made import RATE, SIZE, YellowDetector, picture, write_clip

from tests.conftest import textured
from vcmpipe.bench import BenchResult, bench
from vcmpipe.bench.traits import codes
from vcmpipe.bench.whole import Chained, WholeSequence
from vcmpipe.coding.segment import Segment
from vcmpipe.config import BenchOptions
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import ColourSpec, Frame, Y4mWriter, rgb_to_yuv, write_png
from vcmpipe.frames.spool import Spool
from vcmpipe.plugins import METHODS

METHODS_HERE = "plain,stock,plain-whole,plain-scene,stock-whole,plain-scaled,frame,jrd"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips: 24 frames, which are three segments of a second, and one frame."""
    made = tmp_path_factory.mktemp("clips")
    write_clip(made / "walk.y4m", 24)
    write_clip(made / "still.y4m", 1, first=9, scene=3)
    return made


@pytest.fixture(scope="module")
def options(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> BenchOptions:
    place = tmp_path_factory.mktemp("bench")
    return BenchOptions(
        images=str(folder),
        out=str(place / "report"),
        overwrite=True,
        cache=str(place / "cache"),
        methods=METHODS_HERE,
        segment=1.0,
        scene_cuts=False,
        qps="27,47",
        margins="-6,6",
        scales="0.5",
        map_scales="1",
        predictor="constant:36",
        resamples=50,
        jobs=2,
    )


def other(options: BenchOptions, **changes) -> BenchOptions:
    """The same with changes, and with a report of its own."""
    return dataclasses.replace(options, out=f"{options.out}-other", **changes)


@pytest.fixture(scope="module")
def run(options: BenchOptions) -> tuple[BenchResult, list[str], YellowDetector]:
    notes: list[str] = []
    detector = YellowDetector()
    return bench(options, detector=detector, warn=notes.append), notes, detector


@pytest.fixture(scope="module")
def result(run: tuple[BenchResult, list[str], YellowDetector]) -> BenchResult:
    return run[0]


def places(result: BenchResult, method: str) -> list[int]:
    return [place for place, point in enumerate(result.points) if point.method == method]


def test_sequences_are_the_items_and_segments_their_parts(
    run: tuple[BenchResult, list[str], YellowDetector],
) -> None:
    result, notes, detector = run
    assert [(each.name, each.segments, each.frames) for each in result.sequences] == [
        ("still.y4m", 1, 1),
        ("walk.y4m", 3, 24),
    ]
    assert (result.pictures, result.frames, result.objects, result.truth) == (4, 25, 25, None)
    assert [(p.name, p.sequence, p.frames) for p in result.per_picture] == [
        ("still.y4m#0", "still.y4m", 1),
        ("walk.y4m#0", "walk.y4m", 10),
        ("walk.y4m#10", "walk.y4m", 10),
        ("walk.y4m#20", "walk.y4m", 4),
    ]
    assert result.anchors == ("plain-whole", "stock-whole")
    assert any("random access" in note for note in notes)
    assert detector.largest <= 16, "no more frames at a time than a batch has"


def test_bytes_add_up(result: BenchResult) -> None:
    for place, point in enumerate(result.points):
        bits = sum(picture.bits[place] for picture in result.per_picture)
        assert sum(each.points[place].bytes for each in result.sequences) == bits // 8
        assert point.bytes_per_picture.value == pytest.approx(bits / 8 / 25)
        # Weighted by duration: all bits over all seconds.
        assert point.rate.value == pytest.approx(bits / 1000 / 2.5)
        walk = result.sequences[1].points[place]
        assert walk.kbps == pytest.approx(walk.bytes * 8 / 1000 / 2.4)
        assert sum(each.points[place].kept for each in result.sequences) == point.kept


def test_a_whole_sequence_is_what_the_encoder_makes_of_it(
    result: BenchResult, options: BenchOptions, folder: Path
) -> None:
    from vcmpipe.coding.cached_encoder import CachedEncoder
    from vcmpipe.coding.segment_coder import SegmentCoder
    from vcmpipe.encoders import load_encoder
    from vcmpipe.frames import open_source
    from vcmpipe.process.content_cache import ContentCache

    spool = Spool()
    for frame in open_source(folder / "walk.y4m"):
        spool.append(frame)
    encoder = CachedEncoder(load_encoder("vvenc"), ContentCache(Path(options.cache or "")))
    for method, constant_qp in (("plain-whole", True), ("stock-whole", False)):
        coder = SegmentCoder(encoder, Segment(0, spool, "random-access", Fraction(RATE), 32), constant_qp=constant_qp)
        whole = [len(coded.data) for coded in coder.uniform([27, 47])]
        assert [result.sequences[1].points[place].bytes for place in places(result, method)] == whole
        assert [len(list(coder.decode(coded))) for coded in coder.uniform([27])] == [24]
    # One frame is coded alike by itself and in one go, and the cost of segments is there to be read.
    for segments, whole in zip(places(result, "plain"), places(result, "plain-whole"), strict=True):
        assert result.sequences[0].points[segments] == result.sequences[0].points[whole]
        assert result.sequences[1].points[segments].bytes > result.sequences[1].points[whole].bytes
    plain = result.method("plain")
    assert plain is not None and plain.against.keys() == {"plain-whole", "stock-whole"}


def test_quality_falls_with_bits(result: BenchResult) -> None:
    for method in METHODS_HERE.split(","):
        fine, coarse = (result.points[place] for place in places(result, method))
        assert (fine.rate.value or 0) > (coarse.rate.value or 0) and fine.psnr_y > coarse.psnr_y, method
        assert (fine.retention or 0.0) >= (coarse.retention or 0.0), method
    fine, coarse = (result.points[place] for place in places(result, "plain"))
    assert fine.retention == 1.0 > (coarse.retention or 0.0), "the grid is lost at the coarse QP"


def test_every_sequence_has_figures_and_their_mean(result: BenchResult) -> None:
    still, walk = result.sequences
    for sequence in (still, walk):
        for place, point in enumerate(sequence.points):
            assert (
                0 <= point.kept <= sequence.objects and point.qualities.keys() == result.points[place].qualities.keys()
            )
    # A sequence of one segment has no draws of its own.
    assert all(point.qualities["retention"].low is None for point in still.points)
    assert any(point.qualities["retention"].low is not None for point in walk.points)
    figures = [sequence.bd_rate["plain"]["plain-whole"]["ap_source"].value for sequence in result.sequences]
    known = [figure for figure in figures if figure is not None]
    plain = result.method("plain")
    assert plain is not None and known
    assert plain.against["plain-whole"].mean_bd_rate["ap_source"].value == pytest.approx(np.mean(known))


def test_the_report_speaks_of_sequences(result: BenchResult, options: BenchOptions) -> None:
    out = Path(options.out)
    kept = json.loads((out / "result.json").read_text(), parse_constant=pytest.fail)
    assert kept == json.loads(json.dumps(result.to_dict()))
    assert [each["name"] for each in kept["sequences"]] == ["still.y4m", "walk.y4m"]
    with (out / "sequences.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 * len(result.points)
    assert [int(row["bytes"]) for row in rows] == [p.bytes for each in result.sequences for p in each.points]
    text = (out / "report.md").read_text()
    assert "2 sequences of 4 segments and 25 frames, 25 objects to keep in all frames" in text
    for word in ("kbit/s", "By sequence", "BD-rate per sequence", "bytes per frame", "draws of the segments"):
        assert word in text, word
    for switch in ("qpa=0", "GOPSize=16", "IntraPeriod=32", "DecodingRefreshType=cra", "MCTF=0", "BIM=0", "GOPQPA=0"):
        assert switch in text, switch
    assert "bytes per picture" not in text and "draws of the pictures" not in text
    page = (out / "report.html").read_text()
    assert "each by its frame with the most objects" in page and "walk.y4m#" in page


def test_a_panel_is_asked_frame_by_frame(options: BenchOptions) -> None:
    chosen = other(options, methods="plain,plain-whole", panel="flip,shrink", resamples=10)
    found = bench(chosen, detector=YellowDetector())
    assert found.panel[0].objects == 25 and len(found.panel) == 3
    for place, point in enumerate(found.points):
        # Every frame holds an object: frames count the same, however they are cut into segments.
        shares = [(each.satisfied[place], each.frames) for each in found.per_picture]
        mean = sum((share or 0.0) * frames for share, frames in shares) / found.frames
        assert point.quality("satisfied") == pytest.approx(mean)
    for sequence in found.sequences:
        assert all("satisfied" in point.qualities for point in sequence.points)
    text = (Path(chosen.out) / "report.md").read_text()
    assert "mean over frames" in text and "segments kept whole" in text
    assert "Measured on 2 sequences (25 frames) of " in text


def test_a_rerun_codes_nothing_and_looks_at_sources_only(result: BenchResult, options: BenchOptions) -> None:
    class Unused:
        from vcmpipe.encoders import load_encoder

        inner = load_encoder("vvenc")
        name, build, capabilities = inner.name, inner.build, inner.capabilities

        def encode(self, jobs):
            raise AssertionError("coded again")

    from vcmpipe.coding.cached_encoder import CachedEncoder
    from vcmpipe.process.content_cache import ContentCache

    cached = CachedEncoder(Unused(), ContentCache(Path(options.cache or "")))
    detector = YellowDetector()
    again = bench(other(options), detector=detector, encoder=cached)
    assert detector.looks == 25
    assert [p.rate for p in again.points] == [p.rate for p in result.points]
    assert again.sequences == result.sequences


def test_a_segment_that_the_detector_fails_on_is_left_out(options: BenchOptions, folder: Path) -> None:
    options = other(options, images=str(folder / "walk.y4m"), methods="plain,plain-whole", gallery=0)
    with pytest.raises(VcmError, match=r"^walk\.y4m#10: .* --on-error skip leaves out what fails"):
        bench(options, detector=YellowDetector(fails_at=12))
    options = other(options, on_error="skip")
    result = bench(options, detector=YellowDetector(fails_at=12))
    assert [picture.name for picture in result.per_picture] == ["walk.y4m#0", "walk.y4m#20"]
    assert [(each.name, each.frames) for each in result.left_out] == [("walk.y4m#10", 10)]
    assert (result.frames, result.sequences[0].frames) == (14, 14)
    assert "1 of 3 segments was left out" in (Path(options.out) / "report.md").read_text()
    with pytest.raises(VcmError, match="no segment could be coded and checked"):
        bench(other(options, limit=5), detector=YellowDetector(fails_at=2))


def test_a_segment_that_the_detector_fails_on_when_it_is_coded_is_left_out_alone(
    options: BenchOptions, folder: Path
) -> None:
    class Brittle(YellowDetector):
        """Fails on what is not quite frame 12."""

        def _one(self, frame: Frame) -> sv.Detections:
            if frame.index == 12:
                first = self.__dict__.setdefault("first", frame.rgb.copy())
                if not np.array_equal(first, frame.rgb):
                    raise RuntimeError("an odd frame")
            return super()._one(frame)

    for methods in ("plain-whole", "plain"):
        changes = {"images": str(folder / "walk.y4m"), "methods": methods, "gallery": 0, "on_error": "skip"}
        fresh = other(options, cache=f"{options.cache}-{methods}", **changes)
        result = bench(fresh, detector=Brittle())
        assert [each.name for each in result.left_out] == ["walk.y4m#10"], methods
        assert "an odd frame" in result.left_out[0].reason
        assert (result.frames, result.pictures) == (14, 2)


def test_of_one_scene_one_picture_is_intra(result: BenchResult, options: BenchOptions, folder: Path) -> None:
    from vcmpipe.coding.segment_coder import SegmentCoder
    from vcmpipe.encoders import load_encoder
    from vcmpipe.frames import open_source

    spools = [Spool(), Spool()]
    for number, frame in enumerate(open_source(folder / "walk.y4m")):
        spools[number // 12].append(frame)
    whole = Segment(0, Chained(spools), "random-access", Fraction(RATE))
    (coded,) = SegmentCoder(load_encoder("vvenc"), whole).uniform([47])
    assert result.sequences[1].points[places(result, "plain-scene")[1]].bytes == len(coded.data)
    assert [unit.slice_type for unit in coded.units].count("I") == 1


def test_scenes_are_coded_by_themselves(options: BenchOptions, tmp_path: Path) -> None:
    path = tmp_path / "cut.y4m"
    with Y4mWriter(path, SIZE, RATE) as writer:
        for number in range(24):
            rgb = picture(number) if number < 14 else 255 - picture(number, scene=2)
            writer.write(rgb_to_yuv(rgb, ColourSpec()))
    wanted = other(options, images=str(path), methods="plain,plain-scene", qps="47", scene_cuts=True, gallery=0)
    result = bench(wanted, detector=YellowDetector())
    names = ["cut.y4m#0", "cut.y4m#10", "cut.y4m#14"]
    assert [(each.name, each.frames) for each in result.per_picture] == list(zip(names, (10, 4, 10), strict=True))
    segments, scenes = ([each.bits[place] for each in result.per_picture] for place in range(2))
    # The second segment goes on with the scene of the first; the third is a scene of its own, coded alike by both.
    assert scenes[0] + scenes[1] < segments[0] + segments[1] and scenes[2] == segments[2]
    assert "each scene by itself" in (Path(wanted.out) / "report.md").read_text()


def test_a_sequence_that_changes_its_size_is_not_coded_in_one_go() -> None:
    segments = [Segment(n, [Frame(n, textured(64 + 16 * n, 48), f"v.mp4#{n}", n)]) for n in range(2)]
    with pytest.raises(InputError, match=r"v\.mp4#1: the size or the colours change here"):
        WholeSequence(cast(Any, None), segments, [(), ()])


def test_annotations_of_some_frames(options: BenchOptions, folder: Path, tmp_path: Path) -> None:
    def truth(*names: str) -> str:
        images = [{"id": 1 + n, "file_name": name} for n, name in enumerate(names)]
        boxes = [
            {"id": 1 + n, "image_id": 1 + n, "category_id": 1, "bbox": [8 + 30 * n, 40, 32, 32]}
            for n in range(len(names))
        ]
        content = {"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "square"}]}
        path = tmp_path / "truth.json"
        path.write_text(json.dumps(content))
        return str(path)

    wanted = other(options, images=str(folder / "walk.y4m"), methods="plain,plain-whole")
    for names in (("walk_000000.png", "walk_000010.png"), ("walk.y4m#0", "walk.y4m#10")):
        result = bench(dataclasses.replace(wanted, annotations=truth(*names)), detector=YellowDetector())
        fine = result.points[0]
        assert result.source_ap == 1.0 >= (fine.quality("ap") or 0.0) > 0.4
        assert result.sequences[0].points[0].qualities["ap"].value == pytest.approx(fine.quality("ap"))
    with pytest.raises(InputError, match=r"no frame of walk\.y4m is in it: .*walk_000000\.png"):
        bench(dataclasses.replace(wanted, annotations=truth("walk.png")), detector=YellowDetector())
    notes: list[str] = []
    both = dataclasses.replace(wanted, images=str(folder), annotations=truth("walk_000000.png"))
    bench(both, detector=YellowDetector(), warn=notes.append)
    assert any("it has no frame of still.y4m" in note for note in notes)


def test_pictures_that_are_frames_of_a_video(options: BenchOptions, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(4):
        write_png(frames / f"f{number:03d}.png", picture(number))
    notes: list[str] = []
    wanted = other(options, images=str(frames), methods="plain", structure="low-delay")
    result = bench(wanted, detector=YellowDetector(), warn=notes.append)
    assert [(each.name, each.frames, each.rate) for each in result.sequences] == [("frames", 4, 25.0)]
    assert any("25 frames per second are taken" in note for note in notes)
    timed = bench(dataclasses.replace(wanted, fps="8"), detector=YellowDetector())
    assert (timed.sequences[0].rate, timed.sequences[0].seconds) == (8.0, 0.5)
    alone = bench(dataclasses.replace(wanted, structure="intra"), detector=YellowDetector())
    assert (alone.pictures, alone.frames, alone.sequences, alone.anchors) == (4, 4, [], ("plain",))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"methods": "plain,rdo-open"}, "--methods rdo-open works on pictures, one by one: leave it out, or"),
        ({"methods": "jrd-measured"}, "--methods jrd-measured works on pictures"),
        ({"structure": "intra", "methods": "plain,plain-whole"}, "--methods plain-whole codes sequences: leave it out"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: BenchOptions, changes: dict, message: str, counting_encoder
) -> None:
    with pytest.raises(InputError, match=message):
        bench(other(options, **changes), detector=YellowDetector(), encoder=counting_encoder)
    assert counting_encoder.jobs == 0


def test_structures_are_for_machines() -> None:
    with pytest.raises(InputError, match="--structure random-access with --viewer human"):
        BenchOptions(structure="random-access", viewer="human", human="maps:x")


def test_by_default_methods_for_pictures_are_left_out(options: BenchOptions, folder: Path) -> None:
    notes: list[str] = []
    quick = {"qps": "47", "margins": "6", "limit": 2, "gallery": 0, "resamples": 0}
    everything = other(options, images=str(folder / "walk.y4m"), methods=BenchOptions.methods, **quick)
    result = bench(everything, detector=YellowDetector(), warn=notes.append)
    wanted = {name for name in METHODS.built_in if {"segments", "sequences"} & set(codes(METHODS.load(name)))}
    # There is no second detector to judge.
    assert {point.method for point in result.points} == wanted - {"rdo-panel"}
    assert {name for name in METHODS.built_in if f"{name} works on pictures" in " ".join(notes)} == (
        set(METHODS.built_in) - wanted
    )


def test_chained_frames_are_read_in_order_and_let_go() -> None:
    spools = [Spool(), Spool()]
    for number in range(5):
        spools[number // 3].append(Frame(number, picture(number), f"v#{number}"))
    chained = Chained(spools)
    assert [frame.index for frame in chained] == list(range(5))
    assert (len(chained), chained[-1].index, [frame.index for frame in chained[1:4]]) == (5, 4, [1, 2, 3])
    assert spools[0]._last is None or spools[1]._last is None
