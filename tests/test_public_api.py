"""The names for a notebook: each used as a user would, without the command line."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
import supervision as sv

import vcmpipe
from vcmpipe import (
    DetectionTask,
    Frame,
    InputError,
    MapPolicy,
    QpMap,
    SegmentCoder,
    bd_rate,
    build_map,
    decode_stream,
    encode_frames,
    inspect_stream,
    load_detector,
    load_encoder,
    load_predictor,
    merge_regions,
    retention,
)
from vcmpipe.datasets.scenes import render_scene


@pytest.fixture(scope="module")
def scenes() -> list[Frame]:
    """Two scenes of the built-in demo."""
    return [Frame(n, render_scene(900_000 + n).rgb, f"scene_{n}.png") for n in range(2)]


@pytest.fixture(scope="module")
def detector():  # type: ignore[no-untyped-def]
    """The demo's detector."""
    return load_detector("demo", jobs=1)


@pytest.mark.parametrize("name", vcmpipe.__all__)
def test_every_public_name_is_there_and_explains_itself(name: str) -> None:
    assert inspect.getdoc(getattr(vcmpipe, name))
    assert name in dir(vcmpipe)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="no attribute 'enocde'"):
        vcmpipe.enocde


def test_thresholds_without_a_coder(scenes: list[Frame], detector) -> None:  # type: ignore[no-untyped-def]
    found = detector.detect(scenes)[0]
    predictor = load_predictor("auto", detector)
    assert predictor.name.startswith("detector_aware")
    thresholds = predictor.predict(scenes[0], found)
    assert len(thresholds) == len(found) > 0
    qp_map = build_map(found.xyxy, thresholds.decide(), MapPolicy(background=51), 512, 384)
    assert isinstance(qp_map, QpMap) and qp_map.minimum() <= 51
    measured = load_predictor("measured:30:50:10", detector)
    with pytest.raises(InputError, match=r"measured:30:50:10 needs coded versions: hand it a coder"):
        measured.predict(scenes[0], found)
    coder = SegmentCoder(load_encoder("vvenc"), scenes[0])
    assert len(measured.predict(scenes[0], found[:1], coder.of_frame(0))) == 1


def test_frames_in_memory(scenes: list[Frame], detector) -> None:  # type: ignore[no-untyped-def]
    said: list[str] = []
    done: list[int] = []
    data, sidecar = encode_frames(
        [scenes[0], scenes[1].rgb],
        detector=detector,
        predictor="constant:30",
        background="44",
        warn=said.append,
        progress=lambda count, total: done.append(count),
    )
    assert said == [] and done == [1, 2]
    assert len(data) == sidecar.bytes == sum(frame.bits for frame in sidecar.frames) // 8
    assert sidecar.configuration["detector"] == detector.name and sidecar.configuration["background"] == "44"
    assert [frame.source for frame in sidecar.frames] == ["scene_0.png", "frame_000001"]
    decoded = [Frame(picture.index, picture.rgb(), f"decoded_{picture.index}") for picture in decode_stream(data)]
    source, again = detector.detect(scenes), detector.detect(decoded)
    kept = retention(zip(source, again, strict=True))
    assert (kept.kept, kept.total) == (sidecar.kept, sidecar.kept + sidecar.lost)
    task = DetectionTask()
    comparison = task.compare(task.reference(source), again)
    assert comparison.lost == sidecar.lost
    assert [picture.slice_types for picture in inspect_stream(data).pictures] == ["I", "I"]


def test_frames_in_memory_and_in_files_are_the_same_stream(scenes: list[Frame], detector, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from vcmpipe import EncodeOptions, encode
    from vcmpipe.frames import write_png

    (tmp_path / "frames").mkdir()
    for frame in scenes:
        write_png(tmp_path / "frames" / frame.source, frame.rgb)
    options = EncodeOptions(input=str(tmp_path / "frames"), out=str(tmp_path / "a.bin"), predictor="constant:36")
    encode(options, detector=detector)
    data, _ = encode_frames(scenes, detector=detector, predictor="constant:36")
    assert data == (tmp_path / "a.bin").read_bytes()


@pytest.mark.parametrize(
    ("frames", "options", "error"),
    [
        ([], {"out": "a.bin"}, "encode_frames takes no 'out', which is for files"),
        ([], {"predictor": "constant:30"}, "there is no frame to code: give at least one"),
        ([np.zeros((32, 32), np.uint8)], {}, r"a picture is uint8 of shape \(height, width, 3\)"),
        ([np.zeros((32, 32, 3), np.uint8)], {"predictor": "nothing"}, "unknown predictor 'nothing'"),
        ([np.zeros((32, 32, 3), np.uint8)], {"ctu": 48}, "48"),
    ],
)
def test_what_cannot_be_coded(frames: list, options: dict, error: str, detector) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=error):
        encode_frames(frames, detector=detector, **options)


def test_regions_are_merged(scenes: list[Frame]) -> None:
    from vcmpipe.encoders import CodingMode, Job
    from vcmpipe.frames import ColourSpec, crop_yuv, rgb_to_yuv

    yuv = rgb_to_yuv(scenes[0].rgb, ColourSpec())
    coder = SegmentCoder(load_encoder("vvenc"), scenes[0])
    qps = np.full((12, 16), 45)
    qps[:, :8] = 27
    plan = coder.plan(QpMap(qps, 32, 512, 384))
    layout = plan.layout
    mode = CodingMode(ctu=32, region=True)
    jobs = [Job([crop_yuv(yuv, rect)], qp, mode) for rect, qp in zip(layout.regions(), plan.qps, strict=True)]
    data = merge_regions(load_encoder("vvenc").encode(jobs), layout)
    assert [region.qp for region in inspect_stream(data).pictures[0].regions] == list(plan.qps)


def test_rates_are_compared() -> None:
    anchor = [(1000.0, 0.6), (2000.0, 0.8), (4000.0, 0.95)]
    half = [(bits / 2, quality) for bits, quality in anchor]
    assert bd_rate(anchor, half).value == pytest.approx(-50.0)


def test_stores_and_training_are_at_hand(tmp_path: Path) -> None:
    from vcmpipe.config import TrainOptions
    from vcmpipe.datasets import Store
    from vcmpipe.training import train

    with pytest.raises(InputError, match="store"):
        Store.open(tmp_path / "store")
    with pytest.raises(InputError):
        train(TrainOptions(model="dt_jrd", data=str(tmp_path / "store"), out=str(tmp_path / "run")))


def test_detections_of_ones_own(scenes: list[Frame]) -> None:
    """A detector is anything with these four attributes; no class of ours is needed."""

    class Everything:
        name, digest, classes = "everything", "0" * 64, {0: "thing"}

        def detect(self, frames):  # type: ignore[no-untyped-def]
            return [
                sv.Detections(
                    np.array([[0, 0, frame.width, frame.height]], np.float32),
                    confidence=np.array([0.9], np.float32),
                    class_id=np.array([0]),
                )
                for frame in frames
            ]

        def input_size(self, width: int, height: int) -> tuple[int, int]:
            return width, height

    _, sidecar = encode_frames(scenes[:1], detector=Everything(), predictor="constant:40")  # type: ignore[arg-type]
    assert (sidecar.kept, sidecar.lost) == (1, 0) and sidecar.frames[0].objects[0].threshold == 40
