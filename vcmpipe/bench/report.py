"""The report of a bench: a page for people, the same tables in Markdown, and files for programs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vcmpipe import process
from vcmpipe.bench import tables
from vcmpipe.bench.result import BenchResult
from vcmpipe.bench.tables import Table

TEMPLATE = Path(__file__).with_name("report.html.jinja")


def write_report(result: BenchResult, folder: Path) -> None:
    """Write ``report.html``, ``report.md``, ``points.csv``, ``methods.csv`` and ``result.json`` into a folder.

    The same result gives the same bytes. Each file is published whole; older ones of these names are replaced.

    Args:
        result: The bench.
        folder: Made where it is missing.

    Raises:
        OutputError: A file cannot be written.
    """
    # Everything is made before anything is written: a fault in between leaves the older report as it was.
    files = {
        "result.json": json.dumps(result.to_dict(), indent=2) + "\n",
        "points.csv": as_csv(tables.flat_points(result)),
        "methods.csv": as_csv(tables.flat_methods(result)),
        "report.md": as_markdown(result),
        "report.html": as_html(result),
    }
    for name, text in files.items():
        with process.publish(folder / name) as path:
            path.write_text(text, encoding="utf-8", newline="\n")


def as_csv(records: Sequence[dict[str, Any]]) -> str:
    """Records of equal keys as CSV; a missing value is an empty field. Without records: nothing."""
    buffer = io.StringIO()
    if records:
        writer = csv.DictWriter(buffer, list(records[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(records)
    return buffer.getvalue()


def as_markdown(result: BenchResult) -> str:
    """The report in Markdown."""
    summary, points = tables.summary(result), tables.points(result)
    parts = [
        "# vcmpipe bench",
        tables.headline(result),
        f"{tables.setting(result)}.",
        "## Methods",
        _markdown_table(summary),
        _markdown_notes(summary),
        "## Operating points",
        _markdown_table(points),
        _markdown_notes(points),
        "## Configuration",
        f"    {tables.command_line(result.configuration)}",
        _markdown_table(tables.configuration(result)),
        "## Provenance",
        _markdown_table(tables.provenance(result)),
    ]
    return "\n\n".join(parts) + "\n"


def _markdown_table(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("\\", "\\\\").replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "|".join("---" if i < table.words else "---:" for i in range(len(table.heads))) + "|"
    return "\n".join([line(table.heads), rule, *(line(row) for row in table.rows)])


def _markdown_notes(table: Table) -> str:
    return "\n".join(f"- {note}" for note in table.notes)


def as_html(result: BenchResult) -> str:
    """The report as one page that needs nothing else: no network, no scripts, no further files."""
    import jinja2
    from markupsafe import Markup

    from vcmpipe.bench.plots import plots, styles

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return (
        template.render(
            headline=tables.headline(result),
            setting=tables.setting(result),
            summary=tables.summary(result),
            points=tables.points(result),
            configuration=tables.configuration(result),
            provenance=tables.provenance(result),
            command=tables.command_line(result.configuration),
            # matplotlib escapes its own text.
            plots=[{"title": plot.title, "svg": Markup(plot.svg)} for plot in plots(result)],
            styles=[style for _, style in styles(result)],
        )
        + "\n"
    )
