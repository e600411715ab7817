from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vcmpipe.errors import InputError
from vcmpipe.frames.yuv import Rect
from vcmpipe.qpmap import QpMap


@st.composite
def maps(draw: st.DrawFn, ctus: tuple[int, ...] = (32, 64, 128), largest: int = 300) -> QpMap:
    ctu = draw(st.sampled_from(ctus))
    width, height = draw(st.integers(1, largest)), draw(st.integers(1, largest))
    rows, cols = -(-height // ctu), -(-width // ctu)
    qps = draw(st.lists(st.integers(0, 63), min_size=rows * cols, max_size=rows * cols))
    return QpMap.of(np.array(qps).reshape(rows, cols), ctu, width, height)


@pytest.mark.parametrize(
    ("qp", "ctu", "width", "height", "message"),
    [
        ([[1, 2]], 64, 64, 64, "1 rows x 1 columns, not 1 x 2"),
        ([[1]], 64, 65, 64, "1 rows x 2 columns, not 1 x 1"),
        ([1], 64, 64, 64, "not 1$"),
        (5, 64, 64, 64, "not a single value"),
        ([[64]], 64, 64, 64, r"QP 64 in the map is outside 0\.\.63"),
        ([[-1]], 64, 64, 64, "QP -1"),
        ([[300]], 64, 64, 64, "QP 300"),
        ([[1.0]], 64, 64, 64, "whole numbers, not float64"),
        ([[True]], 64, 64, 64, "whole numbers, not bool"),
        ([[1]], 48, 48, 48, "CTU size 48 is not one of 32, 64, 128"),
        ([[1]], 64, 0, 64, "0x64 holds no samples"),
    ],
)
def test_refuses_what_is_no_map(qp: object, ctu: int, width: int, height: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        QpMap.of(qp, ctu, width, height)  # type: ignore[arg-type]


def test_is_an_immutable_value() -> None:
    source = np.array([[10, 20], [30, 40]])
    item = QpMap.of(source, 64, 100, 128)
    source[0, 0] = 63
    assert item.qp.tolist() == [[10, 20], [30, 40]] and item.qp.dtype == np.int8
    with pytest.raises(ValueError, match="read-only"):
        item.qp[0, 0] = 1
    same = QpMap.of([[10, 20], [30, 40]], 64, 100, 128)
    assert item == same and hash(item) == hash(same)
    assert item != QpMap.of([[10, 20], [30, 41]], 64, 100, 128)
    assert item != QpMap.of([[10, 20], [30, 40]], 64, 101, 128)
    assert item != "a map"


def test_uniform_and_deltas() -> None:
    item = QpMap.uniform(63, 100, 70, 64)
    assert item.qp.shape == (2, 2) and item.is_uniform and item.minimum() == 63
    assert item.deltas(0).tolist() == [[63, 63], [63, 63]]
    assert QpMap.uniform(0, 1, 1, 32).deltas(63).tolist() == [[-63]]
    for bad in (-1, 64, 3.0, True):
        with pytest.raises(InputError, match="QP"):
            QpMap.uniform(bad, 100, 70)  # type: ignore[arg-type]


def test_minimum_of_a_rectangle() -> None:
    item = QpMap.of([[50, 40, 30], [20, 45, 51]], 64, 192, 100)
    cases = [
        (Rect(0, 0, 192, 100), 20),
        (Rect(0, 0, 64, 64), 50),
        (Rect(63, 0, 2, 1), 40),
        (Rect(64, 0, 128, 64), 30),
        (Rect(64, 63, 128, 2), 30),
        (Rect(128, 64, 64, 64), 51),
    ]
    assert [item.at(rect) for rect, _ in cases] == [qp for _, qp in cases]
    for bad in (Rect(0, 0, 0, 1), Rect(-1, 0, 2, 2), Rect(0, 0, 193, 1), Rect(0, 120, 1, 9)):
        with pytest.raises(InputError, match="outside"):
            item.at(bad)


def test_realised_takes_the_regions_qps() -> None:
    item = QpMap.of([[50, 40], [20, 45]], 64, 128, 100)
    got = item.actual([Rect(0, 0, 64, 100), Rect(64, 0, 64, 64)], [20, 40])
    assert got.qp.tolist() == [[20, 40], [20, 45]]
    with pytest.raises(InputError, match="1 regions but 2 QPs"):
        item.actual([Rect(0, 0, 64, 100)], [1, 2])


@given(item=maps(), ctu=st.sampled_from((32, 64, 128)))
def test_resampling_by_minimum_harms_no_sample(item: QpMap, ctu: int) -> None:
    result = item.resampled(ctu)

    def samples(of: QpMap) -> np.ndarray:
        return of.qp.repeat(of.ctu, 0).repeat(of.ctu, 1)[: of.height, : of.width]

    assert (samples(result) <= samples(item)).all()
    assert result.minimum() == item.minimum()
    if ctu <= item.ctu:
        assert np.array_equal(samples(result), samples(item))


def test_resampling_by_nearest_takes_the_centre() -> None:
    item = QpMap.of(np.arange(12).reshape(3, 4), 32, 128, 90)
    assert item.resampled(64).qp.tolist() == [[0, 2], [8, 10]]
