"""``vcmpipe inspect``: what a stream's headers say, and whether they carry the maps in its sidecar."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vcmpipe.bitstream import StreamInfo, inspect_stream
from vcmpipe.coding.conformance import MapCheck, check_stream
from vcmpipe.coding.stored_streams import ContainerFacts, read_stream
from vcmpipe.commands.decode import naming
from vcmpipe.config import InspectOptions
from vcmpipe.errors import InputError
from vcmpipe.sidecar import find_sidecar, mismatch


@dataclass(frozen=True)
class InspectReport:
    """The stream by its headers, and what else was found.

    Attributes:
        check: The stream against its sidecar, or None where that was not requested.
        faults: What is wrong with the stream, a line each; that it departs from its map is in ``check``.
        belongs: False where the sidecar was written for another stream.
        container: What the file says that the stream is in; None: it is raw.
    """

    info: StreamInfo
    check: MapCheck | None
    faults: list[str]
    belongs: bool
    container: ContainerFacts | None = None


def inspect(options: InspectOptions) -> InspectReport:
    """Read a stream's headers and whether its sidecar belongs to it; with ``options.verify_map`` check the maps.

    Raises:
        BitstreamError: Nothing in the stream can be read.
        InputError: The stream or the sidecar cannot be used, or they are not about the same pictures.
    """
    stream = Path(options.input)
    stored = read_stream(stream)
    data, container = stored.data, stored.container
    with naming(stream):
        info = inspect_stream(data)
    faults = list(info.problems)
    try:
        path, sidecar = find_sidecar(stream, options.sidecar)
    except InputError as error:
        if options.verify_map or options.sidecar:
            raise
        return InspectReport(info, None, [*faults, str(error)], belongs=True, container=container)
    if sidecar is None:
        if options.verify_map:
            raise InputError(f"--verify-map needs the sidecar of {stream}: name it with --sidecar")
        return InspectReport(info, None, faults, belongs=True, container=container)
    reason = mismatch(data, sidecar, path)
    if reason is not None:
        faults.append(reason)
    check = check_stream(info, sidecar) if options.verify_map else None
    return InspectReport(info, check, faults, reason is None, container)
