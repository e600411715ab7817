"""One line of text out of what other libraries raise."""

from __future__ import annotations

import re


def reason(error: BaseException, limit: int = 200) -> str:
    """The message of an exception, in one line of plain characters, cut at ``limit``; its type where it is empty."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # colours
    text = " ".join(plain.encode("ascii", "ignore").decode().split())
    return (text.removeprefix("ERROR ") or type(error).__name__)[:limit]
