"""What ``cache`` prints for human readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vcmpipe.cli.show import console, print_facts, print_table
from vcmpipe.process.text import count

if TYPE_CHECKING:
    from vcmpipe.commands.cache import CacheReport


def counted(report: CacheReport) -> None:
    """What a cache holds by kind, and what was removed."""
    screen = console()
    if report.kinds:
        rows = [(kind, f"{own.entries:,}", f"{own.bytes:,}") for kind, own in report.kinds.items()]
        print_table(screen, ("kind", "entries", "bytes"), rows)
        screen.print()
    facts = [("folder", report.folder), ("entries", f"{report.entries:,}"), ("size", f"{report.bytes:,} bytes")]
    if report.removed:
        facts.append(("removed", f"{count(report.removed, 'file')}, {report.freed:,} bytes"))
    print_facts(screen, facts)
