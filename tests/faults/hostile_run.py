"""Throws hostile files at what reads them, in processes of their own, and counts how that ends.

As a program: FOLDER FORMAT SEED FIRST LAST; goes through these cases and prints a line for each. A case depends on the
seed, the format and its number alone.
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hostile_formats
from hostile_formats import FORMATS, STREAMS, Files, Format, codes

from vcmpipe.errors import VcmError

PATIENCE = 30
"""Seconds for one case, which a slow machine needs a tenth of."""
MEMORY = 12 << 30
"""Address space of a worker: torch and its like take 4 GiB of it."""
EVERY = 50
"""Of so many streams one is decoded in the child process that commands use; the others in the worker, to save time."""


@dataclass
class Tally:
    """How the cases of a format ended.

    Attributes:
        ends: How many were ``accepted``, ``refused`` or ended in a fault, by what it was.
        faults: Number and description of cases that were faults.
        memory: The most that a worker took, in bytes.
    """

    ends: Counter[str] = field(default_factory=Counter)
    faults: list[tuple[int, str]] = field(default_factory=list)
    memory: int = 0

    def add(self, other: Tally) -> None:
        """Counts those of another part in."""
        self.ends += other.ends
        self.faults += other.faults
        self.memory = max(self.memory, other.memory)


def make_corpus(folder: Path) -> None:
    """Real files of each format, below a folder."""
    coded = folder / "corpus" / "coded"
    coded.mkdir(parents=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        hostile_formats.coded(coded)
        for name, each in FORMATS.items():
            place = folder / "corpus" / slug(name) / "files"
            place.mkdir(parents=True)
            each.make(place, coded)
            if not any(place.iterdir()):
                raise RuntimeError(f"no {name} was made")
    (folder / "tmp").mkdir()


def slug(name: str) -> str:
    """A format as a folder's name."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def case(name: str, files: Files, seed: int, number: int) -> bytes:
    """A hostile file."""
    return FORMATS[name].spoil(random.Random(f"{seed} {name} {number}"), files)


def corpus_of(folder: Path, name: str) -> dict[str, bytes]:
    """The real files of a format."""
    return {path.name: path.read_bytes() for path in (folder / "corpus" / slug(name) / "files").iterdir()}


def throw(folder: Path, name: str, seed: int, first: int, last: int) -> Tally:
    """Go through some cases in workers; one that dies is replaced, and the case that it died of is a fault."""
    tally, number = Tally(), first
    while number < last:
        argv = [sys.executable, __file__, str(folder), name, str(seed), str(number), str(last)]
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        paths = {"PYTHONPATH": str(Path(__file__).resolve().parents[2]), "TMPDIR": str(folder / "tmp")}
        # A model may take a tenth of the time that models have by themselves.
        limits = {"VCMPIPE_TIMEOUT_FACTOR": "0.1"} if "ONNX" in name else {}
        environment = os.environ | threads | paths | limits
        worker = subprocess.run(argv, env=environment, capture_output=True, text=True, errors="replace", check=False)
        for line in worker.stdout.splitlines():
            place, _, end = line.partition(" ")
            if place == "memory":
                tally.memory = max(tally.memory, int(end))
                continue
            number = int(place) + 1
            kind = end.partition(":")[0]
            tally.ends[kind] += 1
            if kind not in ("accepted", "refused"):
                tally.faults.append((int(place), end))
        if number < last and worker.returncode != 0:
            hung = worker.returncode == -signal.SIGALRM
            died = f"signal {-worker.returncode}" if worker.returncode < 0 else f"exit code {worker.returncode}"
            end = f"hang: over {PATIENCE} s" if hung else f"crash: {died}: {worker.stderr[-300:]}"
            if name == STREAMS and not hung and survived(folder, seed, number):
                end = "refused"
            else:
                tally.faults.append((number, end))
            tally.ends[end.partition(":")[0]] += 1
            number += 1
    return tally


def survived(folder: Path, seed: int, number: int) -> bool:
    """Whether a stream that ends a decoder ends only the child process that commands use for it."""
    from vcmpipe.decoding.sandbox import decode_isolated

    try:
        list(decode_isolated(case(STREAMS, corpus_of(folder, STREAMS), seed, number)))
    except VcmError as error:
        return "\n" not in str(error)
    return True


# --- the worker ------------------------------------------------------------------------------------------------------


def work(folder: Path, name: str, seed: int, first: int, last: int) -> None:
    """Go through cases and print how each ended."""
    from vcmpipe.commands import restoring

    each, files, isolated = FORMATS[name], corpus_of(folder, name), restoring.decode_isolated
    hostile_formats.CORPUS = folder / "corpus"
    place = folder / "work" / f"{slug(name)}-{first}-{os.getpid()}"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    place.mkdir(parents=True)
    os.chdir(place)
    out = os.fdopen(os.dup(1), "w")
    # What libraries print by themselves goes nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for number in range(first, last):
        restoring.decode_isolated = isolated if number % EVERY == 0 else _decoded_here
        data = case(name, files, seed, number)
        signal.alarm(PATIENCE)  # its default action ends the process, also in C
        end = _end(each, place, data)
        signal.alarm(0)
        print(number, end.replace("\n", " ").encode("ascii", "backslashreplace").decode(), file=out, flush=True)
        print("memory", _most_memory(), file=out, flush=True)
    shutil.rmtree(place)


def _most_memory() -> int:
    """The most that this process has held; that of ``getrusage`` begins with what its parent held."""
    found = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(found.split()[1]) << 10


def _decoded_here(data: bytes, **options: Any) -> object:
    from vcmpipe.decoding.decoder import decode_stream

    return decode_stream(data, threads=1 + len(data) % 2, **options)


def _end(each: Format, place: Path, data: bytes) -> str:
    """How one case ends: accepted (by one of its readers at least), refused, or a fault and what it is."""
    with contextlib.ExitStack() as inside:
        inside.callback(_empty, place)
        path = place / f"case{each.ending}"
        path.write_bytes(data)
        (place / "out").mkdir()
        outside = _outside(place)
        codes.clear()
        out, err = io.StringIO(), io.StringIO()
        error: BaseException | None = None
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                each.use(path)
            except VcmError as refusal:
                error = refusal
            except BaseException as fault:
                return f"crash: {type(fault).__name__}: {fault}"
        if _outside(place) != outside:
            return f"outside: {sorted(_outside(place) - outside)}"
        said = err.getvalue()
        if "not foreseen" in said or "out of memory" in said:
            return f"crash: {said}"
        if error is not None and "\n" in str(error):
            return f"crash: more than one line: {error}"
        if not all(line.isprintable() for line in said.splitlines()):
            return f"crash: control characters on stderr: {said!r}"
        if set(codes) - {0, 1, 2}:
            return f"crash: exit codes {codes}"
        return "refused" if error is not None or (codes and 0 not in codes) else "accepted"


def _outside(place: Path) -> set[str]:
    """What lies around ``out``: beside it, above, and where names that lead away would lead."""
    beside = [path for path in place.iterdir() if path.name != "out" and not path.name.startswith("case")]
    # Folders of other workers, which end in their numbers, come and go.
    above = [path for path in place.parent.iterdir() if not path.name.rpartition("-")[2].isdecimal()]
    away = [Path(name) for name in ("/escaped", "/tmp/escaped", "/tmp/out") if os.path.lexists(name)]
    return set(map(str, [*beside, *above, *place.parents[1].iterdir(), *away]))


def _empty(place: Path) -> None:
    for path in place.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


if __name__ == "__main__":
    work(Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]))
