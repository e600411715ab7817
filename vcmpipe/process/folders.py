"""Folders of results that appear whole or not at all, and names that are safe to write under."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process import check_replaceable, make_parents, one_line, only_writer, output_error, replace_together
from vcmpipe.process.outputs import unfinished_name

# Bytes that a file system takes for a name (255 nearly everywhere), less what callers put around a stem.
_STEM_BYTES = 224


@contextlib.contextmanager
def publish_folder(path: Path, names: Iterable[str] = ()) -> Iterator[Path]:
    """A folder to write files into that become ``path``, or files in it, when the block ends without error.

    A folder that is there keeps its other files; those of the same names are replaced, all or none. Missing parents are
    made. On an exception nothing that was made is left, and what was there is as it was. While the block runs, no other
    vcmpipe writes into the folder.

    Args:
        path: The folder.
        names: Files that are known to come: one of them that cannot be replaced is an error before the block.

    Yields:
        An empty folder on the same file system.

    Raises:
        InputError: ``path`` is a file, or another run writes into it.
        OutputError: The place cannot be written to, or a file would take the place of a folder.
    """
    target = Path(os.path.realpath(path))
    made: list[Path] = []
    staged: Path | None = None
    with only_writer(path):
        for name in names:
            check_replaceable(path / name)
        try:
            try:
                existed = target.is_dir()
                if target.exists() and not existed:
                    raise InputError(f"{one_line(str(path))} is a file: name a folder")
                if not existed:
                    make_parents(target.parent, made)
                staged = (target if existed else target.parent) / unfinished_name(target)
                staged.mkdir()
            except OSError as error:
                raise output_error(path, error) from error
            yield staged
            if existed:
                moves = [(file, target / file.name) for file in sorted(staged.iterdir())]
                for _, there in moves:
                    check_replaceable(path / there.name)
                replace_together(moves)
            else:
                try:
                    staged.rename(target)
                except OSError as error:
                    raise output_error(path, error) from error
            made.clear()
        finally:
            if staged is not None:
                shutil.rmtree(staged, ignore_errors=True)
            with contextlib.suppress(OSError):
                for folder in reversed(made):
                    folder.rmdir()


def same_file(first: Path, second: Path) -> bool:
    """Whether two paths lead to one file or folder that is there."""
    try:
        return first.samefile(second)
    except (OSError, ValueError):
        return False


def safe_stem(stem: str, otherwise: str) -> str:
    """A stem, from a name from outside, that any folder takes (no path, not hidden, not long); else ``otherwise``."""
    stem = stem.replace("\0", "").replace("/", "_").lstrip(".")
    try:
        raw = os.fsencode(stem)
    except UnicodeEncodeError:  # half a surrogate pair, which JSON can hold and a file system cannot
        return otherwise
    return raw[:_STEM_BYTES].decode("utf-8", "ignore") if len(raw) > _STEM_BYTES else stem or otherwise
