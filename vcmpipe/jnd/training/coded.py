"""Pictures as coded at their JND, which autoencoders learn to give: from the data set's folders, or coded here."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vcmpipe.coding.faults import check_fidelity
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.encoders import load_encoder
from vcmpipe.errors import InputError
from vcmpipe.frames import (
    ColourSpec,
    Frame,
    decode_picture,
    pad_yuv,
    picture_size,
    png_bytes,
    psnr_y,
    read_picture,
    rgb_to_yuv,
    yuv_to_rgb,
)
from vcmpipe.jnd.models.laser import SIZE
from vcmpipe.jnd.reference_codecs import codec_identity, h264_decoded, h264_picture, jpeg_picture
from vcmpipe.jnd.training.pictures import PictureSet
from vcmpipe.process.content_cache import ContentCache, content_key
from vcmpipe.process.parquet import read_table
from vcmpipe.process.progress import Warn
from vcmpipe.process.reading import LARGEST_PICTURE, read_file
from vcmpipe.process.text import count
from vcmpipe.process.workers import in_order, worker_count, worker_pool

Pixels = NDArray[np.uint8]
COMPANION = "coded.parquet"
"""The table that ``dataset import jnd-levels`` keeps: sample, path, coded."""
# Splits whose pictures are learned from.
_USED = ("train", "val")


@dataclass(frozen=True)
class Partners:
    """The data set's own.

    Attributes:
        root: Where paths start.
        paths: The coded version of each picture, both below the root.
    """

    root: Path
    paths: Mapping[str, str]

    def read(self, path: str, label: float) -> Pixels:
        """A picture as coded at its JND, RGB."""
        return read_picture(self.root / self.paths[path])


@dataclass(frozen=True)
class Made:
    """Coded here: by the VVC encoder, x264 or JPEG, as the labels' scale asks; kept at the networks' size.

    Attributes:
        root: The data set.
        scale: What labels count.
        kept: A folder that keeps what was coded.
    """

    root: Path
    scale: str
    kept: Path

    def read(self, path: str, label: float) -> Pixels:
        """A picture as coded at a label, RGB, of the networks' size."""
        file = self.root / path
        data = read_file(file, LARGEST_PICTURE)
        # Viewers noticed nothing at the label: what lies between two steps of the codec goes to the finer one.
        step = math.ceil(label) if self.scale == "jpeg-qf" else math.floor(label)
        key = content_key("jnd-version", hashlib.sha256(data).digest(), str(step), str(SIZE), *_how(self.scale))
        cache = ContentCache(self.kept)
        if (known := cache.get(key)) is not None:
            return decode_picture(known, self.kept)
        coded = _coded(Frame(0, decode_picture(data, file), str(file)), self.scale, step)
        small = cv2.resize(coded, (SIZE[1], SIZE[0]), interpolation=cv2.INTER_LINEAR)
        cache.put(key, png_bytes(np.asarray(small, dtype=np.uint8)))
        return np.asarray(small, dtype=np.uint8)


Coded = Partners | Made


@cache
def _how(scale: str) -> tuple[str, ...]:
    """All that a version depends on besides picture and step."""
    if scale == "vvc-qp":
        encoder = load_encoder("vvenc")
        return scale, encoder.name, encoder.build
    return codec_identity(scale)


def _coded(frame: Frame, scale: str, step: int) -> Pixels:
    """A picture, coded and decoded, at its own size."""
    if scale == "vvc-qp":
        return SegmentCoder(load_encoder("vvenc"), frame).of_frame(0)(step).rgb
    if scale == "jpeg-qf":
        return decode_picture(jpeg_picture(frame.rgb, step), Path(frame.source))
    spec = ColourSpec()
    yuv = pad_yuv(rgb_to_yuv(frame.rgb, spec), 2)
    decoded = h264_decoded(h264_picture(yuv, step), yuv.width, yuv.height)
    check_fidelity(psnr_y(yuv, decoded), (step,))
    return yuv_to_rgb(decoded, spec, (frame.width, frame.height))


def find_coded(pictures: PictureSet, data: Path, level: int, how: str, kept: Path) -> tuple[Coded, str]:
    """Where coded versions come from.

    Args:
        pictures: What is learned from.
        data: Their folder of samples; the import of a data set with coded pictures keeps a table of them there.
        level: Which JND.
        how: ``folders``: the data set's; ``encode``; or ``auto``: the data set's where it has some of this level.
        kept: What keeps those that are made here.

    Returns:
        What gives them, and ``folders`` or ``encode``.

    Raises:
        InputError: The data set has none; or a picture lacks its own, or has one of another size.
    """
    rows = pictures.table[pictures.table["split"].isin(_USED)]
    paths = [str(path) for path in rows["path"]]
    known = _listed(data, pictures, level)
    if how == "encode" or (how == "auto" and not known):
        if pictures.samples.scale == "none":
            raise InputError(f"{pictures.samples.name} has no labels: there is no QP to code its pictures at")
        return Made(pictures.root, pictures.samples.scale, kept), "encode"
    for path in paths:
        partner = known.get(path)
        if partner is None or not (pictures.root / partner).is_file():
            raise InputError(
                f"{path!r} has no picture coded at its JND{level}: import the data set with it (dataset import "
                "jnd-levels), or have all coded here with --coded encode"
            )
        sizes = [picture_size(pictures.root / each) for each in (path, partner)]
        if sizes[0] != sizes[1]:
            (a, b), (c, d) = sizes
            raise InputError(f"{path!r} has {a}x{b} pixels, as coded at its JND{level} ({partner!r}) {c}x{d}")
    return Partners(pictures.root, known), "folders"


def _listed(data: Path, pictures: PictureSet, level: int) -> dict[str, str]:
    """The data set's own coded versions of a level by the paths of their pictures."""
    file = data / COMPANION
    if not file.is_file():
        return {}
    try:
        table = read_table(file).to_pandas()[["sample", "path", "coded"]].astype("string")
    except (OSError, ValueError, KeyError) as error:  # pyarrow's errors are ValueErrors
        raise InputError(f"{file} is damaged: {' '.join(str(error).split())}") from error
    own = pictures.samples.table
    mine = set(own["sample"][own["level"] == level])
    return {str(row["path"]): str(row["coded"]) for row in table.to_dict("records") if row["sample"] in mine}


def make_all(pictures: PictureSet, level: int, coded: Coded, say: Warn) -> None:
    """Code what is not kept yet, several pictures side by side, so that training need not wait for it."""
    if not isinstance(coded, Made):
        return
    rows = pictures.table[pictures.table["split"].isin(_USED)]
    work = [(str(path), float(label)) for path, label in zip(rows["path"], rows[level], strict=True)]
    say(f"{count(len(work), 'picture')} as coded at their JND{level} ({coded.scale}) in {coded.kept}")
    jobs = worker_count(0)
    with worker_pool(jobs) as pool:
        for _ in in_order(pool, lambda item: coded.read(*item) is None, work, 2 * jobs):
            pass
