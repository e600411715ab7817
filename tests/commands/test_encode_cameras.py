"""``encode`` of a camera: a sound stream whatever it does, and a count of what is missing."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vcmpipe.commands.decode import decode
from vcmpipe.commands.encode import encode
from vcmpipe.config import DecodeOptions, EncodeOptions
from vcmpipe.frames import open_source
from vcmpipe.sidecar import Sidecar


@pytest.mark.parametrize("name", ["door.bin", "door.mkv", "door.mp4"])
def test_another_size_after_a_break(camera: Any, clip: Callable[..., bytes], tmp_path: Path, name: str) -> None:
    sending = camera([clip(frames=6), "cut"], [clip(size="128x80", frames=5)])
    heard: list[str] = []
    out = tmp_path / name
    options = EncodeOptions(input=sending.url, out=str(out), qp=40, preset="faster", reconnect=1)
    encode(options, warn=heard.append)
    sidecar = Sidecar.read(out.with_suffix(".json"))
    assert [(each.source_size, len(each.frames)) for each in sidecar.segments] == [((96, 64), 6), ((128, 80), 5)]
    assert sidecar.source["reconnects"] == 1 and sidecar.source["dropped"] == 0
    times = [frame.timestamp for frame in sidecar.frames if frame.timestamp is not None]
    assert len(times) == 11 and times == sorted(set(times)) and times[6] - times[5] > 1
    assert any("opened again 1 time" in line for line in heard)
    assert any("what came before is coded" in line for line in heard)
    assert not any("secret" in line for line in [*heard, out.with_suffix(".json").read_text()])
    decode(DecodeOptions(input=str(out), out=str(tmp_path / "frames")))
    shown = list(open_source(tmp_path / "frames"))
    assert [frame.width for frame in shown] == [96] * 6 + [128] * 5


def test_frames_that_are_dropped_are_counted(camera: Any, clip: Callable[..., bytes], tmp_path: Path) -> None:
    # All at once: the encoder is no match for that.
    sending = camera([clip(frames=400)])
    heard: list[str] = []
    options = EncodeOptions(input=sending.url, out=str(tmp_path / "door.bin"), qp=40, preset="faster", segment=1.0)
    sidecar = encode(options, warn=heard.append)
    numbers = [frame.index for frame in sidecar.frames]
    missing = sidecar.source["dropped"]
    assert missing > 0 and missing == numbers[-1] + 1 - len(numbers)
    assert [frame.timestamp for frame in sidecar.frames] == [float(Fraction(number, 10)) for number in numbers]
    assert f"{sending.url.replace('me:secret@', '')}: {missing} frames dropped: coding could not keep up" in heard
