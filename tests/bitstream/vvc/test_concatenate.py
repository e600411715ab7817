"""Streams one behind the other."""

import pytest

from vcmpipe.bitstream import StreamWriter, Vui, concatenate, inspect_stream, merge_regions, split_access_units
from vcmpipe.bitstream.nal import join_nal_units
from vcmpipe.bitstream.vvc.nal import split_nal_units
from vcmpipe.errors import BitstreamError


def kinds(stream):
    return [unit.type_name for unit in split_nal_units(stream)]


def test_equal_parameter_sets_are_not_repeated(sample, decode, same):
    merged = merge_regions(sample.streams, sample.layout)
    joined = concatenate([merged, merged, merged])
    assert kinds(joined).count("SPS") == kinds(joined).count("PPS") == 1
    assert len(joined) < 3 * len(merged)
    pictures = decode(joined)
    assert len(pictures) == 6
    assert all(same(a, b) for a, b in zip(pictures, decode(merged) * 3, strict=True))


def test_pictures_of_different_sizes_follow_each_other(sample, decode, same):
    merged = merge_regions(sample.streams, sample.layout, display_size=(197, 130))
    parts = [merged, sample.streams[0], sample.streams[2], merged, sample.streams[0]]
    joined = concatenate(parts)
    pictures = decode(joined)
    expected = [picture for part in parts for picture in decode(part)]
    assert len(pictures) == len(expected) == 10
    assert all(same(a, b) for a, b in zip(pictures, expected, strict=True))
    sizes = [(p.display_width, p.display_height) for p in inspect_stream(joined).pictures]
    assert sizes == [(198, 130)] * 2 + [(64, 64)] * 2 + [(136, 136)] * 2 + [(198, 130)] * 2 + [(64, 64)] * 2
    assert [unit.picture_size for unit in split_access_units(joined)] == sizes


def test_a_changed_sps_brings_its_pps_again(sample):
    full = Vui(1, 1, 1, True, 0)
    a = merge_regions(sample.streams, sample.layout)
    b = merge_regions(sample.streams, sample.layout, vui=full)
    assert [kind for kind in kinds(concatenate([a, b, b, a])) if kind in ("SPS", "PPS")] == ["SPS", "PPS"] * 3


def test_a_writer_gives_the_same_bytes_piece_by_piece(sample):
    parts = [sample.streams[0], sample.streams[0], sample.streams[1]]
    writer = StreamWriter()
    assert b"".join(writer.add(part) for part in parts) == concatenate(parts)
    assert writer.streams == 3


def test_inter_streams_follow_each_other(sample, decode, same):
    pictures = decode(concatenate([sample.inter, sample.streams[0], sample.inter]))
    expected = [*decode(sample.inter), *sample.own[0], *decode(sample.inter)]
    assert len(pictures) == len(expected) == 42
    assert all(same(a, b) for a, b in zip(pictures, expected, strict=True))


def test_a_stream_must_begin_with_an_intra_picture(sample):
    headless = join_nal_units([u for unit in split_access_units(sample.inter)[1:] for u in unit.nal_units])
    with pytest.raises(BitstreamError, match="stream 1 of the joined ones: its first picture is"):
        concatenate([sample.inter, headless])


def test_nothing_gives_nothing():
    assert concatenate([]) == b""
