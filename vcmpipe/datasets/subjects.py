"""The answers of single subjects, where a data set holds them, and how many of them a value satisfies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from vcmpipe.datasets.importers.reading import and_more
from vcmpipe.datasets.samples import SCALES, Samples
from vcmpipe.errors import InputError
from vcmpipe.evaluation.bootstrap import RESAMPLES, Interval
from vcmpipe.evaluation.satisfaction import RATIO, jnd_at, jnd_interval, mean_curve
from vcmpipe.process import one_line
from vcmpipe.process.parquet import read_table

RATERS = "raters.parquet"
RATIOS = (0.9, RATIO, 0.5)
_NEEDED = ("sample", "level", "value")


@dataclass(frozen=True)
class SatisfiedAt:
    """The JND at one satisfied-user ratio, meant over the pictures or clips of a group.

    Attributes:
        ratio: The share of subjects who see no difference.
        jnd: The mean, with its 95 % interval over subjects.
        doubt: How sure the JND of a single picture is: the mean half width of its own 95 % interval.
    """

    ratio: float
    jnd: Interval
    doubt: float


@dataclass(frozen=True)
class Satisfaction:
    """What human observers answered about one JND level.

    Attributes:
        group: The level, and the resolution where there are several.
        pictures: Pictures or clips.
        subjects: The fewest and the most who answered about one.
        points: JNDs at satisfied-user ratios.
        from_labels: Mean distance between the labels and the JND at 0.75.
        curve: (value, satisfied-user ratio and its 95 % interval), meant over pictures.
    """

    group: str
    pictures: int
    subjects: tuple[int, int]
    points: list[SatisfiedAt]
    from_labels: float
    curve: list[tuple[int, Interval]]


def read_raters(path: Path, samples: Samples) -> dict[str, list[float]] | None:
    """The answers about each labelled sample with a level, by its name; None where the data set holds none.

    Raises:
        InputError: The answers are damaged, outside the scale, or lack a sample.
    """
    file = path / RATERS
    if not path.is_dir() or not file.is_file():
        return None
    try:
        table = read_table(file).to_pandas()
        absent = [column for column in _NEEDED if column not in table.columns]
        if absent:
            raise InputError(f"{file} has no column {absent[0]!r}: import the data set again")
        values = table["value"].astype("float64")
    except (OSError, ValueError, TypeError) as error:  # pyarrow's errors are ValueErrors
        raise InputError(f"{file} is damaged: {one_line(str(error))}; import the data set again") from error
    span = SCALES[samples.scale]
    if span is None or not values.between(*span).all():
        raise InputError(f"{file} has answers outside the scale {samples.scale}: import the data set again")
    groups = {str(name): part.tolist() for name, part in values.groupby(table["sample"])}
    wanted = _levelled(samples)["sample"]
    lacking = [name for name in wanted if name not in groups]
    if lacking:
        which = f"{lacking[0]!r}{and_more(len(lacking) - 1)}"
        raise InputError(f"{file} has no answers about {which}: import the data set again")
    return {name: groups[name] for name in wanted}


def satisfaction(
    samples: Samples, answers: dict[str, list[float]], ratios: tuple[float, ...] = RATIOS, rounds: int = RESAMPLES
) -> list[Satisfaction]:
    """How many subjects each value satisfies, by level, and by resolution where there are several.

    ``answers`` as ``read_raters`` gives them, ``ratios`` are satisfied-user ratios to give JNDs at, ``rounds`` draws of
    the bootstrap over subjects.
    """
    table = _levelled(samples)
    span = SCALES[samples.scale]
    assert span is not None
    sizes = table[["width", "height"]].drop_duplicates()
    keys = ["level"] if len(sizes) == 1 else ["width", "height", "level"]
    found = []
    for key, rows in table.groupby(keys, dropna=False):
        named = dict(zip(keys, key, strict=True))
        size = f", {named['width']}x{named['height']}" if "width" in named else ""
        groups = [answers[name] for name in rows["sample"]]
        at = [jnd_at(group, RATIO, samples.scale) for group in groups]
        values = range(int(min(map(min, groups))), int(max(map(max, groups))) + 1)
        found.append(
            Satisfaction(
                group=f"JND {named['level']}{size}",
                pictures=len(groups),
                subjects=(min(map(len, groups)), max(map(len, groups))),
                points=[SatisfiedAt(ratio, *jnd_interval(groups, ratio, samples.scale, rounds)) for ratio in ratios],
                from_labels=float(np.abs(np.array(at) - rows["label"].to_numpy()).mean()),
                curve=list(zip(values, mean_curve(groups, list(values), samples.scale, rounds), strict=True)),
            )
        )
    return found


def _levelled(samples: Samples) -> pd.DataFrame:
    table = samples.table
    return table[table["label"].notna() & table["level"].notna()]
