"""Videos all the way: coded in segments, in the files that they can be in, decoded again, by real encoders."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
import supervision as sv

from vcmpipe import DecodeOptions, EncodeOptions, InputError, decode, encode, encode_frames, open_source
from vcmpipe.bitstream import inspect_stream
from vcmpipe.coding.conformance import check_stream
from vcmpipe.coding.segment import Segment
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.coding.stored_streams import read_stream
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import ColourSpec, Frame, Y4mWriter, psnr_y, write_png
from vcmpipe.qpmap import QpMap
from vcmpipe.sidecar import Sidecar, Verdict
from vcmpipe.thresholds import Thresholds

MakeVideo = Callable[..., list[Frame]]
FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()


class SquareDetector:
    """Finds the yellow square of the drawn videos by its colour."""

    name, digest = "square", "0" * 64
    classes = {0: "square"}  # noqa: RUF012

    def detect(self, frames):
        return [self._one(frame.rgb) for frame in frames]

    def _one(self, rgb: np.ndarray) -> sv.Detections:
        yellow = (rgb[..., 0] > 200) & (rgb[..., 1] > 190) & (rgb[..., 2] < 110)
        if np.count_nonzero(yellow) < 60:
            return sv.Detections.empty()
        y, x = np.nonzero(yellow)
        box = np.array([[np.quantile(x, 0.02), np.quantile(y, 0.02), np.quantile(x, 0.98), np.quantile(y, 0.98)]])
        return sv.Detections(box.astype(np.float32), confidence=np.array([0.9]), class_id=np.array([0]))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width // 2, height // 2


class FixedPredictor:
    """One QP for every object."""

    name = "fixed"

    def __init__(self, qp: int = 34) -> None:
        self.qp = qp

    def predict(self, frame, detections, coder) -> Thresholds:
        return Thresholds.from_qps([self.qp] * len(detections))


def write_video(path: Path, frames: list[Frame], rate: Fraction | int = 10) -> Path:
    first = frames[0]
    assert first.planes is not None
    with Y4mWriter(path, (first.width, first.height), rate, first.planes.colour, depth=first.planes.depth) as writer:
        for frame in frames:
            writer.write(frame.planes.yuv())
    return path


@pytest.fixture
def video(tmp_path: Path, make_video: MakeVideo) -> Path:
    return write_video(tmp_path / "clip.y4m", make_video(128, 96, 40, cuts=(23,)))


def run(source: Path | str, out: Path | str, **options: object) -> Sidecar:
    settings = {"jobs": 2, **options}
    parts = {} if "qp" in options else {"detector": SquareDetector(), "predictor": FixedPredictor()}
    return encode(EncodeOptions(input=str(source), out=str(out), **settings), **parts)  # type: ignore[arg-type]


def by_ffmpeg(path: Path) -> np.ndarray:
    """(frames, 96, 128) luma as FFmpeg's program decodes it, in the order in which it shows it."""
    argv = [
        FFMPEG,
        "-v",
        "error",
        "-i",
        str(path),
        "-fps_mode",
        "passthrough",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "yuv420p10le",
    ]
    samples = np.frombuffer(subprocess.run([*argv, "-"], check=True, capture_output=True).stdout, "<u2")
    return samples.reshape(-1, 96 * 128 * 3 // 2)[:, : 96 * 128].reshape(-1, 96, 128)


@pytest.mark.parametrize(
    ("encoder", "structure", "ending"),
    [
        ("vvenc", "random-access", ".bin"),
        ("vvenc", "random-access", ".mp4"),
        ("vvenc", "random-access", ".mkv"),
        ("vvenc", "low-delay", ".mp4"),
        ("vvenc", "intra", ".266"),
        ("kvazaar", "random-access", ".mkv"),
        ("kvazaar", "low-delay", ".hevc"),
        ("x265", "random-access", ".mp4"),
        ("svtav1", "random-access", ".obu"),
        ("svtav1", "random-access", ".mp4"),
        ("svtav1", "low-delay", ".mkv"),
        ("svtav1", "intra", ".mp4"),
    ],
)
def test_a_video_comes_back(encoder: str, structure: str, ending: str, video: Path, tmp_path: Path) -> None:
    out = tmp_path / f"coded{ending}"
    sidecar = run(video, out, encoder=encoder, structure=structure, qp=30)
    assert Sidecar.read(tmp_path / "coded.json") == sidecar
    sizes = [len(segment.frames) for segment in sidecar.segments]
    assert sizes == ([1] * 40 if structure == "intra" else [23, 17])
    frames = sidecar.frames
    assert [frame.index for frame in frames] == list(range(40))
    assert [frame.timestamp for frame in frames] == pytest.approx([n / 10 for n in range(40)])
    stored = read_stream(out)
    assert sum(frame.bits for frame in frames) == 8 * len(stored.data) == 8 * sidecar.bytes
    info = inspect_stream(stored.data)
    assert info.rate == 10 and not info.problems
    assert check_stream(info, sidecar).verdict == Verdict.YES
    if stored.times is not None:
        assert sorted(stored.times) == [Fraction(n, 10) for n in range(40)]
    # Our decoder and FFmpeg's program agree, frame for frame, and so do the frames and their PSNR in the sidecar.
    shown = [picture.yuv for picture in decode_stream(stored.data)]
    theirs = by_ffmpeg(out)
    assert len(theirs) == 40
    for place, (frame, source) in enumerate(zip(frames, open_source(video), strict=True)):
        assert psnr_y(source.planes.yuv(), shown[place]) == pytest.approx(frame.psnr_y, abs=2e-3)
        assert frame.psnr_y > 28
        if encoder in ("vvenc", "svtav1"):
            assert np.array_equal(theirs[place], shown[place].y)


def test_video_is_many_times_smaller_than_its_pictures(video: Path, tmp_path: Path) -> None:
    sizes = {each: run(video, tmp_path / f"{each}.bin", structure=each, qp=32).bytes for each in ("intra", "auto")}
    assert 3 * sizes["auto"] < sizes["intra"]


@pytest.mark.parametrize(
    ("depth", "colour"),
    [(10, {"matrix": "bt709"}), (8, {"matrix": "bt601", "range": "full"}), (10, {"matrix": "bt601", "range": "full"})],
)
def test_samples_keep_their_depth_and_colour(
    depth: int, colour: dict[str, str], tmp_path: Path, make_video: MakeVideo
) -> None:
    frames = make_video(64, 48, 9, depth=depth, **colour)
    source = write_video(tmp_path / "in.y4m", frames)
    run(source, tmp_path / "b.mp4", qp=8)
    info = inspect_stream(read_stream(tmp_path / "b.mp4").data)
    spec = ColourSpec(**colour)
    assert info.pictures[0].vui.full_range == (spec.range == "full")
    assert info.pictures[0].vui.matrix == {"bt709": 1, "bt601": 6}[spec.matrix]
    decode(DecodeOptions(input=str(tmp_path / "b.mp4"), out=str(tmp_path / "out.y4m")))
    back = list(open_source(tmp_path / "out.y4m"))
    assert [frame.timestamp for frame in back] == [frame.timestamp for frame in frames]
    for frame, source_frame in zip(back, frames, strict=True):
        assert frame.planes.depth == depth and frame.planes.colour == spec
        for ours, theirs in zip(frame.planes.arrays, source_frame.planes.arrays, strict=True):
            difference = np.abs(ours.astype(int) - theirs)
            assert difference.mean() < (0.8 if depth == 8 else 3.2)


@pytest.mark.parametrize("count", [1, 2, 17])
@pytest.mark.parametrize("structure", ["random-access", "low-delay"])
def test_any_number_of_frames(count: int, structure: str, tmp_path: Path, make_video: MakeVideo) -> None:
    source = write_video(tmp_path / "in.y4m", make_video(65, 49, count))
    sidecar = run(source, tmp_path / "b.mkv", structure=structure, qp=40)
    assert len(sidecar.frames) == count and sidecar.segments[0].source_size == (65, 49)
    report = decode(DecodeOptions(input=str(tmp_path / "b.mkv"), out=str(tmp_path / "frames")))
    assert report.pictures == count == len(list((tmp_path / "frames").glob("*.png")))


def test_objects_are_kept_and_counted_per_frame(video: Path, tmp_path: Path) -> None:
    sidecar = run(video, tmp_path / "b.bin")
    objects = [len(frame.objects) for frame in sidecar.frames]
    assert sum(objects) > 30 and sidecar.kept + sidecar.lost == sum(objects) and sidecar.kept > 0.9 * sum(objects)
    assert {thing.threshold for frame in sidecar.frames for thing in frame.objects} == {34}
    assert {region.qp for segment in sidecar.segments for region in segment.regions} >= {34}


def test_a_smaller_picture_is_scaled_in_its_planes(video: Path, tmp_path: Path) -> None:
    sidecar = run(video, tmp_path / "b.mp4", scale="0.5")
    assert {segment.coded_size for segment in sidecar.segments} == {(64, 48)}
    decode(DecodeOptions(input=str(tmp_path / "b.mp4"), out=str(tmp_path / "big.y4m")))
    decode(DecodeOptions(input=str(tmp_path / "b.mp4"), out=str(tmp_path / "small.y4m"), restore=False))
    big, small = (list(open_source(tmp_path / name)) for name in ("big.y4m", "small.y4m"))
    assert {(frame.width, frame.height) for frame in big} == {(128, 96)}
    assert {(frame.width, frame.height) for frame in small} == {(64, 48)} and len(small) == 40


def test_two_levels_in_sub_pictures(make_video: MakeVideo) -> None:
    segment = Segment(0, make_video(192, 128, 18), "random-access", Fraction(10))
    coder = SegmentCoder(load_encoder("vvenc"), segment, ctu=64)
    qp = np.full((2, 3), 47)
    qp[:, 0] = 30
    coded = coder.by_map(QpMap(qp, 64, 192, 128), "regions")
    info = inspect_stream(coded.data)
    assert len(coded.qps) > 1 and min(coded.qps) == 30 and max(coded.qps) == 47
    assert all(region.subpic_id is not None for region in info.pictures[0].regions)
    decoded = list(coder.decode(coded))
    sharp = [
        psnr_y(a.frame.planes.yuv().y[:, :64], b.planes.yuv().y[:, :64])
        for a, b in zip(decoded, segment.frames, strict=True)
    ]
    blunt = [
        psnr_y(a.frame.planes.yuv().y[:, 64:], b.planes.yuv().y[:, 64:])
        for a, b in zip(decoded, segment.frames, strict=True)
    ]
    assert np.mean(sharp) > np.mean(blunt) + 4


@pytest.mark.parametrize("structure", ["random-access", "low-delay"])
def test_each_frame_has_a_map_of_its_own_where_encoders_read_maps(
    structure: str, tmp_path: Path, make_video: MakeVideo
) -> None:
    source = write_video(tmp_path / "in.y4m", make_video(256, 128, 20))
    sidecar = run(source, tmp_path / "b.mkv", encoder="kvazaar", structure=structure, realise="native", dilate=0)
    (segment,) = sidecar.segments
    assert segment.realisation == "native" and segment.conformance.verdict == Verdict.YES
    # The map of the segment has a low QP wherever the square has been.
    requested = np.array(segment.qp_map.requested)
    assert requested.min() == 34 and requested.max() == 42
    assert sidecar.kept > 0.8 * (sidecar.kept + sidecar.lost) > 0
    whole = run(source, tmp_path / "w.mkv", encoder="kvazaar", structure=structure, realise="uniform", dilate=0)
    assert sidecar.bytes < whole.bytes


def test_pictures_that_are_a_video(tmp_path: Path, make_video: MakeVideo) -> None:
    folder = tmp_path / "frames"
    folder.mkdir()
    for frame in make_video(96, 64, 12):
        write_png(folder / f"frame_{frame.index:04d}.png", frame.rgb)
    said: list[str] = []
    options = EncodeOptions(input=str(folder), out=str(tmp_path / "b.mp4"), qp=32, fps="30000/1001")
    sidecar = encode(options, warn=said.append)
    assert [segment.structure for segment in sidecar.segments] == ["random-access"]
    assert any("taken for a video" in line for line in said)
    assert inspect_stream(read_stream(tmp_path / "b.mp4").data).rate == Fraction(30000, 1001)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)


def test_standard_output_is_a_stream(video: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "vcmpipe",
        "encode",
        str(video),
        "--out",
        "-",
        "--qp",
        "40",
        "--structure",
        "low-delay",
    ]
    done = subprocess.run(argv, capture_output=True, check=True)
    assert len(list(decode_stream(done.stdout))) == 40
    assert b"40 in 2 segments" in done.stderr


def test_standard_input_is_a_y4m(video: Path, tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "vcmpipe", "encode", "-", "--out", str(tmp_path / "b.mp4"), "--qp", "40"]
    data = video.read_bytes()
    subprocess.run(argv, input=data, capture_output=True, check=True)
    assert len(Sidecar.read(tmp_path / "b.json").frames) == 40
    # Of a pipe that breaks the frames that came are coded, and why there are no more is said.
    cut = subprocess.run(argv, input=data[: len(data) // 2], capture_output=True, check=True)
    count = len(Sidecar.read(tmp_path / "b.json").frames)
    assert 15 < count < 21 and b"what came before is coded" in cut.stderr
    assert len(list(decode_stream(read_stream(tmp_path / "b.mp4").data))) == count


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"out": "b.webm"}, "b.webm"),
        ({"out": "b.hevc"}, ".hevc is for HEVC"),
        ({"detector": "none"}, "say at which QP to code everything"),
        ({"qp": 30, "verify": True}, "--qp 30 with --verify"),
        ({"qp": 30, "margin": -4}, "--qp 30 with --margin"),
        ({"qp": 30, "predictor": "constant:20"}, "--qp 30 with --predictor"),
        (
            {"structure": "random-access", "objective": "accuracy"},
            "--structure random-access with --objective accuracy.*add --loop closed",
        ),
        ({"audio": "copy", "qp": 30, "out": "b.bin"}, "--audio"),
        ({"qp": 30, "fps": "0"}, "rate '0'"),
        ({"qp": 30, "start": 100.0}, "no frame from 100 s on"),
        ({"qp": 30, "out": "-", "json": True}, "--out - writes the stream"),
    ],
)
def test_what_cannot_be_done(options: dict[str, object], message: str, video: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    settings = {"input": str(video), "out": "b.bin", **options}
    if settings["out"] != "-":
        settings["out"] = str(tmp_path / str(settings["out"]))
    with pytest.raises(InputError, match=message):
        encode(EncodeOptions(**settings))  # type: ignore[arg-type]
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_odd_about_a_source_is_said_and_written_down(tmp_path: Path) -> None:
    argv = [FFMPEG, "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=0.5", "-c:v", "mpeg4"]
    turned = ["-display_rotation", "90", "-i", str(tmp_path / "a.mp4"), "-c", "copy", str(tmp_path / "b.mp4")]
    subprocess.run([*argv, "-aspect", "2:1", str(tmp_path / "a.mp4")], check=True)
    subprocess.run([FFMPEG, "-v", "error", *turned], check=True)
    said: list[str] = []
    sidecar = encode(EncodeOptions(input=str(tmp_path / "b.mp4"), out=str(tmp_path / "c.mp4"), qp=40), warn=said.append)
    assert any("rotated by" in line for line in said) and any("2:3" in line or "2/3" in line for line in said)
    assert sidecar.source["rotation"] in (90, 270) and sidecar.source["sample_aspect"] == "2/3"
    assert sidecar.segments[0].source_size == (48, 64)
    assert inspect_stream(read_stream(tmp_path / "c.mp4").data).sample_aspect == Fraction(2, 3)


def test_frames_in_memory(make_video: MakeVideo) -> None:
    data, sidecar = encode_frames(make_video(64, 48, 20), qp=35, structure="random-access")
    assert [len(segment.frames) for segment in sidecar.segments] == [20]
    assert len(list(decode_stream(data))) == 20 and io.BytesIO(data).read(1)
