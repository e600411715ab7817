"""The part of a page in docs/ that a script of benchmarks/ writes, between two marks that name the script."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"


def read_part(page: str, script: str) -> str:
    """What a script's part of a page holds now."""
    return _split(page, script)[1].strip("\n")


def write_part(page: str, script: str, text: str) -> None:
    """Replace a script's part of a page.

    Args:
        page: Its file name in docs/.
        script: The script's name, without folder and ending.
        text: What the part is to hold.
    """
    before, _, after = _split(page, script)
    (DOCS / page).write_text(f"{before}\n{text}\n{after}")


def _split(page: str, script: str) -> tuple[str, str, str]:
    """The page up to and with the first mark, the part, and the page from the second mark on."""
    name = script.replace("_", " ")
    begin, end = f"<!-- {name}: begin (written by benchmarks/{script}.py) -->", f"<!-- {name}: end -->"
    text = (DOCS / page).read_text()
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise SystemExit(f"{page} has no part between {begin} and {end}")
    before, rest = text.split(begin)
    part, after = rest.split(end)
    return before + begin, part, end + after
