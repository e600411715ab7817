"""What a method costs is the same with a full cache and with an empty one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import supervision as sv

from vcmpipe.bench import meter as meter_module
from vcmpipe.bench.meter import Account, Meter, metered_detector, metered_encoder
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.encoders import CodingMode, Job
from vcmpipe.frames import ColourSpec, Frame, rgb_to_yuv
from vcmpipe.process.content_cache import ContentCache


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(meter_module.time, "monotonic", lambda: self.now)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_inner_stages_are_left_out_of_outer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, meter = Clock(monkeypatch), Meter()
    with meter.stage("encode"):
        clock.sleep(2)
        with meter.stage("search"):
            clock.sleep(5)
            with pytest.raises(ValueError), meter.stage("predict"):
                clock.sleep(1)
                raise ValueError
        clock.sleep(3)
    clock.sleep(7)  # belongs to nobody
    assert {stage: account.wall for stage, account in meter.accounts.items()} == {
        "encode": 5, "search": 5, "predict": 1,
    }  # fmt: skip
    assert meter["encode"].seconds == 5


def test_a_stage_costs_its_own_work_and_what_its_encodes_took(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, meter = Clock(monkeypatch), Meter()
    with meter.stage("encode"):
        clock.sleep(0.5)
        # A tenth of a second to read from the cache what once took 2 s.
        clock.sleep(0.1)
        meter.add(Account(waited=0.1, charged=2.0, cached=2.0, samples=100))
    meter.add(Account(charged=3.0, cached=3.0, samples=50), "predict")
    assert meter["encode"].seconds == pytest.approx(2.5)
    assert (meter["encode"].cached, meter["encode"].samples) == (2.0, 100)
    assert (meter["predict"].seconds, meter["predict"].cached, meter["predict"].samples) == (3.0, 3.0, 50)


def test_calls_from_other_threads_count_in_the_stage_that_runs() -> None:
    meter = Meter()
    with meter.stage("search"):
        threads = [threading.Thread(target=meter.add, args=(Account(charged=1.0, samples=10),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (meter["search"].charged, meter["search"].samples) == (8.0, 80)


@pytest.mark.parametrize("cached", [True, False])
def test_an_encoder_is_charged_what_it_takes(tmp_path: Path, make_frame, counting_encoder, cached: bool) -> None:
    encoder = CachedEncoder(counting_encoder, ContentCache(tmp_path)) if cached else counting_encoder
    yuv = rgb_to_yuv(make_frame(96, 64).rgb, ColourSpec())
    jobs = [Job([yuv], qp, CodingMode()) for qp in (30, 40)]
    accounts = []
    for _ in range(2):
        meter = Meter()
        with meter.stage("encode"):
            streams = metered_encoder(encoder, meter).encode(jobs)
        assert len(streams) == 2 and meter["encode"].samples == 2 * 96 * 64 and meter["encode"].unknown == 0
        accounts.append(meter["encode"])
    first, second = accounts
    assert first.cached == 0.0 and first.charged > 0.0
    assert counting_encoder.jobs == (2 if cached else 4)
    if cached:
        assert second.charged == pytest.approx(first.charged, rel=0.05)
        assert second.cached == second.charged
        assert metered_encoder(encoder, Meter()).capabilities == counting_encoder.capabilities


def test_jobs_of_one_call_share_its_time_by_their_samples(tmp_path: Path, make_frame, counting_encoder) -> None:
    encoder = CachedEncoder(counting_encoder, ContentCache(tmp_path))
    small, large = (rgb_to_yuv(make_frame(width, 64).rgb, ColourSpec()) for width in (64, 192))
    priced = encoder.priced([Job([small], 30, CodingMode()), Job([large], 30, CodingMode())])
    assert priced[1].seconds == pytest.approx(3 * priced[0].seconds)
    again = encoder.priced([Job([large], 30, CodingMode())])
    assert again == [replace(priced[1], cached=True)]


@pytest.mark.parametrize("content", [b"", b"soon", b"nan", b"-1", b"inf", None])
def test_a_time_that_nobody_noted_is_unknown(tmp_path: Path, make_frame, counting_encoder, content) -> None:
    encoder = CachedEncoder(counting_encoder, ContentCache(tmp_path))
    job = Job([rgb_to_yuv(make_frame(64, 64).rgb, ColourSpec())], 40, CodingMode())
    encoder.encode([job])
    # Behind the digest that every entry begins with.
    (note,) = [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size < 30 + 32]
    note.unlink()
    if content is not None:
        ContentCache(tmp_path).put(note.parent.name + note.name, content)
    meter = Meter()
    metered_encoder(encoder, meter).encode([job])
    assert (meter["encode"].unknown, meter["encode"].charged) == (1, 0.0)


def test_a_picture_is_looked_at_once_and_costs_the_same_each_time(
    monkeypatch: pytest.MonkeyPatch, make_frame: Callable[..., Frame]
) -> None:
    clock = Clock(monkeypatch)

    class SlowDetector:
        name, digest, classes = "slow", "0" * 64, {0: "thing"}
        calls = 0

        def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
            clock.sleep(2)
            self.calls += len(frames)
            return [sv.Detections.empty() for _ in frames]

        def input_size(self, width: int, height: int) -> tuple[int, int]:
            return width, height

    slow, found = SlowDetector(), {}
    frames = [make_frame(64, 48, seed=1), make_frame(64, 48, seed=2)]
    for again in frames, frames[:1]:
        meter = Meter()
        detector = metered_detector(slow, meter, found)
        with meter.stage("search"):
            assert len(detector.detect(again)) == len(again)
        assert meter["search"].seconds == pytest.approx(2 * len(again))
    detector.detect(frames)  # in no stage: nobody is charged
    assert slow.calls == 2 and meter["search"].seconds == pytest.approx(2) and list(meter.accounts) == ["search"]
    assert detector.input_size(64, 48) == (64, 48) and detector.calls == 2
