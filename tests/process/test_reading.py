"""Files from outside: regular ones, of a size that they can have, in one line of error."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vcmpipe.errors import InputError
from vcmpipe.process.reading import check_file, parse_json, read_file, read_json, read_text


@pytest.fixture
def places(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b"x" * 11)
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfone\r\ntwo\n")
    (tmp_path / "link").symlink_to("text")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("none", "does not exist: check the path"),
        ("folder", "is a folder: name a file"),
        ("pipe", "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
        ("large", "has more than 10 bytes"),
        ("x" * 300, "cannot be read: File name too long"),
        ("a\0b", "cannot be read: embedded null"),
        ("text/x", "cannot be read: Not a directory"),
    ],
)
@pytest.mark.parametrize("read", [read_file, read_text, read_json, check_file])
def test_what_is_not_read(places: Path, read: Callable[..., object], name: str, named: str) -> None:
    with pytest.raises(InputError, match=named) as caught:
        read(places / name, 10, "the file")
    assert str(caught.value).startswith("the file ") and "\n" not in str(caught.value) and "\0" not in str(caught.value)


def test_what_is_read(places: Path) -> None:
    assert read_text(places / "link", 100) == "one\ntwo\n"
    assert read_file(places / "large", 11) == b"x" * 11
    # Files of /proc state no size.
    with pytest.raises(InputError, match="more than 3 bytes"):
        read_file(Path("/proc/self/maps"), 3)


def test_a_text_of_another_encoding(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"ab\xff")
    with pytest.raises(InputError, match=r"not text in UTF-8 \(byte 2\)"):
        read_text(tmp_path / "x", 10)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[1e400]", "1e400 is not a number"),
        ("[NaN]", "NaN is not a number"),
        ("[-Infinity]", "-Infinity is not a number"),
        ("[9223372036854775808]", "9223372036854775808 is not a number"),
        ("[-9223372036854775809]", "is not a number"),
        ("[" * 100_000, "nested too deeply"),
        ("9" * 5000, "Exceeds the limit"),
        ("{", "Expecting"),
        (b"\xff\xfe{", "decode|Expecting|truncated"),
    ],
)
def test_what_is_no_json(text: str | bytes, named: str) -> None:
    with pytest.raises(ValueError, match=named) as caught:
        parse_json(text)
    assert "\n" not in str(caught.value)


def test_memory_is_that_of_the_file_and_not_of_the_limit(places: Path) -> None:
    import tracemalloc

    tracemalloc.start()
    try:
        assert read_file(places / "large", 1 << 34) == b"x" * 11
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()
