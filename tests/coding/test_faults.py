from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.coding.faults import blamed_on, check_fidelity, least_psnr
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.encoders import CodingMode, Job, load_encoder
from vcmpipe.errors import BitstreamError, InputError, ProcessError
from vcmpipe.frames import ColourSpec, psnr_y, rgb_to_yuv


@pytest.mark.parametrize("qp", [22, 37, 47, 63])
def test_the_worst_pictures_are_well_above_the_least(qp: int) -> None:
    rng = np.random.default_rng(qp)
    noise = rng.integers(0, 256, (96, 96, 3), dtype=np.uint8)
    black_and_white = np.repeat(rng.integers(0, 2, (96, 96, 1), dtype=np.uint8) * 255, 3, axis=2)
    for rgb in (noise, black_and_white):
        yuv = rgb_to_yuv(rgb, ColourSpec())
        (picture,) = decode_stream(load_encoder("vvenc").encode([Job([yuv], qp, CodingMode())])[0])
        assert psnr_y(yuv, picture.yuv) > least_psnr(qp) + 5


def test_another_picture_is_noticed(make_frame) -> None:
    one, other = (rgb_to_yuv(make_frame(96, 96, seed=seed).rgb, ColourSpec()) for seed in (1, 2))
    (picture,) = decode_stream(load_encoder("vvenc").encode([Job([other], 32, CodingMode())])[0])
    check_fidelity(psnr_y(other, picture.yuv), (32,))
    with pytest.raises(ProcessError, match=r"decodes to another picture: PSNR [0-9.]+ dB, where QP 32 gives more"):
        check_fidelity(psnr_y(one, picture.yuv), (20, 32))


@pytest.mark.parametrize(
    ("raised", "becomes", "says"),
    [
        (BitstreamError("cut"), ProcessError, "picture_0.png: vvenc exited with 0 but its stream cannot be used: cut"),
        (ProcessError("ffmpeg hangs"), ProcessError, "picture_0.png: ffmpeg hangs"),
        (ProcessError("picture_0.png: twice"), ProcessError, "picture_0.png: twice"),
        (InputError("the user's"), InputError, "the user's"),
        (KeyError("a bug"), KeyError, "'a bug'"),
    ],
)
def test_who_is_to_blame(raised: Exception, becomes: type[Exception], says: str) -> None:
    with pytest.raises(becomes) as caught, blamed_on(load_encoder("vvenc"), "picture_0.png"):
        raise raised
    assert str(caught.value) == says
