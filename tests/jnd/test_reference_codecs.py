"""H.264 at exactly the QP requested, JPEG at exactly the factor."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vcmpipe import process
from vcmpipe.encoders.ffmpeg import find_ffmpeg
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import ColourSpec, Frame, psnr_y, rgb_to_yuv
from vcmpipe.jnd.reference_codecs import h264_decoded, h264_picture, jpeg_decoded, jpeg_picture


@pytest.mark.parametrize("qp", [12, 30, 51])
def test_an_h264_picture_has_the_qp_that_was_asked_for(make_frame: Callable[..., Frame], qp: int) -> None:
    yuv = rgb_to_yuv(make_frame(64, 48).rgb, ColourSpec())
    data = h264_picture(yuv, qp)
    # FFmpeg's decoder says the QP of every macroblock in its debug output: 4 x 3 of them.
    argv = [find_ffmpeg("encoder", "libx264"), "-hide_banner", "-loglevel", "debug", "-debug", "qp", "-f", "h264"]
    told = process.run([*argv, "-i", "-", "-f", "null", "-"], timeout=60, input=data).stderr
    rows = [line.split("]", 1)[1].split() for line in told.splitlines() if line.startswith("[h264 @") and "]" in line]
    numbers = [words[-1] for words in rows if len(words) in (1, 2) and all(word.isdigit() for word in words)]
    assert len(numbers) >= 3
    for row in numbers[-3:]:
        assert {row[i : i + 2] for i in range(0, len(row), 2)} == {f"{qp:2d}"}


def test_versions_are_worse_the_coarser_they_are(make_frame: Callable[..., Frame]) -> None:
    frame = make_frame(81, 47)  # odd sides are made even
    yuv = rgb_to_yuv(frame.rgb, ColourSpec())
    h264 = [psnr_y(yuv, h264_decoded(h264_picture(yuv, qp), 82, 48)) for qp in (0, 20, 35, 51)]
    jpeg = [psnr_y(yuv, jpeg_decoded(jpeg_picture(frame.rgb, factor))) for factor in (100, 80, 40, 5, 1)]
    for values in (h264, jpeg):
        assert (np.diff(values) < -1).all()
    assert h264[0] > 55  # lossless, but for the rounding to 8 bits
    assert jpeg_picture(frame.rgb, 0) == jpeg_picture(frame.rgb, 1)


def test_what_cannot_be_coded_or_decoded_is_said(make_frame: Callable[..., Frame]) -> None:
    yuv = rgb_to_yuv(make_frame(32, 32).rgb, ColourSpec())
    with pytest.raises(InputError, match=r"52 is not a QP of H\.264"):
        h264_picture(yuv, 52)
    with pytest.raises(InputError, match="101 is not a quality factor"):
        jpeg_picture(make_frame(32, 32).rgb, 101)
    data = h264_picture(yuv, 30)
    with pytest.raises(ProcessError, match="not to one picture of 64x32"):
        h264_decoded(data, 64, 32)
    for broken in (b"", data[:40], b"nonsense" * 9):
        with pytest.raises(ProcessError):
            h264_decoded(broken, 32, 32)
    with pytest.raises(InputError, match="no FFmpeg with the encoder libnothing"):
        find_ffmpeg("encoder", "libnothing")
