"""Cameras that end, break off, stall, change, or send faster than their frames are taken."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, LiveRules, LiveSource, Selection, open_source
from vcmpipe.frames.backlog import Backlog
from vcmpipe.frames.live import open_live

Start = Callable[..., Any]
Clip = Callable[..., bytes]


def _open(camera: Any, limit: int | None = None, **rules: Any) -> LiveSource:
    return open_live(camera.url, Selection(limit=limit), LiveRules(**{"pause": 0.05, "stall": 1.0} | rules))


def _frame(number: int, side: int = 16) -> Frame:
    return Frame(number, np.zeros((side, side, 3), np.uint8), f"x#{number}", Fraction(number))


def test_without_reconnecting_the_stream_ends_there(camera: Start, clip: Clip) -> None:
    sending = camera([clip()], [clip()])
    source = _open(sending)
    assert len(list(source)) == 20 and source.ended_by is None and sending.asked == 1
    assert source.facts == {"dropped": 0, "reconnects": 0} and source.notes == []


def test_what_came_before_it_broke_off_is_there(camera: Start, clip: Clip) -> None:
    source = _open(camera([clip(), "cut"]))
    assert len(list(source)) == 20 and source.ended_by is not None and "ended after 20 frames" in source.ended_by


def test_it_is_opened_again_and_numbers_and_times_go_on(camera: Start, clip: Clip) -> None:
    other = clip(size="128x80", frames=10)
    source = _open(camera([clip(), "cut"], None, [0.3, other]), reconnect=2)
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.width for frame in frames] == [96] * 20 + [128] * 10
    times = [frame.timestamp for frame in frames]
    assert times[:20] == [Fraction(n, 10) for n in range(20)]
    assert [time - times[20] for time in times[20:]] == [Fraction(n, 10) for n in range(10)]
    # Pauses of 0.05 and 0.1 seconds, and what the camera waited: the gap stays a gap, whatever the new clock says.
    gap = times[20] - times[19]
    assert 0.45 <= gap < 5 and 1000 % gap.denominator == 0
    assert source.facts == {"dropped": 0, "reconnects": 1}
    assert source.notes == [f"opened again 1 time; {float(gap):.1f} s are missing"]
    assert source.ended_by is not None and "after 2 attempts" in source.ended_by and "secret" not in source.ended_by


def test_attempts_are_counted_in_a_row(camera: Start, clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vcmpipe.frames.address._HELD", 0.0)
    sending = camera([clip()], [clip()], [clip()], None, [clip()])
    source = _open(sending, reconnect=1)
    assert len(list(source)) == 60 and source.facts["reconnects"] == 2 and sending.asked == 4


def test_a_first_attempt_is_the_only_one(camera: Start) -> None:
    sending = camera()
    with pytest.raises(InputError, match="cannot be opened"):
        _open(sending, reconnect=5)
    assert sending.asked == 1


def test_a_camera_that_stalls(camera: Start, clip: Clip) -> None:
    sent = clip(frames=60)  # FFmpeg looks at five seconds before it begins
    source = _open(camera([sent, 20.0], [sent, 20.0]), stall=0.5, reconnect=1)
    before = time.monotonic()
    # But for the last one or two of each, of which FFmpeg does not know yet that they are whole.
    assert 116 <= len(list(source)) <= 120 and source.facts["reconnects"] == 1 and time.monotonic() - before < 10
    assert source.ended_by is not None and "no data within the time allowed" in source.ended_by


def test_sound_alone_is_a_stall(camera: Start, clip: Clip) -> None:
    both = clip("-f lavfi -i sine -map 0:v -map 1:a -c:a mp2", frames=120)
    packets = [both[at : at + 188] for at in range(0, len(both), 188)]
    begun = 3 * len(packets) // 4
    sound = [packet for packet in packets[begun:] if int.from_bytes(packet[1:3], "big") & 0x1FFF != 0x100]
    trickle = [part for at in range(0, len(sound), 8) for part in (b"".join(sound[at : at + 8]), 0.1)]
    source = _open(camera([b"".join(packets[:begun]), *trickle]), stall=0.5)
    assert 80 < len(list(source)) < 100
    assert source.ended_by is not None and "data, but no complete frame, for 0.5 s" in source.ended_by


def test_who_does_not_keep_up_loses_the_oldest_frames(camera: Start, clip: Clip) -> None:
    source = _open(camera([clip(frames=200)]), drop=True)
    reading = iter(source)
    numbers = [next(reading).index]
    time.sleep(1.0)
    numbers += [frame.index for frame in reading]
    missing = 200 - len(numbers)
    # In one piece, and the newest are there.
    assert missing > 0 and numbers[1:] == list(range(numbers[1], 200))
    assert source.facts["dropped"] == missing and source.ended_by is None
    assert source.notes == [f"{missing} frames dropped: coding could not keep up"]


def test_a_limit_counts_what_is_taken(camera: Start, clip: Clip) -> None:
    source = _open(camera([clip(frames=200)]), limit=20, drop=True)
    taken = 0
    for _ in source:
        taken += 1
        time.sleep(0.05 * (taken == 1))
    assert taken == 20 and source.count == 20


def test_a_file_on_a_server_waits_and_is_read_once(camera: Start, clip: Clip) -> None:
    data = clip(frames=200)
    sending = camera([data], [data], length=len(data))
    source = _open(sending, drop=True, reconnect=3)
    reading = iter(source)
    next(reading)
    time.sleep(0.5)
    assert len(list(reading)) == 199 and source.facts == {"dropped": 0, "reconnects": 0} and sending.asked == 1


def test_stop_ends_a_pause(camera: Start, clip: Clip) -> None:
    sending = camera([clip()])
    source = _open(sending, reconnect=5, pause=20.0)
    threading.Timer(1.0, source.stop).start()
    before = time.monotonic()
    assert len(list(source)) == 20 and source.ended_by == "it was stopped" and time.monotonic() - before < 5
    assert sending.asked == 1


def test_only_addresses_are_opened_again() -> None:
    with pytest.raises(InputError, match=r"--reconnect is for addresses, which clip\.mp4 is none of"):
        open_source("clip.mp4", rules=LiveRules(reconnect=1))


@pytest.mark.parametrize(
    ("bounds", "sides", "held"),
    [
        ((3, None), [16] * 5, [2, 3, 4]),
        ((3, 2 * 16 * 16 * 3), [16] * 5, [3, 4]),
        ((9, 3 * 16 * 16 * 3), [16, 16, 16, 20], [2, 3]),
        ((9, 3 * 16 * 16 * 3), [16, 16, 99], [2]),
    ],
)
def test_a_backlog_is_bounded(bounds: tuple[int, int | None], sides: list[int], held: list[int]) -> None:
    backlog = Backlog(*bounds, drop=True)
    for number, side in enumerate(sides):
        assert backlog.put(_frame(number, side))
    assert backlog.dropped == 0  # nothing was taken behind what is missing
    backlog.end()
    taken = [frame.index for frame in iter(backlog.get, None)]
    assert taken == held and backlog.dropped == len(sides) - len(held)


def test_a_backlog_that_keeps_all_has_its_reader_wait() -> None:
    backlog = Backlog(2)
    assert [backlog.put(_frame(number)) for number in range(3)] == [True, True, False]
    assert backlog.get() is not None and backlog.put(_frame(2)) and backlog.dropped == 0
    backlog.end(InputError("it broke"))
    assert [frame and frame.index for frame in (backlog.get(), backlog.get())] == [1, 2]
    with pytest.raises(InputError, match="it broke"):
        backlog.get()
    with pytest.raises(queue.Empty):
        Backlog(2).get()
