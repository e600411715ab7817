"""How a file says that ``decode`` wrote it, so that it may be replaced by the next one, and no other file is."""

from __future__ import annotations

import hashlib
import mmap
import struct
import zlib
from pathlib import Path

PNG_HEAD = 33
"""Bytes of a PNG's signature and its chunk IHDR, behind which the mark stands."""
Y4M_MARK = "XVCMPIPE-DECODE"
"""A comment in the header of a y4m; short, for FFmpeg reads headers of 128 bytes at most."""
_EARLIER_Y4M_MARK = "XWRITER=vcmpipe-decode"

_TEXT = b"vcmpipe decode, sha256 "
_PNG_TEXT = b"Software\0" + _TEXT
_PNG_MARK_SIZE = 12 + len(_PNG_TEXT) + 64
PREVIEW_COMMENT = _TEXT.decode() + "0" * 64
"""The comment of a preview (MP4, Matroska) while it is written; ``seal`` puts the digest in."""


def is_decoded(path: Path) -> bool:
    """Whether ``decode`` wrote a file: a y4m, or a PNG or preview unchanged since; OSError where it cannot be read."""
    with path.open("rb") as file:
        head = file.read(PNG_HEAD)
        if head.startswith(b"YUV4MPEG2"):
            comments = (head + file.readline(1024)).split(b"\n")[0].decode("latin-1").split(" ")
            return Y4M_MARK in comments or _EARLIER_Y4M_MARK in comments
        if head[4:8] == b"ftyp" or head.startswith(b"\x1a\x45\xdf\xa3"):
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                place = data.find(_TEXT) + len(_TEXT)
                return place >= len(_TEXT) and data[place : place + 64] == _digest(data, place)
        mark = file.read(_PNG_MARK_SIZE)
        return mark[4:].startswith(b"tEXt" + _PNG_TEXT) and png_mark(head + file.read()) == mark


def png_mark(data: bytes) -> bytes:
    """The text chunk, after the first chunk of a PNG, that names the writer and the digest of all the rest."""
    body = b"tEXt" + _PNG_TEXT + hashlib.sha256(data).hexdigest().encode()
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def seal(path: Path) -> None:
    """Put the digest of a finished preview into its comment: whoever edits it or copies its tags makes another file."""
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as data:
        place = data.find(PREVIEW_COMMENT.encode()) + len(_TEXT)
        if place >= len(_TEXT):
            data[place : place + 64] = _digest(data, place)


def _digest(data: mmap.mmap, place: int) -> bytes:
    """The digest of a preview as it was before its digest was put in at ``place``."""
    with memoryview(data) as whole:
        digest = hashlib.sha256(whole[:place])
        digest.update(b"0" * 64)
        digest.update(whole[place + 64 :])
    return digest.hexdigest().encode()
