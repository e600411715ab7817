"""An encoder's faults named as such: in which source, and that the encoder is to blame although it exited with 0."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vcmpipe.errors import BitstreamError, ProcessError

if TYPE_CHECKING:
    from vcmpipe.encoders.base import Encoder


@contextmanager
def blamed_on(encoder: Encoder, source: str) -> Iterator[None]:
    """Names the source in what an encoder did wrong; and a stream that cannot be used is the encoder's fault.

    Raises:
        ProcessError: The encoder failed, or its fresh stream is damaged or not as it was requested.
    """
    try:
        yield
    except BitstreamError as error:
        reason = f"{encoder.name} exited with 0 but its stream cannot be used: {error}"
        raise ProcessError(f"{source}: {reason}") from error
    except ProcessError as error:
        named = str(error) if str(error).startswith(f"{source}: ") else f"{source}: {error}"
        raise ProcessError(named) from error


def least_psnr(qp: int) -> float:
    """The luma PSNR in dB that a sound stream of a QP has at the very least, whatever the picture.

    A quantisation step D, 2^((QP - 4) / 6) of 8-bit samples in VVC and HEVC, spoils samples by D^2 / 12 where it
    rounds, and by more where an encoder drops coefficients to save bits. White noise, the worst picture for it, was
    measured 7 dB and more above the D^2 / 2 that is taken here; from about QP 50 on no picture can be that bad, and
    nothing is refused.
    """
    return 10 * math.log10(255.0**2 / (2.0 ** ((qp - 4) / 3) / 2))


def check_fidelity(psnr_y: float, qps: tuple[int, ...]) -> None:
    """Refuse a picture that decodes to something else: samples damaged by an encoder do not make decoders fail.

    Args:
        psnr_y: Of the decoded picture, in dB.
        qps: The QPs in it.

    Raises:
        ProcessError: It is further from its source than quantisation can take it.
    """
    least = least_psnr(max(qps))
    if psnr_y < least:
        raise ProcessError(
            f"the encoder exited with 0 but its stream decodes to another picture: PSNR {psnr_y:.1f} dB, where QP "
            f"{max(qps)} gives more than {least:.1f} dB"
        )
