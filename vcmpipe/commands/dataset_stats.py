"""``vcmpipe dataset stats``: what is in a data set, in figures and drawings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from vcmpipe.config import DatasetStatsOptions, parse_shares
from vcmpipe.datasets.label_table import is_store, load_samples
from vcmpipe.datasets.statistics import Statistics, describe
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.subjects import RATERS, RATIOS, read_raters, satisfaction
from vcmpipe.errors import InputError
from vcmpipe.process.folders import publish_folder


def statistics(options: DatasetStatsOptions) -> Statistics:
    """Count and measure; with ``--out`` draw, too.

    Raises:
        InputError: There is no data set, or it is damaged, or the rule does not fit.
        OutputError: The drawings cannot be written.
    """
    samples = load_samples(options.store, options.rule)
    store = Store.open(options.store) if is_store(Path(options.store)) else None
    found = describe(samples, options.store, store)
    answers = read_raters(Path(options.store), samples)
    if answers is not None:
        ratios = RATIOS if options.ratios is None else parse_shares(options.ratios, "--ratios")
        found = dataclasses.replace(found, satisfaction=satisfaction(samples, answers, ratios))
    elif options.ratios is not None:
        raise InputError(
            f"{options.store} holds no answers of single subjects ({RATERS}), and only they tell how many a QP "
            "satisfies: import videoset or mcl-jci, or leave --ratios out"
        )
    if options.out is not None:
        from vcmpipe.datasets.drawings import draw

        with publish_folder(Path(options.out)) as folder:
            for name, png in draw(samples, found).items():
                (folder / name).write_bytes(png)
    return found
