from __future__ import annotations

import hashlib
import os
import random
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from vcmpipe.errors import InputError, OutputError
from vcmpipe.process import file_argument, one_line, only_writer, publish, publish_together, temporary_folder

posix = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


@pytest.mark.parametrize("name", ["-i.png", "http:x.png", "a b.png"])
def test_file_argument_is_never_an_option_or_protocol(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    argument = file_argument(Path(name))
    assert Path(argument).is_absolute() and Path(argument).name == name


def test_one_line() -> None:
    assert one_line("a\nb\udcff\x00é") == "a\\nb\\udcff\\x00é"


def test_publish_replaces_whole_and_makes_parents(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "out.bin"
    for data in (b"one", b"two"):
        with publish(target) as part:
            assert part.parent == target.parent and part.suffix == ".bin" and not part.exists()
            part.write_bytes(data)
            assert not target.exists() or target.read_bytes() == b"one"
        assert target.read_bytes() == data
    assert [p.name for p in target.parent.iterdir()] == ["out.bin"]


def test_publish_leaves_nothing_after_an_error(tmp_path: Path) -> None:
    target = tmp_path / "made" / "out.bin"
    with pytest.raises(RuntimeError), publish(target) as part:
        part.write_bytes(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    old = tmp_path / "old"
    old.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), publish(old) as part:
        part.write_bytes(b"half")
        raise KeyboardInterrupt
    assert old.read_bytes() == b"old" and list(tmp_path.iterdir()) == [old]
    with pytest.raises(OutputError, match="nothing was produced"), publish(tmp_path / "never"):
        pass


@posix
def test_publish_says_why_a_place_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for target, expected in [
        (tmp_path / "file" / "out", "part of its path is a file"),
        (tmp_path / "folder", "it is a folder"),
        (fifo, "not a regular file"),
        (tmp_path / ("n" * 300), "cannot be written"),
    ]:
        with pytest.raises(OutputError, match=expected) as caught, publish(target) as part:
            part.write_text("y")
        assert target.name in str(caught.value) and str(caught.value).isprintable()
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    with pytest.raises(OutputError, match="cannot be written"), publish(Path("/proc/nowhere/out")) as part:
        part.write_text("y")


@posix
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_publish_names_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disk is full"), publish(tmp_path / "out") as part:
        part.symlink_to("/dev/full")
        part.write_bytes(b"x" * 100_000)
    assert list(tmp_path.iterdir()) == []


def test_publish_lets_other_errors_of_the_block_through(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), publish(tmp_path / "out"):
        (tmp_path / "some-input").read_bytes()


@posix
def test_publish_follows_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with publish(tmp_path / "link") as part:
        part.write_text("new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"


def test_temporary_folder_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with temporary_folder("try") as folder:
        (folder / "x").write_text("x")
        assert folder.name.startswith("vcmpipe-try-")
    assert not folder.exists()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(OutputError, match="TMPDIR"), temporary_folder():
        pass


@pytest.mark.parametrize("existed", [True, False])
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_files_that_belong_together_are_replaced_all_or_none(tmp_path: Path, existed: bool, failing: int) -> None:
    targets = [tmp_path / name for name in "abc"]
    for target in targets if existed else ():
        target.write_text("old")
    with pytest.raises(OutputError, match="cannot be written"), publish_together(*targets) as parts:
        for part in parts:
            part.write_text("new")
        # A folder in its place lets the renaming fail, whoever we are.
        targets[failing].unlink(missing_ok=True)
        (targets[failing] / "full").mkdir(parents=True)
    left = {path.name: path.read_text() for path in tmp_path.iterdir() if path.is_file()}
    assert left == ({target.name: "old" for n, target in enumerate(targets) if n != failing} if existed else {})
    (targets[failing] / "full").rmdir()
    targets[failing].rmdir()
    with publish_together(*targets) as parts:
        for part in parts:
            part.write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys("abc", "new")


PAIRS = """
import hashlib, itertools, sys
from pathlib import Path
from vcmpipe.process import publish_together
folder = Path(sys.argv[1])
print("on", flush=True)
for number in itertools.count():
    data = b"%d" % number
    with publish_together(folder / "s.json", folder / "s.bin") as (sidecar, stream):
        sidecar.write_text(hashlib.sha256(data).hexdigest())
        stream.write_bytes(data)
"""


@posix
def test_killed_at_any_moment_a_pair_matches_or_tells(tmp_path: Path) -> None:
    """A stream is never there without the sidecar that names it, or one by which a reader sees that it is another's."""
    rng = random.Random(1)
    for round_ in range(12):
        folder = tmp_path / str(round_)
        folder.mkdir()
        child = subprocess.Popen([sys.executable, "-c", PAIRS, str(folder)], stdout=subprocess.PIPE)
        assert child.stdout is not None and child.stdout.readline()
        time.sleep(rng.uniform(0, 0.05))
        child.send_signal(signal.SIGKILL)
        child.communicate()
        if (folder / "s.bin").exists():
            digest = (folder / "s.json").read_text()
            number = int((folder / "s.bin").read_bytes())
            # At most the one renaming apart: the sidecar is that of this stream or of the next.
            assert digest in [hashlib.sha256(b"%d" % n).hexdigest() for n in (number, number + 1)]


@posix
def test_one_writer_at_a_time(tmp_path: Path) -> None:
    for target in (tmp_path / "new" / "out.bin", tmp_path / "new" / ("n" * 250), tmp_path / "folder", tmp_path):
        with only_writer(target):
            with pytest.raises(InputError, match="being written by another vcmpipe"), only_writer(target):
                pass
            with only_writer(target.with_name("other")):
                pass
        with only_writer(target):
            pass
        assert list(tmp_path.iterdir()) == []


RACE = """
import sys, time
from pathlib import Path
from vcmpipe.errors import InputError
from vcmpipe.process import only_writer
folder, end, times = Path(sys.argv[1]), time.monotonic() + 1.5, 0
while time.monotonic() < end:
    try:
        with only_writer(folder / "out"):
            (folder / "inside").open("x").close()
            (folder / "inside").unlink()
            times += 1
    except InputError:
        pass
print(times)
"""


@posix
def test_locks_that_come_and_go_let_in_one_at_a_time(tmp_path: Path) -> None:
    """Three processes take and remove the same lock file as fast as they can; two inside would fail on the mark."""
    children = [
        subprocess.Popen([sys.executable, "-c", RACE, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    times = [int(child.communicate()[0]) for child in children]
    assert [child.returncode for child in children] == [0, 0, 0] and min(times) > 0
    assert list(tmp_path.iterdir()) == []
