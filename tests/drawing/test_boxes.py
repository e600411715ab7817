from __future__ import annotations

import numpy as np
import pytest

from vcmpipe.drawing.boxes import Box, draw_boxes

BOX = (40.0, 60.0, 200.0, 160.0)
GREEN, ORANGE, BLUE = (0, 128, 92), (196, 78, 0), (0, 114, 178)


def _grey() -> np.ndarray:
    return np.full((240, 320, 3), 100, np.uint8)


@pytest.mark.parametrize(("kept", "colour"), [(True, GREEN), (False, ORANGE), (None, BLUE)])
def test_the_colour_says_whether_it_was_kept(kept: bool | None, colour: tuple[int, int, int]) -> None:
    drawn = draw_boxes(_grey(), [Box(BOX, "cup", 0.5, kept)])
    for place in ((160, slice(40, 200)), (slice(90, 160), 40), (slice(90, 160), 200)):
        line = (drawn[place] == colour).all(-1).mean()
        # Lost ones are dashed.
        assert line > 0.95 if kept is not False else 0.4 < line < 0.8
    others = {GREEN, ORANGE, BLUE} - {colour}
    assert not any((drawn == np.array(other, np.uint8)).all(-1).any() for other in others)
    changed = (drawn != 100).any(-1)
    assert not changed[100:150, 60:190].any() and not changed[:, 210:].any() and not changed[:40].any()


def test_lost_ones_lie_on_top() -> None:
    boxes = [Box(BOX, "cup", 0.5, False), Box(BOX, "cup", 0.5, True)]
    bottom = draw_boxes(_grey(), boxes)[160, 50:190]
    assert (bottom == ORANGE).all(-1).mean() > 0.3 and not (bottom == GREEN).all(-1).any()


def test_the_picture_itself_stays() -> None:
    rgb = _grey()
    drawn = draw_boxes(rgb, [Box(BOX, "cup", 0.5, True)])
    assert (rgb == 100).all() and drawn.dtype == np.uint8 and drawn.shape == rgb.shape
    nothing = draw_boxes(rgb, [])
    assert np.array_equal(nothing, rgb) and nothing is not rgb


@pytest.mark.parametrize(
    "corners",
    [(-9e300, -9e300, -5.0, -5.0), (400.0, 10.0, 500.0, 20.0), (50.0, 50.0, 50.0, 90.0), (90.0, 90.0, 10.0, 10.0)],
)
def test_what_lies_outside_or_is_none_is_not_drawn(corners: tuple[float, float, float, float]) -> None:
    assert np.array_equal(draw_boxes(_grey(), [Box(corners, "cup", 0.5, True)]), _grey())


@pytest.mark.parametrize("name", ["", "a\nb\x1b[31m", "\ud800", "x" * 10_000, "Größe ‡ Страна"])
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (40, 600)])
def test_any_name_on_any_picture(name: str, size: tuple[int, int]) -> None:
    rgb = np.zeros((*size, 3), np.uint8)
    assert draw_boxes(rgb, [Box((-1e30, -3.0, 1e30, 9.5), name, 1.0, False)] * 2).shape == rgb.shape


def test_lines_and_letters_grow_with_the_picture() -> None:
    drawn = [
        draw_boxes(
            np.full((9 * n, 16 * n, 3), 100, np.uint8), [Box((4.0 * n, 4.0 * n, 9.0 * n, 8.0 * n), "cup", 0.5, True)]
        )
        for n in (40, 120)
    ]
    small, large = ((each == GREEN).all(-1).sum() for each in drawn)
    assert 5 < large / small < 12


def test_hundreds_of_boxes_do_not_take_for_ever() -> None:
    boxes = [Box((float(x), float(x % 200), x + 30.0, x % 200 + 30.0), "cup", 0.5, bool(x % 2)) for x in range(280)]
    assert (draw_boxes(_grey(), boxes) != 100).any()
