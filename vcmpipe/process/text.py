"""Names as arguments and as parts of messages."""

from __future__ import annotations

import shlex
from pathlib import Path


def file_argument(path: Path) -> str:
    """A path as an argument that no program takes for an option or a protocol (``-i.png``, ``http:x.png``)."""
    return str(path.absolute())


def one_line(text: str) -> str:
    """The text with line ends, control characters and undecodable bytes escaped, so that a message stays a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


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
    return f"{name} {reason}: {message or 'it wrote no message'} (command: {command})"


def count(number: int, noun: str) -> str:
    """``1 picture``, ``2,000 pictures``."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
