"""The hidden folder of finished work: entries are whole or not there, and nothing that is not ours is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vcmpipe.errors import OutputError
from vcmpipe.process import only_writer
from vcmpipe.process.work_folder import WorkFolder, work_folder

KEY = "ab" * 32


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.bin"


def test_entries_outlive_the_object_and_belong_to_a_configuration(out: Path) -> None:
    first = WorkFolder(out)
    assert first.get("picture", KEY) is None and not first.path.exists()
    first.put("picture", KEY, b"value")
    again = WorkFolder(out)
    assert again.get("picture", KEY) == b"value" and again.get("segment", KEY) is None
    assert (again.count("picture"), again.count_others("picture")) == (1, 0)
    again.configuration = "1" * 64
    assert again.get("picture", KEY) is None
    assert (again.count("picture"), again.count_others("picture")) == (0, 1)


@pytest.mark.parametrize("damage", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b"", lambda d: d[::-1]])
def test_a_damaged_entry_is_none(out: Path, damage) -> None:
    work = WorkFolder(out)
    work.put("picture", KEY, b"some value")
    (entry,) = work.path.glob("picture-*")
    entry.write_bytes(damage(entry.read_bytes()))
    assert WorkFolder(out).get("picture", KEY) is None


def test_it_goes_with_a_block_that_succeeds_alone(out: Path) -> None:
    with work_folder(out) as work:
        work.put("picture", KEY, b"value")
        work.cache().put(KEY, b"value")
    assert list(out.parent.iterdir()) == []
    with pytest.raises(KeyError), work_folder(out) as work:
        work.put("picture", KEY, b"value")
        raise KeyError
    assert WorkFolder(out).count("picture") == 1
    with work_folder(out, fresh=True) as work:
        assert work.count("picture") == 0


def test_what_a_kill_left_half_written_goes(out: Path) -> None:
    work = WorkFolder(out)
    work.put("picture", KEY, b"value")
    half = work.path / ".vcmpipe-0123456789abcdef-0123456789abcdef"
    half.write_bytes(b"half")
    (out.parent / half.name).write_bytes(b"of another output")
    with only_writer(out):
        mine = out.with_name(f"{half.name.replace('0123456789abcdef-', work.path.name[9:25] + '-')}.bin")
        assert not mine.exists()
    mine.write_bytes(b"half")
    with only_writer(out):
        assert not mine.exists() and (out.parent / half.name).exists()
    assert WorkFolder(out).count("picture") == 1 and not half.exists()


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_not_ours_is_left_alone(out: Path, tmp_path: Path, kind: str) -> None:
    place = WorkFolder(out).path
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "vcmpipe-journal").write_bytes(b"vcmpipe journal 1\n")
    if kind == "file":
        place.write_bytes(b"mine")
    elif kind == "link":
        place.symlink_to(tmp_path / "elsewhere")
    else:
        place.mkdir()
        (place / "mine").write_bytes(b"mine")
    with pytest.raises(OutputError, match="was not made by vcmpipe"), work_folder(out, fresh=True):
        pass
    assert os.path.lexists(place) and (tmp_path / "elsewhere" / "vcmpipe-journal").exists()


def test_a_strange_file_in_it_stays(out: Path) -> None:
    with work_folder(out) as work:
        work.put("picture", KEY, b"value")
        (work.path / "mine").write_bytes(b"mine")
    assert [path.name for path in work.path.iterdir()] == ["mine"]
