"""Encoders tried out: the real ones, and those that claim more than they do."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.commands import doctor, encoder_trials
from vcmpipe.commands.encoder_trials import try_encoder
from vcmpipe.encoders import Capabilities, Encoder, Job, load_encoder
from vcmpipe.encoders.ffmpeg import FOLDER_VARIABLE
from vcmpipe.errors import ProcessError
from vcmpipe.frames import Yuv
from vcmpipe.sidecar import Verdict


@dataclass(frozen=True)
class Changed:
    """The real encoder with its jobs changed on the way."""

    encoder: Encoder
    how: str
    name: str = "changed"
    build: str = "changed 1"

    @property
    def capabilities(self) -> Capabilities:
        return self.encoder.capabilities

    def encode(self, jobs: Sequence[Job]) -> list[bytes]:
        if self.how == "fails":
            raise ProcessError("changed exited with 1:\n  a reason on two lines")
        if self.how == "one QP":
            jobs = [replace(job, qp=35) for job in jobs]
        if self.how == "other samples":
            jobs = [
                replace(job, frames=[Yuv(1023 - yuv.y, 1023 - yuv.u, 1023 - yuv.v) for yuv in job.frames])
                for job in jobs
            ]
        if self.how == "QPA":
            jobs = [replace(job, mode=replace(job.mode, constant_qp=False)) for job in jobs]
        if self.how == "all intra":
            jobs = [replace(job, structure="intra") for job in jobs]
        return self.encoder.encode(jobs)


@pytest.mark.parametrize("name", ["vvenc", "kvazaar"])
def test_real_encoders_do_what_they_claim(name: str) -> None:
    trials = try_encoder(load_encoder(name))
    assert [trial.what for trial in trials.trials] == ["intra", "random-access", "low-delay", "map"]
    assert {trial.verdict for trial in trials.trials} == {Verdict.YES}
    assert trials.coder is not None and np.std(trials.coder.padded[0].y) > 50


@pytest.mark.parametrize(
    ("how", "what", "answer"),
    [
        ("one QP", "map", "no: region 0 has QP 35 where 27 was requested"),
        ("fails", "intra", "no: changed exited with 1: a reason on two lines"),
        ("fails", "map", "no: changed exited with 1: a reason on two lines"),
        ("all intra", "random-access", "no: 5 of 5 pictures are intra pictures"),
        ("all intra", "intra", "yes"),
        ("other samples", "low-delay", "no: a frame decodes to another picture"),
        ("QPA", "map", "no"),
    ],
)
def test_what_is_claimed_and_not_done(how: str, what: str, answer: str) -> None:
    trials = try_encoder(Changed(load_encoder("vvenc"), how))
    assert str(trials.of(what).answer).startswith(answer)


def test_what_takes_too_long_is_ended_and_stays_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(encoder_trials, "SECONDS", 0.3)
    program = tmp_path / "slow"
    program.write_text(f"#!{sys.executable}\nimport time\ntime.sleep(30)\n")
    program.chmod(0o755)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "slow.toml").write_text(
        'codec = "vvc"\nqp_range = [0, 63]\narguments = ["{input}", "{output}", "{width}", "{height}", "{qp}"]\n'
    )
    started = time.monotonic()
    trials = try_encoder(load_encoder("slow"))
    assert time.monotonic() - started < 10
    assert str(trials.of("intra").answer) == "unknown: more than 0.3 s"
    assert [trial.what for trial in trials.trials] == ["intra"], "it takes no maps"


def test_an_encoder_that_is_here_and_does_not_work_is_not_healthy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "crasher"
    program.write_text(f"#!{sys.executable}\nimport os\nos.abort()\n")
    program.chmod(0o755)
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setenv("VCMPIPE_RETRIES", "0")
    (tmp_path / "crasher.toml").write_text(
        'codec = "vvc"\nqp_range = [0, 63]\narguments = ["{input}", "{output}", "{width}", "{height}", "{qp}"]\n'
    )
    report = doctor.examine()
    assert not report.healthy
    (problem,) = report.problems
    assert "SIGABRT" in problem and "VCMPIPE_CRASHER" in problem and "do without --encoder crasher" in problem


def test_a_stream_of_another_picture_is_not_taken_for_decoded() -> None:
    finding = doctor.examine_decoder(try_encoder(Changed(load_encoder("vvenc"), "other samples")))
    assert finding.decodes == Verdict.NO and "the decoded picture is another one" in finding.reason
