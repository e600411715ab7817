"""Names as arguments and as parts of messages."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

_COMMAND = " (command: "
_FOLDERS = re.compile(r"(?<![\w.])/(?:[^\s/:;'\"|,()]+/)+")
_NUMBER = re.compile(r"[-+]?[0-9.][0-9.,:%eE+-]*")


def file_argument(path: Path) -> str:
    """A path as an argument that no program takes for an option or a protocol (``-i.png``, ``http:x.png``)."""
    return str(path.absolute())


def one_line(text: str) -> str:
    """The text with line ends, control characters and undecodable bytes escaped, so that a message stays a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def as_utf8(text: str) -> str:
    r"""The text as UTF-8 can hold it: bytes of file names that are none are shown as ``\xff``.

    In a locale that is not UTF-8 file names reach Python as such bytes: those that are UTF-8 become letters again.
    """
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can hold
        raw = text.encode("utf-8", "backslashreplace")
    return raw.decode("utf-8", "backslashreplace")


def spreadsheet_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe goes before one that begins like it.

    Numbers with a sign stay as they are.
    """
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") and not _NUMBER.fullmatch(text) else text


def failure_line(arguments: list[str], reason: str, output: str) -> str:
    """One line for a program that failed: its name, the reason, the last lines it wrote, its short command."""
    # Programs that redraw a progress line end it with \r: only what they wrote last is of use.
    lines = [line.strip() for line in output.replace("\r", "\n").splitlines() if line.strip()]
    message = one_line(" | ".join(lines[-3:]))
    if len(message) > 500:
        message = "..." + message[-500:]
    command = one_line(shlex.join(arguments))
    if len(command) > 300:
        command = f"{command[:200]} ... {command[-95:]}"
    name = one_line(Path(arguments[0]).name)
    return f"{name} {reason}: {message or 'it wrote no message'}{_COMMAND}{command})"


def without_places(line: str) -> str:
    """A failure line as a record keeps it: without its command, and without folders, which every run has of its own."""
    return _FOLDERS.sub("", line.partition(_COMMAND)[0])


def count(number: int, noun: str) -> str:
    """``1 picture``, ``2,000 pictures``, ``3 more classes``."""
    plural = f"{noun}es" if noun.endswith("s") else f"{noun}s"
    return f"{number:,} {noun if number == 1 else plural}"


def duration(seconds: float) -> str:
    """A time to show: ``40 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
