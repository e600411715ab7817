"""The report in a real browser: nothing is fetched, nothing complains, sliders and switches change what is seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from bench_made import make_result
from headless import Browser, find_browser

from vcmpipe.bench.gallery import Gallery, ShownPicture, ShownVersion, Thing
from vcmpipe.bench.packed import data_uri
from vcmpipe.bench.report import write_report

RED, BLUE, GREEN = (200, 30, 30), (30, 30, 200), (30, 160, 30)
HOME, END, RIGHT = ("Home", 36), ("End", 35), ("ArrowRight", 39)


def plain_picture(colour: tuple[int, int, int]) -> str:
    return data_uri(np.full((240, 320, 3), colour, np.uint8), 90)


def shown(name: str) -> ShownPicture:
    """Red in the source, blue by jrd, green by plain; an object kept and one lost."""
    things = [Thing((5, 40, 20, 20), "kept", "cat", 0.9), Thing((70, 10, 20, 20), "lost", "a dog", 0.5)]
    qps = [[22, 22, 51, 51], [22, 22, 51, 51], [51, 51, 51, 51]]
    regions = [(0.0, 0.0, 50.0, 66.7, 22), (50.0, 0.0, 50.0, 66.7, 51), (0.0, 66.7, 100.0, 33.3, 51)]
    size = (320, 240)
    return ShownPicture(
        name,
        size,
        plain_picture(RED),
        [
            ShownVersion("jrd", "margin +0", 1_234, size, "regions", plain_picture(BLUE), things, (25.0, 33.34),
                         qps, regions),
            ShownVersion("plain", "QP 32", 5_678, size, "uniform", plain_picture(GREEN), things[:1],
                         (100.0, 100.0), [[32]], []),
        ],
    )  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = find_browser()
    if program is None:
        pytest.skip("there is no Chromium here (apt-get install chromium, or VCMPIPE_CHROMIUM names one)")
    started = Browser(program, tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    pictures = [shown(f"picture-{number}.png") for number in range(30)]
    write_report(make_result(second=True), folder, Gallery(pictures, of=40, held=40))
    return folder / "report.html"


@pytest.fixture
def page(browser: Browser, report: Path) -> Browser:
    browser.scripts(True)
    browser.size(1100, 900)
    browser.dark(False)
    browser.open(report)
    browser.run("localStorage.clear()")
    browser.open(report)
    browser.run("document.querySelector('.card').scrollIntoView({behavior: 'instant', block: 'center'})")
    browser.settle()
    return browser


def colours(page: Browser, *places: tuple[float, float]) -> list[tuple[int, int, int]]:
    """What is seen of the first picture at places in 0..1 of it."""
    seen = page.picture(page.place(".stage"))
    height, width = seen.shape[:2]
    return [tuple(int(v) for v in seen[int(y * height), int(x * width)]) for x, y in places]


def near(seen: tuple[int, int, int], wanted: tuple[int, int, int]) -> bool:
    return max(abs(a - b) for a, b in zip(seen, wanted, strict=True)) < 25


LEFT, RIGHT_SIDE = (0.35, 0.8), (0.6, 0.8)


def test_it_opens_without_a_complaint_and_fetches_nothing(page: Browser, report: Path) -> None:
    page.run("scrollTo({top: document.body.scrollHeight, behavior: 'instant'})")
    page.settle()
    assert page.complaints == []
    assert page.requests[0] == report.resolve().as_uri()[:100]
    assert all(request.startswith("data:") for request in page.requests[1:])


def test_what_another_page_fetches_or_complains_of_would_be_seen(page: Browser, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    other.write_text("<img src='http://127.0.0.1:9/x.png'><script>console.error('no'); nothing.there</script>")
    page.open(other)
    assert any(request.startswith("http:") for request in page.requests)
    assert any("no" in complaint for complaint in page.complaints)
    assert any("nothing is not defined" in complaint for complaint in page.complaints)


def test_the_page_itself_forbids_to_fetch(page: Browser) -> None:
    blocked = page.run("fetch('http://127.0.0.1:9/').then(() => 'fetched', error => error.name)")
    assert blocked == "TypeError"
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


def test_the_slider_by_keyboard(page: Browser) -> None:
    left, right = colours(page, LEFT, RIGHT_SIDE)
    assert near(left, RED) and near(right, BLUE)
    page.run("document.querySelector('.card input').focus()")
    page.key(*END)
    page.settle()
    assert all(near(seen, RED) for seen in colours(page, LEFT, RIGHT_SIDE))
    assert page.run("document.activeElement.getAttribute('aria-valuetext')") == "100 % source, 0 % decoded"
    page.key(*HOME)
    page.settle()
    assert all(near(seen, BLUE) for seen in colours(page, LEFT, RIGHT_SIDE))
    page.key(*RIGHT)
    assert page.run("document.activeElement.value") == "1"
    assert "picture-0.png" in page.run("document.activeElement.getAttribute('aria-label')")


def test_the_slider_by_dragging_in_the_picture(page: Browser) -> None:
    box = page.run(
        "(() => { const b = document.querySelector('.stage').getBoundingClientRect();"
        "return {x: b.x, y: b.y, width: b.width, height: b.height}; })()"
    )
    y = box["y"] + box["height"] / 2
    page.drag((box["x"] + 0.5 * box["width"], y), (box["x"] + 0.2 * box["width"], y))
    page.settle()
    assert page.run("Number(document.querySelector('.card input').value)") == pytest.approx(20, abs=1)
    assert near(colours(page, LEFT)[0], BLUE)


def test_another_method_another_picture(page: Browser) -> None:
    caption = "document.querySelector('figcaption').textContent"
    assert page.run(caption) == "picture-0.png1,234 bytes, 1 of 2 kept, 3 regions. Lost: a dog"
    page.run("document.querySelector('input[value=plain]').click()")
    page.settle()
    left, right = colours(page, LEFT, RIGHT_SIDE)
    assert near(left, RED) and near(right, GREEN)
    assert page.run(caption) == "picture-0.png5,678 bytes, 1 of 1 kept, QP 32 throughout"


@pytest.mark.parametrize("switch", ["map", "regions", "boxes"])
def test_overlays_change_what_is_seen_and_go_again(page: Browser, switch: str) -> None:
    before = page.picture(page.place(".stage"))
    page.run(f"document.querySelector('input[name={switch}]').click()")
    page.settle()
    during = page.picture(page.place(".stage"))
    changed = np.abs(before.astype(int) - during).max(axis=2) > 20
    middle = changed.shape[1] // 2
    assert changed[:, middle + 4 :].mean() > {"map": 0.5, "regions": 0.005, "boxes": 0.005}[switch]
    if switch != "boxes":  # they belong to the coded picture alone
        assert not changed[:, : middle - 4].any()
    page.run(f"document.querySelector('input[name={switch}]').click()")
    page.settle()
    assert (page.picture(page.place(".stage")) == before).all()


def test_lost_objects_are_told_from_kept_ones_without_colours(page: Browser) -> None:
    style = "getComputedStyle(document.querySelector(s)).borderTopStyle"
    styles = page.run(f"['.thing.kept', '.thing.lost'].map(s => {style})")
    assert styles == ["solid", "dashed"]
    labels = page.run("[...document.querySelector('.stage').querySelectorAll('.thing span')].map(s => s.textContent)")
    assert labels == ["cat", "lost: a dog"]


HIDDEN = """(() => {
  const labels = [...document.querySelector('.stage').querySelectorAll('.thing span, .qp span, .tag')];
  const boxes = labels.map(label => label.getBoundingClientRect());
  const wide = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const tall = (a, b) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return boxes.flatMap((a, i) => boxes.slice(i + 1).filter(b => wide(a, b) > 1 && tall(a, b) > 1)).length;
})()"""


def test_qps_of_regions_and_names_of_objects_do_not_hide_each_other(browser: Browser, tmp_path: Path) -> None:
    things = [
        Thing((35, 5, 15, 30), "kept", "cat", 0.9),  # its name would stand on the first region's QP
        Thing((35, 5, 15, 30), "lost", "dog", 0.9),
        Thing((36, 6, 14, 30), "new", "airplane", 0.9),
        Thing((60, 75, 38, 25), "kept", "sofa", 0.9),
    ]
    picture = shown("crowd.png")
    versions = [dataclasses.replace(picture.versions[0], things=things)]
    write_report(make_result(), tmp_path, Gallery([dataclasses.replace(picture, versions=versions)], of=1, held=1))
    for width in (400, 1280):
        browser.size(width, 900)
        browser.open(tmp_path / "report.html")
        browser.run("document.querySelector('.card').scrollIntoView({behavior: 'instant', block: 'center'})")
        browser.run("document.querySelector('input[name=regions]').click()")
        browser.settle()
        assert browser.run("document.querySelectorAll('.qp span').length") == 3
        assert browser.run(HIDDEN) == 0
    # They move when the picture changes its size.
    browser.size(400, 900)
    browser.settle()
    assert browser.run(HIDDEN) == 0


def test_the_gallery_opens_on_the_method_that_lost_most(browser: Browser, tmp_path: Path) -> None:
    write_report(make_result(), tmp_path, Gallery([shown("a.png")], of=1, held=1, opens="plain"))
    browser.open(tmp_path / "report.html")
    assert browser.run("document.querySelector('input[name=version]:checked').value") == "plain"


@pytest.mark.parametrize("width", [320, 400, 768, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_hangs_over_the_edge(page: Browser, width: int, dark: bool) -> None:
    page.size(width, 900)
    page.dark(dark)
    page.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    page.settle()
    assert page.run("document.documentElement.scrollWidth") == width
    inside = "[...document.querySelectorAll('svg, .stage, .card input, .controls')]"
    assert page.run(f"Math.max(...{inside}.map(e => e.getBoundingClientRect().right))") <= width
    # Wide tables move inside their own frame.
    assert page.run("getComputedStyle(document.querySelector('.scroll')).overflowX") == "auto"


def test_type_is_large_enough_on_a_telephone(page: Browser) -> None:
    page.size(400, 900)
    page.settle()
    text = "[...document.querySelectorAll('p, li, td, th, small, figcaption, a, button, summary')]"
    sizes = page.run(f"{text}.filter(e => e.offsetParent).map(e => parseFloat(getComputedStyle(e).fontSize))")
    assert min(sizes) >= 12
    drawn = page.run("[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)")
    assert min(drawn) >= 9


def test_light_and_dark(page: Browser) -> None:
    def paper() -> float:
        return float(page.picture({"x": 0, "y": 0, "width": 8, "height": 8}).mean())

    assert paper() > 250
    page.dark(True)
    page.settle()
    assert paper() < 40
    # Chosen by hand it stays, whatever the system prefers, and after the page is opened again.
    for wanted, light in (("light", True), ("dark", False)):
        page.run("document.getElementById('theme').click()")
        page.dark(not light)
        page.settle()
        assert page.run("document.getElementById('theme').textContent") == f"Theme: {wanted}"
        assert (paper() > 250) == light
    page.dark(False)
    page.reload()
    assert page.run("document.documentElement.dataset.theme") == "dark"


def test_pictures_are_unpacked_when_they_come_near(page: Browser) -> None:
    count = "document.querySelectorAll('.stage img').length / 2"
    assert 1 <= page.run(count) < 30
    for _ in range(30):
        page.run("scrollBy({top: 600, behavior: 'instant'})")
        page.settle()
    assert page.run(count) == 30


def test_without_scripts_all_but_the_pictures_is_there(page: Browser, report: Path) -> None:
    page.scripts(False)
    page.open(report)
    text = page.run("document.body.innerText")
    assert "The pictures need scripts" in text and "Bytes per picture" in text
    assert page.run("document.getElementById('controls').offsetHeight") == 0
    assert page.run("document.querySelectorAll('svg').length") > 5
