"""XPSNR and VMAF with the real FFmpeg, and logs that say something else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, Frame, Yuv, psnr_y, rgb_to_yuv
from vcmpipe.frames.quality import PSNR_CAP
from vcmpipe.jnd.visual_quality import human_quality, read_vmaf, read_xpsnr, xpsnr


@pytest.mark.parametrize("size", [(96, 64), (75, 61)])
def test_equal_pictures_are_best_and_quality_falls_with_the_qp(
    make_frame: Callable[..., Frame], size: tuple[int, int]
) -> None:
    frame = make_frame(*size)
    coder = SegmentCoder(load_encoder("vvenc"), frame).of_frame(0)
    versions = [frame.rgb, *(one.rgb for one in coder.many([12, 27, 37, 47]))]
    found = human_quality(frame.rgb, versions)
    assert found[0].xpsnr == PSNR_CAP and 95.0 < found[0].vmaf <= 100.0
    for name in ("xpsnr", "vmaf"):
        values = [getattr(each, name) for each in found]
        assert values == sorted(values, reverse=True) and len(set(values)) == len(values), name
    assert found[1].xpsnr > 40.0 and found[-1].vmaf < 60.0


def test_each_version_is_judged_by_itself(make_frame: Callable[..., Frame]) -> None:
    frame = make_frame(96, 64)
    noisy = [np.clip(frame.rgb.astype(int) + shift, 0, 255).astype(np.uint8) for shift in range(-9, 10)]
    found = human_quality(frame.rgb, noisy)
    assert len(found) == 19 and found[9].xpsnr == PSNR_CAP
    assert human_quality(frame.rgb, noisy[3:4]) == [found[3]] and human_quality(frame.rgb, []) == []


def test_what_cannot_be_compared_is_refused(make_frame: Callable[..., Frame], tmp_path: Path) -> None:
    frame = make_frame(96, 64)
    with pytest.raises(InputError, match="96x64 and 96x62"):
        human_quality(frame.rgb, [frame.rgb[:62]])
    with pytest.raises(InputError, match="too small"):
        human_quality(frame.rgb[:31], [frame.rgb[:31]])
    with pytest.raises(ProcessError, match="was not found"):
        human_quality(frame.rgb, [frame.rgb], tmp_path / "no-ffmpeg")


def test_an_ffmpeg_without_the_filters_is_passed_over(
    make_frame: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    poor = tmp_path / "ffmpeg"
    poor.write_text("#!/bin/sh\necho ' ... xpsnr   VV->V  Calculate'\n")
    poor.chmod(0o755)
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(poor))
    monkeypatch.setenv("PATH", str(tmp_path))
    frame = make_frame(96, 64)
    with pytest.raises(InputError, match="xpsnr and libvmaf"):
        human_quality(frame.rgb, [frame.rgb])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n:    1  XPSNR y: 39.7614  XPSNR u: 41.2  XPSNR v: 40.9\n\nXPSNR average, 1 frames  y: 39.7614\n", 39.7614),
        ("n: 1  XPSNR y: inf  XPSNR u: inf", PSNR_CAP),
    ],
)
def test_xpsnr_is_read(text: str, value: float) -> None:
    assert read_xpsnr(text) == value


@pytest.mark.parametrize(
    "text", ["", "n: 1  PSNR y: 3", "n: 1  XPSNR y: nan", "n: 1  XPSNR y: -", "n: 1  XPSNR y: 3\n" * 2]
)
def test_another_xpsnr_log_is_refused(text: str) -> None:
    with pytest.raises(ProcessError):
        read_xpsnr(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"frames": []}',
        '{"frames": [{"metrics": {}}]}',
        '{"frames": [{"metrics": {"vmaf": NaN}}]}',
        '{"frames": [{"metrics": {"vmaf": 101}}]}',
        '{"frames": [{"metrics": {"vmaf": 50}}, {"metrics": {"vmaf": 50}}]}',
    ],
)
def test_another_vmaf_log_is_refused(text: str) -> None:
    with pytest.raises(ProcessError):
        read_vmaf(text)
    assert read_vmaf('{"frames": [{"frameNum": 0, "metrics": {"vmaf": 97.4}}]}') == 97.4


def noisy(frame: Frame, sd: float) -> Frame:
    noise = np.random.default_rng(0).normal(0, sd, frame.rgb.shape)
    return frame.with_rgb(np.clip(frame.rgb + noise, 0, 255).astype(np.uint8))


def test_more_noise_is_worse_and_equal_is_best(make_frame: Callable[..., Frame]) -> None:
    frame = make_frame(97, 64)
    versions = [frame, noisy(frame, 2), noisy(frame, 8), noisy(frame, 25)]
    by_xpsnr = [xpsnr(frame, version) for version in versions]
    assert by_xpsnr[0] == 100 and (np.diff(by_xpsnr) < -5).all()
    # Planes are compared as they are: the same as of the RGB picture that they come from.
    planes = [rgb_to_yuv(each.rgb, ColourSpec()) for each in (frame, versions[2])]
    assert xpsnr(*planes) == by_xpsnr[2]


def test_xpsnr_counts_errors_for_less_where_they_are_hidden() -> None:
    """The same error costs less in a busy half than in a flat one; PSNR sees no difference."""
    generator = np.random.default_rng(0)
    picture = np.full((128, 256), 500, np.uint16)
    picture[:, 128:] += generator.integers(-200, 200, (128, 128)).astype(np.uint16)
    chroma = np.full((64, 128), 512, np.uint16)

    def spoiled(columns: slice) -> Yuv:
        luma = picture.copy()
        luma[:, columns] += generator.integers(0, 2, (128, 128)).astype(np.uint16) * 8
        return Yuv(luma, chroma, chroma)

    source, flat, busy = Yuv(picture, chroma, chroma), spoiled(slice(0, 128)), spoiled(slice(128, 256))
    assert abs(psnr_y(source, flat) - psnr_y(source, busy)) < 0.3
    assert xpsnr(source, busy) > xpsnr(source, flat) + 3


def test_pictures_that_cannot_be_compared_are_said(make_frame: Callable[..., Frame]) -> None:
    with pytest.raises(InputError, match="64x32 and 32x64 cannot be compared"):
        xpsnr(make_frame(64, 32), make_frame(32, 64))
