"""What a bench runs on: pictures, each by itself, or sequences that are cut into segments."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from vcmpipe.bench.result import LeftOut
from vcmpipe.coding.cutting import Cutting, choose_structure
from vcmpipe.coding.segment import Segment
from vcmpipe.config import BenchOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Frame, FrameSource, PictureSource, natural_key, open_source
from vcmpipe.frames.pictures import SUFFIXES
from vcmpipe.frames.sources import VIDEO_SUFFIXES
from vcmpipe.plugins.published import published_path
from vcmpipe.process.progress import Warn

if TYPE_CHECKING:
    from vcmpipe.encoders import Encoder


@dataclass(frozen=True)
class BenchSequence:
    """Consecutive frames: a video, or a folder of its pictures.

    Attributes:
        name: What reports call it.
        source: Its frames.
        cutting: How they become segments.
    """

    name: str
    source: FrameSource
    cutting: Cutting

    @property
    def rate(self) -> Fraction:
        """Frames per second; 25 where nobody said how many."""
        return self.cutting.per_second

    def segments(self) -> Iterator[Segment]:
        """Its segments, whose frames wait on the disk."""
        return (segment for segment, _ in self.cutting.segments((frame, None) for frame in self.source))


@dataclass(frozen=True)
class Inputs:
    """The sources of a bench; as many ``sequences``, or none where each of their frames is coded by itself."""

    sources: Sequence[FrameSource]
    sequences: Sequence[BenchSequence] = ()

    @property
    def count(self) -> int | None:
        """Frames of all sources; None where one does not know."""
        counts = [source.count for source in self.sources]
        return None if None in counts else sum(each for each in counts if each is not None)

    def frames(self, unreadable: list[LeftOut] | None = None) -> Iterator[Frame]:
        """The frames of all sources.

        Args:
            unreadable: Where pictures that cannot be read are put, so that they are passed over.

        Raises:
            InputError: One cannot be read, and there is no place for such.
        """
        for source in self.sources:
            if unreadable is None or not isinstance(source, PictureSource):
                yield from source
                continue
            for place, path in enumerate(source.paths):
                try:
                    frame = source[place]
                except InputError as error:
                    unreadable.append(LeftOut(path.name, str(error), 1))
                else:
                    yield frame


def open_inputs(options: BenchOptions, encoder: Encoder, warn: Warn) -> Inputs:
    """Open ``--images``: pictures, a video, a folder of videos, or a folder of a video's pictures.

    Raises:
        InputError: It cannot be read, or the encoder does not code the structure.
    """
    assert options.images is not None
    given = str(published_path(options.images, "images"))
    paths: list[Path | str] = [*_videos(Path(given))] or [given]
    sources = [
        open_source(path, limit=options.limit, start=options.start, stride=options.stride, fps=options.fps)
        for path in paths
    ]
    stills = options.viewer != "machine"
    decided = [choose_structure(options.structure, source, encoder, stills=stills) for source in sources]
    structures = {structure for structure, _ in decided}
    assert len(structures) == 1  # of videos it does not depend on the video
    (structure,) = structures
    if decided[0][1]:
        warn(f"{options.images}: {decided[0][1]}")
    if structure == "intra":
        return Inputs(sources)
    colour = ColourSpec(matrix=options.matrix, range=options.range, siting=options.siting)
    sequences = []
    for source in sources:
        rate = source.info.rate if source.info else None
        if rate is None:
            warn(f"{source.path}: its frame rate is not known, 25 frames per second are taken (--fps says another)")
        cutting = Cutting(structure, options.segment, rate, options.scene_cuts, options.seek_every, colour)
        sequences.append(BenchSequence(source.path.name or str(source.path), source, cutting))
    return Inputs(sources, sequences)


def _videos(folder: Path) -> list[Path]:
    """The videos of a folder that holds no pictures, in natural order; none of what is no such folder."""
    if not folder.is_dir():
        return []
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.is_file() and not entry.name.startswith(".")]
    except OSError as error:
        raise InputError(f"cannot read the folder {folder}: {error.strerror or error}") from error
    if any(Path(name).suffix.lower() in SUFFIXES for name in names):
        return []
    return [folder / name for name in sorted(names, key=natural_key) if Path(name).suffix.lower() in VIDEO_SUFFIXES]


def frame_name(source: FrameSource, number: int) -> str:
    """What messages call a frame of a source."""
    return source.paths[number].name if isinstance(source, PictureSource) else f"{source.path.name}, frame {number}"
