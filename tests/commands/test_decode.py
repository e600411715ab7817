"""What decode writes: PNG files, y4m and previews, at the source's size and times, with the sidecar's boxes on them."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from vcmpipe import DecodeOptions, EncodeOptions, InputError, decode, encode
from vcmpipe.bitstream import split_access_units
from vcmpipe.errors import BitstreamError
from vcmpipe.frames import (
    ColourSpec,
    Frame,
    Y4mWriter,
    is_decoded,
    open_source,
    psnr_y,
    read_picture,
    rgb_to_yuv,
    schedule,
    write_png,
    write_preview,
)
from vcmpipe.process import run
from vcmpipe.sidecar import ObjectRecord, Sidecar

SIZE = (193, 129)
VARYING = [Fraction(0), Fraction(1, 25), Fraction(1, 5), Fraction(3, 10)]
NTSC = [index * Fraction(1001, 30000) for index in range(4)]
KINDS = ["d", "v.y4m", "v.mp4", "v.mkv"]


def _encode(folder: Path, video: Path, **options: object) -> Path:
    coded = EncodeOptions(
        input=str(video),
        out=str(folder / "a.bin"),
        detector="demo",
        predictor="constant:17",
        check=False,
        background="17",
        **options,
    )
    encode(coded)
    return folder / "a.bin"


@pytest.fixture(scope="module")
def rising() -> list[np.ndarray]:
    """Four pictures, each brighter than the one before."""
    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    base = np.stack([x, 2 * y, 90 + 40 * np.sin(x / 9)], -1)
    return [np.clip(base * 0.6 + 25 * place, 0, 255).astype(np.uint8) for place in range(4)]


@pytest.fixture(scope="module")
def coded(tmp_path_factory: pytest.TempPathFactory, rising: list[np.ndarray]) -> Path:
    """A folder with ``a.bin`` and ``a.json``: a y4m of four frames coded at half its size."""
    folder = tmp_path_factory.mktemp("coded")
    with Y4mWriter(folder / "source.y4m", SIZE, Fraction(30000, 1001)) as writer:
        for rgb in rising:
            writer.write(rgb_to_yuv(rgb, ColourSpec()))
    _encode(folder, folder / "source.y4m", scale="0.5")
    return folder


@pytest.fixture
def stream(coded: Path, tmp_path: Path) -> Path:
    """A copy of the stream and its sidecar in a folder of its own."""
    for name in ("a.bin", "a.json"):
        shutil.copy(coded / name, tmp_path)
    return tmp_path / "a.bin"


@pytest.fixture
def change(stream: Path) -> Callable[..., None]:
    """Gives the frames of the sidecar other fields: ``change(timestamp=[...], objects=[...])``."""

    def write(**fields: list) -> None:
        sidecar = Sidecar.read(stream.with_suffix(".json"))
        frames = iter(range(len(sidecar.frames)))
        segments = [
            dataclasses.replace(
                segment,
                frames=[
                    dataclasses.replace(frame, **{name: values[place] for name, values in fields.items()})
                    for frame, place in zip(segment.frames, frames, strict=False)
                ],
            )
            for segment in sidecar.segments
        ]
        stream.with_suffix(".json").write_text(dataclasses.replace(sidecar, segments=segments).to_json())

    return write


def _decode(stream: Path, out: str, **options: object) -> tuple[list[Frame], list[str]]:
    """What is read back of what decode wrote, and its warnings."""
    notes: list[str] = []
    place = stream.parent / out
    decode(DecodeOptions(input=str(stream), out=str(place), **options), warn=notes.append)
    return list(open_source(place)), notes


def _object(box: tuple[float, float, float, float], kept: bool | None) -> ObjectRecord:
    return ObjectRecord(box, 0, "o", 0.9, 30, True, kept)


@pytest.mark.parametrize("out", KINDS)
def test_the_sources_size_and_times_come_back(stream: Path, rising, out: str) -> None:
    frames, notes = _decode(stream, out)
    even = out in ("v.mp4", "v.mkv")
    size = (SIZE[0] + 1, SIZE[1] + 1) if even else SIZE
    assert [(frame.width, frame.height) for frame in frames] == [size] * 4 and notes == []
    for frame, rgb in zip(frames, rising, strict=True):
        assert np.abs(frame.rgb[: SIZE[1], : SIZE[0]].astype(int) - rgb).mean() < 4
    if out != "d":
        assert [float(frame.timestamp) for frame in frames] == pytest.approx([float(t) for t in NTSC], abs=1e-3)


@pytest.mark.parametrize("out", KINDS)
def test_without_restoring_the_coded_size_stays(stream: Path, out: str) -> None:
    frames, _ = _decode(stream, out, restore=False)
    coded = Sidecar.read(stream.with_suffix(".json")).segments[0].coded_size
    rounded = tuple(side + side % 2 for side in coded) if out in ("v.mp4", "v.mkv") else coded
    assert {(frame.width, frame.height) for frame in frames} == {rounded} and len(frames) == 4


def test_y4m_is_scaled_in_yuv(stream: Path, rising) -> None:
    """As close to the source as through RGB, and where nothing is scaled the decoder's samples."""
    frames, _ = _decode(stream, "v.y4m")
    for frame, rgb in zip(frames, rising, strict=True):
        assert psnr_y(*(rgb_to_yuv(each, ColourSpec()) for each in (frame.rgb, rgb))) > 30
    header = (stream.parent / "v.y4m").read_bytes().split(b"\n")[0]
    assert b" F30000:1001 Ip A1:1 C420p10 " in header


@pytest.mark.parametrize("out", ["v.mp4", "v.mkv"])
def test_a_preview_keeps_varying_times(stream: Path, change, out: str) -> None:
    change(timestamp=[7 + float(time) for time in VARYING])
    frames, notes = _decode(stream, out)
    assert [float(frame.timestamp) for frame in frames] == pytest.approx([float(time) for time in VARYING], abs=1e-3)
    assert notes == []


def test_y4m_gets_the_mean_of_varying_times_and_says_so(stream: Path, change) -> None:
    change(timestamp=[float(time) for time in VARYING])
    frames, (note,) = _decode(stream, "v.y4m")
    assert b" F10:1 " in (stream.parent / "v.y4m").read_bytes().split(b"\n")[0]
    assert "varying times" in note and "10 per second" in note and len(frames) == 4


@pytest.mark.parametrize("out", KINDS)
def test_without_a_sidecar(stream: Path, out: str) -> None:
    stream.with_suffix(".json").unlink()
    frames, _ = _decode(stream, out)
    assert len(frames) == 4
    means = [frame.rgb.mean() for frame in frames]
    assert means == sorted(means) and means[3] > means[0] + 50
    if out != "d":
        # The stream itself states 30000/1001 frames per second.
        times = [index * 1001 / 30000 for index in range(4)]
        assert [float(frame.timestamp) for frame in frames] == pytest.approx(times, abs=1e-3)


def test_the_ffmpeg_program_takes_over_where_pyav_has_no_libx264(stream: Path, monkeypatch) -> None:
    with_pyav, _ = _decode(stream, "p.mp4")
    monkeypatch.setattr(av, "codecs_available", av.codecs_available - {"libx264"})
    frames, _ = _decode(stream, "f.mp4")
    assert [frame.timestamp for frame in frames] == [frame.timestamp for frame in with_pyav]
    for frame, other in zip(frames, with_pyav, strict=True):
        assert np.abs(frame.rgb.astype(int) - other.rgb).mean() < 2
    assert is_decoded(stream.parent / "f.mp4")


@pytest.mark.parametrize("restore", [True, False])
@pytest.mark.parametrize("out", KINDS)
def test_boxes_are_drawn_where_the_objects_are(stream: Path, change, out: str, restore: bool) -> None:
    box = (30.0, 50.0, 170.0, 116.0)
    change(objects=[[], [_object(box, True)], [_object(box, False)], [_object((-9e9, -1.0, 9e300, 0.5), None)]])
    plain, _ = _decode(stream, f"plain-{out}", restore=restore)
    drawn, _ = _decode(stream, out, restore=restore, overlay=True)
    factor = drawn[0].width / SIZE[0]

    def changed(place: int) -> np.ndarray:
        return np.abs(drawn[place].rgb.astype(int) - plain[place].rgb).max(-1) > 60

    # H.264 smears a little of what is drawn over its surroundings and over what follows.
    assert changed(0).mean() < 0.01
    for place in (1, 2):
        rows, columns = np.nonzero(changed(place))
        assert [columns.min(), columns.max(), rows.max()] == pytest.approx(
            [side * factor for side in box[:1] + box[2:]], abs=5
        )
        inside = changed(place)[round(90 * factor) : round(100 * factor), round(60 * factor) : round(140 * factor)]
        assert inside.mean() < 0.02
    # Lost is another colour, and other lines.
    bottom = round(box[3] * factor) - 1
    assert np.abs(drawn[1].rgb[bottom - 2 : bottom + 3].astype(int) - drawn[2].rgb[bottom - 2 : bottom + 3]).max() > 90


def test_overlay_needs_the_sidecar(stream: Path) -> None:
    stream.with_suffix(".json").unlink()
    with pytest.raises(InputError, match=r"--overlay draws what the sidecar says, and .*a\.bin has none"):
        _decode(stream, "v.mp4", overlay=True)
    assert [path.name for path in stream.parent.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("out", KINDS)
def test_a_stream_that_begins_in_the_middle(tmp_path: Path, out: str) -> None:
    """Pictures that refer to what was before the first one are not shown, and not counted."""
    made = tmp_path / "whole.266"
    source = ["-f", "lavfi", "-i", "testsrc=size=64x48:rate=25", "-frames:v", "48", "-pix_fmt", "yuv420p10le"]
    coding = ["-c:v", "libvvenc", "-preset", "faster", "-qp", "40"]
    period = ["-vvenc-params", "IntraPeriod=16:GOPSize=16:DecodingRefreshType=cra", "-f", "vvc", made]
    run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, *coding, *period], timeout=120)
    units = split_access_units(made.read_bytes())
    start = next(place for place, unit in enumerate(units) if place and unit.is_a("cra"))
    rest = units[start:]
    skipped = sum(unit.is_a("rasl") for unit in rest[1:16])
    (tmp_path / "a.266").write_bytes(b"".join(unit.data for unit in rest))
    frames, _ = _decode(tmp_path / "a.266", out)
    assert skipped > 0 and len(frames) == len(rest) - skipped


@pytest.fixture
def two_sizes(tmp_path: Path, rising: list[np.ndarray]) -> Path:
    """A stream of two pictures of other proportions."""
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "1.png", rising[3])
    write_png(tmp_path / "in" / "2.png", np.ascontiguousarray(rising[3].transpose(1, 0, 2)))
    return _encode(tmp_path, tmp_path / "in")


@pytest.mark.parametrize("out", ["v.mp4", "v.mkv"])
def test_a_preview_fits_other_sizes_into_the_first(two_sizes: Path, out: str) -> None:
    frames, (note,) = _decode(two_sizes, out)
    assert "fitted into the first one's 193x129" in note
    assert {(frame.width, frame.height) for frame in frames} == {(194, 130)}
    upright = frames[1].rgb.mean((0, 2))
    assert upright[:50].max() < 12 and upright[-50:].max() < 12 and upright[60:130].min() > 60


def test_y4m_refuses_other_sizes(two_sizes: Path) -> None:
    with pytest.raises(InputError, match=r"picture 1 has 129x193 pixels, the first one 193x129: y4m holds one size"):
        _decode(two_sizes, "v.y4m")
    assert not (two_sizes.parent / "v.y4m").exists()


@pytest.mark.parametrize("out", KINDS)
@pytest.mark.parametrize("sidecar", [True, False])
def test_a_broken_stream_leaves_nothing(stream: Path, out: str, sidecar: bool) -> None:
    data = bytearray(stream.read_bytes())
    data[-200:-20] = bytes(180)
    stream.write_bytes(data)
    if not sidecar:
        stream.with_suffix(".json").unlink()
    before = sorted(path.name for path in stream.parent.rglob("*"))
    with pytest.raises(InputError if sidecar else BitstreamError, match=r"SHA-256 differs|a\.bin"):
        _decode(stream, out)
    assert sorted(path.name for path in stream.parent.rglob("*")) == before


@pytest.mark.parametrize("out", ["v.mp4", "v.mkv"])
def test_a_preview_replaces_only_its_own(stream: Path, out: str) -> None:
    place = stream.parent / out
    write_preview(
        place, [rgb_to_yuv(np.zeros((32, 32, 3), np.uint8), ColourSpec())], (32, 32), schedule(1), ColourSpec()
    )
    _decode(stream, out)
    own = place.read_bytes()
    place.write_bytes(own[:-4] + b"mine")
    with pytest.raises(InputError, match=f"{out} exists and was not written by decode, or was changed"):
        _decode(stream, out)
    assert place.read_bytes() == own[:-4] + b"mine"
    frames, _ = _decode(stream, out, overwrite=True)
    assert len(frames) == 4


def test_a_preview_never_takes_the_place_of_source_or_stream(tmp_path: Path, rising) -> None:
    video = tmp_path / "source.mp4"
    write_preview(video, [rgb_to_yuv(rgb, ColourSpec()) for rgb in rising[:2]], SIZE, schedule(2), ColourSpec())
    stream, data = _encode(tmp_path, video), video.read_bytes()
    with pytest.raises(InputError, match="is the source itself"):
        _decode(stream, "source.mp4", overwrite=True)
    stream.rename(tmp_path / "a.mp4")
    with pytest.raises(InputError, match="is the stream itself"):
        _decode(tmp_path / "a.mp4", "a.mp4", overwrite=True)
    assert video.read_bytes() == data


def test_png_files_of_a_folder_have_the_boxes_and_their_mark(stream: Path, change) -> None:
    change(objects=[[_object((5.0, 5.0, 60.0, 60.0), False)]] * 4)
    _decode(stream, "plain")
    _decode(stream, "boxes", overlay=True)
    names = sorted(path.name for path in (stream.parent / "boxes").iterdir())
    assert names == sorted(path.name for path in (stream.parent / "plain").iterdir()) and len(names) == 4
    for name in names:
        assert is_decoded(stream.parent / "boxes" / name)
        assert not np.array_equal(*(read_picture(stream.parent / each / name) for each in ("plain", "boxes")))
