"""What ``dataset build --search`` would code and how far its labels would be off, by replaying full sweeps.

    python benchmarks/dataset_search.py --labels STORE_OR_TABLE [--grids]

Nothing is coded: the strings of a full sweep (64 QPs) say what a search would have seen. With --grids other first looks
and other numbers of QPs beyond the boundary are replayed, too.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe.datasets.label_table import load_samples
from vcmpipe.measurement import fill, label, search, search_qps
from vcmpipe.measurement.labels import RULES

QPS = np.arange(64)
GRIDS = [(32, 37, 42, 47, 52, 57), (34, 40, 46, 52, 58), (34, 41, 48, 55), (36, 44, 52), (38, 45, 52)]
BEYOND = [0, 1]


def replay(pictures: Sequence[NDArray[np.bool_]]) -> str:
    """One line: encodes per picture, and the mean label difference of each rule."""
    encodes = []
    errors: dict[str, list[float]] = {rule: [] for rule in RULES}
    for found in pictures:
        requested = search_qps(len(found), tuple(QPS), lambda qps, found=found: found[:, list(qps)])  # type: ignore[misc]
        encodes.append(len(requested))
        filled = fill(found[:, requested], requested, QPS)
        for rule in RULES:
            errors[rule] += np.abs(label(found, QPS, rule)[0] - label(filled, QPS, rule)[0]).tolist()
    means = ", ".join(f"{rule} {np.mean(values):.2f}" for rule, values in errors.items())
    return f"{np.mean(encodes):5.1f} encodes per picture (at most {max(encodes)}); labels differ by: {means}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", type=Path, required=True, help="a built store, or its label table")
    parser.add_argument("--grids", action="store_true", help="replay other constants, too")
    arguments = parser.parse_args()
    samples = load_samples(arguments.labels)
    found = samples.found()
    places = samples.table.groupby("picture", sort=False).indices.values()
    pictures = [found[rows] for rows in places]
    print(f"{len(pictures)} pictures with {len(found)} objects")
    print(f"as it is: {replay(pictures)}")
    if not arguments.grids:
        return
    for grid in GRIDS:
        for beyond in BEYOND:
            search._GRID, search._BEYOND = grid, beyond  # type: ignore[attr-defined]
            print(f"grid {','.join(map(str, grid))}, {beyond} beyond: {replay(pictures)}")


if __name__ == "__main__":
    main()
