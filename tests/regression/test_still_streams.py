"""Streams of stills, to the byte: a change of the code's structure must not change a single one.

``still_streams.json`` holds SHA-256 digests by the encoder's build, which the bits depend on. A change that is meant to
change streams records them anew and says why in the changelog:

    VCMPIPE_RECORD_STREAMS=1 python -m pytest tests/regression/test_still_streams.py
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from vcmpipe.cli import main
from vcmpipe.datasets.scenes import write_demo_dataset

# Margins are named: how well the default ones keep objects is counted anew now and then.
RECORDS = Path(__file__).with_name("still_streams.json")
WAYS = {
    "encode": ["--margin", "0"],
    "encode, one QP": ["--predictor", "constant:34", "--realise", "uniform"],
    "encode, sub-pictures": ["--margin", "0", "--form", "subpictures", "--realise", "regions"],
    "encode, scaled": ["--margin", "0", "--scale", "0.6"],
    "encode --verify": ["--verify", "--max-trials", "6", "--limit", "2"],
    "encode, kvazaar": ["--margin", "0", "--encoder", "kvazaar"],
}


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four scenes of the built-in demo."""
    return write_demo_dataset(tmp_path_factory.mktemp("scenes"), 4, 900_000).parent / "images"


@pytest.mark.parametrize("way", WAYS)
def test_streams_are_equal_to_the_byte(way: str, scenes: Path, tmp_path: Path) -> None:
    out = tmp_path / "stream.bin"
    assert main(["encode", "--input", str(scenes), "--out", str(out), "--detector", "demo", *WAYS[way]]) == 0
    encoder = json.loads(out.with_suffix(".json").read_text())["provenance"]["encoder"]
    build = f"{encoder['name']}, {encoder['build']}"
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    records = json.loads(RECORDS.read_text()) if RECORDS.is_file() else {}
    if os.environ.get("VCMPIPE_RECORD_STREAMS"):
        records.setdefault(build, {})[way] = digest
        RECORDS.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n")
    if build not in records:
        pytest.skip(f"no digests are recorded for {build}")
    assert digest == records[build][way]
