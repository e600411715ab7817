"""One file from a server: whole and as it was described, or not at all; what broke off goes on where it stopped."""

from __future__ import annotations

import hashlib
import ssl
import time
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from vcmpipe.errors import VcmError
from vcmpipe.plugins.published import RemoteFile
from vcmpipe.process import one_line, only_writer, output_error
from vcmpipe.process.outputs import make_parents, replace_together

_PATIENCE = 20
"""Seconds without a connection, or without a byte."""
_CHUNK = 1 << 20
_RETRIES = 3
"""Times in a row that a connection that broke off without a byte is tried again, after some bytes had come."""


class _AnotherFileError(VcmError):
    """What is there is not what was described."""


def download(file: RemoteFile, path: Path) -> Iterator[int]:
    """Fetch a file.

    What has come is kept beside it (``NAME.part``) until it is whole, and fetching goes on from there: in the same run
    where a connection breaks off, and in the next one where the run ends. A server that knows no ranges sends all of it
    again.

    Yields:
        The bytes that are here so far.

    Raises:
        VcmError: It cannot be had, or is another one.
        InputError: Another run fetches it.
        OutputError: The place cannot be written to.
    """
    part = path.with_name(f"{path.name}.part")
    made: list[Path] = []
    try:
        try:
            make_parents(path.parent, made)
        except OSError as error:
            raise output_error(path, error) from error
        with only_writer(path):
            resumed = part.is_file()
            try:
                yield from _complete(file, path, part)
            except _AnotherFileError:
                # What an earlier run left may be of another file.
                part.unlink(missing_ok=True)
                if not resumed:
                    raise
                yield from _complete(file, path, part)
            replace_together([(part, path)])
    finally:
        for folder in reversed(made):
            if not any(folder.iterdir()):
                folder.rmdir()


def _complete(file: RemoteFile, path: Path, part: Path) -> Iterator[int]:
    """Fetch what is missing of a part, as often as the connection breaks off, and hold it against the description."""
    first = _size(part)
    idle = 0
    while (size := _size(part)) < file.bytes:
        try:
            yield from _more(file, path, part)
            if _size(part) < file.bytes:
                raise ConnectionError(f"the connection ended after {_size(part):,} of {file.bytes:,} bytes")
        except (OSError, HTTPException) as error:
            idle = 0 if _size(part) > size else idle + 1
            # Where nothing has come in this run, nobody waits for a server that may not be there.
            if _is_final(error) or idle > _RETRIES or _size(part) == first:
                raise _cannot(file, path, _size(part), error) from error
            time.sleep(idle)
    with part.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    size = _size(part)
    if (size, digest) != (file.bytes, file.sha256):
        part.unlink()
        raise _another(file, f"{size:,} bytes{' or more' * (size > file.bytes)} of SHA-256 {digest[:12]}...")


def _more(file: RemoteFile, path: Path, part: Path) -> Iterator[int]:
    """Append to a part what a server sends in one answer."""
    size = _size(part)
    headers = {"User-Agent": "vcmpipe"} | ({"Range": f"bytes={size}-"} if size else {})
    with urlopen(Request(file.url, headers=headers), timeout=_PATIENCE) as answer:
        if file.url.startswith("https:") and not answer.url.startswith("https:"):
            raise VcmError(f"{file.url} leads to {answer.url}, which is not https: nothing was fetched")
        if not (answer.status == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {size}-")):
            size = 0  # all of it, from the beginning
        stated = _length(answer)
        if stated is not None and size + stated != file.bytes:
            raise _another(file, f"{size + stated:,} bytes")
        try:
            written = part.open("ab" if size else "wb")
        except OSError as error:
            raise output_error(path, error) from error
        with written:
            while size <= file.bytes and (chunk := answer.read(_CHUNK)):
                size += len(chunk)
                try:
                    written.write(chunk)
                except OSError as error:
                    raise output_error(path, error) from error
                yield size


def _size(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _length(answer: HTTPResponse) -> int | None:
    """The bytes that an answer states to have."""
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _is_final(error: Exception) -> bool:
    """Whether trying again at once is of no use."""
    return isinstance(error, HTTPError) and error.code < 500


def _another(file: RemoteFile, found: str) -> _AnotherFileError:
    return _AnotherFileError(
        f"{file.url} is not the file that was described: {found}, where {file.bytes:,} of SHA-256 "
        f"{file.sha256[:12]}... were expected; it was changed, or damaged on the way"
    )


def _cannot(file: RemoteFile, path: Path, size: int, error: Exception) -> VcmError:
    """What to say of a file that cannot be had, of which some bytes may have come."""
    cause = error.reason if isinstance(error, URLError) else error
    kept = f"; the {size:,} bytes that came are kept, and the next run continues with them" if size else ""
    if isinstance(error, HTTPError):
        if error.code == 416:
            return _another(file, f"fewer than {size:,} bytes")
        return VcmError(
            f"{file.url} cannot be fetched (HTTP {error.code} {one_line(str(error.reason))}){kept}: try again later, "
            "or take it from where its description says"
        )
    if isinstance(error, URLError) and isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError):
        return VcmError(
            f"{file.url} cannot be fetched: {urlsplit(file.url).hostname} cannot be reached "
            f"({one_line(cause.strerror or str(cause))}){kept}; where this machine is offline, bring the file from "
            f"another one to {one_line(str(path))}"
        )
    return VcmError(f"{file.url} cannot be fetched ({one_line(str(cause))}){kept}: try again later")
