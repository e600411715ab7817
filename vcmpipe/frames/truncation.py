"""Whether a video file is as long as its container says: demuxers take a cut Matroska or AVI file for a short one."""

from __future__ import annotations

from pathlib import Path

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"


def stated_end(path: Path) -> int | None:
    """The number of bytes that a Matroska, WebM or AVI file states it has; None where it, or another kind, does not."""
    with path.open("rb") as file:
        head = file.read(4096)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        size = int.from_bytes(head[4:8], "little")
        return 8 + size if size else None  # 0: a recording that was broken off
    if head[:4] != _EBML:
        return None
    header, place = _size(head, 4)
    if header is None or head[place + header : place + header + 4] != _SEGMENT:
        return None
    segment, place = _size(head, place + header + 4)
    return None if segment is None else place + segment


def _size(data: bytes, place: int) -> tuple[int | None, int]:
    """An EBML element's size (RFC 8794 section 6; None where it is unknown, as in a live recording) and its end."""
    first = data[place] if place < len(data) else 0
    length = 9 - first.bit_length()
    raw = data[place : place + length]
    if not first or len(raw) < length:
        return None, place
    bits = 7 * length
    value = int.from_bytes(raw, "big") & ((1 << bits) - 1)
    return (None if value == (1 << bits) - 1 else value), place + length
