"""Ctrl-C, a polite kill and a closed terminal: exit code 130, one line, no files and no programs left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vcmpipe.bench import bench
from vcmpipe.bitstream import concatenate
from vcmpipe.cli.main import main
from vcmpipe.cli.parser import parse
from vcmpipe.coding.cached_encoder import CachedEncoder
from vcmpipe.process.content_cache import ContentCache

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are those of POSIX")

# Seconds until a command is under way (torch is slow to load) and until it has cleaned up.
PATIENCE, CLEANING = 120.0, 60.0


def wait_for(what: Callable[[], object], running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert running.poll() is None, f"it ended before it was under way: {running.communicate()}"
        assert time.monotonic() < deadline, "it never got under way"
        time.sleep(0.01)


@pytest.fixture
def interrupted(start, here, leftovers, orphans, contents):
    """Starts a command, sends the signals once it is under way, and checks that nothing is left."""

    def check(words: list[object], under_way: Callable[[], object], *signals: int) -> None:
        before = contents(here)
        running = start(*words)
        wait_for(under_way, running)
        for number in signals:
            running.send_signal(number)
        out, err = running.communicate(timeout=CLEANING)
        told = [line for line in err.splitlines() if not line.startswith(("vcmpipe: encode:", "vcmpipe: bench:"))]
        assert (running.returncode, out, told) == (130, "", ["vcmpipe: interrupted"])
        assert leftovers() == []
        assert orphans() == []
        assert contents(here) == before

    return check


@pytest.fixture
def frames(here: Path, make_picture) -> Path:
    (here / "frames").mkdir()
    for i in range(8):
        (here / "frames" / f"{i}.png").write_bytes(make_picture(640, 480, i))
    return here / "frames"


@pytest.fixture
def encoding(here: Path) -> Callable[[], bool]:
    """Whether an encoder is at work: it has its input in TMPDIR."""
    return lambda: any((here.parent / "tmp").glob("vcmpipe-vvenc*/*.yuv"))


@pytest.mark.parametrize(
    "signals", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)], ids=["Ctrl-C twice", "SIGTERM"]
)
def test_encode(here: Path, frames: Path, encoding, interrupted, signals: tuple[int, ...]) -> None:
    (here / "out.bin").write_bytes(b"an older stream")
    words = ["encode", "--input", frames, "--out", "out.bin", "--predictor", "measured", "--preset", "slow"]
    interrupted([*words, "--map-out", "new/maps"], encoding, *signals)


def test_a_camera_ends_with_the_first(here: Path, start, encoding, camera, clip, leftovers) -> None:
    sending = camera([clip(frames=70), 60.0])  # FFmpeg looks at five seconds before it begins
    words = ["--qp", "40", "--preset", "faster", "--segment", "1", "--reconnect", "3", "--json"]
    running = start("encode", sending.url, "--out", "door.bin", *words)
    wait_for(encoding, running)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=CLEANING)
    assert running.returncode == 0 and "it was stopped; what came before is coded" in err, err
    printed = json.loads(out)["source"]
    assert (printed["dropped"], printed["reconnects"], sending.asked) == (0, 0, 1)
    assert main(["decode", str(here / "door.bin"), "--out", str(here / "pictures")]) == 0
    assert len(list((here / "pictures").iterdir())) >= 10 and leftovers() == []


def test_bench(here: Path, frames: Path, encoding, interrupted) -> None:
    words = ["bench", "--images", frames, "--out", "report", "--cache", here.parent / "cache", "--preset", "slow"]
    interrupted(words, encoding, signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_bench_goes_on_from_its_cache(here: Path, frames: Path, start, counting_encoder, number: int) -> None:
    cache = here.parent / "cache"
    words = ["--images", frames, "--out", "report", "--predictor", "constant:36", "--jobs", "1", "--seed", "5"]
    words += ["--methods", "plain,jrd", "--qps", "20:48:4", "--margins", "0", "--resamples", "50"]
    words += ["--map-scales", "1", "--limit", "4"]
    running = start("bench", *words, "--cache", cache)
    # Four streams with the seconds that they took, and what is half written.
    wait_for(lambda: sum(path.is_file() for path in cache.rglob("*")) >= 10, running)
    running.send_signal(number)
    running.communicate(timeout=CLEANING)
    assert running.returncode == (130 if number == signal.SIGINT else -signal.SIGKILL)
    assert not (here / "report").exists()

    results, jobs = [], []
    for folder in (cache, here.parent / "fresh"):
        _, options = parse(["bench", *map(str, words), "--cache", str(folder), "--detector", "demo"])
        before = counting_encoder.jobs
        encoder = CachedEncoder(counting_encoder, ContentCache(folder))
        result = bench(options, encoder=encoder).to_dict()
        for name in ("seconds", "configuration"):
            del result[name]
        for method in result["methods"]:
            del method["costs"]
        results.append(result)
        jobs.append(counting_encoder.jobs - before)
    resumed, fresh = jobs
    assert resumed <= fresh - 4, "what was coded before is not coded again"
    assert results[0] == results[1], "and the figures are those of a run in one piece"


@pytest.mark.parametrize(
    ("out", "number"),
    [
        ("new/pictures", signal.SIGINT),
        ("new/pictures", signal.SIGHUP),
        ("old", signal.SIGTERM),
        ("v.y4m", signal.SIGINT),
    ],
)
def test_decode(here: Path, region_stream: bytes, interrupted, out: str, number: int) -> None:
    (here / "a.bin").write_bytes(concatenate([region_stream] * 1500))
    (here / "old").mkdir()
    (here / "old" / "picture_000000.png").write_bytes(b"an older picture")

    def begun() -> bool:
        return any(path.is_file() or any(path.iterdir()) for path in here.rglob(".vcmpipe*[!k]"))  # not the lock

    interrupted(["decode", "--input", "a.bin", "--out", out, "--overwrite"], begun, number)


def test_a_signal_that_the_caller_ignores_stays_ignored(here: Path, encoded: Path) -> None:
    """What ``nohup`` relies on."""
    program = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from vcmpipe.cli import main as command\n"
        "import dataclasses\n"
        "from vcmpipe.cli.commands import COMMANDS\n"
        "inspect = COMMANDS['inspect']\n"
        "run = lambda *given: os.kill(os.getpid(), signal.SIGHUP) or inspect.run(*given)\n"
        "COMMANDS['inspect'] = dataclasses.replace(inspect, run=run)\n"
        f"sys.exit(command(['inspect', '--input', {str(encoded / 'a.bin')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_reader_of_stdout_may_leave(start, encoded: Path) -> None:
    for words in (["--json"], []):
        running = start("inspect", "--input", encoded / "a.bin", *words)
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == ""
        assert running.wait() == 0


def test_a_closed_stdout_does_not_matter_to_a_file(here: Path, encoded: Path, contents) -> None:
    command = f'exec "{sys.executable}" -m vcmpipe decode --input "{encoded / "a.bin"}" --out pictures >&-'
    done = subprocess.run(["sh", "-c", command], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(contents(here / "pictures")) == ["p1.png", "p2.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("words", [["--json"], []])
def test_a_full_stdout_is_a_failure(start, encoded: Path, words: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        running = start("inspect", "--input", encoded / "a.bin", *words, stdout=full)
        _, err = running.communicate()
    assert running.returncode == 1
    assert err.count("\n") == 1 and "disk is full" in err


def test_the_verdict_survives_a_reader_that_leaves(here: Path, start, encoded: Path) -> None:
    """``inspect --verify-map | head`` ends with 1 where the map does not conform."""
    record = json.loads((encoded / "a.json").read_text())
    for row in record["segments"][0]["qp_map"]["requested"]:
        row[:] = [9] * len(row)
    (here / "other.json").write_text(json.dumps(record))
    for words in (["--json"], []):
        running = start("inspect", "--input", encoded / "a.bin", "--sidecar", "other.json", "--verify-map", *words)
        assert running.stdout is not None and running.stderr is not None
        running.stdout.close()
        assert running.wait() == 1, running.stderr.read()


def test_a_second_signal_ends_a_model_that_never_answers(here, start, make_picture, leftovers, endless_model) -> None:
    """Python cannot handle a signal while its main thread is in the model."""
    (here / "in.png").write_bytes(make_picture(64, 64))
    model = endless_model(here / "endless.onnx")
    words = ["encode", "--input", "in.png", "--out", "a.bin", "--detector", model, "--predictor", "constant"]
    running = start(*words)
    wait_for(lambda: len(list(Path(f"/proc/{running.pid}/task").iterdir())) > 1 and _busy(running.pid), running)
    running.send_signal(signal.SIGTERM)
    time.sleep(1.0)
    assert running.poll() is None
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=CLEANING)
    assert (running.returncode, out, err) == (130, "", "vcmpipe: interrupted\n")
    assert leftovers() == [] and not (here / "a.bin").exists()


def _busy(pid: int, seconds: float = 3.0) -> bool:
    """Whether a process has taken so much time, more than what loading takes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") > seconds + 4


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_never_cleans_up_is_ended(encoded: Path, number: int) -> None:
    program = (
        "import dataclasses, sys, time\n"
        "from vcmpipe.cli import main as command\n"
        "from vcmpipe.cli.commands import COMMANDS\n"
        "from vcmpipe.process import last_resort\n"
        "last_resort.GRACE = 0.5\n"
        "def forever(*given):\n"
        "    words = ['begun']\n"
        "    while True:\n"
        "        try:\n"
        "            if words: print(words.pop(), flush=True)\n"
        "            time.sleep(1)\n"
        "        except KeyboardInterrupt: pass\n"
        "COMMANDS['inspect'] = dataclasses.replace(COMMANDS['inspect'], run=forever)\n"
        f"sys.exit(command(['inspect', '--input', {str(encoded / 'a.bin')!r}]))"
    )
    running = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert running.stdout is not None and running.stdout.readline() == "begun\n"
    running.send_signal(number)
    time.sleep(0.7)
    assert running.poll() is None
    running.send_signal(number)
    _, err = running.communicate(timeout=CLEANING)
    assert running.returncode == 130 and err.count("\n") == 1 and "interrupted, and ended at once" in err
