"""What is in a data set: counts, how labels are distributed, what a constant guess reaches, and what QPs cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vcmpipe.datasets.samples import SPLITS, Samples
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.subjects import Satisfaction

# Areas in pixels at which COCO calls an object medium and large.
SIZES = (("small, below 32x32", 0.0, 32.0**2), ("medium, below 96x96", 32.0**2, 96.0**2), ("large", 96.0**2, np.inf))
# The labels of DT-JRD's second error figure.
INNER = (27, 51)
_PERCENTILES = (5, 25, 50, 75, 95)


@dataclass(frozen=True)
class Spread:
    """The labels of one group of recognisable samples.

    Attributes:
        percentiles: The 5th, 25th, 50th, 75th and 95th.
        mae: Mean distance to their own median: no constant does better on them.
    """

    group: str
    count: int
    mean: float
    sd: float
    percentiles: tuple[float, ...]
    mae: float


@dataclass(frozen=True)
class Baseline:
    """What always guessing one label reaches.

    Attributes:
        group: The samples that are guessed: all, a split, or a JND level of one.
        guess: The median of the train split's labels (of that level); of all labels where there is no train split.
        count: Samples in the group.
        mae: Mean absolute error, E_A.
        inner_mae: The same over labels in 27..51, E[27,51]; None on other scales than VVC QPs, or without such labels.
    """

    group: str
    guess: float
    count: int
    mae: float
    inner_mae: float | None


@dataclass(frozen=True)
class Rate:
    """What one QP costs in a built store, over the pictures or segments that were coded at it.

    Attributes:
        bits: Mean bits of a picture or segment.
        bpp: Median of bits per pixel.
        bpp_quartiles: The 25th and the 75th percentile of bits per pixel.
        psnr_y: Mean luma PSNR, dB.
        found: Share of the source's objects that are found; None where there are none.
    """

    qp: int
    pictures: int
    bits: float
    bpp: float
    bpp_quartiles: tuple[float, float]
    psnr_y: float
    found: float | None


@dataclass(frozen=True)
class Statistics:
    """All figures of a data set.

    Attributes:
        scale: What a label counts.
        rule: The rule of its labels, None where they came otherwise.
        pictures: Pictures, or segments of video; of a store those without objects, too.
        labelled: Samples with a label, those included that are never recognised.
        unrecognisable: Samples that are never recognised: label 0, left out of every figure below.
        strings: Samples with a string of found and lost.
        not_monotone: Strings in which a find follows a loss.
        splits: Samples by split.
        by_class: Spread of the labels by class, the most frequent first.
        baselines: Constant guesses: on all samples and on each split.
        recognised: (QP, share of objects found) from the strings.
        rates: By QP, of a built store, over the pictures or segments that were coded at it: with ``--search`` others at
            every QP.
        curve: The same over the QPs that all of them were coded at (those without objects may not have been coded at
            all): one set of pictures at every QP, so that its figures can be compared with each other.
        satisfaction: By JND level, how many subjects a value satisfies; where the data set holds their answers.
        missing: What the data set should hold and does not.
        noun: What is counted under ``pictures``: ``picture`` or ``segment``.
    """

    path: str
    name: str
    scale: str
    rule: str | None
    pictures: int
    without_objects: int | None
    samples: int
    labelled: int
    unrecognisable: int
    strings: int
    not_monotone: int
    splits: dict[str, int]
    labels: Spread | None
    by_split: list[Spread]
    by_level: list[Spread]
    by_class: list[Spread]
    by_size: list[Spread]
    baselines: list[Baseline]
    recognised: list[tuple[int, float]]
    rates: list[Rate]
    curve: list[Rate]
    satisfaction: list[Satisfaction]
    missing: tuple[str, ...]
    noun: str = "picture"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return dataclasses.asdict(self)


def describe(samples: Samples, path: str, store: Store | None = None) -> Statistics:
    """The figures of samples, and of the store that they come from."""
    table = samples.table
    use = usable(samples)
    pictures, without = int(table["picture"].nunique()), None
    rates: list[Rate] = []
    curve: list[Rate] = []
    if store is not None:
        objects = [len(record.xyxy) for record in store.records()]
        pictures, without = len(objects), objects.count(0)
        costs = _costs(store)
        rates = list(_rates(costs))
        most = costs["picture"].nunique()
        curve = [rate for rate in rates if rate.pictures == most]
    broken = not_monotone(samples)
    return Statistics(
        path=path,
        name=samples.name,
        scale=samples.scale,
        rule=samples.rule,
        pictures=pictures,
        without_objects=without,
        samples=len(table),
        labelled=int(table["label"].notna().sum()),
        unrecognisable=int((~table["recognisable"]).sum()),
        strings=int(table["string"].notna().sum()),
        not_monotone=int(broken.sum()),
        splits=samples.split_sizes(),
        labels=_spread("all", use["label"]),
        by_split=_by(use, use["split"], list(SPLITS)),
        by_level=_by(use, "JND " + use["level"].astype("string")),
        by_class=_by(use, use["class_name"], use["class_name"].value_counts().index.tolist()),
        by_size=_by(use, sizes(use), [name for name, _, _ in SIZES]),
        baselines=list(_baselines(use, samples.scale)),
        recognised=_recognised(samples),
        rates=rates,
        curve=curve,
        satisfaction=[],
        missing=samples.missing,
        noun="picture" if store is None else store.manifest.noun,
    )


def usable(samples: Samples) -> pd.DataFrame:
    """The rows that figures of labels are about: labelled and recognisable."""
    table = samples.table
    return table[table["label"].notna() & table["recognisable"]]


def sizes(table: pd.DataFrame) -> pd.Series:
    """What COCO calls each object's size, by the area of its box; <NA> where there is no box."""
    area = ((table["x2"] - table["x1"]) * (table["y2"] - table["y1"])).to_numpy()
    named = pd.Series(pd.NA, index=table.index, dtype="string")
    for name, low, high in SIZES:
        named[(area >= low) & (area < high)] = name
    return named


def not_monotone(samples: Samples) -> NDArray[np.bool_]:
    """Per sample with a string: whether a find follows a loss, at QPs that were coded."""
    table = samples.table["string"].dropna().str.replace("?", "", regex=False)
    return table.str.contains("01", regex=False).to_numpy(dtype=np.bool_)


def _spread(group: str, labels: pd.Series) -> Spread | None:
    values = labels.to_numpy(dtype=np.float64)
    if not values.size:
        return None
    return Spread(
        group,
        len(values),
        float(values.mean()),
        float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        tuple(float(value) for value in np.percentile(values, _PERCENTILES)),
        float(np.abs(values - np.median(values)).mean()),
    )


def _by(table: pd.DataFrame, key: pd.Series, order: list[str] | None = None) -> list[Spread]:
    groups = dict(iter(table["label"].groupby(key)))
    names = sorted(groups) if order is None else [name for name in order if name in groups]
    return [spread for name in names if (spread := _spread(str(name), groups[name])) is not None]


def _baselines(use: pd.DataFrame, scale: str) -> Iterator[Baseline]:
    levels = sorted(use["level"].dropna().unique().tolist()) or [None]
    for level in levels:
        rows = use if level is None else use[use["level"] == level]
        train = rows["label"][rows["split"] == "train"]
        guess = float((train if len(train) else rows["label"]).median()) if len(rows) else 0.0
        for split in ("all", *SPLITS):
            labels = rows["label"] if split == "all" else rows["label"][rows["split"] == split]
            if labels.empty:
                continue
            error = (labels - guess).abs()
            inner = error[labels.between(*INNER)] if scale == "vvc-qp" else error[:0]
            yield Baseline(
                split if level is None else f"{split}, JND {level}",
                guess,
                len(labels),
                float(error.mean()),
                float(inner.mean()) if len(inner) else None,
            )


def _recognised(samples: Samples) -> list[tuple[int, float]]:
    if samples.qps is None or samples.table["string"].isna().any() or not len(samples):
        return []
    return list(zip(samples.qps, samples.found().mean(axis=0).tolist(), strict=True))


def _costs(store: Store) -> pd.DataFrame:
    """What every picture or segment of a store takes and keeps at every QP that it was coded at."""
    rows = []
    for number, record in enumerate(store.records()):
        objects = len(record.xyxy)
        for place, qp in enumerate(record.qps.tolist()):
            kept = int(record.found[:, place].sum())
            bits, psnr = int(record.bits[place]), float(record.psnr_y[place])
            rows.append((number, qp, bits, bits / (record.width * record.height * record.frames), psnr, objects, kept))
    return pd.DataFrame(rows, columns=["picture", "qp", "bits", "bpp", "psnr", "objects", "kept"])


def _rates(costs: pd.DataFrame) -> Iterator[Rate]:
    for qp, group in costs.groupby("qp"):
        objects = int(group["objects"].sum())
        low, high = np.percentile(group["bpp"], (25, 75))
        yield Rate(
            qp=int(str(qp)),
            pictures=len(group),
            bits=float(group["bits"].mean()),
            bpp=float(group["bpp"].median()),
            bpp_quartiles=(float(low), float(high)),
            psnr_y=float(group["psnr"].mean()),
            found=float(group["kept"].sum()) / objects if objects else None,
        )
