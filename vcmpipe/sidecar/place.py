"""Where a stream's sidecar lies, whether the two belong together, and which places it must not take."""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path

from vcmpipe.errors import InputError
from vcmpipe.process.folders import same_file
from vcmpipe.process.reading import parse_json, read_file
from vcmpipe.sidecar.schema import MAX_BYTES, NoSidecarError, Sidecar


def sidecar_path(stream: Path) -> Path:
    """Where a stream's sidecar lies: the same name ending in .json.

    Raises:
        InputError: The path has no name that an ending could be put to.
    """
    try:
        return stream.with_suffix(".json")
    except ValueError as error:
        raise InputError(f"{stream} is not a name for a stream: give a file name, such as out.bin") from error


def find_sidecar(stream: Path, named: str | None) -> tuple[Path | None, Sidecar | None]:
    """The sidecar that was named, or the one beside the stream where there is one.

    A JSON file of that name that is nothing of vcmpipe's is left alone unless it was named.

    Raises:
        InputError: The sidecar is damaged or of another schema version.
    """
    if named is not None:
        return Path(named), Sidecar.read(Path(named))
    beside = sidecar_path(stream)
    if beside != stream and beside.is_file():
        try:
            return beside, Sidecar.read(beside)
        except NoSidecarError:
            return None, None
    return None, None


def mismatch(data: bytes, sidecar: Sidecar, path: Path | None) -> str | None:
    """What to say where a sidecar does not belong to a stream; None where it does."""
    if hashlib.sha256(data).hexdigest() == sidecar.sha256:
        return None
    return (
        f"{path} was written for another stream, or the stream is damaged or cut (SHA-256 differs): copy both again "
        "or encode again"
    )


def stream_of(path: Path) -> str | None:
    """The stream that a sidecar names, sound or cut; None where the file is nothing of vcmpipe's."""
    try:
        text = read_file(path, MAX_BYTES).decode("utf-8", "replace")
    except InputError:
        return None
    try:
        data = parse_json(text)
    except ValueError:
        # As to_json begins: what was cut is still known.
        cut = re.match(r'\{"stream":("(?:[^"\\]|\\.)*"),"sha256":"', text)
        try:
            data = {"schema": None, "stream": json.loads(cut[1])} if cut else None
        except ValueError:  # an escape that JSON does not have
            return None
    found = data.get("stream") if isinstance(data, dict) and "schema" in data else None
    return found if isinstance(found, str) else None


def check_sidecar_place(out: Path, *, written: bool) -> None:
    """Refuse to write a stream where that would part another stream from its sidecar, or take a foreign file's place.

    Args:
        out: The stream.
        written: Whether a sidecar is written with it.

    Raises:
        InputError: The file in the place of its sidecar is another stream's, or nothing of vcmpipe's.
    """
    beside, target = sidecar_path(out), Path(os.path.realpath(out))
    # Of a link it is the file behind it that is replaced, and that may have a sidecar of its own.
    own = sidecar_path(target)
    if own.is_file() and not same_file(own, beside) and stream_of(own) is not None:
        raise InputError(
            f"--out {out} is a link to {target}, which would no longer belong to its sidecar {own}: name another file"
        )
    if not beside.is_file():
        return
    stream = stream_of(beside)
    if not written:
        if stream is not None:
            raise InputError(
                f"--out {out}: {beside} is the sidecar of {stream} and would lie beside a stream that it does not "
                "belong to: name another file"
            )
    elif stream is None:
        raise InputError(
            f"--out {out}: the sidecar would take the place of {beside}, which is not vcmpipe's: "
            "give the stream another name"
        )
    elif (name := Path(stream).name) not in ("", out.name):
        real = Path(os.path.realpath(beside)) if beside.is_symlink() else beside
        other = real.with_name(name)
        # os.path.exists: a name from outside may be one that no file can have.
        if os.path.exists(other) and not same_file(other, out):  # noqa: PTH110
            raise InputError(
                f"--out {out}: {beside} is the sidecar of {other}, which would no longer decode: give the stream "
                f"another name, or move {other} and its sidecar away"
            )


def refuse_sidecar(out: Path, flag: str = "--out") -> None:
    """Raise InputError for an output of another kind in the place of a sidecar, whose stream it would leave without."""
    if out.is_file() and (stream := stream_of(out)) is not None:
        raise InputError(f"{flag} {out} is the sidecar of {stream}: name another file")
