"""A program that takes containers from strangers apart, started by ``demux``: ``python -m ...demux_child FILE``.

Standard output carries a length (8 bytes, little endian), that many bytes of JSON, and the packets' bytes one behind
the other. Nothing is decoded.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import IO, Any

from vcmpipe.errors import VcmError
from vcmpipe.frames.packets import StoredTrack, read_container


def facts_of(stored: StoredTrack) -> dict[str, Any]:
    """All of a track but its bytes, as JSON can hold it."""
    track = stored.track
    return {
        "container": stored.container,
        "codec": track.codec,
        "size": [track.width, track.height],
        "configuration": track.configuration.hex(),
        "rate": None if track.rate is None else str(track.rate),
        "packets": [
            [len(packet.data), None if packet.time is None else str(packet.time), str(packet.duration), packet.key]
            for packet in stored.packets
        ],
    }


def _send(out: IO[bytes], facts: dict[str, Any]) -> None:
    data = json.dumps(facts).encode()
    out.write(len(data).to_bytes(8, "little") + data)


def main() -> int:
    """Take the file apart that the command line names."""
    # Whatever libraries print goes to stderr: stdout is ours.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        try:
            stored = read_container(Path(sys.argv[1]))
            _send(out, facts_of(stored))
        except (VcmError, MemoryError) as error:
            memory = isinstance(error.__cause__ or error, MemoryError)
            _send(out, {"error": "memory" if memory else str(error)})
        else:
            for packet in stored.packets:
                out.write(packet.data)
        out.flush()
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more, and closing the pipe would only say so again
    return 0


if __name__ == "__main__":
    sys.exit(main())
