"""Publishing files: a reader sees the old file or the whole new one.

A file is written beside its target, flushed to the disk, and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from vcmpipe.errors import OutputError
from vcmpipe.process.text import one_line

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
"""What an operating system says of a place that takes no more."""


@contextlib.contextmanager
def publish(path: Path) -> Iterator[Path]:
    """A path to write to, beside ``path`` and with its suffix, that becomes ``path`` when the block ends without error.

    Missing parent folders are made. The new file is flushed to the disk before it takes the name; a symbolic link is
    followed. On an exception the temporary file and parent folders made for it are removed; ``path`` is left alone.

    Yields:
        A path that does not exist yet.

    Raises:
        OutputError: the place cannot be written to, the disk is full, or the block wrote nothing.
    """
    with publish_together(path) as (part,):
        yield part


@contextlib.contextmanager
def publish_together(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """As ``publish``, for files that belong together: all are replaced, or none.

    They take their names in the order given, when all are on the disk. Where one cannot, those before get their old
    files back. Only a run that is killed just there leaves some of them new and some old; so the file by which a reader
    can tell (it holds a digest of the others) comes first.
    """
    targets = [Path(os.path.realpath(path)) for path in paths]
    parts = [target.with_name(f"{unfinished_name(target)}{target.suffix[:16]}") for target in targets]
    made: list[Path] = []
    done = False
    try:
        for path, target, part in zip(paths, targets, parts, strict=True):
            check_replaceable(path)
            try:
                make_parents(target.parent, made)
                # Made and removed again: says now, before hours of encoding, that the place cannot be written to.
                os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                part.unlink()
            except OSError as error:
                raise output_error(path, error) from error
        try:
            yield tuple(parts)
        except OSError as error:
            own = [path for path, part in zip(paths, parts, strict=True) if str(error.filename) == str(part)]
            if error.errno in FULL or own:
                raise output_error((own or paths)[-1], error) from error
            raise
        for path, part in zip(paths, parts, strict=True):
            if not part.is_file():
                raise OutputError(f"{one_line(str(path))} was not written: nothing was produced for it")
        replace_together(list(zip(parts, targets, strict=True)))
        done = True
    finally:
        if not done:
            for part in parts:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                for folder in reversed(made):
                    folder.rmdir()


def name_digest(target: Path) -> str:
    """What stands for a file's name in those of hidden files beside it, which are of one length then."""
    return hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]


def unfinished_name(target: Path) -> str:
    """A new name for what is to become a file or a folder, beside it until it is whole."""
    return f".vcmpipe-{name_digest(target)}-{secrets.token_hex(8)}"


def remove_unfinished(place: Path, target: Path) -> None:
    """Remove from a folder what runs that were killed left of a target, whose lock the caller holds."""
    form = re.compile(rf"\.vcmpipe-{name_digest(target)}-[0-9a-f]{{16}}(\.(?!old$).*)?")
    with contextlib.suppress(OSError), os.scandir(place) as entries:
        for entry in [each for each in entries if form.fullmatch(each.name)]:
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    shutil.rmtree(entry.path, ignore_errors=True)
                elif entry.is_file(follow_symlinks=False):
                    Path(entry.path).unlink()


def check_replaceable(path: Path) -> None:
    """Says before any work that what is in a file's place cannot be replaced.

    Raises:
        OutputError: a folder is there, another thing that is no regular file, or a file that may not be changed.
    """
    target = Path(os.path.realpath(path))
    try:
        if not target.exists():
            return
        if not stat.S_ISREG(target.stat().st_mode):
            kind = "a folder" if target.is_dir() else "not a regular file"
            raise OutputError(
                f"{one_line(str(path))} cannot be written: it is {kind}; move it away or choose another place"
            )
        if not os.access(target, os.W_OK):
            os.close(os.open(target, os.O_WRONLY | os.O_CLOEXEC))
    except OSError as error:
        # An immutable file (EPERM). One that may not be written to (EACCES) can be replaced all the same.
        if error.errno in (errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.ENAMETOOLONG):
            raise output_error(path, error) from error


def replace_together(moves: Sequence[tuple[Path, Path]]) -> None:
    """Give finished files their names, in order; OutputError where one cannot have it, and all is as it was.

    ``moves`` are each a new file and the name that it takes, in the same folder or at least on the same file system.
    """
    kept: dict[Path, Path] = {}
    try:
        for new, target in moves:
            with _named(target):
                sync(new)
        # The last one needs none: where it fails it has not been replaced.
        for _, target in moves[:-1]:
            if os.path.lexists(target):
                with _named(target):
                    kept[target] = target.with_name(f"{unfinished_name(target)}.old")
                    _keep(target, kept[target])
        for new, target in moves:
            with _named(target):
                new.replace(target)
    except BaseException:
        # An interrupt just after the last of them undoes nothing.
        if moves and moves[-1][0].exists():
            # A second interrupt in there removes none of them: they stay under their hidden names.
            older = dict(kept)
            kept.clear()
            _roll_back(moves[:-1], older)
        raise
    finally:
        for old in kept.values():
            with contextlib.suppress(OSError):
                old.unlink(missing_ok=True)
    if os.name == "posix":
        for folder in dict.fromkeys(target.parent for _, target in moves):
            with _named(folder):
                sync(folder)


def _roll_back(moves: Sequence[tuple[Path, Path]], kept: dict[Path, Path]) -> None:
    for new, target in moves:
        old = kept.get(target)
        with contextlib.suppress(OSError):
            if old is not None:
                old.replace(target)
                old.unlink(missing_ok=True)  # renaming does nothing where both names are still one file
            elif not new.exists():
                target.unlink(missing_ok=True)


def _keep(target: Path, old: Path) -> None:
    """A second name for what is there, or a copy on a file system that knows no second names."""
    try:
        os.link(target, old, follow_symlinks=False)
    except OSError:
        shutil.copy2(target, old, follow_symlinks=False)


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def make_parents(folder: Path, made: list[Path]) -> None:
    """Makes a folder with its parents and adds those that were missing to ``made``, the outermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        new.mkdir(exist_ok=True)
        made.append(new)


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some file systems cannot sync a folder (EINVAL); that is no failure to write.
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(handle)


def output_error(path: Path, error: OSError) -> OutputError:
    """The error for a place that could not be written to, with the way out."""
    name = one_line(str(path))
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OutputError(f"{name} cannot be written: the disk is full; free space or choose another place")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return OutputError(f"{name} cannot be written: permission denied; choose a place that you may write to")
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return OutputError(f"{name} cannot be written: part of its path is a file; choose another place")
    return OutputError(f"{name} cannot be written: {one_line(error.strerror or str(error))}; choose another place")
