"""Labels of H.264 and JPEG as VVC QPs: by a line, or by real encodes of every picture."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd

from vcmpipe.config import DatasetConvertOptions
from vcmpipe.datasets.label_table import is_store, load_samples
from vcmpipe.datasets.samples import Samples, check_free, picture_files, write_samples
from vcmpipe.encoders import Encoder, load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, read_picture
from vcmpipe.jnd.models.scale import H264_TO_VVC, JPEG_TO_VVC, How, to_vvc_qp
from vcmpipe.jnd.quality_match import Match, Measure, Versions
from vcmpipe.process import one_line
from vcmpipe.process.content_cache import ContentCache, cache_folder
from vcmpipe.process.parquet import read_table
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.workers import in_order, worker_count, worker_pool

_MEASURES = ("psnr", "xpsnr")
# Companions that do not count anything: they hold for the converted samples, too.
_KEPT = ("coded",)


@dataclass(frozen=True)
class ConversionReport:
    """What a conversion yielded.

    Attributes:
        scale: What the labels counted before.
        pictures: Pictures that were coded; 0 where none was needed.
        unreached: Labels that became QP 0 because no VVC QP reaches the quality.
        mean_from: Mean label before; None where there are no labels. ``mean_to`` is that after.
    """

    out: str
    scale: str
    how: str
    pictures: int
    converted: int
    unreached: int
    mean_from: float | None
    mean_to: float | None


def convert(
    options: DatasetConvertOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Warn = lambda message: None,
) -> ConversionReport:
    """Write samples again with VVC QPs as labels.

    What is coded and measured is kept by content: the same command goes on where it was interrupted. Beside the
    samples stands ``conversion``: sample, before, after, and of a match its target and quality in dB, and whether it
    was reached.

    Raises:
        InputError: The labels are VVC QPs already, there are none, or pictures are needed and not there.
        ProcessError: A codec failed.
        OutputError: The samples cannot be written.
    """
    out = Path(options.out)
    check_free(out)  # now, not after hours of coding
    if is_store(Path(options.samples)):
        raise InputError(f"{options.samples} is a built store: its labels are VVC QPs already")
    samples = load_samples(options.samples)
    if samples.scale in ("vvc-qp", "none"):
        fault = "are VVC QPs already" if samples.scale == "vvc-qp" else "are missing: it holds none"
        raise InputError(f"{options.samples}: its labels {fault}")
    rows = samples.table[samples.table["label"].notna()]
    if options.how in _MEASURES:
        encoder = load_encoder(options.encoder)
        matched = _matched(samples, rows, options, encoder, progress, warn)
        source = {"encoder": encoder.name, "encoder_build": encoder.build, "preset": options.preset}
    else:
        qps = np.floor(to_vvc_qp(rows["label"], samples.scale, cast(How, options.how)) + 0.5)
        matched = pd.DataFrame({"after": qps}, index=rows.index)
        line = {"h264-qp": H264_TO_VVC, "jpeg-qf": JPEG_TO_VVC}[samples.scale]
        source = {} if options.how == "identity" else {"offset": str(line.offset), "slope": str(line.slope)}
    # Strings count the old scale: no rule may make labels of them any more.
    table = samples.table.assign(label=matched["after"].reindex(samples.table.index))
    table["string"] = pd.NA
    made = dataclasses.replace(
        samples,
        table=table,
        scale="vvc-qp",
        qps=None,
        rule=None,
        source={**samples.source, "converted": {"scale": samples.scale, "how": options.how, **source}},
    )
    conversion = pd.concat([rows["sample"], rows["label"].rename("before"), matched], axis=1)
    write_samples(made, out, {"conversion": conversion, **_companions(Path(options.samples))})
    coded = options.how in _MEASURES
    return ConversionReport(
        out=options.out,
        scale=samples.scale,
        how=options.how,
        pictures=int(rows["path"].nunique()) if coded else 0,
        converted=len(rows),
        unreached=int((~matched["reached"]).sum()) if coded else 0,
        mean_from=float(rows["label"].mean()) if len(rows) else None,
        mean_to=float(matched["after"].mean()) if len(rows) else None,
    )


def _matched(
    samples: Samples,
    rows: pd.DataFrame,
    options: DatasetConvertOptions,
    encoder: Encoder,
    progress: Progress,
    warn: Warn,
) -> pd.DataFrame:
    """Matches in the rows' order: after, target, quality, reached."""
    files = picture_files(samples, rows, options.images, "only --how affine codes none")
    cache = ContentCache(cache_folder(options.cache), warn, options.cache_limit)
    measure = cast(Measure, options.how)
    groups = [(path, part) for path, part in rows.groupby("path", sort=False)]

    def work(group: tuple[object, pd.DataFrame]) -> list[Match]:
        path = files[str(group[0])]
        versions = Versions(encoder, Frame(0, read_picture(path), one_line(str(path))), cache, options.preset)
        return [versions.match(samples.scale, nearest(label, samples.scale), measure) for label in group[1]["label"]]

    parts = []
    jobs = worker_count(options.jobs)
    with worker_pool(jobs) as pool:
        for (_, part), matches in zip(groups, in_order(pool, work, groups, 2 * jobs), strict=True):
            columns = pd.DataFrame(matches, index=part.index).rename(columns={"qp": "after"})
            parts.append(columns.astype({"after": np.float64}))
            progress(len(parts), len(groups))
    if not parts:
        return pd.DataFrame({"after": [], "target": [], "quality": [], "reached": pd.Series([], dtype=bool)})
    return pd.concat(parts).reindex(rows.index)


def nearest(label: float, scale: str) -> int:
    """The whole value of a scale that can be coded: the nearest, of two the finer."""
    return int(np.floor(label + 0.5)) if scale == "jpeg-qf" else int(np.ceil(label - 0.5))


def _companions(path: Path) -> dict[str, pd.DataFrame]:
    files = {name: path / f"{name}.parquet" for name in _KEPT}
    return {name: read_table(file).to_pandas() for name, file in files.items() if path.is_dir() and file.is_file()}
