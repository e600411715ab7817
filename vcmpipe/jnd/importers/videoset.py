"""VideoSet: three JNDs of 220 source clips at four resolutions, coded with H.264 at QP 1..51; 30 or more subjects.

One CSV per resolution and level, ``1280x720_1st.csv``: a row per clip with the QPs at which the subjects saw the
difference. The label is the file's ``jnd``, their 25th percentile: three of four see nothing at that QP. The median
guess of the literature (MAE 2.34, 2.46 and 2.32 for JND 1, 2 and 3 at 720p) is over all 220 clips: the mean of
|jnd - median of jnd|.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path

import pandas as pd

from vcmpipe.config import DatasetImportOptions
from vcmpipe.datasets.importers.reading import finite, whole, whole_numbers
from vcmpipe.datasets.importers.registry import Imported
from vcmpipe.datasets.samples import Samples, split_by_picture, table_of
from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_DOCUMENT, read_text

RESOLUTIONS = ("1920x1080", "1280x720", "960x540", "640x360")
LEVELS = {"1st": 1, "2nd": 2, "3rd": 3}
CLIPS = 220
_COLUMNS = ("anchor", "jnd", "mean", "normality", "samples", "samples_no", "sequence_index", "standard_deviation")
_NAME = re.compile(r"(\d{2,5})x(\d{2,5})_(1st|2nd|3rd)\.csv")


Row = tuple[str, str, float, int, int, int]


def read(options: DatasetImportOptions) -> Imported:
    """Read the CSV files of a folder, or one of them; see the module.

    The subjects' answers are kept as ``raters``: sample, level, rater (a number within the sample: outliers were
    removed, so that it does not follow a person from clip to clip), value.

    Raises:
        InputError: There is no such file, or one is damaged.
    """
    source = Path(options.source)
    files = [source] if source.is_file() else sorted(path for path in source.iterdir() if _NAME.fullmatch(path.name))
    if not files:
        raise InputError(f"{source} has no file like 1280x720_1st.csv: name the folder of VideoSet's CSV files")
    rows: list[Row] = []
    answers: list[pd.DataFrame] = []
    for path in files:
        name = _NAME.fullmatch(path.name)
        if name is None:
            raise InputError(f"{path}: its name should tell resolution and level, as 1280x720_1st.csv does")
        _read_file(path, int(name[1]), int(name[2]), LEVELS[name[3]], rows, answers)
    splits = split_by_picture([row[1] for row in rows], options.seed)
    columns = ("sample", "picture", "label", "level", "width", "height", "split")
    table = table_of(columns, [(*row, split) for row, split in zip(rows, splits, strict=True)])
    samples = Samples(
        table, "videoset", "h264-qp", _missing(rows), source={"kind": "videoset", "split_seed": options.seed}
    )
    return Imported(samples, {"raters": pd.concat(answers, ignore_index=True)})


def _read_file(path: Path, width: int, height: int, level: int, rows: list[Row], answers: list[pd.DataFrame]) -> None:
    try:
        raw = pd.read_csv(io.StringIO(read_text(path, LARGEST_DOCUMENT)), dtype={"samples": str})
    except (OSError, ValueError) as error:  # pandas' ParserError and EmptyDataError are ValueErrors
        raise InputError(f"{path} cannot be read as CSV: {' '.join(str(error).split())}") from error
    absent = [column for column in _COLUMNS if column not in raw.columns]
    if absent:
        raise InputError(f"{path} has no column {absent[0]!r}; VideoSet's columns are {', '.join(_COLUMNS)}")
    if raw.empty:
        raise InputError(f"{path} has no rows")
    seen: set[int] = set()
    for line, record in enumerate(raw.to_dict("records"), 2):
        where = f"{path}, line {line}"
        clip = whole(record["sequence_index"], 1, 10**6, f"{where}: sequence_index")
        if clip in seen:
            raise InputError(f"{where}: clip {clip} occurs twice")
        seen.add(clip)
        label = whole(record["jnd"], 0, 51, f"{where}: jnd")
        values = whole_numbers(record["samples"], 0, 51, f"{where}: samples", f"{where}: a sample")
        if len(values) != finite(record["samples_no"], f"{where}: samples_no"):
            raise InputError(f"{where}: samples_no is {record['samples_no']}, but there are {len(values)} samples")
        sample = f"{width}x{height}_{clip:03}_{level}"
        rows.append((sample, f"{clip:03}", float(label), level, width, height))
        answers.append(
            pd.DataFrame({"sample": sample, "level": level, "rater": range(1, len(values) + 1), "value": values})
        )


def _missing(rows: list[Row]) -> tuple[str, ...]:
    lines = ["the clips, as sources and coded"]
    there = Counter((f"{width}x{height}", level) for _, _, _, level, width, height in rows)
    for size in RESOLUTIONS:
        levels = [level for level in LEVELS.values() if (size, level) not in there]
        if levels:
            what = "all labels" if len(levels) == 3 else f"the labels of JND {' and '.join(map(str, levels))}"
            lines.append(f"{what} at {size}")
    for (size, level), count in there.items():
        if count < CLIPS:
            lines.append(f"{CLIPS - count} of {CLIPS} clips at {size}, JND {level}")
    return tuple(lines)
