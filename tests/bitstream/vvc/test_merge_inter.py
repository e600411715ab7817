"""Regions of moving pictures at far apart QPs, merged as sub-pictures: each decodes to its own stream's samples."""

from fractions import Fraction

import numpy as np
import pytest

from vcmpipe.bitstream import (
    RegionLayout,
    concatenate,
    extract_subpicture,
    inspect_stream,
    merge_regions,
    with_presentation,
)
from vcmpipe.errors import BitstreamError

LAYOUT = RegionLayout(192, 96, 32, (3, 3), (3,), ((1, 2), (3,)))
QPS = (32, 47, 37)
STRUCTURES = {
    "random access": "IntraPeriod=-1:GOPSize=16:DecodingRefreshType=idr",
    "low delay": "IntraPeriod=-1:PicReordering=0:DecodingRefreshType=none:GOPSize=8",
}


@pytest.fixture(scope="module")
def moving(draw):
    """Noise that makes the encoder use its adaptive loop filter, over shapes that move; a cut in the left half."""
    first, second = draw(192, 96, 1, grain=50), draw(192, 96, 2, grain=50)

    def picture(number):
        left, right = (second if number > 8 else first), first
        joined = []
        for plane, other in zip(left, right, strict=True):
            half = plane.shape[1] // 2
            joined.append(np.roll(np.hstack([plane[:, :half], other[:, half:]]), number, axis=0))
        return tuple(joined)

    return [picture(number) for number in range(18)]


@pytest.mark.parametrize(("structure", "frames"), [("random access", 18), ("low delay", 11)])
def test_regions_equal_their_own_streams(structure, frames, moving, encode, decode, crop, same):
    moving = moving[:frames]
    streams = encode(moving, LAYOUT.regions(), QPS, ctu=32, gop=f"{STRUCTURES[structure]}:POC0IDR=1:TMVPMode=0")
    merged = merge_regions(streams, LAYOUT, form="subpictures")
    info = inspect_stream(merged)
    assert info.problems == () and info.nal_units.get("PREFIX_APS", 0) > 0
    alone = [inspect_stream(stream).pictures for stream in streams]
    for number, picture in enumerate(info.pictures):
        assert [region.qp for region in picture.regions] == [each[number].regions[0].qp for each in alone]
    own = [decode(stream) for stream in streams]
    stated = with_presentation(merged, rate=Fraction(300), sample_aspect=Fraction(4, 3))
    assert inspect_stream(stated).rate == 300
    # Behind another stream as well, and with other APS in between.
    parts = [stated, streams[0], stated]
    decoded = decode(concatenate(parts))
    assert len(decoded) == 3 * len(moving)
    for index, region in enumerate(LAYOUT.regions()):
        cut = decode(extract_subpicture(stated, index))
        for number in range(len(moving)):
            assert same(own[index][number], cut[number])
            for start in (0, 2 * len(moving)):
                assert same(own[index][number], crop(decoded[start + number], region))


def test_regions_of_other_structures_are_refused(moving, encode):
    first, second = (
        encode(moving[:2], LAYOUT.regions(), QPS, ctu=32, gop=f"{gop}:TMVPMode=0")
        for gop in (STRUCTURES["low delay"] + ":POC0IDR=1", "IntraPeriod=1:DecodingRefreshType=idr")
    )
    with pytest.raises(BitstreamError, match=r"region 2: (SPS|picture): "):
        merge_regions([*first[:2], second[2]], LAYOUT, form="subpictures")
