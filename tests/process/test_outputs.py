from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from vcmpipe.errors import OutputError
from vcmpipe.process import file_argument, one_line, publish, temporary_folder

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
        (fifo, "no regular file"),
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
