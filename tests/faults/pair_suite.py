"""Two commands at the same time, where one would do harm: six ways in which a user's files could be lost.

Used by the tests and by ``benchmarks/pairs.py``, which writes what it counts into docs/reliability.md.
"""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.kill_suite import PATIENCE, start
from vcmpipe.cli import main
from vcmpipe.datasets.scenes import render_scene
from vcmpipe.frames import scale_rgb, write_png

_DEMO = "--detector demo --jobs 1 --predictor constant:36"
_REFUSED = ("another vcmpipe", "--overwrite", "one of the inputs", "is that of", "the sidecar of another stream")


@dataclass(frozen=True)
class Pair:
    """Two commands that are started together.

    Attributes:
        what: What they do, for people.
        words: Their arguments.
        codes: The exit codes that they may end with, sorted.
        prepare: Makes what they find besides the pictures ``in/a.png`` to ``in/c.png``.
        outputs: What they may write; everything else stays as it is.
        check: What is wrong with the outputs, a line each.
        killed: Whether the first one is killed (SIGKILL) at a random moment.
    """

    what: str
    words: tuple[str, str]
    codes: tuple[tuple[int, ...], ...]
    prepare: Callable[[Path], None] = lambda folder: None
    outputs: tuple[str, ...] = ()
    check: Callable[[Path], list[str]] = lambda folder: []
    killed: bool = False


def _folders_of_others(folder: Path) -> None:
    """Folders in TMPDIR that look like those of a killed run."""
    for name in ("vcmpipe-thesis", "photos"):
        place = folder / "tmp" / name
        place.mkdir(parents=True)
        (place / ".vcmpipe-lock").touch()
        (place / "one of a kind.txt").write_text("years of work")


def _coded(folder: Path) -> None:
    """``t.bin``, coded from one of the pictures."""
    assert main([*f"encode {folder}/in/b.png --out {folder}/t.bin --no-check {_DEMO}".split()]) == 0


def _belong_together(*names: str) -> Callable[[Path], list[str]]:
    """Whether the one stream that is there is that of its sidecar."""

    def check(folder: Path) -> list[str]:
        there = [folder / name for name in names if (folder / name).exists()]
        if len(there) != 1:
            return [f"{len(there)} streams are there, where one was to be written"]
        stated = json.loads(there[0].with_suffix(".json").read_text())["sha256"]
        same = hashlib.sha256(there[0].read_bytes()).hexdigest() == stated
        return [] if same else [f"{there[0].name} is of another run than its sidecar"]

    return check


def _told(folder: Path) -> list[str]:
    """Stream and sidecar are of one run, or ``inspect`` says that they are not."""
    if not (folder / "a.json").exists():
        return ["a.bin is there without its sidecar"] if (folder / "a.bin").exists() else []
    if not (folder / "a.bin").exists():
        return []  # a sidecar alone names the stream that it belongs to
    return [] if not _belong_together("a.bin")(folder) or main(["inspect", f"{folder}/a.bin"]) != 0 else ["not told"]


def _decoded(folder: Path) -> list[str]:
    kept = sorted(path.name for path in (folder / "back").iterdir())
    return [] if kept == ["b.png"] else [f"back holds {kept}"]


def _reported(folder: Path) -> list[str]:
    names = {path.name for path in (folder / "report").iterdir()}
    missing = {"result.json", "report.html", "report.md", "points.csv"} - names
    json.loads((folder / "report" / "result.json").read_text())
    return [f"the report lacks {name}" for name in sorted(missing)]


PAIRS = {
    "temporary": Pair(
        "1: `encode` twice, folders of others in TMPDIR",
        (f"encode in --out a.bin {_DEMO}", f"encode in --out b.bin {_DEMO}"),
        ((0, 0),),
        _folders_of_others,
        ("a.bin", "a.json", "b.bin", "b.json"),
    ),
    "sources": Pair(
        "2: `decode` twice into the folder of the source",
        ("decode t.bin --out in", "decode t.bin --out in"),
        ((2, 2),),
        _coded,
    ),
    "decoded": Pair(
        "2: `decode` twice into one new folder",
        ("decode t.bin --out back", "decode t.bin --out back"),
        ((0, 0), (0, 2)),
        _coded,
        ("back/b.png",),
        _decoded,
    ),
    "inputs": Pair(
        "3: `encode` twice to its own inputs",
        (f"encode in --limit 2 --out in/c.png {_DEMO}", f"encode in --limit 1 --out in/b.png {_DEMO}"),
        ((2, 2),),
    ),
    "sidecar": Pair(
        "4: `encode` to `a.bin` and to `a.266`",
        (f"encode in --out a.bin {_DEMO}", f"encode in --out a.266 {_DEMO}"),
        ((0, 2),),
        outputs=("a.bin", "a.266", "a.json"),
        check=_belong_together("a.bin", "a.266"),
    ),
    "stream": Pair(
        "5: `encode` twice to one stream, at two QPs",
        ("encode in --out a.bin --detector none --qp 30", "encode in --out a.bin --detector none --qp 40"),
        ((0, 0), (0, 2)),
        outputs=("a.bin", "a.json"),
        check=_belong_together("a.bin"),
    ),
    "killed": Pair(
        "5: the same, one of them killed",
        ("encode in --out a.bin --detector none --qp 30", "encode in --out a.bin --detector none --qp 40"),
        ((-9, 0), (-9, 2), (0, 0), (0, 2)),
        outputs=("a.bin", "a.json"),
        check=_told,
        killed=True,
    ),
    "report": Pair(
        "6: `bench` twice to one folder",
        (
            f"bench in --out report --cache cache --methods plain --qps 40 --resamples 0 --gallery 0 {_DEMO}",
            f"bench in --out report --cache cache --methods plain --qps 30 --resamples 0 --gallery 0 {_DEMO}",
        ),
        ((0, 2),),
        outputs=("report", "cache"),
        check=_reported,
    ),
}


@dataclass
class Tally:
    """What came of rounds.

    Attributes:
        rounds: How many there were.
        changed: Files that were not to be written and are no longer as they were.
        odd: Exit codes, messages and outputs that should not be.
        left: Hidden files that are left, of rounds in which nothing was killed.
    """

    rounds: int = 0
    changed: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """All that should not be."""
        return [*self.changed, *self.odd, *self.left]


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def run_together(pair: Pair, folder: Path, rounds: int, seed: int) -> Tally:
    """Start the two commands together, so many times, each time on new files, and look at what there is."""
    dice, tally = random.Random(seed), Tally()
    for number in range(rounds):
        place = folder / str(number)
        (place / "in").mkdir(parents=True)
        for scene, name in enumerate("abc"):
            write_png(place / "in" / f"{name}.png", scale_rgb(render_scene(920_000 + scene).rgb, (160, 120)))
        pair.prepare(place)
        before = _contents(place)
        running = []
        for words, said in zip(pair.words, ("one", "two"), strict=True):
            running.append(start(words.split(), place, said))
            time.sleep(dice.choice((0.0, dice.uniform(0.0, 0.3))))
        if pair.killed:
            time.sleep(dice.uniform(0.0, 1.5))
            running[0].kill()
        for each in running:
            each.join(PATIENCE)
        _judge(pair, place, before, tuple(each.exitcode for each in running), tally)
        shutil.rmtree(place)
    return tally


def _judge(pair: Pair, place: Path, before: dict[str, bytes], ended: tuple[int | None, ...], tally: Tally) -> None:
    tally.rounds += 1
    files = [place / "tmp" / f"{name}err" for name in ("one", "two")]
    said = [file.read_text() if file.exists() else "" for file in files]  # one that is killed at once says nothing
    codes = tuple(sorted(-1 if code is None else code for code in ended))
    if codes not in pair.codes:
        tally.odd.append(f"exit codes {codes}: {said}")
    for code, text in zip(ended, said, strict=True):
        if code == 2 and not any(each in text for each in _REFUSED):
            tally.odd.append(f"refused for another reason: {text}")
    after = _contents(place)
    tally.changed += [f"{name} has changed" for name, data in before.items() if after.get(name) != data]
    hidden = [name for name in after if "/.vcmpipe-" in f"/{name}" and name not in before]
    ours = (*pair.outputs, "tmp/oneout", "tmp/oneerr", "tmp/twoout", "tmp/twoerr")
    strange = [name for name in after if name not in before and not name.startswith(ours) and name not in hidden]
    if not pair.killed:
        tally.left += [f"{name} is left" for name in [*hidden, *strange]]
    tally.odd += pair.check(place)
