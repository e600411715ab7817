"""Real pictures, the real encoder and a real decoder for the bitstream tests."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.typing import NDArray

from vcmpipe.bitstream import Rect, RegionLayout, split_access_units

Plane = NDArray[np.uint16]
Picture = tuple[Plane, Plane, Plane]
INTRA = "IntraPeriod=1:DecodingRefreshType=idr"


def draw_picture(width: int, height: int, seed: int, grain: float | None = None) -> Picture:
    """10-bit 4:2:0 planes: waves, shapes and noise (about 40 makes the encoder use its adaptive loop filter)."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    luma = 480 + 150 * np.sin(x / random.uniform(5, 30) + seed) + 120 * np.cos(y / random.uniform(4, 20) + x / 29)
    for _ in range(6):
        top, left = random.integers(0, height), random.integers(0, width)
        luma[top : top + random.integers(4, 60), left : left + random.integers(4, 60)] = random.integers(64, 940)
    luma += random.normal(0, random.uniform(2, 80) if grain is None else grain, luma.shape)
    cy, cx = np.mgrid[: height // 2, : width // 2]
    cb = 512 + 100 * np.sin(cx / 31) + random.normal(0, 10, cx.shape)
    cr = 512 + 100 * np.cos(cy / 23 + seed) + random.normal(0, 10, cx.shape)
    return tuple(np.clip(plane, 0, 1023).astype("<u2") for plane in (luma, cb, cr))  # type: ignore[return-value]


def encode_rects(
    folder: Path,
    pictures: Sequence[Picture],
    rects: Sequence[Rect],
    qps: Sequence[int],
    *,
    ctu: int,
    alf: Sequence[bool] | None = None,
    gop: str = INTRA,
    extra: str = "",
    preset: str = "faster",
) -> list[bytes]:
    """Code each rectangle of the pictures at its own QP, all in one process; one stream per rectangle."""
    height, width = pictures[0][0].shape
    source = folder / "source.yuv"
    source.write_bytes(b"".join(plane.tobytes() for picture in pictures for plane in picture))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-nostdin", "-f", "rawvideo"]
    command += ["-pix_fmt", "yuv420p10le", "-s", f"{width}x{height}", "-i", str(source)]
    outputs = [folder / f"region{i}.266" for i in range(len(rects))]
    for i, (rect, qp, output) in enumerate(zip(rects, qps, outputs, strict=True)):
        parameters = (
            f"CTUSize={ctu}:threads=0:GOPQPA=0:MCTF=0:BIM=0:IntraQPOffset=0:STA=0:TreatAsSubPic=1:"
            f"accessunitdelimiter=0:{gop}{extra}{'' if alf is None or alf[i] else ':ALF=0'}"
        )
        command += ["-map", "0:v", "-vf", f"crop={rect.width}:{rect.height}:{rect.x}:{rect.y}"]
        command += ["-c:v", "libvvenc", "-preset", preset, "-qpa", "0", "-qp", str(qp)]
        command += ["-vvenc-params", parameters, "-f", "vvc", str(output)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
    return [output.read_bytes() for output in outputs]


def decode_planes(stream: bytes) -> list[Picture]:
    """All pictures of a stream, in output order, by FFmpeg's own decoder, fed access unit by access unit."""
    codec = av.CodecContext.create("vvc", "r")
    codec.thread_count = 1
    frames = [frame for unit in split_access_units(stream) for frame in codec.decode(av.Packet(unit.data))]
    frames += codec.decode(None)
    return [_planes(frame) for frame in frames]


def _planes(frame: av.VideoFrame) -> Picture:
    assert frame.format.name == "yuv420p10le"
    return tuple(  # type: ignore[return-value]
        np.frombuffer(plane, "<u2").reshape(plane.height, plane.line_size // 2)[:, : plane.width]
        for plane in frame.planes
    )


def crop_planes(picture: Picture, rect: Rect) -> Picture:
    """The part of a picture inside a rectangle."""
    y, u, v = picture
    top, left, bottom, right = rect.y, rect.x, rect.y + rect.height, rect.x + rect.width
    chroma = slice(top // 2, bottom // 2), slice(left // 2, right // 2)
    return y[top:bottom, left:right], u[chroma], v[chroma]


def same_samples(a: Picture, b: Picture) -> bool:
    """Whether two pictures are equal in size and in every sample."""
    return all(np.array_equal(one, other) for one, other in zip(a, b, strict=True))


@pytest.fixture(scope="session")
def draw() -> Callable[..., Picture]:
    return draw_picture


@pytest.fixture(scope="session")
def decode() -> Callable[[bytes], list[Picture]]:
    return decode_planes


@pytest.fixture(scope="session")
def crop() -> Callable[[Picture, Rect], Picture]:
    return crop_planes


@pytest.fixture(scope="session")
def same() -> Callable[[Picture, Picture], bool]:
    return same_samples


@pytest.fixture(scope="session")
def encode(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[bytes]]:
    def run(pictures: Sequence[Picture], rects: Sequence[Rect], qps: Sequence[int], **options: object) -> list[bytes]:
        return encode_rects(tmp_path_factory.mktemp("regions"), pictures, rects, qps, **options)  # type: ignore[arg-type]

    return run


@dataclass(frozen=True)
class Sample:
    """Three regions coded by the real encoder: two intra pictures, and a random-access stream of one picture's size."""

    layout: RegionLayout
    qps: tuple[int, ...]
    streams: list[bytes]
    own: list[list[Picture]]
    inter: bytes


@pytest.fixture(scope="session")
def sample(encode: Callable[..., list[bytes]], tmp_path_factory: pytest.TempPathFactory) -> Sample:
    layout = RegionLayout(200, 136, 64, (1, 3), (3,), ((1, 2), (3,)))
    qps = (24, 33, 41)
    streams = encode([draw_picture(200, 136, seed) for seed in (1, 2)], layout.regions(), qps, ctu=64)
    folder = tmp_path_factory.mktemp("inter")
    moving = [np.roll(draw_picture(96, 64, 3)[0], 2 * i, axis=1) for i in range(20)]
    grey = np.full((64, 96), 512, "<u2").tobytes()[: 64 * 96]
    (folder / "in.yuv").write_bytes(b"".join(luma.tobytes() + grey for luma in moving))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-nostdin", "-f", "rawvideo"]
    command += ["-pix_fmt", "yuv420p10le", "-s", "96x64", "-i", str(folder / "in.yuv"), "-c:v", "libvvenc"]
    command += ["-preset", "faster", "-f", "vvc", str(folder / "out.266")]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, timeout=120)
    own = [decode_planes(stream) for stream in streams]
    return Sample(layout, qps, streams, own, (folder / "out.266").read_bytes())
