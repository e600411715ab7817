"""How long work reports: progress, and what the user should know."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Progress = Callable[[int, int | None], None]
"""Called with the number done and the total, or None where the total is not known."""

Warn = Callable[[str], None]
"""Called with one line that the user should know."""


def warn_of(warn: Warn, what: str, notes: Sequence[str]) -> None:
    """One line for however many notes; the sidecar has them all."""
    if notes:
        more = f" (and {len(notes) - 1} more note{'s' * (len(notes) > 2)})" if len(notes) > 1 else ""
        warn(f"{what}: {notes[0]}{more}")
