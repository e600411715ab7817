"""A built JRD data set on disk: a manifest, one record per picture, and the coded versions as VVC streams.

    STORE/manifest.json            what all records have in common
    STORE/pictures/NAME.parquet    a picture's record; NAME is its path below the folder of pictures
    STORE/streams/NAME.266         its versions, lowest QP first: one stream that any VVC decoder plays (.265: HEVC)
    STORE/frames/NAME/000012.png   of a segment the frames that boxes of tracks are of, by their numbers in the clip

What is said of pictures here holds for segments of clips, too; NAME is that of the clip and the segment's number.

A picture is done when its record is there. The stream is published first, so a record never lacks its stream.

What was coded at another scale is a store of its own below the store:

    STORE/scale-0.5/               manifest.json, pictures/ and streams/ as above
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vcmpipe import process
from vcmpipe.bitstream import CODECS
from vcmpipe.datasets.manifest import Manifest
from vcmpipe.datasets.records import PictureRecord
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.errors import InputError, ProcessError
from vcmpipe.frames import Frame, Yuv, read_picture, scale_rgb, scaled_size, yuv_to_rgb
from vcmpipe.process.reading import LARGEST_CARD, LARGEST_DOCUMENT, read_file, read_text

_RECORD = ".parquet"
_SCALE = "scale-"
FRAMES = "frames"
"""The folder of pictures that tracks' boxes are of, in a store of segments."""


@dataclass(frozen=True)
class Store:
    """A JRD store, opened for reading; a builder also publishes into it.

    Attributes:
        path: The folder.
        manifest: What its records have in common.
    """

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str) -> Store:
        """Open a store.

        Raises:
            InputError: There is none, or its manifest is damaged.
        """
        path = Path(path)
        file = manifest_path(path)
        if not file.is_file():
            raise InputError(
                f"{path} is not a JRD store (it has no manifest.json): make one with vcmpipe dataset build"
            )
        return cls(path, Manifest.from_json(read_text(file, LARGEST_CARD), str(file)))

    @classmethod
    def create(cls, path: Path, manifest: Manifest) -> Store:
        """Make a new store, or open the one that is there to go on with it.

        Raises:
            InputError: The folder holds something else, or a store of another configuration.
        """
        file = manifest_path(path)
        if file.is_file():
            store = cls.open(path)
            store.manifest.refuse_other(manifest, path)
            return store
        if path.exists() and (
            not path.is_dir() or any(not each.name.startswith(".vcmpipe-") for each in path.iterdir())
        ):
            raise InputError(f"--out {path} exists and is not a JRD store: name another folder, or an empty one")
        with process.publish(file) as part:
            part.write_text(manifest.to_json(), encoding="utf-8")
        return cls(path, manifest)

    def scaled(self) -> list[Store]:
        """The stores of the other scales below this one, the largest scale first.

        Raises:
            InputError: The manifest of one is damaged.
        """
        folders = (path for path in self.path.glob(f"{_SCALE}*") if manifest_path(path).is_file())
        return sorted(map(Store.open, folders), key=lambda store: -store.manifest.scale)

    def names(self) -> list[str]:
        """The pictures that are done, in order; a name is the picture's path below the folder of pictures."""
        root = self.path / "pictures"
        found = (file.relative_to(root).as_posix() for file in root.rglob(f"*{_RECORD}"))
        # A hidden file is one that is being written.
        return sorted(name.removesuffix(_RECORD) for name in found if not name.rsplit("/", 1)[-1].startswith("."))

    def record_path(self, name: str) -> Path:
        """Where a picture's record is, or would be."""
        return self.path / "pictures" / f"{name}{_RECORD}"

    def stream_path(self, name: str) -> Path:
        """Where a picture's versions are, or would be."""
        return self.path / "streams" / f"{name}{CODECS[self.manifest.codec].endings[0]}"

    def frame_path(self, record: PictureRecord, place: int) -> Path:
        """Where the picture of a segment's frame is that a track's box is of, by its place in the segment."""
        return self.path / FRAMES / frame_name(record, place)

    def has(self, name: str) -> bool:
        """Whether a picture is done."""
        return self.record_path(name).is_file()

    def record(self, name: str) -> PictureRecord:
        """A picture's record.

        Raises:
            InputError: There is none, or it is damaged.
        """
        path = self.record_path(name)
        try:
            data = read_file(path, LARGEST_DOCUMENT)
        except InputError as error:
            raise InputError(f"{self.path} has no picture {name!r}") from error
        return PictureRecord.from_parquet(data, str(path))

    def records(self) -> Iterator[PictureRecord]:
        """All records, in order of names."""
        return (self.record(name) for name in self.names())

    def digests(self) -> dict[str, str]:
        """SHA-256 of the picture files, by the names that samples have for them; of a segment those of its frames."""
        found = {}
        for record in self.records():
            if record.span is None:
                found[record.name] = record.source_sha256
            else:
                found |= {frame_name(record, place): digest for place, digest in record.span.pictures.items()}
        return found

    def remove_leftovers(self) -> None:
        """Remove what a builder that was killed was writing. For the one who holds the lock."""
        for folder in ("pictures", "streams", FRAMES):
            for part in (self.path / folder).rglob(".vcmpipe-*"):
                part.unlink(missing_ok=True)

    def publish(self, record: PictureRecord, stream: bytes, pictures: Mapping[int, bytes] | None = None) -> None:
        """Add a picture or segment, of this with PNG files by place; it is there whole or not at all."""
        for place, png in (pictures or {}).items():
            with process.publish(self.frame_path(record, place)) as part:
                part.write_bytes(png)
        with process.publish(self.stream_path(record.name)) as part:
            part.write_bytes(stream)
        with process.publish(self.record_path(record.name)) as part:
            part.write_bytes(record.to_parquet())

    def stream(self, record: PictureRecord, qp: int) -> bytes:
        """One version of a picture, a VVC stream of its own.

        Raises:
            InputError: It was not coded at that QP, or the stream file is gone or shorter than its record states.
        """
        path = self.stream_path(record.name)
        places = np.flatnonzero(record.qps == qp)
        if not places.size:
            raise InputError(f"{self.path}: {record.name} was not coded at QP {qp}")
        size = int(record.bits[places[0]]) // 8
        try:
            with path.open("rb") as file:
                file.seek(int(record.offsets[places[0]]))
                data = file.read(size)
        except OSError as error:
            raise InputError(f"{path} cannot be read: {error.strerror}; vcmpipe dataset verify {self.path}") from error
        if len(data) != size:
            raise InputError(f"{path} is shorter than its record states: vcmpipe dataset verify {self.path}")
        return data

    def versions(self, name: str, qps: Sequence[int]) -> list[Frame]:
        """Versions of a picture, decoded, at the source's size.

        Raises:
            InputError: As ``stream``.
            ProcessError: A stream does not decode to the picture.
        """
        record = self.record(name)
        return [self.version(record, qp) for qp in qps]

    def version(self, record: PictureRecord, qp: int) -> Frame:
        """One version of a picture, decoded; see ``versions``."""
        self.refuse_segments("decoding a version as a picture")
        (yuv,) = list(self.samples_of(record, qp))
        rgb = yuv_to_rgb(yuv, self.manifest.colour, self.coded_size(record))
        return Frame(0, scale_rgb(rgb, (record.width, record.height)), record.name)

    def coded_size(self, record: PictureRecord) -> tuple[int, int]:
        """Width and height of a picture's versions as they are coded."""
        return scaled_size(record.width, record.height, self.manifest.scale)

    def samples_of(self, record: PictureRecord, qp: int) -> Iterator[Yuv]:
        """The decoded samples of one version, frame after frame; see ``versions``."""
        count = 0
        for picture in decode_stream(self.stream(record, qp), threads=1):
            count += 1
            yield picture.yuv
        if count != record.frames:
            raise ProcessError(
                f"{self.stream_path(record.name)}: QP {qp} decodes to {count} pictures, not {record.frames}"
            )

    def refuse_segments(self, what: str) -> None:
        """Refuse what is for stores of pictures alone; ``what`` it is, for the message.

        Raises:
            InputError: The store is one of segments.
        """
        if self.manifest.video is not None:
            raise InputError(f"{self.path} holds segments of video: {what} is for stores of pictures")

    @cached_property
    def images(self) -> Path:
        """The folder of the source pictures, or the folder of clips or the one clip."""
        return Path(self.manifest.images)

    def source(self, name: str, images: Path | None = None) -> Frame:
        """The source picture, from the folder of pictures.

        Args:
            name: The picture.
            images: Where the folder is now, if it has moved.

        Raises:
            InputError: It is not there, or is another picture than the one that was coded.
        """
        self.refuse_segments("reading a source picture")
        path = (images or self.images) / name
        rgb = read_picture(path)
        if hashlib.sha256(path.read_bytes()).hexdigest() != self.record(name).source_sha256:
            raise InputError(f"{path} is not the picture that {self.path} was made of: it has changed since")
        return Frame(0, rgb, str(path))


def frame_name(record: PictureRecord, place: int) -> str:
    """What the picture of a segment's frame is called below ``FRAMES``, by its place in the segment."""
    first = record.span.first if record.span is not None else 0
    return f"{record.name}/{first + place:06d}.png"


def manifest_path(store: Path) -> Path:
    """Where a store's manifest is."""
    return store / "manifest.json"


def scale_path(store: Path, scale: float) -> Path:
    """Where the store of a scale is, of that at the source's size."""
    return store if scale == 1.0 else store / f"{_SCALE}{scale:g}"


def strings(found: NDArray[np.bool_], qps: NDArray[np.int64], ladder: Sequence[int]) -> list[str]:
    """Per object one character for each QP of a ladder: 1 recognised, 0 not, ? not coded.

    Args:
        found: (N, Q) bool.
        qps: (Q,) the QPs that were coded, each in the ladder.
        ladder: All QPs of the store.
    """
    places = {qp: i for i, qp in enumerate(ladder)}
    columns = [places[int(qp)] for qp in qps]
    marks = np.full((len(found), len(ladder)), "?", dtype="<U1")
    marks[:, columns] = np.where(found, "1", "0")
    return ["".join(row) for row in marks]
