"""The label table that comes with vcmpipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vcmpipe.datasets.label_table import load_samples

TABLE = Path(__file__).resolve().parents[2] / "datasets" / "coco-yolox-nano.parquet"


def test_the_shipped_labels_are_what_the_docs_say_of_them() -> None:
    assert TABLE.stat().st_size < 2_000_000
    samples = load_samples(TABLE)
    assert (len(samples), samples.table["picture"].nunique()) == (1313, 262)
    assert samples.qps == tuple(range(64)) and samples.root is None
    labels = samples.table["label"]
    assert round(labels.mean(), 2) == 46.50 and labels.median() == 47
    assert round(np.abs(labels - 47).mean(), 3) == 5.378
    # Made anew from the strings, by the same rule, they are the same.
    assert (load_samples(TABLE, "tolerance").table["label"] == labels).all()
    assert b"/tmp" not in TABLE.read_bytes()
