"""The report of a bench: a page for readers, the same tables in Markdown, and files for programs."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from vcmpipe import process
from vcmpipe.bench import breakdowns, files, tables
from vcmpipe.bench.film import Film
from vcmpipe.bench.gallery import Gallery
from vcmpipe.bench.headline import headline, title
from vcmpipe.bench.result import BenchResult
from vcmpipe.bench.short_paths import NOTE, with_short_paths
from vcmpipe.bench.tables import Table
from vcmpipe.process.text import as_utf8, count, one_line

PAGE = Path(__file__).with_name("page")
TABLES = ("points", "methods", "classes", "pictures", "sequences")
"""What is written as CSV and, where pyarrow is installed, as Parquet."""
REPORT = (
    "result.json",
    *(f"{name}{ending}" for name in TABLES for ending in (".csv", ".parquet")),
    "report.md",
    "report.html",
)
"""The files of a report; without sequences there is none of them, and no Parquet of a table without rows."""


def write_report(result: BenchResult, folder: Path, gallery: Gallery | None = None) -> None:
    """Write ``report.html``, ``report.md``, the tables and ``result.json`` into a folder.

    The same result gives the same bytes. Each file is published whole; older ones of these names are replaced.

    Args:
        result: The bench.
        folder: Made where it is missing.
        gallery: Pictures for the page.

    Raises:
        OutputError: A file cannot be written.
    """
    # Everything is made before anything is written: a fault in between leaves the older report as it was.
    contents = {"result.json": json.dumps(result.to_dict(), indent=2) + "\n"}
    contents |= {"report.md": as_markdown(result), "report.html": as_html(result, gallery or Gallery())}
    binary: dict[str, bytes] = {}
    for name, records in _records(result).items():
        if name != "sequences" or result.sequences:
            contents[f"{name}.csv"] = files.as_csv(records)
        if (table := files.as_parquet(records)) is not None:
            binary[f"{name}.parquet"] = table
    encoded = {name: as_utf8(text).encode("utf-8") for name, text in contents.items()} | binary
    for name in sorted(encoded, key=REPORT.index):
        with process.publish(folder / name) as path:
            path.write_bytes(encoded[name])
    _remove(set(REPORT) - set(encoded), folder)


def _records(result: BenchResult) -> dict[str, list[files.Record]]:
    return {
        "points": files.point_records(result),
        "methods": files.method_records(result),
        "classes": files.class_records(result),
        "pictures": list(files.picture_records(result)),
        "sequences": list(files.sequence_records(result)) if result.sequences else [],
    }


def remove_older(result: BenchResult, folder: Path) -> None:
    """Remove what an older report has left in a folder and this one does not have.

    Raises:
        OutputError: It cannot be removed.
    """
    empty = [name for name, records in _records(result).items() if not records or find_spec("pyarrow") is None]
    older = {f"{name}.parquet" for name in empty} | ({"sequences.csv"} if not result.sequences else set())
    _remove(older, folder)


def _remove(names: Iterable[str], folder: Path) -> None:
    for name in names:
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise process.output_error(folder / name, error) from error


def as_markdown(result: BenchResult) -> str:
    """The report in Markdown; paths in it are short."""
    result = with_short_paths(result)
    parts = [f"# {_text(title(result))}", _text(" ".join(headline(result))), _text(f"{tables.setting(result)}.")]
    parts += [_bullets(tables.cautions(result)), _section(tables.methods(result), "##")]
    parts += [_section(table) for table in tables.summaries(result)]
    details = breakdowns.tables(result)
    parts += ["## Details"] if details else []
    parts += [_section(table) for table in details]
    parts += [
        _section(tables.points(result), "##"),
        "## How it was made",
        f"    {one_line(as_utf8(breakdowns.command_line(result.configuration)))}",
        NOTE,
        _markdown_table(breakdowns.configuration(result)),
        _markdown_table(breakdowns.provenance(result)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _section(table: Table, level: str = "###") -> str:
    return "\n\n".join(filter(None, (f"{level} {_text(table.title)}", _markdown_table(table), _bullets(table.notes))))


def _markdown_table(table: Table) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(_cell(cell) for cell in cells) + " |"

    rule = "|" + "|".join("---" if i < table.labels else "---:" for i in range(len(table.heads))) + "|"
    return "\n".join([line(table.heads), rule, *(line(row) for row in table.rows)])


def _cell(text: str) -> str:
    """A cell on one line: its interval in brackets."""
    figure, *more = (_text(line).replace("|", "\\|") for line in text.split("\n"))
    return f"{figure} ({', '.join(more)})" if more else figure


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {_text(line)}" for line in lines)


def _text(text: str) -> str:
    """Text on one line that Markdown takes for neither HTML nor a link nor code: it may hold a stranger's names."""
    plain = one_line(as_utf8(text)).replace("\\", "\\\\").replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"[\[\]`]", r"\\\g<0>", plain)


def as_html(result: BenchResult, gallery: Gallery) -> str:
    """The report as one page that needs nothing else: no network, no further files; paths in it are short."""
    import jinja2
    from markupsafe import Markup

    from vcmpipe.bench.keys import keys
    from vcmpipe.bench.plots import plots
    from vcmpipe.bench.savings import savings
    from vcmpipe.bench.styles import styles
    from vcmpipe.bench.timelines import timelines

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE),
        autoescape=lambda name: name is not None and ".html" in name,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    result = with_short_paths(result)
    details = breakdowns.tables(result)
    shown, film = bool(gallery.pictures), gallery.film
    parts = {"methods": "Methods", "curves": "Rate and quality"}
    parts |= {"time": "Over time"} if result.sequences else {}
    parts |= {"gallery": "Pictures"} if shown else {}
    parts |= {"details": "Details"} if details else {}
    parts |= {"points": "Operating points", "made": "How it was made"}
    style = environment.get_template("style.css.jinja").render(styles=[each for _, each in styles(result)])
    # matplotlib escapes its own text; the style and the script are files of this package.
    return (
        environment.get_template("page.html.jinja").render(
            style=Markup(style),
            script=Markup((PAGE / "script.js").read_text(encoding="utf-8")),
            title=title(result),
            item=result.item,
            keys={
                part: [dataclasses.replace(key, drawing=Markup(key.drawing)) for key in keys(result, part)]
                for part in ("methods", "curves", "time")
            },
            labels=tables.methods(result).notes,
            headline=headline(result),
            setting=tables.setting(result),
            cautions=tables.cautions(result),
            parts=parts.items(),
            savings=[Markup(plot) for plot in savings(result)],
            summaries=_summaries(result),
            plots=[Markup(plot) for plot in plots(result)],
            timelines=[Markup(plot) for plot in timelines(result)],
            film=film,
            film_note=film_note(film),
            gallery=Markup(gallery_data(gallery)) if shown else "",
            gallery_note=gallery_note(gallery),
            opens=gallery.opens,
            paths=NOTE,
            breakdowns=details,
            points=tables.points(result),
            command=breakdowns.command_line(result.configuration),
            configuration=breakdowns.configuration(result),
            provenance=breakdowns.provenance(result),
        )
        + "\n"
    )


# Columns for which the page is wide enough.
_COLUMNS = 11


def _summaries(result: BenchResult) -> list[Table]:
    """Savings and BD-rates against an anchor stand beside each other where the page is wide enough."""
    found = tables.summaries(result)
    both = [
        tables.side_by_side(tables.saved(result, anchor), tables.bd_rates(result, anchor), f"Against {anchor}")
        for anchor in result.anchors
    ]
    if any(len(table.heads) > _COLUMNS for table in both):
        return found
    more = [tables.saved_tracks(result, anchor) for anchor in result.anchors]
    return [found[0], *(table for pair in zip(both, more, strict=True) for table in pair if table.rows)]


def gallery_note(gallery: Gallery) -> str:
    """What is shown of how many."""
    number = len(gallery.pictures)
    item = gallery.item
    text = f"{number:,} of {gallery.of:,} {item}s" if number < gallery.of else f"All {gallery.of:,} {item}s"
    text += ", those with lost objects first"
    if item == "segment":
        text += (
            ", each by its frame with the most objects. Every object of that frame counts here; retention counts those "
            "that are followed in tracks"
        )
    text += "."
    if gallery.opens:
        text += f" They open on {gallery.opens}, the method that lost most of those that are shown."
    if gallery.held < gallery.of:
        text += f" They are chosen among the first {gallery.held:,} that could be held in memory."
    return (
        f"{text} Left of the line is the source, right of it the decoded picture: move the slider, drag in the "
        "picture, or use the arrow keys."
    )


def film_note(film: Film) -> str:
    """What clips and strips show."""
    text = f"Source on the left, {film.point} on the right; instances of tracks are framed, orange where they are lost."
    if not film.strips:
        return text
    shown = f"{len(film.strips):,} of {count(film.lost, 'lost track')}"
    return f"{text} Below, {shown}: frames of the source above, decoded below, orange where the detector misses them."


def gallery_data(gallery: Gallery) -> str:
    """The pictures as JSON that can stand inside a script element."""
    text = json.dumps([dataclasses.asdict(picture) for picture in gallery.pictures], separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
