"""Names and numbers in messages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import vcmpipe
from vcmpipe.process.text import count, without_places


@pytest.mark.parametrize(
    ("number", "noun", "text"),
    [
        (0, "object", "0 objects"),
        (1, "object", "1 object"),
        (2_000, "picture", "2,000 pictures"),
        (1, "more class", "1 more class"),
        (3, "more class", "3 more classes"),
    ],
)
def test_what_is_counted_has_its_number(number: int, noun: str, text: str) -> None:
    assert count(number, noun) == text


def test_no_message_leaves_the_plural_to_its_reader() -> None:
    sources = Path(vcmpipe.__file__).parent.rglob("*.py")
    assert not [path.name for path in sources if re.search(r'"[^"\n]*[a-z]\(e?s\)[ .,:;"]', path.read_text("utf-8"))]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("uvg failed with exit code 1: no (command: uvg -i /tmp/x/a.yuv)", "uvg failed with exit code 1: no"),
        ("uvg: /tmp/vcmpipe-x/a.yuv: cannot open '/tmp/vcmpipe-x/sub/b.qp'", "uvg: a.yuv: cannot open 'b.qp'"),
        ("16/9, 1 / 2, and/or, ./here/x stay", "16/9, 1 / 2, and/or, ./here/x stay"),
    ],
)  # fmt: skip
def test_what_a_record_keeps_of_a_failure(line: str, kept: str) -> None:
    assert without_places(line) == kept
