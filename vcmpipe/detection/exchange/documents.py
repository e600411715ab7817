"""JSON documents of detections: read into typed records, with errors that name the place."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from vcmpipe.errors import InputError
from vcmpipe.process.text import one_line

T = TypeVar("T")


def decoded(data: bytes | msgspec.Raw, kind: type[T], path: Path) -> T:
    """JSON as records of a kind; what they do not have is passed over.

    Raises:
        InputError: It is no JSON, or has another form; the message names the file and the place.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        shown = one_line(str(error).replace("`", ""))[:300]
        raise InputError(f"{one_line(str(path))} holds no detections in a form that is known: {shown}") from error
