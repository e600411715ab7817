"""Published data sets and detectors, taken from where they are and held against the digests in their descriptions."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vcmpipe.config import DatasetFetchOptions
from vcmpipe.datasets.coco_boxes import write_boxes
from vcmpipe.datasets.download import download
from vcmpipe.errors import InputError
from vcmpipe.plugins.published import RemoteFile, data_folder, description_of, files_of
from vcmpipe.process.progress import Progress


@dataclass(frozen=True)
class FetchReport:
    """What is there now.

    Attributes:
        data_set: What was fetched.
        out: Where.
        licence: Its terms.
        files: All of its files, below ``out``.
        fetched: Those that were not there before.
        bytes: The size of these; of those that were made of an archive, the archive's.
        parts: What can be used, by kind (``images``, ``annotations``, ``detector``), with its path.
        further: Data sets and detectors that belong to it, likewise.
    """

    data_set: str
    out: str
    licence: str
    files: tuple[str, ...]
    fetched: tuple[str, ...]
    bytes: int
    parts: Mapping[str, str]
    further: tuple[FetchReport, ...] = ()


@dataclass(frozen=True)
class _Wanted:
    """A data set with what is missing of it."""

    name: str
    description: Mapping[str, Any]
    out: Path
    files: list[RemoteFile]
    missing: list[RemoteFile]
    archive: RemoteFile | None

    @property
    def boxes(self) -> Mapping[str, Any] | None:
        """How annotations are made of an archive."""
        found: Mapping[str, Any] | None = self.description.get("boxes")
        return found


def fetch(options: DatasetFetchOptions, *, progress: Progress = lambda done, total: None) -> FetchReport:
    """Fetch the files of a data set or a detector; those that are there already, whole, are left alone.

    What belongs to it (``with`` in its description) is fetched, too. Without ``options.out`` each goes into a folder of
    its name in ``data_folder()``, where options find it by name; with it, all go into that folder.

    Args:
        options: What to fetch, and where to.
        progress: Called with the bytes that are here and their total.

    Raises:
        InputError: There is no such data set, it names no files to fetch, or another file is in the way.
        VcmError: A file cannot be had, or is not what its description states.
        OutputError: The place cannot be written to.
    """
    description = description_of(options.data_set)
    names = [options.data_set, *description.get("with", [])]
    wanted = [_wanted(name, Path(options.out) if options.out is not None else data_folder() / name) for name in names]
    if not wanted[0].files:
        raise InputError(
            f"{options.data_set} names no files that can be fetched: take them from {_text(description['where'])}, and "
            f"mind their terms ({_text(description['licence'])})"
        )
    total = sum(_missing_bytes(each) for each in wanted)
    done = 0
    for each in wanted:
        for file in each.missing:
            for size in download(file, each.out / file.name):
                progress(done + size, total)
            done += file.bytes
    # Last, and by itself: it is larger than all the rest, and what is here by now is of use without it.
    for each in wanted:
        if each.archive is not None:
            _make_boxes(each, each.archive, lambda size, done=done: progress(done + size, total))  # type: ignore[misc]
    first, *further = [_report(each) for each in wanted]
    return FetchReport(**(vars(first) | {"further": tuple(further)}))


def _wanted(name: str, out: Path) -> _Wanted:
    description = description_of(name)
    files = files_of(name, description)
    missing = [file for file in files if not is_there(file, out / file.name)]
    archive = None
    if (boxes := description.get("boxes")) and not (out / boxes["makes"]).exists():
        (archive,) = files_of(name, {"files": boxes["archive"]})
    return _Wanted(name, description, out, files, missing, archive)


def _make_boxes(wanted: _Wanted, archive: RemoteFile, progress: Any) -> None:
    """Fetch an archive of annotations and keep the boxes of a data set's own pictures."""
    boxes, path = wanted.boxes, wanted.out / archive.name
    assert boxes is not None
    if not is_there(archive, path):
        for size in download(archive, path):
            progress(size)
    pictures = [Path(file.name).name for file in wanted.files]
    write_boxes(path, boxes["members"], pictures, boxes["sha256"], wanted.out / boxes["makes"])
    path.unlink()


def _missing_bytes(wanted: _Wanted) -> int:
    return sum(file.bytes for file in (*wanted.missing, *([wanted.archive] if wanted.archive else [])))


def _report(wanted: _Wanted) -> FetchReport:
    boxes = wanted.boxes
    made = (boxes["makes"],) if boxes is not None else ()
    return FetchReport(
        data_set=wanted.name,
        out=str(wanted.out),
        licence=_text(wanted.description["licence"]),
        files=(*(file.name for file in wanted.files), *made),
        fetched=(*(file.name for file in wanted.missing), *(made if wanted.archive else ())),
        bytes=_missing_bytes(wanted),
        parts={kind: str(wanted.out / inside) for kind, inside in wanted.description.get("parts", {}).items()},
    )


def is_there(file: RemoteFile, path: Path) -> bool:
    """Whether a file is there already.

    Raises:
        InputError: Another file has its name.
    """
    if not path.exists():
        return False
    try:
        with path.open("rb") as opened:
            same = hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
    except OSError as error:
        raise InputError(f"{path} is in the way, and cannot be read ({error.strerror}): name another --out") from error
    if not same:
        raise InputError(f"{path} exists and is not the file at {file.url}: remove it, or name another --out")
    return True


def _text(value: Any) -> str:
    """A description's value in a line; some have several parts."""
    return "; ".join(f"{key}: {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
