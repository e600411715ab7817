"""Pictures in which nothing is found: one note, and exit code 0."""

from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.frames import write_png

PLAIN = ["--methods", "plain,jrd", "--qps", "30", "--margins", "0", "--map-scales", "1", "--resamples", "0"]


@pytest.mark.parametrize(
    "words",
    [
        ["encode", "grey", "-o", "a.bin"],
        ["encode", "grey", "-o", "a.bin", "--verify"],
        ["encode", "grey", "-o", "a.bin", "--objective", "accuracy"],
        ["predict", "grey"],
        ["bench", "grey", "-o", "report", "--cache", "kept", *PLAIN],
    ],
    ids=lambda words: " ".join(words[:6]),
)
def test_one_note(here, vcmpipe, words: list[str]) -> None:
    (here / "grey").mkdir()
    for n in (1, 2):
        write_png(here / "grey" / f"p{n}.png", np.full((64, 96, 3), 100 + n, np.uint8))
    done = vcmpipe(*words, "--detector", "demo")
    assert done.code == 0
    (note,) = [line for line in done.err.splitlines() if line.startswith("vcmpipe: note: ")]
    assert "demo found no object" in note and " in 2 " in note
