"""``dataset build --search`` for real: fewer encodes, nearly the same labels, strings that say what was not coded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.conftest import options, write_scenes
from vcmpipe.cli.main import main
from vcmpipe.commands.dataset_stats import statistics
from vcmpipe.config import DatasetStatsOptions, DatasetVerifyOptions
from vcmpipe.datasets.build import build
from vcmpipe.datasets.label_table import load_samples
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.verification import verify_store
from vcmpipe.frames import write_png

LADDER = "20:58:2"


def test_a_search_codes_less_and_finds_the_labels(tmp_path: Path) -> None:
    images = write_scenes(tmp_path / "images", 2)
    write_png(images / "empty.png", np.full((64, 96, 3), 128, np.uint8))
    full = build(options(images, tmp_path / "full", qps=LADDER))
    searched = build(options(images, tmp_path / "searched", qps=LADDER, search=True))
    assert (full.encodes, searched.pictures, searched.without_objects) == (60, 3, 1)
    assert searched.encodes < 0.75 * 40
    store = Store.open(tmp_path / "searched")
    assert store.record("empty.png").qps.size == 0 and store.record("empty.png").found.shape == (0, 0)
    whole = Store.open(tmp_path / "full")
    for name in ("scene0.png", "sub/scene1.png"):
        ours, theirs = store.record(name), whole.record(name)
        places = np.searchsorted(theirs.qps, ours.qps)
        assert np.array_equal(ours.found, theirs.found[:, places])
        assert np.array_equal(ours.bits, theirs.bits[places])
    # One set of pictures at every QP of the curve: those with objects, at the QPs that both were coded at.
    found = statistics(DatasetStatsOptions(store=str(store.path), out=str(tmp_path / "drawn")))
    coded = [set(store.record(name).qps.tolist()) for name in ("scene0.png", "sub/scene1.png")]
    assert {rate.qp for rate in found.rates} == coded[0] | coded[1] and coded[0] != coded[1]
    assert {rate.qp for rate in found.curve} == coded[0] & coded[1]
    assert {rate.pictures for rate in found.curve} == {2} and (tmp_path / "drawn" / "rate.png").is_file()
    assert [rate.bits for rate in found.curve] == sorted((rate.bits for rate in found.curve), reverse=True)
    last = load_samples(tmp_path / "searched", "last").table
    same = load_samples(tmp_path / "full", "last").table
    assert last["sample"].tolist() == same["sample"].tolist() and len(last) >= 4
    assert (
        last["string"].str.contains("?", regex=False).all() and not same["string"].str.contains("?", regex=False).any()
    )
    assert np.abs(last["label"] - same["label"]).mean() <= 2.0
    assert verify_store(DatasetVerifyOptions(store=str(store.path))).faults == []


def test_a_curve_of_no_common_qps_is_not_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    images = tmp_path / "images"
    images.mkdir()
    write_png(images / "empty.png", np.full((64, 96, 3), 128, np.uint8))
    build(options(write_scenes(images, 1), tmp_path / "store", qps="30", search=True))
    assert main(["dataset", "stats", str(tmp_path / "store"), "--out", str(tmp_path / "drawn")]) == 0
    assert "no rate.png: no two QPs are there that all pictures were coded at" in capsys.readouterr().err
    assert not (tmp_path / "drawn" / "rate.png").exists()
