"""Names of what is written: one that promises something else is refused before any work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line

FOLDER = "/"
"""Among the endings of what an option names: a folder."""
FILE = ""
"""Likewise: a file, whose ending is looked at where it is known what goes into it."""

# What nobody means for a folder. Dots in a folder's name are common otherwise: run.2, crops-0.5.
_OF_FILES = frozenset(
    f".{ending}"
    for endings in (
        "jpg jpeg jpe jfif png webp bmp dib tif tiff gif svg pdf",
        "avi m4v mkv mov mp4 webm y4m yuv bin 264 h264 265 h265 hevc 266 h266 vvc obu ivf",
        "csv htm html json jsonl log md parquet toml tsv txt xlsx xml yaml yml",
        "7z ckpt gz npy npz onnx pt pth safetensors tar tgz xz zip zst",
    )
    for ending in endings.split()
)


def check_output(flag: str, text: str, writes: Sequence[str]) -> None:
    """Refuse a name that is none for what is written there.

    Args:
        flag: The option, for the message.
        text: The name.
        writes: What may be written: ``FOLDER``, ``FILE``, and endings of files. What is there is judged by what it is,
            where it is written: a folder may be called as it likes.

    Raises:
        InputError: A file's name ends as a folder's, or with another ending; or a folder's as a file's.
    """
    path, is_folder = Path(text), text.endswith("/")
    ending = path.suffix.lower()
    endings = [each for each in writes if each.startswith(".")]
    listed = " or ".join(filter(None, (", ".join(endings[:-1]), *endings[-1:])))
    file = f"a file that ends in {listed}" if endings else "a file"
    name = f"{flag} {one_line(text)}"
    if FOLDER not in writes:
        if is_folder and not path.is_dir():
            raise InputError(f"{name} is the name of a folder: name {file}")
        if FILE not in writes and ending not in endings:
            raise InputError(f"{name}: name {file}")
    elif not path.exists() and ending in _OF_FILES and (is_folder or not {ending, FILE}.intersection(writes)):
        other = f", or {file}" * bool(endings or FILE in writes)
        raise InputError(f"{name} would be a folder, though its name ends in {ending}: name a folder{other}")
