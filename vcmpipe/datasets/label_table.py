"""Samples out of a built store, and out of whatever else holds samples."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from vcmpipe.datasets.clips import clip_of
from vcmpipe.datasets.manifest import KIND as STORE_KIND
from vcmpipe.datasets.samples import COLUMNS, Samples, read_samples, split_by_picture, table_of
from vcmpipe.datasets.store import FRAMES, Store, frame_name, manifest_path, strings
from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_CARD, read_json


def label_table(store: Store, rule: str | None = None) -> Samples:
    """One row per object or track of a store: box, string and the label that a rule derives from it.

    A track's picture is the frame that its box is of. All segments of a clip are in one split: they show one scene.

    Args:
        store: The store. Pictures and segments without objects have no rows.
        rule: One of ``labels.RULES``; None: the default for the store's QPs.

    Raises:
        InputError: A record is damaged, or the rule does not take the store's QPs.
    """
    names, video = store.names(), store.manifest.video
    split = dict(zip(names, split_by_picture(map(clip_of, names) if video else names), strict=True))
    short = short_names(names)
    classes = store.manifest.classes
    rows = []
    for record in store.records():
        name, size = record.name, (record.width, record.height)
        marks = strings(record.found, record.qps, store.manifest.qps)
        pictures = [name] * len(record.xyxy)
        if record.span is not None:
            pictures = [frame_name(record, place) for place in record.span.place.tolist()]
        numbers, scores = record.class_id.tolist(), record.score.tolist()
        objects = zip(pictures, record.xyxy.tolist(), numbers, scores, marks, strict=True)
        for n, (picture, box, number, score, mark) in enumerate(objects, 1):
            about = (number, classes.get(number, str(number)), *box, *size, score, mark, picture)
            rows.append((f"{short[name]}_{n}", picture, split[name], 0.0, *about))
    table = table_of([column for column in COLUMNS if column not in ("recognisable", "level")], rows)
    manifest = store.manifest
    return Samples(
        table,
        manifest.name,
        "vvc-qp",
        (),
        manifest.qps,
        root=str(store.path / FRAMES) if video else manifest.images,
        source={
            "kind": STORE_KIND,
            "pictures": len(names),
            **({"video": dataclasses.asdict(video)} if video else {}),
            "search": manifest.search,
            "encoder": manifest.encoder,
            "encoder_build": manifest.encoder_build,
            "preset": manifest.preset,
            "detector": manifest.detector,
            "detector_digest": manifest.detector_digest,
            "classes": {str(number): name for number, name in manifest.classes.items()},
        },
    ).relabelled(rule)


def load_samples(path: Path | str, rule: str | None = None) -> Samples:
    """Open a folder of samples, a label table (.parquet) or a built store.

    Args:
        path: Where it is.
        rule: Derive the labels anew, from the strings, by this rule; None: as they are (a store: the default rule).

    Raises:
        InputError: It is none of these, is damaged, or has no strings for the rule.
    """
    path = Path(path)
    if is_store(path):
        return label_table(Store.open(path), rule)
    if not path.exists():
        raise InputError(f"{path} does not exist: name a folder of samples, a label table (.parquet) or a built store")
    if path.is_dir() and not (manifest_path(path).is_file() and (path / "samples.parquet").is_file()):
        raise InputError(f"{path} holds no samples: make them with vcmpipe dataset build or vcmpipe dataset import")
    samples = read_samples(path)
    return samples if rule is None else samples.relabelled(rule)


def is_store(path: Path) -> bool:
    """Whether a folder is a built store.

    Raises:
        InputError: It has a manifest that is damaged.
    """
    return path.is_dir() and manifest_path(path).is_file() and _kind(manifest_path(path)) == STORE_KIND


def short_names(names: Sequence[str]) -> dict[str, str]:
    """Names of pictures without their endings, which stay where two pictures would else have one name."""
    short = {name: str(PurePosixPath(name).with_suffix("")) for name in names}
    while clashes := {name for name, times in Counter(short.values()).items() if times > 1}:
        short = {name: name if value in clashes else value for name, value in short.items()}
    return short


def _kind(manifest: Path) -> object:
    try:
        return read_json(manifest, LARGEST_CARD)["kind"]
    except (KeyError, TypeError) as error:
        raise InputError(f"{manifest} is damaged, or not a manifest of a data set: {error}") from error
