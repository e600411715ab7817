"""``vcmpipe inspect``: what a stream's headers say, and whether they carry the maps in its sidecar."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vcmpipe.bitstream import StreamInfo, inspect_stream
from vcmpipe.coding.conformance import MapCheck, check_stream
from vcmpipe.commands.decode import find_sidecar, naming, read_stream
from vcmpipe.config import InspectOptions
from vcmpipe.errors import InputError


@dataclass(frozen=True)
class InspectReport:
    """What was found.

    Attributes:
        info: The stream by its headers.
        check: The stream against its sidecar, or None where that was not asked for.
        faults: What is wrong with the stream, a line each; that it departs from its map is in ``check``.
        belongs: False where the sidecar was written for another stream.
    """

    info: StreamInfo
    check: MapCheck | None
    faults: list[str]
    belongs: bool


def inspect(options: InspectOptions) -> InspectReport:
    """Read a stream's headers and, with ``options.verify_map``, compare them with the sidecar.

    Raises:
        BitstreamError: Nothing in the stream can be read.
        InputError: The stream or the sidecar cannot be used, or they are not about the same pictures.
    """
    stream = Path(options.input)
    data = read_stream(stream)
    with naming(stream):
        info = inspect_stream(data)
    faults = list(info.problems)
    if not options.verify_map:
        return InspectReport(info, None, faults, belongs=True)
    path, sidecar = find_sidecar(stream, options.sidecar)
    if sidecar is None:
        raise InputError(f"--verify-map needs the sidecar of {stream}: name it with --sidecar")
    belongs = hashlib.sha256(data).hexdigest() == sidecar.sha256
    if not belongs:
        faults.append(f"it is not the stream that {path} was written for (SHA-256 differs): another, or damaged")
    return InspectReport(info, check_stream(info, sidecar), faults, belongs)
