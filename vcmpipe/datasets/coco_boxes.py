"""The boxes of a few COCO pictures, taken out of COCO's own archive of annotations."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Collection, Iterator, Sequence
from json.decoder import JSONDecoder
from pathlib import Path
from typing import Any, TextIO

from vcmpipe.errors import InputError
from vcmpipe.process import publish

_CHUNK = 1 << 20
_IMAGE = ("id", "file_name", "width", "height", "license")
_BOX = ("id", "image_id", "category_id", "bbox", "area", "iscrowd")


def write_boxes(archive: Path, members: Sequence[str], pictures: Collection[str], sha256: str, out: Path) -> None:
    """Write the annotations of some pictures, without their outlines, in COCO's instances format.

    Args:
        archive: COCO's ``annotations_trainval2017.zip``.
        members: The files in it that are searched; half a gigabyte each, of which one annotation is held at a time.
        pictures: The pictures, by file name.
        sha256: What ``digest`` gives for what has to be found.
        out: The file to write.

    Raises:
        InputError: The archive is none, or holds other boxes of these pictures.
        OutputError: The place cannot be written to.
    """
    images: dict[int, dict[str, Any]] = {}
    boxes: list[dict[str, Any]] = []
    categories: list[dict[str, Any]] = []
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in members:
                with opened.open(member) as raw, io.TextIOWrapper(raw, encoding="utf-8") as text:
                    rows = list(_rows(text, set(pictures), images))
                boxes += [row for key, row in rows if key == "annotations"]
                categories = [row for key, row in rows if key == "categories"]
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError) as error:
        raise InputError(
            f"{archive} is not an archive of COCO annotations ({error}): remove it, and fetch again"
        ) from error
    content = {
        "images": sorted(images.values(), key=lambda image: image["id"]),
        "annotations": sorted(boxes, key=lambda box: box["id"]),
        "categories": categories,
    }
    if (found := digest(content)) != sha256:
        raise InputError(
            f"{archive} holds other boxes than those that this project was measured with: {len(boxes):,} of "
            f"{len(images):,} pictures, SHA-256 {found[:12]}..., not {sha256[:12]}..."
        )
    with publish(out) as part:
        part.write_text(json.dumps(content))


def digest(content: dict[str, Any]) -> str:
    """SHA-256 of what annotations say, whatever the order and the spaces in their file."""
    rows = [
        *sorted((image["file_name"], image["id"], image["width"], image["height"]) for image in content["images"]),
        *sorted(tuple(map(str, (box[key] for key in _BOX))) for box in content["annotations"]),
        *sorted((category["id"], category["name"]) for category in content["categories"]),
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _rows(
    text: TextIO, pictures: Collection[str], images: dict[int, dict[str, Any]]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of a file that are about some pictures; adds those pictures to ``images``.

    Pictures stand before annotations there.
    """
    for key, row in _elements(text):
        if key == "images" and row["file_name"] in pictures:
            images[row["id"]] = {name: row[name] for name in _IMAGE}
        elif key == "annotations" and row["image_id"] in images:
            yield key, {name: row[name] for name in _BOX}
        elif key == "categories":
            yield key, row


def _elements(text: TextIO) -> Iterator[tuple[str, Any]]:
    """The elements of the lists of a JSON object, each with the name of its list, one at a time.

    Raises:
        ValueError: It is no such object, or ends early.
    """
    source = _Values(text)
    source.expect("{")
    while True:
        key = source.value()
        source.expect(":")
        if source.peek() == "[":
            source.expect("[")
            while source.peek() != "]":
                yield key, source.value()
                if source.peek() == ",":
                    source.expect(",")
            source.expect("]")
        else:
            source.value()
        if source.peek() == "}":
            return
        source.expect(",")


class _Values:
    """JSON values of a text, one after the other, of which little more than one is held."""

    def __init__(self, text: TextIO) -> None:
        self._text, self._held, self._at = text, "", 0
        self._decoder = JSONDecoder()

    def _read(self) -> bool:
        """Hold more of the text; False at its end."""
        more = self._text.read(_CHUNK)
        self._held, self._at = self._held[self._at :] + more, 0
        return bool(more)

    def peek(self) -> str:
        """The next character that is no white space."""
        while True:
            while self._at < len(self._held) and self._held[self._at].isspace():
                self._at += 1
            if self._at < len(self._held):
                return self._held[self._at]
            if not self._read():
                raise ValueError("it ends early")

    def expect(self, character: str) -> None:
        """Take this character."""
        if self.peek() != character:
            raise ValueError(f"{self.peek()!r} stands where {character!r} belongs")
        self._at += 1

    def value(self) -> Any:
        """Take a value, which ends before the end of the text."""
        self.peek()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._held, self._at)
            except ValueError:
                end = len(self._held)
            # A number at the end of what is held may go on.
            if end < len(self._held):
                self._at = end
                return value
            if not self._read():
                raise ValueError("it ends early")
