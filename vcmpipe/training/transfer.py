"""Fitting thresholds of one detector to another's labels: robustly, and no more than few objects bear.

Four forms are tried, the plainest first: the base as it is, a constant (the base says nothing), the base with an
offset, and the base with an offset and a scale. Which one is taken is decided by errors on pictures that were left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT
from vcmpipe.thresholds.transfer import Transfer, median

Form = Literal["base", "constant", "offset", "line"]
FORMS: tuple[Form, ...] = ("base", "constant", "offset", "line")
"""From the plainest on: of errors that are hardly apart the plainer form's is taken."""
FEW_OBJECTS = 20
"""With fewer objects than that no scale is fitted."""
_SCALES = np.arange(0.0, 2.0001, 0.05).round(2)
# Objects' worth of evidence for a scale of 1, and for a spread like the base's, before any object was seen.
_PULL = 10.0
_ALIKE = 1.01
_SPREADS = np.geomspace(0.4, 3.0, 41)


@dataclass(frozen=True, eq=False)
class TransferData:
    """N objects of the new detector with a threshold each.

    Attributes:
        mass: (N, 64) what the base says of them.
        label: (N,) thresholds as measured.
        picture: (N,) the picture of each, any numbers.
    """

    mass: NDArray[np.float64]
    label: NDArray[np.int64]
    picture: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)

    def of(self, rows: NDArray[np.bool_]) -> TransferData:
        """Some of the objects."""
        return TransferData(self.mass[rows], self.label[rows], self.picture[rows])

    @property
    def pictures(self) -> NDArray[np.int64]:
        """The pictures, each once."""
        return np.unique(self.picture)


@dataclass(frozen=True, eq=False)
class Fit:
    """What was fitted, and the errors of each object by what had not seen its picture.

    Attributes:
        form: The form that was taken.
        transfer: Fitted to all objects.
        errors: (N,) absolute errors in QPs by ``constant`` (the median of the other pictures' labels), ``base`` (as it
            is) and ``calibrated`` (form and figures both chosen without the picture).
    """

    form: Form
    transfer: Transfer
    errors: dict[str, NDArray[np.float64]]


def forms_for(objects: int) -> tuple[Form, ...]:
    """The forms that so many objects bear."""
    return FORMS if objects >= FEW_OBJECTS else ("base", "constant", "offset")


def choose_form(data: TransferData) -> Form:
    """The form with the least error on pictures left out; an offset where there is one picture only."""
    return _choose_of(median(data.mass), data.label.astype(np.float64), data.picture)


def fit_form(data: TransferData, form: Form) -> Transfer:
    """Fit one form to at least one object, by least absolute deviations; the scale is drawn to 1."""
    place, label = median(data.mass), data.label.astype(np.float64)
    scale, offset = _line(place, label, form)
    return Transfer(scale, offset, _spread(data, scale, offset))


def fit_transfer(data: TransferData) -> Fit:
    """Choose a form by leaving pictures out, and fit it to all objects.

    Raises:
        InputError: The objects are of fewer than two pictures.
    """
    pictures = data.pictures
    if len(pictures) < 2:
        raise InputError("a predictor is fitted to the objects of two pictures or more: give more pictures")
    place, label = median(data.mass), data.label.astype(np.float64)
    errors = {name: np.zeros(len(data)) for name in ("constant", "base", "calibrated")}
    held_out = {form: np.zeros(len(data)) for form in forms_for(len(data))}
    for picture in pictures:
        held = data.picture == picture
        seen = ~held
        for form in held_out:
            scale, offset = _line(place[seen], label[seen], form)
            held_out[form][held] = _missed(place[held], label[held], scale, offset)
        # The form, too, is chosen without the picture: else the best of several would look better than it is.
        form = _choose_of(place[seen], label[seen], data.picture[seen])
        errors["calibrated"][held] = _missed(place[held], label[held], *_line(place[seen], label[seen], form))
    errors |= {"constant": held_out["constant"], "base": held_out["base"]}
    form = _least({form: float(missed.mean()) for form, missed in held_out.items()})
    return Fit(form, fit_form(data, form), errors)


def halves(objects: Sequence[int]) -> NDArray[np.int64]:
    """A half, 0 or 1, for each of N pictures, so that both have about as many objects; larger ones are dealt first."""
    turn = np.zeros(len(objects), dtype=np.int64)
    total = np.zeros(2)
    for place in sorted(range(len(objects)), key=lambda n: (-objects[n], n)):
        turn[place] = int(total.argmin())
        total[turn[place]] += max(objects[place], 1e-6)
    return turn


def _choose_of(place: NDArray[np.float64], label: NDArray[np.float64], picture: NDArray[np.int64]) -> Form:
    """The form with the least error on pictures left out."""
    forms, pictures = forms_for(len(label)), np.unique(picture)
    if len(pictures) < 2:
        return "offset"
    missed = dict.fromkeys(forms, 0.0)
    for each in pictures:
        held = picture == each
        for form in forms:
            line = _line(place[~held], label[~held], form)
            missed[form] += float(_missed(place[held], label[held], *line).sum())
    return _least(missed)


def _least(errors: dict[Form, float]) -> Form:
    """The plainest form, which stands first, whose error is the least but for ``_ALIKE``."""
    enough = _ALIKE * min(errors.values())
    return next(form for form in errors if errors[form] <= enough)


def _missed(place: NDArray[np.float64], label: NDArray[np.float64], scale: float, offset: float) -> NDArray[np.float64]:
    return np.asarray(np.abs(np.clip(scale * place + offset, 0.0, QP_COUNT - 1.0) - label))


def _line(place: NDArray[np.float64], label: NDArray[np.float64], form: Form) -> tuple[float, float]:
    """Scale and offset of a form: the offset is the median of what remains, the scale what leaves least of it."""
    if form == "base":
        return 1.0, 0.0
    if form == "constant":
        return 0.0, float(np.median(label))
    if form == "offset":
        return 1.0, float(np.median(label - place))
    rest = label[None, :] - _SCALES[:, None] * place[None, :]
    offsets = np.median(rest, axis=1)
    deviation = float(np.abs(place - np.median(place)).mean())
    cost = np.abs(rest - offsets[:, None]).sum(axis=1) + _PULL * deviation * np.abs(_SCALES - 1.0)
    best = int(cost.argmin())
    return float(_SCALES[best]), float(offsets[best])


def _spread(data: TransferData, scale: float, offset: float) -> float:
    """The factor of the likeliest spread, drawn to 1."""
    rows = np.arange(len(data))

    def cost(spread: float) -> float:
        mass = Transfer(scale, offset, spread).mass(data.mass)[rows, data.label]
        return float(-np.log(np.maximum(mass, 1e-4)).sum() + _PULL * np.log(spread) ** 2)

    return float(min(_SPREADS, key=cost))
