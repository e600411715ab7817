"""Long commands that are killed (SIGKILL) at random moments and started again, until they come to their end.

Used by the tests and by ``benchmarks/kills.py``, which writes what it counts into docs/reliability.md.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from tests.training.conftest import write_ow_jrd
from vcmpipe.datasets.drawn_video import write_drawn_video
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.frames import scale_rgb, write_png

PATIENCE = 600.0
_IMPORTED = ["vcmpipe.cli.commands", "vcmpipe.commands.encode", "vcmpipe.bench.run", "vcmpipe.datasets.build", "torch"]
_IMPORTED += ["vcmpipe.training.run", "lightning.pytorch", "scipy.stats", "pandas", "onnxruntime", "matplotlib.pyplot"]


def _pictures(folder: Path) -> None:
    (folder / "in").mkdir()
    for number in range(6):
        # Names that count nothing up: still pictures.
        write_png(
            folder / "in" / f"{chr(ord('a') + number)}.png", scale_rgb(render_scene(910_000 + number).rgb, (320, 240))
        )


def _video(folder: Path) -> None:
    write_drawn_video(folder / "clip.y4m", seconds=1.0)


def _crops(folder: Path) -> None:
    write_ow_jrd(folder / "crops", 28, 10)


def _plain(name: str, data: bytes) -> Any:
    return data


def _without_times(name: str, data: bytes) -> Any:
    """What a report holds besides the seconds that the work took."""
    if not name.endswith("result.json"):
        return None  # tables and plots of the same figures, and of seconds
    report = json.loads(data)
    for key in ("seconds", "configuration"):
        del report[key]
    for method in report["methods"]:
        del method["costs"]
    return report


def _weights(name: str, data: bytes) -> Any:
    """The trained numbers; the card beside them holds the time that training took."""
    if not name.endswith("weights.safetensors"):
        return None
    length = int.from_bytes(data[:8], "little")
    return data[8 + length :]


@dataclass(frozen=True)
class Case:
    """A command to kill.

    Attributes:
        what: What it is, for people.
        make: Makes its inputs in a folder.
        words: Its arguments, by a folder of relative paths; outputs are called ``out*``.
        same: From an output file's name and bytes what has to be the same after any number of kills; None: nothing.
        grows: Whether the output is a folder that grows file by file (a store, a training run).
    """

    what: str
    make: Callable[[Path], None]
    words: str
    same: Callable[[str, bytes], Any] = _plain
    grows: bool = False


_DEMO = "--detector demo --jobs 2"
CASES = {
    "pictures": Case("`encode` of pictures", _pictures, f"encode in --out out.bin {_DEMO}"),
    "verified": Case(
        "`encode --verify` of pictures", _pictures, f"encode in --out out.bin --verify --max-trials 6 {_DEMO}"
    ),
    "video": Case(
        "`encode --verify` of video",
        _video,
        f"encode clip.y4m --out out.mp4 --verify --segment 0.4 --max-trials 2 {_DEMO}",
    ),
    "target": Case(
        "`encode --target` of pictures",
        _pictures,
        f"encode in --out out.bin --target retention=0.8 --limit 3 {_DEMO}",
    ),
    "bench": Case(
        "`bench`",
        _pictures,
        "bench --images in --out out --cache cache --methods plain,jrd --qps 24:48:8 --predictor constant:36 "
        f"--margins 0 --map-scales 1 --resamples 20 {_DEMO}",
        _without_times,
    ),
    "dataset": Case(
        "`dataset build`", _pictures, f"dataset build --images in --out out --qps 26:50:8 {_DEMO}", grows=True
    ),
    "train": Case(
        "`train`",
        _crops,
        "train dt_jrd --data ow-jrd:crops --out out --init random --backbone test_vit --size 32 --epochs 3 --batch 4 "
        "--device cpu --seed 5 --checkpoint-every 2",
        _weights,
        grows=True,
    ),
}


@dataclass
class Tally:
    """What came of kills.

    Attributes:
        kills: Runs that were killed before their end.
        ended: Runs after kills that came to their end.
        changed: Files of the user's that were no longer as they were.
        half: Outputs that were neither absent nor whole after a kill.
        other: Results that were not those of a run in one piece.
        left: Hidden files that a finished run left.
    """

    kills: int = 0
    ended: int = 0
    changed: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that should not be."""
        return [*self.changed, *self.half, *self.other, *self.left]


def _files(folder: Path) -> dict[str, bytes]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and not name.startswith(("out", "cache", "tmp")) and "/.vcmpipe-" not in f"/{name}":
            found[name] = path.read_bytes()
    return found


def _outputs(case: Case, folder: Path) -> dict[str, Any]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name.startswith("out") and "/." not in name:
            kept = case.same(name, path.read_bytes())
            if kept is not None:
                found[name] = kept
    return found


def _command(words: list[str], folder: str, said: str) -> None:
    """The process of one run: a group of its own, as a shell gives it."""
    os.setpgid(0, 0)
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = str(Path(folder, "tmp"))
    for number, name in ((1, f"tmp/{said}out"), (2, f"tmp/{said}err")):
        os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    from vcmpipe.cli import main

    sys.exit(main(words))


def start(words: list[str], folder: Path, said: str = "std") -> BaseProcess:
    """Start a run, from a process that has imported what takes long, so that moments are spread over the work.

    Args:
        words: Its arguments.
        folder: Where it runs; its temporary files go to ``tmp`` there.
        said: Its output goes to ``tmp`` as well: this and ``out``, this and ``err``.
    """
    (folder / "tmp").mkdir(exist_ok=True)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_IMPORTED)
    running = context.Process(target=_command, args=(words, str(folder), said))
    running.start()
    return running


def _ended(running: BaseProcess, folder: Path, seconds: float = PATIENCE) -> bool:
    """Whether a run comes to its end within a time; any other end than a good one is an error."""
    running.join(seconds)
    if running.exitcode is None:
        return False
    assert running.exitcode == 0, (folder / "tmp" / "stderr").read_text()
    return True


def _clear(folder: Path) -> None:
    """Remove what the last chain of runs made: the next one begins anew."""
    for path in folder.iterdir():
        if path.name.startswith(("out", "cache", ".vcmpipe-")):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def kill_and_resume(case: Case, folder: Path, kills: int, seed: int) -> Tally:
    """Kill a command at so many random moments, starting it again each time, and look at what there is.

    Where a run comes to its end before its moment, its result is looked at, and the next run begins anew.
    """
    case.make(folder)
    users = _files(folder)
    # The second time nothing is imported any more.
    for _ in range(2):
        _clear(folder)
        started = time.monotonic()
        assert _ended(start(case.words.split(), folder), folder)
        whole = time.monotonic() - started
    expected = _outputs(case, folder)
    assert expected
    _clear(folder)
    dice, tally, chain = random.Random(seed), Tally(), 0
    while tally.kills < kills:
        running = start(case.words.split(), folder)
        if _ended(running, folder, dice.uniform(0.02, 0.98) * whole):
            if chain:
                _judge_end(case, folder, expected, tally)
            _clear(folder)
            chain = 0
        else:
            running.kill()
            running.join()
            tally.kills, chain = tally.kills + 1, chain + 1
            if not case.grows:
                tally.half += [
                    f"{name} is half written" for name, own in _outputs(case, folder).items() if own != expected[name]
                ]
        tally.changed += [f"{name} has changed" for name, own in users.items() if _files(folder).get(name) != own]
    if chain:
        assert _ended(start(case.words.split(), folder), folder)
        _judge_end(case, folder, expected, tally)
    return tally


def _judge_end(case: Case, folder: Path, expected: dict[str, Any], tally: Tally) -> None:
    tally.ended += 1
    found = _outputs(case, folder)
    tally.other += [f"{name} is not as in one piece" for name in expected if found.get(name) != expected[name]]
    tally.other += [f"{name} is there and should not be" for name in found if name not in expected]
    tally.left += [f"{path.name} is left" for path in folder.rglob(".vcmpipe-*") if "cache" not in path.parts]
