"""Faults of an encoder, what is expected of vcmpipe, and how to see what it does; for the tests and for the table."""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vcmpipe import process
from vcmpipe.cli.main import main
from vcmpipe.encoders.discovery import VARIABLE
from vcmpipe.errors import ProcessError

HERE = Path(__file__).resolve().parent
HASTE = {"VCMPIPE_TIMEOUT_FACTOR": "0.01"}  # of the 120 s that a small picture gets
ENCODE = ["encode", "--input", "in", "--out", "out.bin", "--detector", "demo", "--predictor", "constant"]
ENCODE += ["--no-check", "--jobs", "1", "--map-out", "maps", "--empty", "32"]


@dataclass(frozen=True)
class Scenario:
    """A fault and what is to come of it.

    Attributes:
        fault: The fake's name for it.
        what: Said for people.
        code: Exit code.
        says: What the message holds (regular expression); empty where there is none.
        runs: How often the encoder is run; None where that does not matter.
        environment: Settings on top.
        small_disk: Bytes of a file system that is made for temporary files.
    """

    fault: str
    what: str
    code: int
    says: str
    runs: int | None = None
    environment: dict[str, str] = field(default_factory=dict)
    small_disk: int = 0

    @property
    def name(self) -> str:
        """A short name for a test."""
        return "-".join([self.fault, *self.environment.values()])

    def expected(self) -> str:
        """The expectation in words."""
        runs = f", {self.runs} runs of the encoder" if (self.runs or 1) != 1 and self.code else ""
        if not self.code:
            return "exit 0, stream complete; nothing left behind" + (" (run again)" if "once" in self.what else "")
        return f"exit {self.code}, one line with the reason{runs}; no output, nothing left behind"


AT_FIRST = {"FAKE_AT": "1"}
SCENARIOS = [
    Scenario("hang", "hangs", 1, "did not finish within", 1, HASTE),
    Scenario("hang-deaf", "hangs, ignores SIGTERM, and so does its child", 1, "did not finish within", 1, HASTE),
    Scenario("half-and-stop", "writes half of its output and stops (SIGSTOP)", 1, "did not finish within", 1, HASTE),
    Scenario("no-output", "exits with 0, writes no file", 1, "wrote 0 pictures for 1 frame", 1),
    Scenario("empty", "exits with 0, writes an empty file", 1, "wrote 0 pictures for 1 frame", 1),
    Scenario("truncated", "exits with 0, its stream is cut", 1, "exited with 0 but", 1),
    Scenario("cut-headers", "exits with 0, its stream is cut in the headers", 1, "exited with 0 but wrote", 1),
    Scenario("garbage", "exits with 0, writes random bytes", 1, "exited with 0 but wrote", 1),
    Scenario("garbage-slice", "exits with 0, sound headers but a damaged picture", 1, "exited with 0 but", 1),
    Scenario("fewer", "exits with 0, writes headers but no picture", 1, "wrote 0 pictures for 1 frame", 1),
    Scenario("more", "exits with 0, writes two pictures where one was requested", 1, "wrote 2 pictures for 1 frame", 1),
    Scenario("wrong-size", "exits with 0, its picture has another size", 1, "exited with 0 but", 1),
    Scenario("hevc", "exits with 0, codes HEVC instead of VVC", 1, "wrote a HEVC stream where VVC", 1),
    Scenario("complete-but-1", "writes a complete stream, exits with 1", 1, "failed with exit code 1", 1),
    Scenario("sigkill", "is killed (SIGKILL) once", 0, "", 3, AT_FIRST),
    Scenario("sigkill", "is killed (SIGKILL) each time", 1, "SIGKILL.*, 2 times in a row", 2),
    Scenario("sigsegv", "crashes (SIGSEGV) once", 0, "", 3, AT_FIRST),
    Scenario("sigsegv", "crashes (SIGSEGV) each time", 1, "SIGSEGV, 2 times in a row", 2),
    Scenario("sigsegv", "crashes, and VCMPIPE_RETRIES=0", 1, "SIGSEGV: ", 1, {"VCMPIPE_RETRIES": "0"}),
    Scenario("flood-0", "floods stderr (64 MB), codes well", 0, "", 2),
    Scenario("flood-1", "floods stderr (64 MB), exits with 1", 1, r"failed with exit code 1: .*the last word", 1),
    Scenario("flood-stdout", "floods stdout without end", 1, "wrote more than 256 MiB to its standard output", 1),
    Scenario("child-stays", "codes well, but leaves a child that ignores SIGTERM", 0, "", 2),
    Scenario("disk-full-1", "fills the temporary disk, exits with 1", 1, "No space left on device", 1, {}, 262_144),
    Scenario("disk-full-0", "fills the temporary disk, exits with 0", 1, "exited with 0 but", 1, {}, 262_144),
    Scenario("gone", "vanishes after it was found", 1, "was not found", 0),
    Scenario("not-executable", "is made not executable after it was found", 1, "no executable file", 0),
    Scenario("other-machine", "becomes a program for another machine", 1, "wrong architecture", 0),
    Scenario("start: missing", "does not exist", 2, f"{VARIABLE} names .* does not exist", 0),
    Scenario("start: not-executable", "is not executable", 2, f"{VARIABLE} names .* no executable file", 0),
    Scenario("start: other-machine", "is a program for another machine", 2, "wrong architecture", 0),
]


@dataclass(frozen=True)
class Observation:
    """What vcmpipe did.

    Attributes:
        code: Its exit code.
        message: What it wrote to stderr.
        output: Names of the files that are there afterwards and were not before.
        left: Temporary files and hidden ones, and programs that still run.
        runs: How often the encoder was run.
    """

    code: int
    message: str
    output: list[str]
    left: list[str]
    runs: int

    def text(self) -> str:
        """The observation in words, without what differs from run to run."""
        said = re.sub(r" \(command: .*\)$", "", self.message.strip().removeprefix("vcmpipe: "))
        said = re.sub(r"/\S*/ffmpeg-fake", "ffmpeg-fake", said)
        said = re.sub(r"(/\S+)+/disk\b", "TMPDIR", said)
        said = said if len(said) < 160 else f"{said[:100]} ... {said[-55:]}"
        files = "stream complete" if self.output else "no output"
        words = [f"exit {self.code}", *([f"“{said}”"] if said else []), f"encoder runs: {self.runs}", files]
        return ", ".join(words) + f"; left behind: {', '.join(self.left) or 'nothing'}"


def foreign_program() -> bytes:
    """An executable's head for a machine that this is not: IBM's S/390, or, on one, ARM."""
    machine = 22 if os.uname().machine != "s390x" else 40
    order = ">" if machine == 22 else "<"
    ident = b"\x7fELF" + bytes([2, 2 if order == ">" else 1, 1]) + bytes(9)
    return (
        ident + struct.pack(f"{order}HHIQQQIHHHHHH", 2, machine, 1, 0x1000, 64, 0, 0, 64, 56, 0, 64, 0, 0) + bytes(64)
    )


@contextlib.contextmanager
def small_disk(place: Path, size: int) -> Iterator[Path | None]:
    """A file system of that many bytes; None where mounting is not allowed."""
    place.mkdir()
    try:
        process.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], timeout=10)
    except ProcessError:
        yield None
        return
    try:
        yield place
    finally:
        process.run(["umount", place], timeout=10)


def install_fake(folder: Path, fault: str, real: Path) -> dict[str, str]:
    """Puts the fake into a folder; the environment that it and vcmpipe need."""
    fake = folder / "ffmpeg-fake"
    # Through the environment's Python, not a shebang with its path: that has a length limit.
    fake.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(folder / "fake.py"))} "$@"\n')
    fake.chmod(0o755)
    program = (HERE / "fake_encoder.py").read_text().replace("Path(sys.argv[0])", f"Path({str(fake)!r})")
    (folder / "fake.py").write_text(program)
    (folder / "foreign").write_bytes(foreign_program())
    if fault == "start: missing":
        fake.unlink()
    elif fault == "start: not-executable":
        fake.chmod(0o644)
    elif fault == "start: other-machine":
        fake.write_bytes(foreign_program())
    return {
        "FAKE_REAL": str(real),
        "FAKE_FAULT": fault,
        "FAKE_LOG": str(folder / "log"),
        "FAKE_FOREIGN": str(folder / "foreign"),
        VARIABLE: str(fake),
    }


def running_with(mark: str) -> list[str]:
    """Commands of programs whose environment holds a text, after some patience; this process is not meant."""
    deadline = time.monotonic() + 5
    while True:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                if mark.encode() in (folder / "environ").read_bytes() and state not in "ZX":
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


@contextlib.contextmanager
def environment(values: dict[str, str], folder: Path) -> Iterator[None]:
    """Sets variables and the working folder for a while."""
    before, place = dict(os.environ), Path.cwd()
    os.environ.update(values)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(place)
        os.environ.clear()
        os.environ.update(before)


def command_line(words: list[str]) -> tuple[int, str]:
    """Runs vcmpipe in this process; exit code and stderr without progress."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(words)
    lines = [
        line for line in err.getvalue().splitlines() if not line.startswith(("vcmpipe: encode:", "vcmpipe: note:"))
    ]
    return code, "\n".join(lines)


def observe(scenario: Scenario, folder: Path, pictures: list[bytes], real: Path) -> Observation | None:
    """Runs ``encode`` with the fault; None where the scenario cannot be set up here."""
    work, temporary = folder / "work", folder / "tmp"
    (work / "in").mkdir(parents=True)
    temporary.mkdir()
    for number, picture in enumerate(pictures):
        (work / "in" / f"p{number}.png").write_bytes(picture)
    values = install_fake(folder, scenario.fault, real)
    values |= {"TMPDIR": str(temporary), "PYTHONPATH": str(HERE.parents[1])} | scenario.environment
    with contextlib.ExitStack() as stack:
        if scenario.small_disk:
            disk = stack.enter_context(small_disk(folder / "disk", scenario.small_disk))
            if disk is None:
                return None
            values["TMPDIR"], temporary = str(disk), disk
        stack.enter_context(environment(values, work))
        stack.enter_context(fresh_temporary_folder())
        code, message = command_line(ENCODE)
        left = [path.name for path in temporary.iterdir() if path.name.startswith("vcmpipe")]
        left += [path.name for path in work.rglob(".vcmpipe*")]
        # The fake's own variables are in this process, too, but only since it was started.
        left += running_with(f"FAKE_LOG={folder / 'log'}\0")
        output = sorted(str(path.relative_to(work)) for path in work.rglob("*") if path.is_file())
    log = folder / "log"
    runs = len(log.read_text()) if log.exists() else 0
    return Observation(code, message, [name for name in output if not name.startswith("in/")], left, runs)


@contextlib.contextmanager
def fresh_temporary_folder() -> Iterator[None]:
    """Has ``tempfile`` read TMPDIR again, within and after."""
    import tempfile

    before, tempfile.tempdir = tempfile.tempdir, None
    try:
        yield
    finally:
        tempfile.tempdir = before


def differences(scenario: Scenario, seen: Observation) -> list[str]:
    """What is not as expected."""
    wrong = []
    if seen.code != scenario.code:
        wrong.append(f"exit {seen.code}")
    if scenario.says and not re.search(scenario.says, seen.message):
        wrong.append(f"says {seen.message!r}")
    if scenario.code and (seen.message.count("\n") or not seen.message.startswith("vcmpipe: ")):
        wrong.append("not one line")
    if not scenario.code and seen.message:
        wrong.append(f"says {seen.message!r}")
    complete = {"out.bin", "out.json"}
    if set(seen.output) != set() if scenario.code else not complete <= set(seen.output):
        wrong.append(f"files {seen.output}")
    if seen.left:
        wrong.append(f"left {seen.left}")
    if scenario.runs is not None and seen.runs != scenario.runs:
        wrong.append(f"{seen.runs} runs")
    return wrong
