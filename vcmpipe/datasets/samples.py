"""Samples: one table of labelled objects or pictures, whatever data set they come from.

Stores and importers yield it; training, statistics and evaluation read it. On disk it is a folder with
``manifest.json`` and ``samples.parquet``, or a label table: one .parquet file that holds the same.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from vcmpipe.datasets.records import table_reason
from vcmpipe.datasets.scales import RANGES
from vcmpipe.errors import InputError
from vcmpipe.measurement import fill, label
from vcmpipe.measurement.labels import RULES, default_rule
from vcmpipe.process import one_line, publish
from vcmpipe.process.folders import publish_folder
from vcmpipe.process.parquet import read_table
from vcmpipe.process.reading import LARGEST_CARD, parse_json, read_json
from vcmpipe.sidecar import provenance

KIND = "samples"
VERSION = 1
SPLITS = ("train", "val", "test")
LEVELS = (1, 2, 3)
# What a label counts, and the labels there are; none where the data set has no labels.
SCALES: dict[str, tuple[int, int] | None] = {**RANGES, "none": None}

COLUMNS = {
    "sample": "string",
    "picture": "string",
    "split": "string",
    "label": "float64",
    "recognisable": "bool",
    "level": "Int64",
    "class_id": "Int64",
    "class_name": "string",
    "x1": "float64",
    "y1": "float64",
    "x2": "float64",
    "y2": "float64",
    "width": "Int64",
    "height": "Int64",
    "score": "float64",
    "string": "string",
    "path": "string",
}
_BOX = ["x1", "y1", "x2", "y2"]
# Where the description stands in a label table.
_KEY = b"vcmpipe"


@dataclass(frozen=True)
class Samples:
    """One row per labelled object, or per picture and level.

    Attributes:
        table: Columns and types as in ``COLUMNS``. ``sample`` is a name of its own for every row; all rows of one
            ``picture`` (or source clip) are in one ``split``: train, val or test. ``label`` is the threshold, NaN where
            unknown; an object that is never recognised has label 0 and ``recognisable`` False. ``level`` is the JND
            level 1..3, <NA> elsewhere. Boxes are in pixels, NaN where unknown; ``width`` and ``height`` are the
            picture's. ``string`` has one character per QP of ``qps``: 1 recognised, 0 not, ? not coded. ``path`` leads
            to the picture or crop, below ``root``.
        name: The data set's name.
        scale: What a label counts: one of ``SCALES``.
        missing: What the data set should hold and does not, a line each.
        qps: QPs of the strings, ascending; None where there are none.
        rule: The rule that made the labels from the strings; None where they came otherwise.
        root: The folder that relative paths start from; None where it is not known (any more).
        source: Where the table comes from, for readers.

    Raises:
        InputError: The table breaks one of these rules; the message names the first row that does.
    """

    table: pd.DataFrame
    name: str
    scale: str
    missing: tuple[str, ...] = ()
    qps: tuple[int, ...] | None = None
    rule: str | None = None
    root: str | None = None
    source: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.scale not in SCALES:
            raise InputError(f"{self.name}: there is no label scale {self.scale!r}: choose from {', '.join(SCALES)}")
        if self.rule is not None and self.rule not in RULES:
            raise InputError(f"{self.name}: there is no label rule {self.rule!r}: choose from {', '.join(RULES)}")
        object.__setattr__(self, "table", _typed(self.table, self.name))
        for broken, fault in _faults(self):
            rows = np.flatnonzero(np.asarray(broken, dtype=bool))
            if rows.size:
                first = self.table["sample"].iloc[int(rows[0])]
                more = f" (and {rows.size - 1} more)" if rows.size > 1 else ""
                raise InputError(f"{self.name}: {first!r}{more} {fault}")

    def __len__(self) -> int:
        return len(self.table)

    def relabelled(self, rule: str | None = None) -> Samples:
        """The same samples with labels derived from their strings by a rule.

        Args:
            rule: One of ``labels.RULES``; None: the default for these QPs.

        Raises:
            InputError: There are no strings, or the rule does not take their QPs.
        """
        if self.qps is None or self.table["string"].isna().any():
            raise InputError(f"{self.name} has no strings of found and lost: its labels cannot be made by another rule")
        rule = rule or default_rule(self.qps)
        labels, recognisable = label(self.found(), np.array(self.qps), rule)
        table = self.table.assign(label=labels.astype(np.float64), recognisable=recognisable)
        return dataclasses.replace(self, table=table, rule=rule)

    def found(self) -> NDArray[np.bool_]:
        """(N, Q) bool; whether each object was recognised; QPs that were not coded answer as the nearest that were."""
        text = "".join(self.table["string"]).encode()
        marks = np.frombuffer(text, dtype=np.uint8).reshape(len(self), len(self.qps or ()))
        found: NDArray[np.bool_] = marks == ord("1")
        coded = marks != ord("?")
        qps = np.array(self.qps or (), dtype=np.int64)
        # Objects of one picture were coded at the same QPs.
        for which in np.unique(coded, axis=0) if not coded.all() else ():
            rows = (coded == which).all(axis=1)
            found[rows] = fill(found[rows][:, which], qps[which], qps)
        return found

    def split_sizes(self) -> dict[str, int]:
        """How many samples each split has."""
        return {split: int((self.table["split"] == split).sum()) for split in SPLITS}

    def describe(self) -> dict[str, Any]:
        """All but the table, for JSON."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "table"}
        counts = {"samples": len(self), "pictures": int(self.table["picture"].nunique())}
        return {"kind": KIND, "version": VERSION} | values | {"source": dict(self.source), "counts": counts}


def make_table(**columns: Any) -> pd.DataFrame:
    """A table with all columns, those that are not given empty."""
    rows = len(columns["sample"])
    blank = {"recognisable": True, "label": np.nan}
    table = {
        name: columns.get(name, blank.get(name, np.nan if kind == "float64" else pd.NA))
        for name, kind in COLUMNS.items()
    }
    return pd.DataFrame(table, index=pd.RangeIndex(rows)).astype(COLUMNS)


def table_of(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """A table with all columns, out of rows that have some of them; the others are empty."""
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return make_table(**{name: list(each) for name, each in zip(columns, values, strict=True)})


def split_by_picture(
    pictures: Iterable[str], seed: int = 0, shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
) -> list[str]:
    """The split of each picture: train, val or test.

    It depends on the picture's name and the seed alone, so that a picture that is added moves no other. The shares are
    therefore met on average, not exactly.

    Args:
        pictures: Names, which may repeat.
        seed: Another seed, another split.
        shares: Of train, val and test; they sum to 1.

    Raises:
        InputError: The shares are negative or do not sum to 1.
    """
    if len(shares) != 3 or min(shares) < 0 or abs(sum(shares) - 1) > 1e-9:
        raise InputError(f"the shares of train, val and test must sum to 1, not {shares}")
    ends = np.cumsum(shares)[:2]

    def split(name: str) -> str:
        digest = hashlib.sha256(f"{seed}\n{name}".encode("utf-8", "surrogatepass")).digest()
        place = int.from_bytes(digest[:8], "big") / 2**64
        return SPLITS[int(np.searchsorted(ends, place, side="right"))]

    return [split(name) for name in pictures]


def picture_files(samples: Samples, rows: pd.DataFrame, images: str | None, remedy: str) -> dict[str, Path]:
    """The files of pictures by the ``path`` of their rows.

    Args:
        samples: What the rows are of.
        rows: Some of its table.
        images: Where the pictures are now; None: where the data set was imported from.
        remedy: What to do where there are none, for the message.

    Raises:
        InputError: A row has no picture, or its file is not there.
    """
    lacking = rows["path"].isna()
    if lacking.any():
        reason = f" ({'; '.join(samples.missing)})" if lacking.all() and samples.missing else ""
        first, more = rows["sample"][lacking].iloc[0], f" (and {lacking.sum() - 1:,} more)" if lacking.sum() > 1 else ""
        which = "no pictures" if lacking.all() else f"no picture of {first!r}{more}"
        raise InputError(f"{samples.name} holds {which}{reason}, and they are needed: {remedy}")
    root = Path(images or samples.root or ".")
    files = {str(path): root / path for path in rows["path"].unique()}
    absent = [path for path, file in files.items() if not file.is_file()]
    if absent:
        more = f" (and {len(absent) - 1:,} more)" if len(absent) > 1 else ""
        raise InputError(f"{one_line(repr(absent[0]))}{more} is not below {root}: name their folder with --images")
    return files


def check_free(path: Path) -> None:
    """Refuse a place where samples cannot be written, before anything is done for them.

    Raises:
        InputError: It is a file, or a folder that holds something.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"--out {path} exists and is not empty: name another folder, or remove it")


def write_samples(samples: Samples, path: Path, companions: Mapping[str, pd.DataFrame] | None = None) -> None:
    """Write a folder of samples; it is there whole or not at all.

    ``companions`` are more tables, written beside it as ``NAME.parquet``.

    Raises:
        InputError: The folder holds something.
        OutputError: The place cannot be written to.
    """
    check_free(path)
    manifest = samples.describe() | {"provenance": provenance.versions()}
    with publish_folder(path) as folder:
        for name, table in (companions or {}).items():
            table.to_parquet(folder / f"{name}.parquet", index=False)
        samples.table.to_parquet(folder / "samples.parquet", index=False)
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (folder / "manifest.json").write_text(text, encoding="utf-8", errors="surrogatepass")


def write_label_table(samples: Samples, path: Path) -> None:
    """Write samples as one .parquet file: boxes, strings and labels, no pictures and no paths of this machine.

    Raises:
        OutputError: The place cannot be written to.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pandas(samples.table, preserve_index=False)
    about = samples.describe() | {"root": None, "provenance": provenance.versions()}
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), _KEY: json.dumps(about)})
    with publish(path) as part:
        pq.write_table(table, part, compression="zstd")


def read_samples(path: Path) -> Samples:
    """Read a folder of samples or a label table.

    Raises:
        InputError: It is neither, or damaged.
    """
    import pyarrow as pa

    file = path / "samples.parquet" if path.is_dir() else path
    try:
        raw = read_table(file)
        table = raw.replace_schema_metadata(None).to_pandas()
        if path.is_dir():
            about = read_json(path / "manifest.json", LARGEST_CARD)
        else:
            about = parse_json((raw.schema.metadata or {})[_KEY])
    except OSError as error:
        if error.errno is None:  # pyarrow's own: what it read is wrong
            raise InputError(f"{file} is damaged ({table_reason(error)}): copy or make it again") from error
        raise InputError(f"{error.filename or file} cannot be read: {error.strerror or error}") from error
    except KeyError as error:
        raise InputError(f"{path} is not a label table: vcmpipe dataset export labels writes them") from error
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"{path} is damaged ({table_reason(error)}): copy or make it again") from error
    return _described(table, about, path)


def _described(table: pd.DataFrame, about: Any, path: Path) -> Samples:
    try:
        if about["kind"] != KIND or about["version"] != VERSION:
            raise InputError(f"{path}: kind {about['kind']!r}, version {about['version']!r}, not {KIND!r} {VERSION}")
        return Samples(
            table,
            str(about["name"]),
            str(about["scale"]),
            tuple(str(line) for line in about["missing"]),
            None if about["qps"] is None else tuple(int(qp) for qp in about["qps"]),
            about["rule"],
            about["root"],
            dict(about["source"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{path} is damaged: its description lacks or misstates {error}") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _typed(table: pd.DataFrame, name: str) -> pd.DataFrame:
    absent = [column for column in COLUMNS if column not in table.columns]
    if absent:
        raise InputError(f"{name}: the table has no column {absent[0]!r}; it has {', '.join(map(str, table.columns))}")
    try:
        return table[list(COLUMNS)].reset_index(drop=True).astype(COLUMNS)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: a column has values of the wrong kind ({error})") from error


def _faults(samples: Samples) -> Iterator[tuple[Any, str]]:
    """Each rule that a table must keep: which rows break it, and what is wrong with them."""
    table, qps = samples.table, samples.qps
    lacking = table[["sample", "picture", "split"]].isna().any(axis=1) | (table["sample"] == "").fillna(True)
    yield lacking, "lacks its name, its picture or its split"
    yield table["sample"].duplicated(), "occurs twice: names must be unique"
    yield ~table["split"].isin(SPLITS), f"has a split that is none of {', '.join(SPLITS)}"
    if not table.empty:
        cut = table.groupby("picture")["split"].transform("nunique") > 1
        name = next(iter(table["picture"][cut]), "")
        yield cut, f"is of picture {name!r}, which is in two splits: a split must not cut a picture"
    labels = table["label"].to_numpy(dtype=np.float64)
    known, span = ~np.isnan(labels), SCALES[samples.scale]
    if span is None:
        yield known, "has a label, but the scale has none"
    else:
        yield known & ~((labels >= span[0]) & (labels <= span[1])), f"has a label outside {span[0]}..{span[1]}"
    if samples.scale == "vvc-qp":
        yield known & (labels != np.floor(labels)), "has a label that is not a whole QP"
    yield ~table["recognisable"].to_numpy() & (labels != 0), "is never recognised, and its label is not 0"
    yield table["level"].notna() & ~table["level"].isin(LEVELS), "has a JND level other than 1, 2, 3"
    yield table["score"].notna() & ~table["score"].between(0, 1), "has a score outside 0..1"
    for side in ("width", "height"):
        yield (table[side] < 1).fillna(False), f"has a {side} below 1"
    boxes = table[_BOX].to_numpy(dtype=np.float64)
    partly = ~np.isnan(boxes).all(axis=1) & ~np.isfinite(boxes).all(axis=1)
    yield partly, "has a box with a side that is not a number"
    yield (boxes[:, 2] < boxes[:, 0]) | (boxes[:, 3] < boxes[:, 1]), "has a box inside out"
    # A path may be absolute, but must not climb out of the folder that it is below.
    parts = table["path"].fillna("").str.split(r"[/\\]", regex=True)
    yield parts.map(lambda names: ".." in names), "has a path with .. in it"
    strings = table["string"].dropna().reindex(table.index, fill_value="1" * len(qps or ()))
    if table["string"].notna().any() and (qps is None or list(qps) != sorted(set(qps))):
        yield table["string"].notna(), "has a string, and strings need their QPs, ascending"
    count = len(qps or ())
    yield ~strings.str.fullmatch(f"[01?]{{{count}}}"), f"has a string that is not {count} of the characters 0, 1 and ?"
    yield strings.str.fullmatch(r"\?+"), "has a string without one coded QP"
