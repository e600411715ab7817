"""``vcmpipe jnd-map``: the JND map of every picture, as files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vcmpipe.config import JndMapOptions
from vcmpipe.errors import InputError
from vcmpipe.frames import FrameSource, PictureSource, open_source
from vcmpipe.jnd.maps import VERSION, digest_of_pixels, known_map, write_map
from vcmpipe.process import one_line
from vcmpipe.process.folders import same_file
from vcmpipe.process.progress import Progress


@dataclass(frozen=True)
class MappedPicture:
    """One picture's map: its file, its size, and its JNDs' mean and maximum in grey levels.

    ``made`` is False where the map was there before.
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
    """What ``jnd-map`` did: the folder, the SHA-256 of the weights, and the pictures in the order of the input."""

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
        progress: Called after every picture.
        on_tile: Called after every tile of a picture with the number done and the total.

    Raises:
        InputError: Pictures, weights or the device cannot be used; two pictures would share a file; or a file of
            another picture, of other weights, or nobody's, has a map's name and ``overwrite`` is not set.
        OutputError: A file cannot be written.
    """
    from vcmpipe.detection.postprocess import file_digest
    from vcmpipe.jnd.models import resjnd

    source = open_source(options.input, limit=options.limit)
    folder = Path(options.out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"--out {one_line(options.out)} is a file: name a folder")
    _check_names(source, folder)
    weights = Path(options.weights)
    network = resjnd.load(weights, options.device)
    digest = file_digest(weights)
    done: list[MappedPicture] = []
    for frame in source:
        made_of = {"version": VERSION, "weights": digest, "source": digest_of_pixels(frame.rgb)}
        target = folder / f"{frame.name}.npy"
        values = None if options.overwrite else known_map(target, made_of, (frame.height, frame.width))
        made = values is None
        if values is None:
            values = resjnd.jnd_map(network, frame.rgb, options.tile, progress=on_tile)
            write_map(target, values, made_of)
        figures = round(float(values.mean()), 4), round(float(values.max()), 4)
        name = Path(frame.source).name
        done.append(MappedPicture(name, str(target), frame.width, frame.height, *figures, made))
        progress(len(done), source.count)
    return JndMapReport(str(folder), digest, done)


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
        if same_file(folder / f"{path.stem}.png", path):
            raise InputError(
                f"--out {one_line(str(folder))}: the preview would take the place of {one_line(str(path))}: name "
                "another folder"
            )
