"""The architecture picture, docs/architecture.svg: the way of the data, and the layers of pyproject.toml.

PYTHONPATH=. python website/architecture.py
"""

from __future__ import annotations

import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs" / "architecture.svg"
WIDTH, MARGIN, LABELS = 1000, 20, 172
WAY_TOP, WAY_HEIGHT, BANDS_TOP, BAND, CELL = 48, 52, 196, 78, 58
WAY = (
    ("frames", "frames"),
    ("detections", "detection"),
    ("to be kept", "tasks"),
    ("thresholds", "thresholds"),
    ("QPs, size", "qpmap"),
    ("coding", "encoders"),
    ("stream", "bitstream"),
    ("frames", "decoding"),
    ("detections", "detection"),
    ("kept?", "tasks"),
)
"""What a segment becomes, step by step, and in which package that is."""
LOOP = (9, 4)
"""From the step that judges back to the one that chooses."""
BANDS = {
    "cli": ("ways in", "also from Python"),
    "bench": ("studies", "compare, learn, measure"),
    "coding": ("a segment", "detect, choose, code, check"),
    "encoders": ("parts", "each of use by itself"),
    "config": ("ground", "what all of them stand on"),
}
"""The package of the layer that a band begins with, and what the band is."""
STYLE = """
  svg { --page: #fff; --ink: #1c2733; --faint: #556575; --box: #eaf1f6; --edge: #9fb4c4; --way: #d6eeeb;
        --line: #23776f }
  @media (prefers-color-scheme: dark) {
    svg { --page: #161d26; --ink: #e6edf3; --faint: #a3b3c1; --box: #243140; --edge: #55697c; --way: #1d4644;
          --line: #6cc7c0 }
  }
  text { font: 12.5px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink); text-anchor: middle }
  .small { font-size: 11px; fill: var(--faint) }
  .left { text-anchor: start }
  .bold { font-weight: 600 }
  .page { fill: var(--page) }
  .band { fill: none; stroke: var(--edge); stroke-dasharray: 2 3 }
  .box { fill: var(--box); stroke: var(--edge) }
  .way { fill: var(--way); stroke: var(--line) }
  .line { fill: none; stroke: var(--line); stroke-width: 1.5; marker-end: url(#head) }
  #head path { fill: var(--line) }
"""


def layers() -> list[list[str]]:
    """The packages of each layer of the contract, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (names,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [[name.strip() for name in layer.split("|")] for layer in names]


def box(x: float, y: float, width: float, height: float, kind: str) -> str:
    """A rectangle with round corners."""
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6"/>'


def words(x: float, y: float, text: str, kind: str = "") -> str:
    """A line of text, with its middle (or, ``left``, its beginning) at x."""
    return f'<text class="{kind}" x="{x:g}" y="{y:g}">{escape(text)}</text>'


def way() -> list[str]:
    """The row of steps with arrows between them, and the loop below it."""
    gap = 14
    width = (WIDTH - 2 * MARGIN - gap * (len(WAY) - 1)) / len(WAY)
    drawn = [words(MARGIN, WAY_TOP - 18, "The way of a segment: a picture, or frames of a video", "left bold")]
    for place, (step, package) in enumerate(WAY):
        x = MARGIN + place * (width + gap)
        drawn += [
            box(x, WAY_TOP, width, WAY_HEIGHT, "way"),
            words(x + width / 2, WAY_TOP + 23, step),
            words(x + width / 2, WAY_TOP + 40, package, "small"),
        ]
        if place:
            middle = WAY_TOP + WAY_HEIGHT / 2
            drawn.append(f'<path class="line" d="M{x - gap:g} {middle:g}H{x - 2:g}"/>')
    start, end = (MARGIN + place * (width + gap) + width / 2 for place in LOOP)
    bottom = WAY_TOP + WAY_HEIGHT
    drawn.append(f'<path class="line" d="M{start:g} {bottom}V{bottom + 18}H{end:g}V{bottom + 3}"/>')
    note = "closed loop: other QPs and sizes are tried until what has to be kept is kept at the fewest bits"
    return [*drawn, words((start + end) / 2, bottom + 33, note, "small")]


def bands() -> list[str]:
    """The layers, band by band; packages of one layer, which know nothing of each other, stand in one column."""
    heading = "The packages: each imports only from those to its right and below"
    drawn = [words(MARGIN, BANDS_TOP - 14, heading, "left bold")]
    grouped: dict[str, list[list[str]]] = {}
    for layer in layers():
        if layer[0] in BANDS:
            grouped[layer[0]] = []
        grouped[next(reversed(grouped))].append(layer)
    gap = 8
    room = WIDTH - 2 * MARGIN - LABELS
    width = room / max(map(len, grouped.values())) - gap
    for row, (first, columns) in enumerate(grouped.items()):
        y = BANDS_TOP + row * BAND
        drawn.append(box(MARGIN, y, WIDTH - 2 * MARGIN, BAND - 8, "band"))
        for line, (text, kind) in enumerate(zip(BANDS[first], ("left bold", "left small"), strict=True)):
            drawn.append(words(MARGIN + 12, y + 31 + 18 * line, text, kind))
        for column, layer in enumerate(columns):
            x, height = MARGIN + LABELS + column * (width + gap), (CELL - 4 * (len(layer) - 1)) / len(layer)
            for place, name in enumerate(layer):
                top = y + 6 + place * (height + 4)
                drawn += [box(x, top, width, height, "box"), words(x + width / 2, top + height / 2 + 4.5, name)]
    return drawn


def draw() -> str:
    """The whole picture, as it stands in docs/."""
    height = BANDS_TOP + len(BANDS) * BAND + MARGIN - 8
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = '<marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
            f"<title>vcmpipe: the way of the data, and the packages</title>\n<style>{STYLE}</style>",
            f'<defs>{head}<path d="M0 0L8 4L0 8z"/></marker></defs>',
            box(0, 0, WIDTH, height, "page"),
            *way(),
            *bands(),
            "</svg>\n",
        ]
    )


if __name__ == "__main__":
    OUT.write_text(draw())
