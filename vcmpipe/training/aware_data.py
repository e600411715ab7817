"""The objects of a JRD data set as ``detector_aware`` learns from them: features, strings, labels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.measurement.labels import DEFAULT_RULE, label
from vcmpipe.thresholds.base import QP_COUNT
from vcmpipe.thresholds.looks import PROBE, Look
from vcmpipe.training.described import Described, described

if TYPE_CHECKING:
    from vcmpipe.datasets.samples import Samples
    from vcmpipe.detection import Detector

_BOX = ["x1", "y1", "x2", "y2"]


@dataclass(frozen=True, eq=False)
class AwareData:
    """N recognisable objects.

    Attributes:
        features: (N, F) see ``features.describe``.
        looked: (N, 3 K) see ``looks.look_again``.
        class_id: (N,) classes.
        found: (N, 64) bool; the strings.
        label: (N,) thresholds by the label rule.
        picture: (N,) names; objects of a picture stay together.
    """

    features: NDArray[np.float64]
    looked: NDArray[np.float64]
    class_id: NDArray[np.int64]
    found: NDArray[np.bool_]
    label: NDArray[np.int64]
    picture: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.label)

    def __getitem__(self, rows: npt.ArrayLike) -> AwareData:
        """Some of the objects."""
        return AwareData(*(getattr(self, field.name)[rows] for field in fields(self)))

    def relabelled(self, rule: str) -> AwareData:
        """The same objects under another label rule; what it calls unrecognisable is left out."""
        labels, recognisable = label(self.found, np.arange(QP_COUNT), rule)
        return replace(self, label=labels)[recognisable & (labels > 0)]


def collect(
    samples: Samples,
    detector: Detector,
    *,
    rule: str = DEFAULT_RULE,
    names: Collection[str] | None = None,
    images: Path | None = None,
    digests: Mapping[str, str] | None = None,
    looks: Sequence[Look] = PROBE,
    cache: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> AwareData:
    """Describe the objects of a data set.

    Args:
        samples: What to learn from: objects with strings, of a built store (``label_table``) or a label table.
        detector: The detector that they are of, for its input size and the looks.
        rule: The label rule.
        names: The pictures to take; all where absent.
        images: Where the folder of pictures is now, if it has moved.
        digests: SHA-256 of the picture files by name, as far as they are known: another picture is refused.
        looks: Degraded copies that the detector looks at.
        cache: A folder that keeps what was computed, picture by picture, for the next time.
        progress: Called with each picture's name.

    Raises:
        InputError: The detector is another one, no picture has an object with a threshold, or a picture is gone or has
            changed.
    """
    known = samples.source.get("detector_digest")
    if known != detector.digest:
        raise InputError(
            f"{samples.name} was made with {samples.source.get('detector', 'no detector that is known')}; "
            f"{detector.name} is another detector"
        )
    root = folder_of(samples, images)
    table = samples.table.assign(string_of=list(_strings(samples)))
    parts = []
    for name, own in table.groupby("picture", sort=True):
        if names is not None and name not in names:
            continue
        if progress is not None:
            progress(str(name))
        picture = Described(root / str(name), (digests or {}).get(str(name), ""), own[_BOX].to_numpy(np.float32))
        kinds = own["class_id"].to_numpy(np.int64)
        rows, looked = described(picture, own["score"].to_numpy(np.float32), kinds, detector, looks, cache)
        found = np.stack(list(own["string_of"]))
        labels, _ = label(found, np.arange(QP_COUNT), rule)
        parts.append(AwareData(rows, looked, kinds, found, labels, np.full(len(rows), str(name))))
    if not parts:
        raise InputError(f"{samples.name} has no objects to learn from: there are no labels")
    every = AwareData(*(np.concatenate([getattr(p, field.name) for p in parts]) for field in fields(AwareData)))
    kept = every.relabelled(rule)
    if not len(kept):
        raise InputError(f"{samples.name} has no objects to learn from: none has a threshold")
    return kept


def _strings(samples: Samples) -> NDArray[np.bool_]:
    """(N, 64) whether each object was found at each QP."""
    if samples.qps is None or samples.table["string"].isna().any():
        raise InputError(f"{samples.name} has no strings of found and lost to learn from")
    places = np.abs(np.arange(QP_COUNT)[:, None] - np.array(samples.qps)[None, :]).argmin(axis=1)
    strings: NDArray[np.bool_] = samples.found()[:, places]
    return strings


def folder_of(samples: Samples, images: Path | None) -> Path:
    """The folder that picture names start from; InputError where it is not known."""
    root = images or (Path(samples.root) if samples.root else None)
    if root is None:
        raise InputError(f"where the pictures of {samples.name} are is not known: --images names their folder")
    return root


def marks_of(folder: Path, names: Iterable[str]) -> list[str]:
    """The marks of pictures, in order."""
    return sorted(picture_mark(hashlib.sha256((folder / name).read_bytes()).hexdigest()) for name in names)


def picture_mark(digest: str) -> str:
    """What a card knows a picture by that was learned from: the first 16 digits of its file's SHA-256."""
    return digest[:16]
