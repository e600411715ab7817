"""The closed loop on video: which version is tried next, what the published stream keeps, and what is said of it."""

from __future__ import annotations

import json
import math
import threading
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from vcmpipe.cli.main import main
from vcmpipe.coding.search.answers import LAG, Answers, Choice
from vcmpipe.coding.search.sequence_search import SequenceSearch, Trial
from vcmpipe.commands.decode import decode
from vcmpipe.config import DecodeOptions
from vcmpipe.datasets.drawn_video import RATE, SIZE, drawn_frames
from vcmpipe.detection import load_detector
from vcmpipe.frames import ColourSpec, Y4mWriter, open_source, rgb_to_yuv
from vcmpipe.frames.on_demand import Strided
from vcmpipe.tasks import TrackingTask


@dataclass(eq=False)
class Ladder(SequenceSearch):
    """A search whose versions lose what a function says, and cost what halves with every 6 QP."""

    loses: object = field(default=None)

    def look(self, choice: Choice) -> Trial:
        lost = self.loses(choice)
        best = self.best
        aborted = best is not None and self.keep and lost > self.cost(best)[0]
        bits = 2 ** (-(choice.qp + 7 * math.log2(1 / choice.scale)) / 6)
        judged = None if aborted else SimpleNamespace(cost=lambda factor, objective: bits)
        self.tried[choice] = Trial(None, None, (), lost, judged)
        return self.tried[choice]


def ladder(loses: object, *, keep: bool = True) -> Ladder:
    coder = SimpleNamespace(encoder=SimpleNamespace(capabilities=SimpleNamespace(qp_range=(0, 63))))
    return Ladder(None, lambda scale: coder, (1.0, 0.7, 0.5), 1.0, keep, loses=loses)


@pytest.mark.parametrize("edge", [30, 36, 40, 43, 47])
def test_the_coarsest_qp_that_keeps_every_track_is_nearly_found(edge: int) -> None:
    search = ladder(lambda choice: int(choice.qp > edge))
    best = search.run(6)
    assert search.tried[best].lost == 0
    assert edge - 8 < best.qp <= edge
    assert len(search.tried) <= 6


def test_another_size_is_tried_before_finer_qps() -> None:
    search = ladder(lambda choice: int(choice.scale != 0.5))
    best = search.run(6)
    assert best.scale == 0.5
    assert [choice.scale for choice in search.tried][:2] == [0.7, 0.5]


def test_what_no_version_keeps_does_not_drive_qps_down_to_the_end() -> None:
    search = ladder(lambda choice: 1)
    best = search.run(6)
    assert best.qp >= 30


def test_a_search_begins_with_an_earlier_answer_and_ends_early() -> None:
    search = ladder(lambda choice: int(choice.qp > 41))
    search.run(6, Choice(0.5, 41))
    assert next(iter(search.tried)) == (0.5, 41)
    assert len(search.tried) < 6


def test_no_version_is_tried_twice() -> None:
    rng = np.random.default_rng(3)
    for _ in range(30):
        luck = rng.integers(0, 3, (3, 64))
        search = ladder(lambda choice, luck=luck: int(luck[round(1 / choice.scale) - 1, choice.qp]))
        best = search.run(12)
        assert len(search.tried) <= 12
        assert search.tried[best].lost == min(each.lost for each in search.tried.values() if each.judged is not None)


def test_answers_are_those_of_two_segments_before() -> None:
    answers = Answers()
    for index in range(4):
        with answers.turn(index) as turn:
            assert turn.start == (None if index < LAG else Choice(1.0, 30 + index - LAG))
            turn.answer = Choice(1.0, 30 + index)
    with answers.turn(4) as turn:
        assert turn.start == Choice(1.0, 32)
    with answers.turn(6) as turn:  # which had no answer of its own hands on the one before
        assert turn.start == Choice(1.0, 32)


def test_a_segment_waits_for_its_answer_but_not_for_one_that_takes_no_part() -> None:
    answers, seen = Answers(), []

    def later() -> None:
        with answers.turn(2) as turn:
            seen.append(turn.start)

    thread = threading.Thread(target=later)
    with answers.turn(0) as turn:
        thread.start()
        thread.join(0.2)
        assert thread.is_alive()
        turn.answer = Choice(0.5, 40)
    thread.join(5)
    assert seen == [Choice(0.5, 40)]
    with pytest.raises(ZeroDivisionError), answers.turn(1):
        raise ZeroDivisionError
    with answers.turn(3) as turn:
        assert turn.start is None
    answers.skip(8)
    with answers.turn(10) as turn:
        assert turn.start is None
    with answers.turn(0, "another search") as turn:
        assert turn.start is None


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The drawn video with a second of grey wall in its middle."""
    path = tmp_path_factory.mktemp("clip") / "clip.y4m"
    frames = list(drawn_frames(1.2))
    wall = [np.full_like(frames[0], 128)] * 12
    with Y4mWriter(path, SIZE, Fraction(RATE), ColourSpec(), depth=8) as writer:
        for rgb in (*frames[:12], *wall, *frames[12:]):
            writer.write(rgb_to_yuv(rgb, ColourSpec()))
    return path


WORDS = ["--detector", "demo", "--split-empty", "0.5", "--max-trials", "3"]


@pytest.fixture(scope="module")
def verified(clip: Path) -> Path:
    out = clip.parent / "verified.mp4"
    assert main(["encode", "--input", str(clip), "--out", str(out), "--verify", *WORDS]) == 0
    return out


def test_tracks_of_the_published_stream_are_what_is_said_of_them(clip: Path, verified: Path, tmp_path: Path) -> None:
    decode(DecodeOptions(input=str(verified), out=str(tmp_path / "decoded.y4m")))
    detector = load_detector("demo")
    source, coded = (detector.detect(list(open_source(path))) for path in (clip, tmp_path / "decoded.y4m"))
    record = json.loads(verified.with_suffix(".json").read_text())
    assert [len(segment["frames"]) for segment in record["segments"]] == [12, 12, 12]
    task, first, total = TrackingTask(), 0, 0
    for segment in record["segments"]:
        promise, part = segment["verification"], slice(first, first + len(segment["frames"]))
        first = part.stop
        reference = task.reference(source[part])
        outcomes = task.outcomes(reference, task.compare(reference, coded[part]), coded[part])
        assert [(each.track, each.frames, each.kept) for each in outcomes] == [
            (each["track"], each["frames"], each["kept"]) for each in promise["tracks"]
        ]
        assert promise["trials"] <= 3
        assert promise["verified"] == all(each["kept"] or not each["recoverable"] for each in promise["tracks"])
        objects = [thing for frame in segment["frames"] for thing in frame["objects"]]
        assert {thing["track"] for thing in objects} == {each["track"] for each in promise["tracks"]}
        total += len(outcomes)
    assert total >= 2


def test_a_stretch_without_objects_costs_next_to_nothing(verified: Path) -> None:
    wall = json.loads(verified.with_suffix(".json").read_text())["segments"][1]
    assert wall["verification"]["tracks"] == []
    assert wall["bits"] < 8 * 500
    assert wall["coded_size"][0] < wall["source_size"][0]


def test_the_stream_does_not_depend_on_how_much_is_done_at_once(clip: Path, verified: Path) -> None:
    alone = clip.parent / "alone.mp4"
    assert main(["encode", "--input", str(clip), "--out", str(alone), "--verify", *WORDS, "--jobs", "1"]) == 0
    assert alone.read_bytes() == verified.read_bytes()
    assert main(["inspect", "--input", str(verified), "--verify-map"]) == 0


def test_what_a_unit_of_loss_is_worth_decides_without_the_promise(clip: Path, tmp_path: Path) -> None:
    sizes = []
    for lambda_ in ("1", "100000"):
        out = tmp_path / f"{lambda_}.266"
        words = ["--loop", "closed", "--objective", "accuracy", "--lambda", lambda_, "--limit", "12"]
        assert main(["encode", "--input", str(clip), "--out", str(out), *words, *WORDS]) == 0
        record = json.loads(out.with_suffix(".json").read_text())["segments"][0]["verification"]
        assert (record["factor"], record["objective"], record["keeps_all"]) == (float(lambda_), "accuracy", False)
        sizes.append(out.stat().st_size)
    assert sizes[0] < sizes[1]


def test_strict_names_the_track_that_is_lost(clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "strict.266"
    words = ["--verify", "--strict", "--track-share", "1", "--track-gap", "0", "--min-score", "0.999", "--limit", "12"]
    assert main(["encode", "--input", str(clip), "--out", str(out), *words, *WORDS]) == 1
    message = capsys.readouterr().err
    assert "track" in message and "--track-share" in message
    assert not out.exists()


@pytest.mark.parametrize("option", ["--background-blur", "--qp-margin"])
def test_what_works_on_pictures_alone_is_refused(
    clip: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["encode", "--input", str(clip), "--out", str(tmp_path / "x.266"), "--verify", option, "2", *WORDS]
    assert main([*words, "--limit", "12"]) == 2
    assert f"{option} works on pictures" in capsys.readouterr().err


def test_segments_of_one_frame_are_sequences_too(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "short.266"
    words = ["encode", "--input", str(clip), "--out", str(out), "--verify", "--segment", "0.1", "--limit", "5"]
    assert main([*words, *WORDS, "--max-trials", "2"]) == 0
    segments = json.loads(out.with_suffix(".json").read_text())["segments"]
    assert [len(segment["frames"]) for segment in segments] == [1] * 5
    assert all(segment["verification"]["trials"] <= 2 for segment in segments)


def test_a_further_detector_has_tracks_of_its_own(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "two.266"
    words = ["encode", "--input", str(clip), "--out", str(out), "--verify", "--verify-with", "shrink", "--limit", "10"]
    assert main([*words, *WORDS]) == 0
    (segment,) = json.loads(out.with_suffix(".json").read_text())["segments"]
    (further,) = segment["verification"]["further"]
    assert further["objects"] and all(thing["track"] is not None for thing in further["objects"])


def test_what_a_detector_loses_can_be_weighed_without_a_promise(
    clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["encode", "--input", str(clip), "--verify", "--verify-with", "shrink", "--promise", "first", *WORDS]
    out = tmp_path / "two.266"
    assert main([*words, "--out", str(out), "--limit", "10"]) == 0
    (segment,) = json.loads(out.with_suffix(".json").read_text())["segments"]
    assert segment["verification"]["further"][0]["objects"]
    assert main([*words, "--out", str(tmp_path / "x.266"), "--limit", "1", "--structure", "intra"]) == 2
    assert "--promise first is for video" in capsys.readouterr().err


def test_a_target_is_reached_over_segments(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "target.266"
    words = ["encode", "--input", str(clip), "--out", str(out), "--loop", "closed", "--target", "retention=0.9"]
    assert main([*words, *WORDS, "--limit", "12"]) == 0
    target = json.loads(out.with_suffix(".json").read_text())["target"]
    assert target["kind"] == "retention" and target["met"] == (target["reached"] >= 0.9)


def test_strided_frames_are_those_that_a_slice_has() -> None:
    for count, stride in [(0, 2), (1, 3), (7, 3), (9, 3)]:
        assert list(Strided(list(range(count)), stride)) == list(range(count))[::stride]
