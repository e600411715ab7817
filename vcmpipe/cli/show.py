"""Results for human readers, on stdout: aligned tables on a terminal, the same without colours and cuts in a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from vcmpipe.process.text import count, one_line
from vcmpipe.sidecar import Verdict

if TYPE_CHECKING:
    from vcmpipe.bench import BenchResult
    from vcmpipe.bench.tables import Table as Cells
    from vcmpipe.bitstream import PictureInfo, StreamInfo
    from vcmpipe.coding.conformance import MapCheck
    from vcmpipe.coding.stored_streams import ContainerFacts
    from vcmpipe.commands.decode import DecodeReport
    from vcmpipe.commands.extract import ExtractReport

# Columns where stdout is no terminal: what reads it wraps, if it wants to.
WIDTH = 100
# Pictures that get a row of their own.
PICTURES = 20
FAULTS = 20
# Columns of a bench's table that only repeat another one, those of wide ones that the report shows alone, in the order
# in which they go, and how many a terminal has room for.
_REPEATED, _SPARE, _COLUMNS = ("kept", "saved", "AP50 vs source"), ("2nd AP vs source", "bpp", "AP50", "PSNR-Y"), 10
# Columns that a column of text keeps, however narrow the terminal is.
_FOLDED = 12


class Screen(Console):
    """rich's console, but that the reader of a pipe left is for ``main`` to judge."""

    def put(self, text: str) -> None:
        """Print one line, neither cut nor wrapped: it may hold paths and commands, and names that a stranger gave."""
        self.print(one_line(text), soft_wrap=True)

    def on_broken_pipe(self) -> None:
        """Called while the BrokenPipeError is being handled; rich itself would exit with 1 here."""
        raise


def console(*, stderr: bool = False) -> Screen:
    """Stdout or stderr, taking text as it is: file names may hold what rich would read as markup."""
    out = Screen(highlight=False, markup=False, emoji=False, soft_wrap=False, stderr=stderr)
    if not out.is_terminal:
        out.width = max(out.width, WIDTH)
    return out


def put(text: str) -> None:
    """Print one line on stdout; see ``Screen.put``."""
    console().put(text)


def print_table(
    screen: Screen, heads: Sequence[str], rows: Sequence[Sequence[str]], labels: int = 1, most: int | None = None
) -> None:
    """Print a table whose first columns, ``labels`` of them, hold text and the others numbers.

    Lines wrap between words, and nothing is cut. Of more rows than ``most`` the first are shown, and how many more
    there are.
    """
    more, rows = len(rows) - (most or len(rows)), rows[:most]
    heads, rows = [_shown(head) for head in heads], [[_shown(cell) for cell in row] for row in rows]
    tall = any("\n" in cell for row in rows for cell in row)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False)
    gaps = 2 * (len(heads) - 1)
    widths = _widths([heads, *rows], labels, screen.width - gaps)
    for place, (head, width) in enumerate(zip(heads, widths, strict=True)):
        left = place < labels
        table.add_column(
            head,
            justify="left" if left else "right",
            width=width,
            overflow="fold",
            vertical="top" if tall or labels == len(heads) else "bottom",
        )
    for row in rows:
        table.add_row(*row)
    # A terminal narrower than the table wraps its lines: cells would only be cut in worse places.
    screen.print(table, width=max(screen.width, sum(widths) + gaps), crop=False, soft_wrap=False)
    if more > 0:
        screen.put(f"and {more:,} more: --json lists all")


def _shown(cell: str) -> str:
    """A cell without what a terminal would obey; it may have a second line."""
    return "\n".join(map(one_line, cell.split("\n")))


def _widths(rows: Sequence[Sequence[str]], labels: int, room: int) -> list[int]:
    """Widths of columns: of whole cells where there is room, else numbers wrap between words, then words fold."""
    # A cell may have a second line.
    columns = [[line for cell in column for line in cell.split("\n")] for column in zip(*rows, strict=True)]
    longest = [max(len(part) for cell in column for part in cell.split() or [""]) for column in columns]
    # Titles may always wrap: it is the cells that are read along the line.
    widths = [max(wide, *map(len, column[1:]), 0) for wide, column in zip(longest, columns, strict=True)]
    for place in reversed(range(labels, len(columns))):
        if sum(widths) > room:
            widths[place] = longest[place]
    for place in reversed(range(labels)):
        excess = max(sum(widths) - room, 0)
        widths[place] = max(widths[place] - excess, min(widths[place], _FOLDED))
    return widths


def print_facts(out: Screen, facts: Iterable[tuple[str, str]]) -> None:
    """Names and values, a line each, in two columns; never cut or wrapped: they hold paths and commands."""
    lines = list(facts)
    wide = max((len(name) for name, _ in lines), default=0)
    for name, value in lines:
        out.put(f"{name:<{wide}}  {value}".rstrip())


def size_text(size: tuple[int, int]) -> str:
    """Width x height."""
    return f"{size[0]}x{size[1]}"


def span_text(values: Sequence[int]) -> str:
    """The least and the greatest of some QPs."""
    if not values:
        return "-"
    return str(min(values)) if min(values) == max(values) else f"{min(values)}-{max(values)}"


def decoded(report: DecodeReport) -> None:
    """What ``decode`` wrote."""
    scaled = f", {report.restored:,} scaled back to the source's size" if report.restored else ""
    put(f"{count(report.pictures, 'picture')} in {report.out}{scaled}")


def extracted(report: ExtractReport) -> None:
    """What ``extract`` wrote."""
    size, pictures = f"{report.width}x{report.height}", count(report.pictures, "picture")
    what = [] if report.region is None else [f"region {report.region}"]
    if report.span is not None:
        what.append(f"{report.span[0]:.3f} s to {report.span[1]:.3f} s")
    put(f"{report.out}: {', '.join(what)}, {size}, {pictures}, {report.bytes:,} bytes")


def inspected(info: StreamInfo, check: MapCheck | None, container: ContainerFacts | None = None) -> None:
    """A stream's headers, pictures and regions, what it is in, and whether it conforms to its map."""
    from vcmpipe.bitstream import CODECS

    screen = console()
    pictures = info.pictures
    facts = [
        *([("container", _container(container))] if container else []),
        ("size", f"{info.bytes:,} bytes, {info.bytes / len(pictures):,.0f} per picture"),
        ("codec", info.codec.upper()),
        ("pictures", f"{len(pictures):,}: {_few(picture.nal_type for picture in pictures)}"),
        ("picture size", _few(_shown_size(picture) for picture in pictures)),
        ("frame rate", _few(_rate(picture) for picture in pictures)),
        ("CTU", _few(str(picture.ctu) for picture in pictures)),
        ("colour", _few(_colour(picture) for picture in pictures)),
        (CODECS[info.codec].units, ", ".join(f"{count:,} {name}" for name, count in info.nal_units.items())),
        ("parameter sets", _sets(info)),
    ]
    print_facts(screen, facts)
    screen.print()
    _regions(screen, pictures[:PICTURES])
    if len(pictures) > PICTURES:
        screen.put(f"and {count(len(pictures) - PICTURES, 'more picture')}: --json lists all")
    if any(picture.cu_qp_delta_possible for picture in pictures):
        screen.put("~ blocks may depart from this QP: CU-level QP deltas are enabled")
    for problem in info.problems:
        screen.put(f"problem: {problem}")
    if check is not None:
        screen.print()
        _verdict(screen, check)


def _container(facts: ContainerFacts) -> str:
    duration = "no times" if facts.duration is None else f"{facts.duration:.3f} s"
    rate = "frame rate varies" if facts.rate is None else f"{facts.rate:.5g} frames per second"
    return f"{facts.format.upper()}, {duration}" + ("" if facts.duration is None else f", {rate}")


def _shown_size(picture: PictureInfo) -> str:
    coded, shown = (picture.width, picture.height), (picture.display_width, picture.display_height)
    text = size_text(shown) if coded == shown else f"{size_text(shown)} (coded {size_text(coded)})"
    aspect = picture.sample_aspect
    return text if aspect in (None, 1) else f"{text}, samples {aspect.numerator}:{aspect.denominator}"


def _rate(picture: PictureInfo) -> str:
    rate = picture.rate
    if rate is None:
        return "not stated"
    return f"{float(rate):.6g} per second" + ("" if rate.denominator == 1 else f" ({rate})")


def _few(values: Iterable[str]) -> str:
    """Some different values, of many the first."""
    different = list(dict.fromkeys(values))
    return (
        ", ".join(different) if len(different) <= 4 else f"{', '.join(different[:3])} and {len(different) - 3:,} more"
    )


def _colour(picture: PictureInfo) -> str:
    vui = picture.vui
    if vui is None:
        return "not stated"
    matrix = {1: "BT.709", 5: "BT.601", 6: "BT.601", 9: "BT.2020"}.get(vui.matrix, f"matrix {vui.matrix}")
    siting = {0: "left", 1: "centre", 2: "top left"}.get(-1 if vui.chroma_siting is None else vui.chroma_siting)
    return f"{matrix}, {'full' if vui.full_range else 'limited'} range" + (f", chroma {siting}" if siting else "")


def _sets(info: StreamInfo) -> str:
    from vcmpipe.bitstream import CODECS

    codec, profiles = CODECS[info.codec], []
    for found in info.parameter_sets:
        if found.kind == codec.parameter_sets[0] and codec.level_element in found.elements:
            profile, level = found.elements.get(codec.profile_element, 0), found.elements[codec.level_element]
            profiles.append(f"{codec.profiles.get(profile, f'profile {profile}')} level {codec.level(level)}")
    counts = [f"{sum(p.kind == kind for p in info.parameter_sets):,} {kind}" for kind in codec.parameter_sets]
    return ", ".join([*counts, *([_few(profiles)] if profiles else [])])


def _regions(screen: Screen, pictures: Sequence[PictureInfo]) -> None:
    """A row per region; the picture's own columns stand on its first."""
    subpictures = any(region.subpic_id is not None for picture in pictures for region in picture.regions)
    heads = ["picture", "type", "size", "bits", "region", *(["sub-picture"] if subpictures else [])]
    heads += ["position", "region size", "QP", "region bits"]
    rows = []
    for picture in pictures:
        shown = size_text((picture.display_width, picture.display_height))
        own = [str(picture.index), picture.nal_type, shown, f"{picture.bits:,}"]
        if not picture.regions:
            rows.append([*own, *["-"] * (len(heads) - len(own))])
        for region in picture.regions:
            rect = region.rect
            number = "-" if region.subpic_id is None else str(region.subpic_id)
            qp = f"{region.qp}{'~' if region.cu_qp_delta_possible else ''}"
            place = [f"{rect.x},{rect.y}", size_text((rect.width, rect.height)), qp, f"{region.bits:,}"]
            rows.append([*own, str(region.index), *([number] if subpictures else []), *place])
            own = [""] * len(own)
    print_table(screen, heads, rows, labels=2)


def _verdict(screen: Screen, check: MapCheck) -> None:
    compared = f"{count(check.pictures, 'picture')}, {count(check.regions, 'region')}, {count(check.ctus, 'CTU')}"
    if check.verdict == Verdict.YES:
        screen.put(f"map: conforms everywhere ({compared} compared)")
        return
    if check.verdict == Verdict.UNKNOWN:
        others = f": no fault in the others ({compared})" if check.ctus else ""
        screen.print(f"map: cannot tell for {count(len(check.unknown), 'picture')}{others}")
        for doubt in check.unknown[:FAULTS]:
            screen.put(f"  picture {doubt.picture}: {doubt.reason}")
        return
    screen.put(f"map: does NOT conform: {count(len(check.faults), 'fault')} ({compared} compared)")
    for fault in check.faults[:FAULTS]:
        region = "" if fault.region is None else f", region {fault.region}"
        screen.put(f"  picture {fault.picture}{region}: {fault.reason}")
    if len(check.faults) > FAULTS:
        screen.put(f"  and {len(check.faults) - FAULTS:,} more: --json lists all")


def bench_shortfall(result: BenchResult, least: float | None) -> list[str]:
    """A line for every method, other than the anchors, that keeps a smaller share of the objects at all its points."""
    best: dict[str, float] = {}
    for point in result.points if least is not None else ():
        if point.method not in result.anchors and point.retention is not None:
            best[point.method] = max(point.retention, best.get(point.method, 0.0))
    return [
        f"{method} keeps {kept:.4f} of the objects at best, under --fail-under {least:g}"
        for method, kept in best.items()
        if least is not None and kept < least
    ]


def benched(result: BenchResult, out: Path) -> None:
    """The tables of a bench and where its report lies."""
    from vcmpipe.bench import tables
    from vcmpipe.bench.breakdowns import regret
    from vcmpipe.bench.headline import headline

    screen = console()
    compared = tables.methods(result)
    _cells(screen, compared)
    for note in compared.notes:
        screen.put(note)
    screen.print()
    _cells(screen, tables.points(result).plain())
    for place, summary in enumerate(tables.summaries(result)):
        screen.print()
        screen.put(summary.title)
        # The rates and what they save against the first anchor have their intervals; the report has all.
        _cells(screen, summary if place < 2 else summary.plain())
    if any(point.trials for point in result.points) and (table := regret(result)):
        screen.print()
        screen.put(table.title)
        _cells(screen, table)
    screen.print()
    screen.put(f"{tables.setting(result)}.")
    for line in tables.cautions(result):
        screen.put(line)
    for line in headline(result):
        screen.put(line)
    screen.put(f"report: {out / 'report.html'}")


def bench_so_far(figures: Cells) -> None:
    """First figures of a bench that still runs: on stderr, as all progress."""
    screen = console(stderr=True)
    screen.put(figures.title)
    _cells(screen, figures)
    screen.print()


def _cells(screen: Screen, table: Cells) -> None:
    """A table of the report, without the columns that only repeat another one, and some others if it is wide."""
    shown = [place for place, head in enumerate(table.heads) if head not in _REPEATED]
    for spare in _SPARE:
        if len(shown) > _COLUMNS:
            shown = [place for place in shown if table.heads[place] != spare]
    print_table(screen, [table.heads[i] for i in shown], [[row[i] for i in shown] for row in table.rows], table.labels)
