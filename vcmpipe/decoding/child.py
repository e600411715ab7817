"""A program that decodes streams from strangers, started by ``sandbox``.

``python -m vcmpipe.decoding.child THREADS COLOUR``, the colour of streams that state none as JSON.

The stream comes on standard input. Standard output carries messages: a length (4 bytes, little endian), that many bytes
of JSON, and behind a picture its samples, 16 bits each. What a hostile stream does to the decoder, it does to this
process alone.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import sys
from typing import IO, Any

from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.errors import BitstreamError, VcmError
from vcmpipe.frames.colour import ColourSpec
from vcmpipe.frames.yuv import yuv_bytes


def _send(out: IO[bytes], message: dict[str, Any]) -> None:
    data = json.dumps(message).encode()
    out.write(len(data).to_bytes(4, "little") + data)
    out.flush()


def _decode(data: bytes, threads: int, unstated: ColourSpec, out: IO[bytes]) -> dict[str, Any]:
    """Decodes and sends the pictures; the last message."""
    try:
        for picture in decode_stream(data, threads=threads, unstated=unstated):
            planes = (picture.yuv.width, picture.yuv.height)
            spec = dataclasses.asdict(picture.spec)
            _send(out, {"index": picture.index, "size": picture.size, "planes": planes, "spec": spec})
            out.write(yuv_bytes(picture.yuv))
    except (VcmError, MemoryError) as error:
        cause = error.__cause__ or error
        if isinstance(cause, MemoryError) or getattr(cause, "errno", None) == errno.ENOMEM:
            return {"error": "memory"}
        return {"error": "bitstream" if isinstance(error, BitstreamError) else "other", "message": str(error)}
    return {"end": True}


def main() -> int:
    """Decodes standard input to standard output."""
    # Whatever libraries print goes to stderr: stdout is ours.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    try:
        unstated = ColourSpec(**json.loads(sys.argv[2]))
        _send(out, _decode(sys.stdin.buffer.read(), int(sys.argv[1]), unstated, out))
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more, and closing the pipe would only say so again
    return 0


if __name__ == "__main__":
    sys.exit(main())
