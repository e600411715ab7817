"""The segments of clips: cut as ``encode`` cuts them, the same every time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from vcmpipe.coding.cutting import Cutting
from vcmpipe.coding.segment import Segment
from vcmpipe.datasets.manifest import VideoRule
from vcmpipe.datasets.material import Item
from vcmpipe.datasets.work import ClipPart, Failure, unfit_name
from vcmpipe.errors import InputError, VcmError
from vcmpipe.frames import ColourSpec, PictureSource, find_videos, open_source


def segments_of(path: Path, rule: VideoRule, colour: ColourSpec) -> Iterator[Segment]:
    """Cut a clip.

    Args:
        path: Its file.
        rule: How.
        colour: What frames without colours of their own are coded with.

    Raises:
        InputError: It cannot be read, or is a picture.
    """
    source = open_source(path)
    if isinstance(source, PictureSource):
        raise InputError(f"{path} is a picture, not a video: leave --structure out for pictures")
    info = source.info
    cutting = Cutting(
        rule.structure, rule.seconds, info.rate, rule.scene_cuts, colour=colour, sample_aspect=info.sample_aspect
    )
    for segment, _ in cutting.segments((frame, None) for frame in source):
        yield segment


def segment_name(clip: str, index: int) -> str:
    """What a segment is called in a store: its clip's name, and its number from 0."""
    return f"{clip}/{index:04d}"


def clip_of(segment: str) -> str:
    """The clip that a segment is of, both by their names."""
    return str(PurePosixPath(segment).parent)


class Clips:
    """The segments of a folder's videos, or of one video; see ``Material``.

    Every clip is read once to know what is in it.

    Args:
        place: The folder, or the video.
        rule: How clips are cut.
        colour: What frames without colours of their own are coded with.
        limit: The most segments to take.

    Raises:
        InputError: There is no video.
    """

    def __init__(self, place: Path, rule: VideoRule, colour: ColourSpec, limit: int | None = None) -> None:
        self._rule, self._colour = rule, colour
        self._clips = find_videos(place)
        self._digests: dict[str, str] = {}
        self._pixels: dict[str, int] = {}
        self.failures: Sequence[Failure] = []
        for clip, path in self._clips.items():
            own: dict[str, int] = {}
            # All of a clip's segments have names of one length.
            if unfit := unfit_name(segment_name(clip, 0), path):
                self.failures.append(Failure(clip, unfit.reason))
                continue
            try:
                for segment in segments_of(path, rule, colour):
                    if limit is not None and len(self._pixels) + len(own) == limit:
                        break
                    own[segment_name(clip, segment.index)] = segment.width * segment.height * len(segment)
            except VcmError as error:
                # Where it breaks off is no end: its last segment would be another one once the clip is whole.
                self.failures.append(Failure(clip, str(error)))
                continue
            self._pixels |= own
        self.files: Mapping[str, Path] = {name: self._clips[clip_of(name)] for name in self._pixels}

    def digest(self, name: str) -> str:
        """See ``Material.digest``."""
        clip = clip_of(name)
        if clip not in self._digests:
            with self._clips[clip].open("rb") as file:
                self._digests[clip] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._digests[clip]

    def pixels(self, name: str) -> int | None:
        """See ``Material.pixels``."""
        return self._pixels[name]

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, Item | Failure]]:
        """See ``Material.read``: every clip is read as far as its last segment that is asked for."""
        by_clip: dict[str, dict[str, None]] = {}
        for name in names:
            by_clip.setdefault(clip_of(name), {})[name] = None
        for clip, left in by_clip.items():
            path = self._clips[clip]
            reason = f"{path} has changed while it was read"
            try:
                for segment in segments_of(path, self._rule, self._colour):
                    name = segment_name(clip, segment.index)
                    if name in left:
                        del left[name]
                        yield name, ClipPart(segment, self.digest(name))
                    if not left:
                        break
            except VcmError as error:
                reason = str(error)
            except OSError as error:
                reason = f"{path} cannot be read: {error.strerror}"
            for name in left:
                yield name, Failure(name, reason)
