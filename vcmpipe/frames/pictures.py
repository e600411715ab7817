"""Reading picture files: JPEG, PNG, WebP, BMP and TIFF, as RGB with 8 bits.

What is done with pictures that are not 8-bit RGB: grey is repeated; a palette is looked up; transparency is composited
on black; 16 bits are scaled to 8 and rounded; CMYK is converted without its ICC profile (profiles of RGB pictures are
ignored, too: detectors see the stored numbers); EXIF's orientation is applied. Of several pages or animation frames the
first is taken. A truncated or damaged file is an error, never a half grey picture.
"""

from __future__ import annotations

import io
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vcmpipe.config.limits import MIN_SIDE
from vcmpipe.errors import InputError
from vcmpipe.frames.limits import check_size
from vcmpipe.process import one_line, reading

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff"})
"""Endings (lower case) by which a picture is known in a folder."""
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF")
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION = 0x0112
_warnings_lock = threading.Lock()


def looks_like_picture(path: Path) -> bool:
    """Whether a file is meant as a picture: by its suffix or by its first bytes; InputError where it cannot be read."""
    if path.suffix.lower() in SUFFIXES:
        return True
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise unreadable(path, error) from error
    return head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:] == b"WEBP")


def read_picture(path: Path, least: int = MIN_SIDE) -> NDArray[np.uint8]:
    """Reads a picture file as (height, width, 3) uint8 RGB, upright; ``least`` as for ``check_size``.

    Raises:
        InputError: the file is missing, unreadable, truncated, damaged, of an unknown kind, or of a refused size.
    """
    return decode_picture(reading.read_file(path, reading.LARGEST_PICTURE), path, least)


def decode_picture(data: bytes, path: Path, least: int = MIN_SIDE) -> NDArray[np.uint8]:
    """Decodes what was read from a picture file; see ``read_picture``. The path is for errors alone."""
    if not data:
        raise _empty(path)
    image = _open(data, path)
    check_size(*image.size, source=str(path), least=least)
    try:
        return _decode(image, data)
    except InputError as error:
        raise InputError(f"{one_line(str(path))}: {error}") from error
    except Exception as error:  # a decoder at odds with a damaged file raises nearly anything
        raise _damaged(path, error) from error


def picture_size(path: Path) -> tuple[int, int]:
    """The upright (width, height) of a picture file, from its header alone; raises what ``read_picture`` does."""
    try:
        with path.open("rb") as file:
            if not path.stat().st_size:
                raise _empty(path)
            image = _open(file, path)
            width, height = image.size
            check_size(width, height, str(path))
            # Pillow turns a TIFF's size itself.
            turned = image.format != "TIFF" and _orientation(image) >= 5
            return (height, width) if turned else (width, height)
    except OSError as error:
        raise unreadable(path, error) from error


def _empty(path: Path) -> InputError:
    return InputError(f"{one_line(str(path))} is empty (0 bytes), so it is not a picture; remove it or copy it again")


def unreadable(path: Path, error: OSError | ValueError) -> InputError:
    """The error for a path that the system will not let us read, or that cannot be one (ValueError)."""
    return reading.unreadable(one_line(str(path)), error)


def _damaged(path: Path, error: Exception) -> InputError:
    reason = one_line(str(error)) or type(error).__name__
    return InputError(
        f"{one_line(str(path))} is a truncated or damaged picture ({reason}): copy it again or leave it out"
    )


def _open(source: bytes | io.BufferedReader, path: Path) -> Image:
    from PIL import Image, UnidentifiedImageError

    file = io.BytesIO(source) if isinstance(source, bytes) else source
    try:
        # Our own limit follows (check_size), as an error; Pillow's first mark is only a warning.
        with _warnings_lock, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(file, formats=_FORMATS)
    # Once ultralytics is imported it has replaced Image.open by one that looks for a HEIF plugin where Pillow gives up.
    except (UnidentifiedImageError, ImportError) as error:
        raise InputError(
            f"{one_line(str(path))} is not a picture that can be read (JPEG, PNG, WebP, BMP, TIFF), or its head is "
            "damaged: convert it, copy it again or leave it out"
        ) from error
    except Image.DecompressionBombError as error:
        raise InputError(f"{one_line(str(path))} states an absurd number of pixels: cut it into tiles") from error
    except Exception as error:
        raise _damaged(path, error) from error


def _decode(image: Image, data: bytes) -> NDArray[np.uint8]:
    from PIL import ImageFile, ImageOps

    # A global of Pillow that other libraries set, by which half a picture would pass for a whole one.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    kind, deep = image.format, _is_deep(image, data)
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image.load()
    if kind == "PNG" and data.rfind(b"IEND\xaeB`\x82") < 0:
        raise InputError("the PNG file ends without its end chunk: it is truncated; copy it again or leave it out")
    if deep:
        # Pillow keeps only the high byte of 16-bit colour. It has read the whole file by now: it is not truncated.
        pixels = _read_deep(data)
        if pixels is not None:
            # OpenCV turns a TIFF upright itself.
            return pixels if kind == "TIFF" else _upright(pixels, _orientation(image))
    return np.array(_as_rgb(ImageOps.exif_transpose(image)))


def _as_rgb(image: Image) -> Image:
    from PIL import Image as Images

    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        values = np.asarray(image).astype(np.uint16)
        return Images.fromarray(_to_eight_bits(values)).convert("RGB")
    if image.mode in ("I", "F"):
        raise InputError(f"samples of 32 bits (mode {image.mode}) have no known range: convert it to 8 or 16 bits")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        black = Images.new("RGBA", rgba.size, (0, 0, 0, 255))
        return Images.alpha_composite(black, rgba).convert("RGB")
    return image.convert("RGB")


def _is_deep(image: Image, data: bytes) -> bool:
    """Whether samples have 16 bits."""
    if image.format == "PNG":
        return len(data) > 24 and data[24] == 16  # IHDR's bit depth
    if image.format == "TIFF":
        bits = image.tag_v2.get(258)  # type: ignore[attr-defined]
        return bits is not None and max(bits if isinstance(bits, tuple) else (bits,)) == 16
    return False


def _read_deep(data: bytes) -> NDArray[np.uint8] | None:
    """16-bit pixels as 8-bit RGB through OpenCV, alpha composited on black; None for kinds that it does not read."""
    import cv2

    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    if pixels is None or pixels.dtype != np.uint16:
        return None
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    if pixels.shape[2] == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 65535
        pixels = (pixels[..., :3] * alpha + 0.5).astype(np.uint16)
    if pixels.shape[2] != 3:
        return None
    return np.ascontiguousarray(_to_eight_bits(pixels)[..., ::-1])


def _to_eight_bits(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """0..65535 -> 0..255, to the nearest."""
    return ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _orientation(image: Image) -> int:
    """EXIF's orientation, 1..8; a damaged EXIF block is as good as none."""
    try:
        value = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _upright(pixels: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Applies EXIF's orientation to (height, width, 3) pixels."""
    if orientation >= 5:
        pixels = pixels.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)
