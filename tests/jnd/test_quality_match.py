"""VVC QPs that are as good as H.264 or JPEG: the search by tables, the match by real encodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame, psnr_y, rgb_to_yuv
from vcmpipe.jnd.quality_match import Versions, largest_reaching
from vcmpipe.jnd.reference_codecs import h264_decoded, h264_picture, jpeg_decoded, jpeg_picture
from vcmpipe.process.content_cache import ContentCache


def search(qualities: Sequence[float], target: float, guess: int) -> tuple[int | None, int]:
    looked = set()

    def quality(qp: int) -> float:
        looked.add(qp)
        return qualities[qp]

    return largest_reaching(target, quality, guess), len(looked)


@given(
    st.lists(st.floats(0, 3), min_size=64, max_size=64),
    st.floats(-5, 120),
    st.integers(0, 63),
)
def test_where_quality_falls_the_answer_is_exact(steps: list[float], target: float, guess: int) -> None:
    qualities = (100 - np.cumsum(steps)).tolist()
    reaching = [qp for qp, value in enumerate(qualities) if value >= target]
    found, looks = search(qualities, target, guess)
    assert found == (reaching[-1] if reaching else None)
    assert looks <= 4 + 6 + 2


@pytest.mark.parametrize(
    ("bumps", "expected"),
    [({}, 30), ({31: 40.0}, 31), ({32: 40.0}, 32), ({33: 40.0}, 33), ({34: 40.0}, 30), ({32: 40.0, 33: 40.0}, 33)],
)
def test_a_qp_that_is_better_than_the_one_before_is_seen(bumps: dict[int, float], expected: int) -> None:
    qualities = [50 - 0.5 * qp for qp in range(64)]  # 35 dB at QP 30
    for qp, value in bumps.items():
        qualities[qp] = value
    found, looks = search(qualities, 35.0, 30)
    assert found == expected and looks <= 6


@pytest.fixture
def frame(make_frame: Callable[..., Frame]) -> Frame:
    return make_frame(80, 48)


def test_a_match_is_the_largest_qp_of_all_that_reaches_the_quality(
    frame: Frame, counting_encoder, tmp_path: Path
) -> None:
    versions = Versions(counting_encoder, frame, ContentCache(tmp_path))
    source = rgb_to_yuv(frame.rgb, ColourSpec())
    matches = {}
    for scale, value in (("h264-qp", 24), ("h264-qp", 38), ("jpeg-qf", 40)):
        matches[scale, value] = versions.match(scale, value, "psnr")
    few = counting_encoder.jobs
    assert few <= 18
    # All QPs from there on, coded without any of the code that searches.
    coder = SegmentCoder(counting_encoder, frame)
    qps = range(min(match.qp for match in matches.values()) - 2, 48)
    reached = [psnr_y(source, next(coder.samples(coded))) for coded in coder.uniform(qps)]
    for (scale, value), match in matches.items():
        if scale == "h264-qp":
            decoded = h264_decoded(h264_picture(source, value), 80, 48)
        else:
            decoded = jpeg_decoded(jpeg_picture(frame.rgb, value))
        assert match.target == pytest.approx(psnr_y(source, decoded)) and match.reached
        assert match.qp == max(qp for qp, quality in zip(qps, reached, strict=True) if quality >= match.target)
        assert match.quality == pytest.approx(reached[match.qp - qps[0]])
    # Another object with the same cache codes nothing.
    counting_encoder.jobs = 0
    again = Versions(counting_encoder, frame, ContentCache(tmp_path))
    assert {key: again.match(*key, "psnr") for key in matches} == matches
    assert counting_encoder.jobs == 0


def test_xpsnr_can_be_matched_and_vvc_needs_no_search(frame: Frame, counting_encoder, tmp_path: Path) -> None:
    versions = Versions(counting_encoder, frame, ContentCache(tmp_path))
    match = versions.match("h264-qp", 32, "xpsnr")
    assert match.reached and match.quality >= match.target and 24 <= match.qp <= 40
    assert versions.quality("vvc-qp", match.qp + 1, "xpsnr") < match.target
    counting_encoder.jobs = 0
    assert versions.match("vvc-qp", match.qp, "xpsnr").qp == match.qp
    assert counting_encoder.jobs == 0


def test_a_quality_that_no_qp_reaches_is_qp_0(frame: Frame, counting_encoder, tmp_path: Path) -> None:
    versions = Versions(counting_encoder, frame, ContentCache(tmp_path))
    versions._figures["h264-qp", 0, "psnr"] = 99.0  # as of a lossless encode of 10-bit samples
    match = versions.match("h264-qp", 0, "psnr")
    assert (match.qp, match.reached) == (0, False) and match.quality < 99


def test_values_outside_their_scale_are_refused(frame: Frame, counting_encoder, tmp_path: Path) -> None:
    versions = Versions(counting_encoder, frame, ContentCache(tmp_path))
    for scale, value in (("h264-qp", 52), ("jpeg-qf", 101), ("vvc-qp", 64), ("none", 3)):
        with pytest.raises(InputError, match="nothing can be coded at it"):
            versions.quality(scale, value, "psnr")
    assert counting_encoder.jobs == 0
