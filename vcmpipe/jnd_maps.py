"""JND maps of pictures as files: ``vcmpipe jnd-map``, and reading them back."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config import JndMapOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import Frame, FrameSource, PictureSource, open_source
from vcmpipe.process import one_line, publish
from vcmpipe.staging import same_file

if TYPE_CHECKING:
    from vcmpipe.pipeline import Progress

PREVIEW_TOP = 32.0
"""Grey levels at the bright end of a preview's colours, the same for every picture, so that previews compare."""
# The text in a preview that says what it was made of: how a later run knows that a map is there, whole, and the same.
_TEXT = "vcmpipe-jnd-map"
_VERSION = 1

JndMap = NDArray[np.float32]


@dataclass(frozen=True)
class MappedPicture:
    """One picture's map.

    Attributes:
        source: The picture, without folders.
        map: The file of the map.
        width: Of picture and map.
        height: Likewise.
        mean: Mean JND in grey levels.
        maximum: The largest.
        made: Whether this run made it; False where it was there.
    """

    source: str
    map: str
    width: int
    height: int
    mean: float
    maximum: float
    made: bool


@dataclass(frozen=True)
class JndMapReport:
    """What ``jnd-map`` did.

    Attributes:
        out: The folder.
        weights: Their SHA-256.
        pictures: In the order of the input.
    """

    out: str
    weights: str
    pictures: list[MappedPicture]


def write_jnd_maps(
    options: JndMapOptions,
    *,
    progress: Progress = lambda done, total: None,
    on_tile: Callable[[int, int], None] = lambda done, total: None,
) -> JndMapReport:
    """Write the JND map of every picture, and a preview.

    Each file appears whole or not at all, the map before its preview. A map that is there, made of the same picture
    with the same weights, is left as it is: the same command goes on where a run was interrupted.

    Args:
        options: Of what, with what, to where.
        progress: Called after every picture with the number done and the total, where it is known.
        on_tile: Called after every tile of a picture with the number done and the total.

    Raises:
        InputError: Pictures, weights or the device cannot be used; two pictures would share a file; or a file of
            another picture, of other weights, or nobody's, has a map's name and ``overwrite`` is not set.
        OutputError: A file cannot be written.
    """
    from vcmpipe.thresholds.jnd import resjnd
    from vcmpipe.thresholds.weights import digest_of

    source = open_source(options.input, limit=options.limit)
    folder = Path(options.out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {one_line(options.out)} is a file: name a folder")
    _check_names(source, folder)
    weights = Path(options.weights)
    network = resjnd.load(weights, options.device)
    digest = digest_of(weights)
    done: list[MappedPicture] = []
    for frame in source:
        made_of = {"version": _VERSION, "weights": digest, "source": _digest(frame.rgb)}
        target = folder / f"{frame.name}.npy"
        values = None if options.overwrite else _known(target, made_of, (frame.height, frame.width))
        made = values is None
        if values is None:
            values = resjnd.jnd_map(network, frame.rgb, options.tile, progress=on_tile)
            _write(target, values, made_of)
        figures = round(float(values.mean()), 4), round(float(values.max()), 4)
        name = Path(frame.source).name
        done.append(MappedPicture(name, str(target), frame.width, frame.height, *figures, made))
        progress(len(done), source.count)
    return JndMapReport(str(folder), digest, done)


def read_jnd_map(path: Path, frame: Frame) -> JndMap:
    """The map of a picture from a file.

    Raises:
        InputError: The file is missing, damaged, no map, or of another picture (by size, and by its preview).
    """
    name = one_line(str(path))
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise InputError(
            f"{one_line(frame.source)} has no JND map: {name} is not there; make it with vcmpipe jnd-map"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{name} is damaged or no JND map ({error}): make it anew with vcmpipe jnd-map") from error
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 2:
        raise InputError(f"{name} is no JND map: one is float32, height x width")
    if values.shape != (frame.height, frame.width):
        raise InputError(
            f"{name} is of a picture of {values.shape[1]}x{values.shape[0]}, {one_line(frame.source)} has "
            f"{frame.width}x{frame.height}: make it anew with vcmpipe jnd-map"
        )
    text = _text_of(path.with_suffix(".png"))
    if text is not None and text.get("source") != _digest(frame.rgb):
        raise InputError(f"{name} was made of another picture than {one_line(frame.source)}: make it anew")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise InputError(f"{name} is no JND map: it has values that are no number or negative")
    return np.asarray(values, np.float32)


def preview(values: JndMap) -> NDArray[np.uint8]:
    """A map in colours: dark blue at 0, yellow at ``PREVIEW_TOP`` grey levels and above (viridis).

    Colours go with the root of the JND, so that the small values of most pixels can be told apart.
    """
    import cv2

    shade = np.rint(255 * np.sqrt(np.clip(values / PREVIEW_TOP, 0.0, 1.0))).astype(np.uint8)
    return np.ascontiguousarray(cv2.applyColorMap(shade, cv2.COLORMAP_VIRIDIS)[..., ::-1])


def _check_names(source: FrameSource, folder: Path) -> None:
    """Refuse two pictures with one name, and previews that would take a picture's place."""
    if not isinstance(source, PictureSource):
        return  # frames of a video are numbered
    seen: dict[str, Path] = {}
    for path in source.paths:
        if path.stem in seen:
            raise InputError(
                f"{one_line(seen[path.stem].name)} and {one_line(path.name)} would both become "
                f"{one_line(path.stem)}.npy: rename one, or keep them in folders of their own"
            )
        seen[path.stem] = path
    for path in source.paths:
        if same_file(folder / f"{path.stem}.png", path):
            raise InputError(
                f"--out {one_line(str(folder))}: the preview would take the place of {one_line(str(path))}: name "
                "another folder"
            )


def _known(target: Path, made_of: dict[str, Any], shape: tuple[int, int]) -> JndMap | None:
    """The map that is there, if it is this one; None where it is missing or was not finished.

    Raises:
        InputError: Something else is there.
    """
    image = target.with_suffix(".png")
    text = _text_of(image)
    if text is None:
        for path in (image, target):
            # A map without its preview was not finished; anything else is somebody's.
            if path.exists() and (path == image or not _is_map(path)):
                raise InputError(f"{one_line(str(path))} is there and no JND map: name another --out, or --overwrite")
        return None
    if text.get("weights") != made_of["weights"]:
        raise InputError(
            f"{one_line(str(target))} was made with other weights: name another --out, or --overwrite to make it anew"
        )
    if text.get("source") != made_of["source"]:
        raise InputError(
            f"{one_line(str(target))} was made of another picture: name another --out, or --overwrite to make it anew"
        )
    try:
        values = np.load(target, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None  # gone or damaged: it is made again
    if text | {"map": ""} != made_of | {"map": ""} or values.shape != shape or text.get("map") != _digest(values):
        return None
    return np.asarray(values, np.float32)


def _is_map(path: Path) -> bool:
    try:
        values = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError):
        return False
    return bool(values.dtype == np.float32 and values.ndim == 2)


def _write(target: Path, values: JndMap, made_of: dict[str, Any]) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    text = PngInfo()
    text.add_text(_TEXT, json.dumps(made_of | {"map": _digest(values)}))
    with publish(target) as part, part.open("wb") as file:
        np.save(file, values, allow_pickle=False)
    with publish(target.with_suffix(".png")) as part:
        Image.fromarray(preview(values)).save(part, format="PNG", pnginfo=text)


def _text_of(image: Path) -> dict[str, Any] | None:
    """What a preview says of itself; None where it is missing, damaged, or none of ours."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image.read_bytes()), formats=("PNG",)) as opened:
            opened.load()
            text = json.loads(getattr(opened, "text", {})[_TEXT])
    except (OSError, ValueError, KeyError, SyntaxError, Image.DecompressionBombError, ImportError):
        return None
    return text if isinstance(text, dict) else None


def _digest(values: NDArray[Any]) -> str:
    shape = "x".join(map(str, values.shape))
    return hashlib.sha256(f"{shape} {values.dtype}".encode() + np.ascontiguousarray(values).tobytes()).hexdigest()
