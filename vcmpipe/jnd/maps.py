"""JND maps of pictures as files: written with a preview, and read back."""

from __future__ import annotations

import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config.limits import MAX_PIXELS
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame
from vcmpipe.process import one_line, publish
from vcmpipe.process.reading import LARGEST_PICTURE, parse_json, read_file

PREVIEW_TOP = 32.0
"""Grey levels at the bright end of a preview's colours, the same for every picture, so that previews compare."""
# The text in a preview that states what it was made of: how a later run knows that a map is there, whole, and the same.
_TEXT = "vcmpipe-jnd-map"
VERSION = 1
# Bytes of the map of the largest picture, and of its header.
_LARGEST = 4 * MAX_PIXELS + 4096

JndMap = NDArray[np.float32]


def read_jnd_map(path: Path, frame: Frame) -> JndMap:
    """The map of a picture from a file.

    Raises:
        InputError: The file is missing, damaged, no map, or of another picture (by size, and by its preview).
    """
    name = one_line(str(path))
    if not path.exists():
        raise InputError(
            f"{one_line(frame.source)} has no JND map: {name} does not exist; make it with vcmpipe jnd-map"
        )
    try:
        values = _load(path)
    except ValueError as error:
        raise InputError(
            f"{name} is damaged, or not a JND map ({error}): make it again with vcmpipe jnd-map"
        ) from error
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 2:
        raise InputError(f"{name} is not a JND map: one is float32, height x width")
    if values.shape != (frame.height, frame.width):
        raise InputError(
            f"{name} is of a picture of {values.shape[1]}x{values.shape[0]}, {one_line(frame.source)} has "
            f"{frame.width}x{frame.height}: make it again with vcmpipe jnd-map"
        )
    text = _text_of(path.with_suffix(".png"))
    if text is not None and text.get("source") != digest_of_pixels(frame.rgb):
        raise InputError(f"{name} was made of another picture than {one_line(frame.source)}: make it again")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise InputError(f"{name} is not a JND map: it has values that are not numbers, or are negative")
    return np.asarray(values, np.float32)


def preview(values: JndMap) -> NDArray[np.uint8]:
    """A map in colours: dark blue at 0, yellow at ``PREVIEW_TOP`` grey levels and above (viridis).

    Colours go with the root of the JND, so that the small values of most pixels can be told apart.
    """
    import cv2

    shade = np.rint(255 * np.sqrt(np.clip(values / PREVIEW_TOP, 0.0, 1.0))).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(shade, cv2.COLORMAP_VIRIDIS)[..., ::-1])


def known_map(target: Path, made_of: dict[str, Any], shape: tuple[int, int]) -> JndMap | None:
    """The map that is there, if it is this one; None where it is missing or was not finished.

    Raises:
        InputError: Something else is there.
    """
    image = target.with_suffix(".png")
    text = _text_of(image)
    if text is None:
        for path in (image, target):
            # A map without its preview was not finished; anything else is somebody's.
            if path.exists() and (path == image or _map_of(path) is None):
                raise InputError(
                    f"{one_line(str(path))} exists and is not a JND map: name another --out, or --overwrite"
                )
        return None
    for key, fault in (("weights", "with other weights"), ("source", "of another picture")):
        if text.get(key) != made_of[key]:
            raise InputError(
                f"{one_line(str(target))} was made {fault}: name another --out, or --overwrite to make it again"
            )
    values = _map_of(target)
    if values is None or values.shape != shape or text != made_of | {"map": digest_of_pixels(values)}:
        return None
    return values


def _map_of(path: Path) -> JndMap | None:
    """The map in a file; None where it is gone, damaged or something else."""
    try:
        values = _load(path)
    except (InputError, ValueError):
        return None
    return values if isinstance(values, np.ndarray) and values.dtype == np.float32 and values.ndim == 2 else None


def _load(path: Path) -> NDArray[Any]:
    """The array in an ``.npy`` file, whose header states no more than is there; ValueError where it does."""
    file = io.BytesIO(read_file(path, _LARGEST))
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)
    if version not in read_header:
        raise ValueError(f"version {version} of the format")
    try:
        shape, _, kind = read_header[version](file)
    except Exception as error:  # Python's tokenizer and parser read it, and each has errors of its own
        raise ValueError("its header is damaged") from error
    if math.prod(shape) * kind.itemsize != len(file.getbuffer()) - file.tell():
        raise ValueError("it is shorter or longer than its header states")
    file.seek(0)
    return np.asarray(np.load(file, allow_pickle=False))


def write_map(target: Path, values: JndMap, made_of: dict[str, Any]) -> None:
    """Write a map and then its preview, which states what the map was made of."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text(_TEXT, json.dumps(made_of | {"map": digest_of_pixels(values)}))
    with publish(target) as part, part.open("wb") as file:
        np.save(file, values, allow_pickle=False)
    with publish(target.with_suffix(".png")) as part:
        Image.fromarray(preview(values)).save(part, format="PNG", pnginfo=text)


def _text_of(image: Path) -> dict[str, Any] | None:
    """What a preview states of itself; None where it is missing, damaged, or none of ours."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(read_file(image, LARGEST_PICTURE)), formats=("PNG",)) as opened:
            opened.load()
            text = parse_json(getattr(opened, "text", {})[_TEXT])
    except (OSError, InputError, ValueError, KeyError, SyntaxError, Image.DecompressionBombError, ImportError):
        return None
    return text if isinstance(text, dict) else None


def digest_of_pixels(values: NDArray[Any]) -> str:
    """SHA-256 of an array with its shape and type."""
    shape = "x".join(map(str, values.shape))
    return hashlib.sha256(f"{shape} {values.dtype}".encode() + np.ascontiguousarray(values).tobytes()).hexdigest()
