"""Reading files from outside: regular files only, and no more bytes than a file of their kind can have."""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line

LARGEST_DOCUMENT = 1 << 28
"""Bytes of the largest text or table that people and other programs hand us: annotations of some 10^5 pictures."""
LARGEST_ANNOTATIONS = 1 << 30
"""Bytes of the largest file of annotations: COCO's own have half of that."""
LARGEST_CARD = 1 << 24
"""Bytes of the largest description of one thing: weights' cards, manifests, descriptions of encoders."""
LARGEST_PICTURE = 1 << 29
"""Bytes of the largest file of one picture: 89 million pixels of 16 bits, uncompressed."""
LARGEST_WEIGHTS = 1 << 33
"""Bytes of the largest file of weights, or of the largest table."""
LARGEST_STREAM = 1 << 34
"""Bytes of the largest stream: it is read whole, and this is what takes hours at hundreds of Mbit/s."""


def read_file(path: Path, limit: int, what: str = "") -> bytes:
    """What a regular file holds.

    A pipe or a device, which may never end or never begin, is not waited for.

    Args:
        path: The file; links are followed.
        limit: The most bytes that it may have.
        what: What messages call it before its path, such as ``the sidecar``.

    Raises:
        InputError: It is missing, no regular file, larger than ``limit``, or cannot be read.
    """
    shown = f"{what} {one_line(str(path))}".strip()
    try:
        # Not blocking: a pipe that nobody writes to would be waited for in open().
        handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | _CLOEXEC)
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            os.close(handle)
            raise _no_file(shown, info.st_mode)
        with os.fdopen(handle, "rb") as file:
            if info.st_size <= limit:
                # What is asked for is set aside at once; and it may grow, and files of /proc state no size.
                pieces, left = [file.read(info.st_size)], limit - info.st_size
                while left >= 0 and (piece := file.read(min(left, _PIECE) + 1)):
                    pieces.append(piece)
                    left -= len(piece)
                if left >= 0:
                    return b"".join(pieces)
    except (OSError, ValueError) as error:
        raise unreadable(shown, error) from error
    raise _too_large(shown, limit)


def check_file(path: Path, limit: int, what: str = "") -> None:
    """The same refusals for a file that a library reads by its name.

    Raises:
        InputError: As ``read_file``.
    """
    shown = f"{what} {one_line(str(path))}".strip()
    try:
        info = path.stat()
    except (OSError, ValueError) as error:
        raise unreadable(shown, error) from error
    if not stat.S_ISREG(info.st_mode):
        raise _no_file(shown, info.st_mode)
    if info.st_size > limit:
        raise _too_large(shown, limit)


def unreadable(shown: str, error: OSError | ValueError) -> InputError:
    """The error for a path that the system will not let us read, or that cannot be one (ValueError)."""
    if isinstance(error, FileNotFoundError):
        return InputError(f"{shown} does not exist: check the path")
    if isinstance(error, PermissionError):
        return InputError(f"{shown} cannot be read: permission denied; change its mode or copy it")
    return InputError(f"{shown} cannot be read: {one_line(getattr(error, 'strerror', None) or str(error))}")


def _no_file(shown: str, mode: int) -> InputError:
    kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file (a pipe or a device)"
    return InputError(f"{shown} is {kind}: name a file")


def _too_large(shown: str, limit: int) -> InputError:
    return InputError(f"{shown} has more than {limit:,} bytes, more than such a file can have: name another")


_PIECE = 1 << 20
_WHOLE = 1 << 63
_CLOEXEC = getattr(os, "O_CLOEXEC", 0)


def read_text(path: Path, limit: int, what: str = "") -> str:
    """The text of a regular file in UTF-8, with or without a byte order mark. Otherwise as ``read_file``.

    Raises:
        InputError: As there, or it is not UTF-8.
    """
    try:
        text = read_file(path, limit, what).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        shown = f"{what} {one_line(str(path))}".strip()
        raise InputError(f"{shown} is not text in UTF-8 (byte {error.start}): save it as UTF-8") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Path, limit: int, what: str = "") -> Any:
    """The value of a JSON file; see ``parse_json``.

    Raises:
        InputError: It cannot be read (see ``read_file``), or is no JSON; the message names it.
    """
    data = read_file(path, limit, what)
    try:
        return parse_json(data)
    except ValueError as error:
        raise InputError(f"{what} {one_line(str(path))} is damaged or no JSON: {error}".strip()) from error


def parse_json(data: bytes | str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The value of JSON text.

    Numbers that are not finite, which JSON does not have, are refused, and whole numbers of more than 64 bits, which
    neither arrays nor files of ours can hold.

    ``pairs`` makes an object's value, as ``object_pairs_hook`` of ``json.loads``.

    Raises:
        ValueError: It is none, or nested too deeply; the message is one line.
    """
    try:
        return json.loads(data, object_pairs_hook=pairs, parse_int=_whole, parse_float=_finite, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:
        raise ValueError(one_line(str(error))[:200]) from error


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refuse(text[:40])


def _whole(text: str) -> int:
    value = int(text)
    return value if -_WHOLE <= value < _WHOLE else _refuse(text[:40])


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number")
