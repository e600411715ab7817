"""Option ranges and the dataclasses behind every command."""

from __future__ import annotations

import dataclasses

import pytest

from vcmpipe import config
from vcmpipe.config import base
from vcmpipe.errors import InputError
from vcmpipe.frames import limits


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:47:5", (22, 27, 32, 37, 42, 47)),
        ("0:3", (0, 1, 2, 3)),
        ("5", (5,)),
        ("9,3,3", (3, 9)),
        ("10:15:4", (10, 14, 15)),  # both ends are included, also when the step misses the last
        ("-8:4:4", (-8, -4, 0, 4)),
    ],
)
def test_ranges(text: str, expected: tuple[int, ...]) -> None:
    assert config.parse_range(text, low=-63, high=63, what="--qps") == expected


@pytest.mark.parametrize("text", ["", "a", "1:", "5:1", "1:2:0", "1:2:3:4", "0:64", "-64", "1.5", "1:2:-1"])
def test_bad_ranges_name_the_option_and_the_value(text: str) -> None:
    with pytest.raises(InputError, match="--qps") as caught:
        config.parse_range(text, low=-63, high=63, what="--qps")
    assert repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"risk": 1.5}, "--risk"),
        ({"score": -0.1}, "--score"),
        ({"empty": 64}, "--empty"),
        ({"dilate": -1}, "--dilate"),
        ({"smooth": 0}, "--smooth"),
        ({"jobs": -1}, "--jobs"),
        ({"limit": 0}, "--limit"),
    ],
)
def test_values_out_of_range_name_their_option(values: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        config.EncodeOptions(input="in", out="out.bin", **values)  # type: ignore[arg-type]


def test_every_option_has_a_help_text() -> None:
    for name in ("EncodeOptions", "DecodeOptions", "InspectOptions", "ExtractOptions", "BenchOptions", "DoctorOptions"):
        for field in dataclasses.fields(getattr(config, name)):
            assert len(field.metadata["help"]) > 5, f"{name}.{field.name}"


def test_limits_of_pictures_are_those_of_frames() -> None:
    assert (base.MIN_SIDE, base.MAX_SIDE) == (limits.MIN_SIDE, limits.MAX_SIDE)
