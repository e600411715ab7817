"""What few objects tell of how far a base is off."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from vcmpipe.errors import InputError
from vcmpipe.thresholds.aware_model import split_normal
from vcmpipe.training.transfer import TransferData, fit_form, fit_transfer, forms_for, halves

SPREAD = np.array([np.log(5.0), 0.0, np.log(5.0), 0.0])


def made(objects: int, line: tuple[float, float], noise: float, *, seed: int = 0, each: int = 6) -> TransferData:
    """Objects whose thresholds lie on a line over the base's, but for noise."""
    rng = np.random.default_rng(seed)
    place = rng.uniform(20, 50, objects)
    label = np.clip(np.round(line[0] * place + line[1] + rng.normal(0, noise, objects)), 1, 63).astype(np.int64)
    return TransferData(split_normal(place, SPREAD), label, np.arange(objects) // each)


@pytest.mark.parametrize(
    ("objects", "line", "noise", "form"),
    [
        (60, (1.0, 0.0), 0.5, "base"),
        (60, (1.0, -8.0), 4.0, "offset"),
        (60, (0.5, 20.0), 2.0, "line"),
        (60, (0.0, 35.0), 4.0, "constant"),
        (15, (0.5, 12.0), 0.5, "offset"),  # too few for a scale
    ],
)
def test_the_form_is_the_one_that_pictures_left_out_bear_out(
    objects: int, line: tuple[float, float], noise: float, form: str
) -> None:
    data = made(objects, line, noise)
    fit = fit_transfer(data)
    assert fit.form == form
    mean = {name: float(errors.mean()) for name, errors in fit.errors.items()}
    assert mean["calibrated"] <= 1.1 * min(mean["constant"], mean["base"])
    if objects > 20:
        assert fit.transfer.location(35.0) == pytest.approx(line[0] * 35 + line[1], abs=2.0)


def test_wild_labels_hardly_move_a_fit() -> None:
    data = made(60, (1.0, -5.0), 1.0)
    label = data.label.copy()
    label[:9] = 63
    fit = fit_form(TransferData(data.mass, label, data.picture), "line")
    assert fit.location(35.0) == pytest.approx(30.0, abs=1.5)


@pytest.mark.parametrize(("noise", "low", "high"), [(1.0, 0.3, 0.8), (5.0, 0.8, 1.25), (10.0, 1.4, 2.6)])
def test_the_spread_is_that_of_the_labels(noise: float, low: float, high: float) -> None:
    assert low <= fit_form(made(100, (1.0, 0.0), noise), "offset").spread <= high


def test_of_few_objects_a_scale_and_a_spread_stay_near_the_base() -> None:
    few = fit_form(made(5, (0.5, 15.0), 1.0, each=1), "line")
    many = fit_form(made(100, (0.5, 15.0), 1.0), "line")
    assert few.scale == 1.0 and many.scale == pytest.approx(0.5, abs=0.1)
    assert few.spread > many.spread


@pytest.mark.parametrize(("objects", "count"), [(2, 3), (19, 3), (20, 4)])
def test_forms_for_so_many_objects(objects: int, count: int) -> None:
    assert len(forms_for(objects)) == count


def test_errors_are_of_fits_that_had_not_seen_the_picture() -> None:
    # One picture whose objects are unlike all others: whoever had seen it would be nearer.
    data = made(10, (1.0, 0.0), 0.0, each=5)
    label = np.where(data.picture == 0, 10, 40)
    errors = fit_transfer(TransferData(data.mass, label, data.picture)).errors["constant"]
    assert errors.tolist() == [30.0] * 10


def test_one_picture_is_not_enough() -> None:
    with pytest.raises(InputError, match="two pictures or more"):
        fit_transfer(made(5, (1.0, 0.0), 1.0))


@pytest.mark.parametrize(
    ("objects", "expected"),
    [([5, 5], [0, 1]), ([9, 1, 8], [0, 1, 1]), ([0, 0, 7], [1, 1, 0]), ([1], [0]), ([], [])],
)
def test_halves_hold_about_as_many_objects(objects: list[int], expected: list[int]) -> None:
    assert halves(objects).tolist() == expected


def test_nothing_of_it_needs_torch() -> None:
    code = "import sys, vcmpipe.commands.calibrate, vcmpipe.training.transfer; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
