"""The QP map: one absolute QP per coding tree unit (CTU) of a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vcmpipe.config import CodingOptions
from vcmpipe.errors import InputError
from vcmpipe.frames.yuv import Rect

QP_MIN = 0
QP_MAX = 63
CTU_SIZES = (32, 64, 128)


def check_qp(value: object, name: str = "QP") -> int:
    """Returns ``value`` as an int in 0..63, or raises an :class:`InputError` that calls it ``name``."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{name} must be a whole number in {QP_MIN}..{QP_MAX}, not {value!r}")
    if not QP_MIN <= value <= QP_MAX:
        raise InputError(f"{name} {value} is outside {QP_MIN}..{QP_MAX}")
    return int(value)


def grid_shape(width: int, height: int, ctu: int) -> tuple[int, int]:
    """Rows and columns of CTUs that cover a picture of so many luma samples; the last may reach beyond its edge.

    Raises:
        InputError: A size is not positive or the CTU size is none of VVC's (32, 64, 128).
    """
    if ctu not in CTU_SIZES:
        raise InputError(f"CTU size {ctu} is not one of {', '.join(map(str, CTU_SIZES))}")
    if width < 1 or height < 1:
        raise InputError(f"a picture of {width}x{height} holds no samples")
    return -(-height // ctu), -(-width // ctu)


@dataclass(frozen=True, eq=False)
class QpMap:
    """An absolute QP per CTU. Immutable; equal maps compare and hash equal.

    Attributes:
        qp: int8 array (rows, cols), values 0..63, read-only. Any integer array or nested sequence is taken and copied.
        ctu: CTU size in luma samples: 32, 64 or 128.
        width: Picture width in luma samples; ``cols == ceil(width / ctu)``.
        height: Picture height in luma samples; ``rows == ceil(height / ctu)``.

    Raises:
        InputError: The shape does not fit the size, a QP is outside 0..63, or the values are no integers.
    """

    qp: NDArray[np.int8]
    ctu: int
    width: int
    height: int

    def __post_init__(self) -> None:
        shape = grid_shape(self.width, self.height, self.ctu)
        values = np.asarray(self.qp)
        if values.dtype.kind not in "iu":
            raise InputError(f"a QP map holds whole numbers, not {values.dtype}")
        if values.shape != shape:
            raise InputError(
                f"a QP map for {self.width}x{self.height} at CTU {self.ctu} has {shape[0]} rows x {shape[1]} columns, "
                f"not {' x '.join(map(str, values.shape)) or 'a single value'}"
            )
        low, high = int(values.min()), int(values.max())
        if low < QP_MIN or high > QP_MAX:
            raise InputError(f"QP {low if low < QP_MIN else high} in the map is outside {QP_MIN}..{QP_MAX}")
        own = values.astype(np.int8, copy=True)
        own.flags.writeable = False
        object.__setattr__(self, "qp", own)

    @classmethod
    def uniform(cls, qp: int, width: int, height: int, ctu: int = CodingOptions.ctu) -> QpMap:
        """One QP for the whole picture."""
        return cls(np.full(grid_shape(width, height, ctu), check_qp(qp), np.int8), ctu, width, height)

    @classmethod
    def of(cls, qp: ArrayLike, ctu: int, width: int, height: int) -> QpMap:
        """A map from nested sequences or an array of any integer type."""
        # The constructor checks the range before it narrows to int8.
        return cls(cast("NDArray[np.int8]", np.asarray(qp)), ctu, width, height)

    @property
    def rows(self) -> int:
        """CTU rows."""
        return int(self.qp.shape[0])

    @property
    def cols(self) -> int:
        """CTU columns."""
        return int(self.qp.shape[1])

    @property
    def is_uniform(self) -> bool:
        """Whether every CTU has the same QP."""
        return bool((self.qp == self.qp.flat[0]).all())

    def minimum(self) -> int:
        """The smallest QP: what the picture needs when it can have only one."""
        return int(self.qp.min())

    def deltas(self, base: int) -> NDArray[np.int8]:
        """QP differences to ``base``, (rows, cols) int8: ``qp - base``, as encoders with a delta-QP file want them."""
        return (self.qp - np.int8(check_qp(base, "base QP"))).astype(np.int8)

    def at(self, rect: Rect) -> int:
        """The smallest QP of all CTUs that ``rect`` touches: the QP of a region that must respect each of them.

        Raises:
            InputError: The rectangle is empty or not inside the CTUs of the picture.
        """
        if rect.width < 1 or rect.height < 1 or rect.x < 0 or rect.y < 0:
            raise InputError(f"rectangle {rect} is empty or outside the picture")
        if rect.x + rect.width > self.cols * self.ctu or rect.y + rect.height > self.rows * self.ctu:
            raise InputError(f"rectangle {rect} is outside the map of {self.width}x{self.height}")
        return int(self.qp[rect.ctus(self.ctu)].min())

    def actual(self, regions: Sequence[Rect], qps: Sequence[int]) -> QpMap:
        """The map that a picture coded in ``regions`` at ``qps`` has; a CTU in no region keeps its QP."""
        if len(regions) != len(qps):
            raise InputError(f"{len(regions)} regions but {len(qps)} QPs")
        values = self.qp.copy()
        for rect, qp in zip(regions, qps, strict=True):
            values[rect.ctus(self.ctu)] = check_qp(qp)
        return QpMap(values, self.ctu, self.width, self.height)

    def resampled(self, ctu: int, how: Literal["minimum", "maximum"] = "minimum") -> QpMap:
        """The same picture's map on another CTU grid.

        A CTU takes the smallest QP of the old CTUs it overlaps, which harms no object, or with ``maximum`` the largest.
        """
        rows, cols = grid_shape(self.width, self.height, ctu)
        if ctu == self.ctu:
            return self
        if ctu < self.ctu:
            y, x = np.arange(rows) * ctu // self.ctu, np.arange(cols) * ctu // self.ctu
            return QpMap(self.qp[np.ix_(y, x)], ctu, self.width, self.height)
        step = ctu // self.ctu
        choose = np.minimum if how == "minimum" else np.maximum
        values = choose.reduceat(self.qp, np.arange(0, self.rows, step), axis=0)
        values = choose.reduceat(values, np.arange(0, self.cols, step), axis=1)
        return QpMap(values, ctu, self.width, self.height)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, QpMap):
            return NotImplemented
        same = (self.ctu, self.width, self.height) == (other.ctu, other.width, other.height)
        return same and bool(np.array_equal(self.qp, other.qp))

    def __hash__(self) -> int:
        return hash((self.ctu, self.width, self.height, self.qp.tobytes()))


def shifted(qp_map: QpMap, margin: int, qp_range: tuple[int, int]) -> QpMap:
    """A map with so many QP steps added to every CTU, within the encoder's range."""
    values = np.clip(qp_map.qp.astype(np.int64) + margin, *qp_range)
    return QpMap.of(values, qp_map.ctu, qp_map.width, qp_map.height)


def smaller(first: QpMap, second: QpMap) -> QpMap:
    """The smaller QP of two maps of one grid (else InputError) in every CTU: neither viewer's threshold is passed."""
    if (first.ctu, first.width, first.height) != (second.ctu, second.width, second.height):
        raise InputError(
            f"maps of {first.width}x{first.height} at CTU {first.ctu} and of {second.width}x{second.height} at CTU "
            f"{second.ctu} cannot be compared"
        )
    return QpMap.of(np.minimum(first.qp, second.qp), first.ctu, first.width, first.height)
