"""The report of a bench: a page for people, the same tables in Markdown, and files for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vcmpipe import process
from vcmpipe.bench import breakdowns, files, tables
from vcmpipe.bench.gallery import Gallery, ShownVersion
from vcmpipe.bench.result import BenchResult
from vcmpipe.bench.tables import Table

PAGE = Path(__file__).with_name("page")
REPORT = ("result.json", "points.csv", "methods.csv", "classes.csv", "pictures.csv", "report.md", "report.html")
"""The files of a report."""


def write_report(result: BenchResult, folder: Path, gallery: Gallery | None = None) -> None:
    """Write ``report.html``, ``report.md``, four CSV files and ``result.json`` into a folder.

    The same result gives the same bytes. Each file is published whole; older ones of these names are replaced.

    Args:
        result: The bench.
        folder: Made where it is missing.
        gallery: Pictures for the page.

    Raises:
        OutputError: A file cannot be written.
    """
    # Everything is made before anything is written: a fault in between leaves the older report as it was.
    contents = (
        json.dumps(result.to_dict(), indent=2) + "\n",
        files.as_csv(files.point_records(result)),
        files.as_csv(files.method_records(result)),
        files.as_csv(files.class_records(result)),
        files.as_csv(list(files.picture_records(result))),
        as_markdown(result),
        as_html(result, gallery or Gallery()),
    )
    for name, text in zip(REPORT, contents, strict=True):
        with process.publish(folder / name) as path:
            path.write_text(text, encoding="utf-8", newline="\n")


def as_markdown(result: BenchResult) -> str:
    """The report in Markdown."""
    parts = ["# vcmpipe bench", tables.headline(result), f"{tables.setting(result)}."]
    parts += [_bullets(tables.cautions(result)), "## Methods"]
    for table in tables.summaries(result):
        parts += [f"### {table.title}", _markdown_table(table), _bullets(table.notes)]
    details = breakdowns.tables(result)
    parts += ["## Details"] if details else []
    for table in details:
        parts += [f"### {table.title}", _markdown_table(table), _bullets(table.notes)]
    points = tables.points(result)
    parts += [
        "## Operating points",
        _markdown_table(points),
        _bullets(points.notes),
        "## How it was made",
        f"    {breakdowns.command_line(result.configuration)}",
        _markdown_table(breakdowns.configuration(result)),
        _markdown_table(breakdowns.provenance(result)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_table(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_cell(cell) for cell in cells) + " |"

    rule = "|" + "|".join("---" if i < table.words else "---:" for i in range(len(table.heads))) + "|"
    return "\n".join([line(table.heads), rule, *(line(row) for row in table.rows)])


def _cell(text: str) -> str:
    """A cell on one line: its interval in brackets."""
    figure, *more = text.replace("\\", "\\\\").replace("|", "\\|").split("\n")
    return f"{figure} ({', '.join(more)})" if more else figure


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def as_html(result: BenchResult, gallery: Gallery) -> str:
    """The report as one page that needs nothing else: no network, no further files."""
    import jinja2
    from markupsafe import Markup

    from vcmpipe.bench.plots import plots
    from vcmpipe.bench.savings import savings
    from vcmpipe.bench.styles import styles

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    details = breakdowns.tables(result)
    shown = bool(gallery.pictures)
    parts = [("methods", "Methods"), ("curves", "Rate and quality"), *([("gallery", "Pictures")] if shown else [])]
    parts += [
        *([("details", "Details")] if details else []),
        ("points", "Operating points"),
        ("made", "How it was made"),
    ]
    look = environment.get_template("style.css.jinja").render(styles=[style for _, style in styles(result)])
    # matplotlib escapes its own text; the style and the script are files of this package.
    return (
        environment.get_template("page.html.jinja").render(
            style=Markup(look),
            script=Markup((PAGE / "script.js").read_text(encoding="utf-8")),
            headline=tables.headline(result),
            setting=tables.setting(result),
            cautions=tables.cautions(result),
            parts=parts,
            savings=[{"svg": Markup(plot.svg)} for plot in savings(result)],
            summaries=_summaries(result),
            plots=[{"svg": Markup(plot.svg)} for plot in plots(result)],
            gallery=Markup(gallery_data(gallery)) if shown else "",
            gallery_note=gallery_note(gallery),
            breakdowns=details,
            points=tables.points(result),
            command=breakdowns.command_line(result.configuration),
            configuration=breakdowns.configuration(result),
            provenance=breakdowns.provenance(result),
        )
        + "\n"
    )


def _summaries(result: BenchResult) -> list[Table]:
    """The page is wide enough to have savings and BD-rates against an anchor beside each other."""
    both = [
        tables.side_by_side(tables.saved(result, anchor), tables.bd_rates(result, anchor), f"Against {anchor}")
        for anchor in result.anchors
    ]
    return [tables.rates(result), *(table for table in both if table.rows)]


def gallery_note(gallery: Gallery) -> str:
    """What is shown of how many."""
    count = len(gallery.pictures)
    text = f"{count:,} of {gallery.of:,} pictures" if count < gallery.of else f"All {gallery.of:,} pictures"
    text += ", those with lost objects first."
    if gallery.held < gallery.of:
        text += f" They are chosen among the first {gallery.held:,} that could be held in memory."
    return (
        f"{text} Left of the line is the source, right of it the decoded picture: move the slider, drag in the "
        "picture, or use the arrow keys."
    )


def gallery_data(gallery: Gallery) -> str:
    """The pictures as JSON that can stand inside a script element."""
    data = [
        {
            "name": picture.name,
            "size": picture.size,
            "image": picture.image,
            "versions": [_version(version) for version in picture.versions],
        }
        for picture in gallery.pictures
    ]
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _version(version: ShownVersion) -> dict[str, Any]:
    return {
        "method": version.method,
        "label": version.label,
        "bytes": version.bytes,
        "psnr": version.psnr_y,
        "size": version.size,
        "how": version.how,
        "image": version.image,
        "things": [[*thing.box, thing.state, thing.name, thing.score] for thing in version.things],
        "cell": version.cell,
        "qps": version.qps,
        "regions": version.regions,
    }
