"""Files of published data sets, taken from where they are and held against the digests in their descriptions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from vcmpipe.config import DatasetFetchOptions
from vcmpipe.errors import InputError, VcmError
from vcmpipe.process import output_error, publish
from vcmpipe.process.progress import Progress

_PATIENCE = 60
"""Seconds without a byte."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """A file, where it is, and what it must be.

    Attributes:
        name: What it is called here.
        url: Where it is, ``https://...``.
        bytes: Its size.
        sha256: SHA-256, hexadecimal.
    """

    name: str
    url: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class FetchReport:
    """What is there now.

    Attributes:
        data_set: What was fetched.
        out: Where.
        licence: Its terms.
        files: All of its files.
        fetched: Those that were not there before.
        bytes: The size of these.
    """

    data_set: str
    out: str
    licence: str
    files: tuple[str, ...]
    fetched: tuple[str, ...]
    bytes: int


def fetch(options: DatasetFetchOptions, *, progress: Progress = lambda done, total: None) -> FetchReport:
    """Fetch the files of a data set; those that are there already, whole, are left alone.

    Raises:
        InputError: There is no such data set, it names no files to fetch, or another file is in the way.
        VcmError: A file cannot be had, or is not what its description states.
        OutputError: The place cannot be written to.
    """
    description = _description(options.data_set)
    files = files_of(options.data_set, description)
    if not files:
        raise InputError(
            f"{options.data_set} names no files that can be fetched: take them from {_text(description['where'])}, and "
            f"mind their terms ({_text(description['licence'])})"
        )
    out = Path(options.out)
    missing = [file for file in files if not is_there(file, out / file.name)]
    done, total = 0, sum(file.bytes for file in missing)
    for file in missing:
        for size in download(file, out / file.name):
            progress(done + size, total)
        done += file.bytes
    return FetchReport(
        data_set=options.data_set,
        out=options.out,
        licence=_text(description["licence"]),
        files=tuple(file.name for file in files),
        fetched=tuple(file.name for file in missing),
        bytes=total,
    )


def files_of(name: str, description: Mapping[str, Any]) -> list[RemoteFile]:
    """The files that a description names; none where these are not to be had without a person.

    Raises:
        InputError: An address is none of https, or a name is a path.
    """
    files = [RemoteFile(str(file), **about) for file, about in description.get("files", {}).items()]
    for file in files:
        if not file.url.startswith("https://") or Path(file.name).name != file.name:
            raise InputError(f"{name}: {file.name} from {file.url} is none that can be fetched: give https and a name")
    return files


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
        raise InputError(f"{path} is there and is another file than {file.url}: remove it, or name another --out")
    return True


def download(file: RemoteFile, path: Path) -> Iterator[int]:
    """Fetch a file; it is there whole and as its description states, or not at all.

    Yields:
        The bytes that have come so far.

    Raises:
        VcmError: It cannot be had, or is another one.
        OutputError: The place cannot be written to.
    """
    with publish(path) as part:
        digest, size = hashlib.sha256(), 0
        try:
            with urlopen(Request(file.url, headers={"User-Agent": "vcmpipe"}), timeout=_PATIENCE) as answer:
                if file.url.startswith("https:") and not answer.url.startswith("https:"):
                    raise VcmError(f"{file.url} leads to {answer.url}, which is not https: nothing was fetched")
                with part.open("wb") as written:
                    while size <= file.bytes and (chunk := answer.read(_CHUNK)):
                        size += len(chunk)
                        digest.update(chunk)
                        try:
                            written.write(chunk)
                        except OSError as error:
                            raise output_error(path, error) from error
                        yield size
        except (OSError, HTTPException) as error:
            raise VcmError(f"{file.url} cannot be fetched ({error}): try again later") from error
        if (size, digest.hexdigest()) != (file.bytes, file.sha256):
            raise VcmError(
                f"{file.url} is not the file that was described: {size:,} bytes or more of SHA-256 "
                f"{digest.hexdigest()[:12]}..., where {file.bytes:,} of {file.sha256[:12]}... were expected; it was "
                "changed, or damaged on the way"
            )


def _description(name: str) -> dict[str, Any]:
    import yaml

    entries = {entry.name.removesuffix(".yaml"): entry for entry in resources.files("vcmpipe_datasets").iterdir()}
    known = {
        key: yaml.safe_load(entry.read_text(encoding="utf-8"))
        for key, entry in sorted(entries.items())
        if entry.name.endswith(".yaml")
    }
    if name not in known:
        can = ", ".join(key for key, value in known.items() if value.get("files"))
        raise InputError(f"there is no data set {name!r}: {can} can be fetched, {', '.join(known)} are described")
    description: dict[str, Any] = known[name]
    return description


def _text(value: Any) -> str:
    """A description's value in a line; some have several parts."""
    return "; ".join(f"{key}: {each}" for key, each in value.items()) if isinstance(value, dict) else str(value)
