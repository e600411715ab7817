from __future__ import annotations

from pathlib import Path

import pytest

from vcmpipe.frames.truncation import stated_end

EBML = b"\x1a\x45\xdf\xa3\x84abcd"
SEGMENT = b"\x18\x53\x80\x67"


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (EBML + SEGMENT + b"\x88" + bytes(8), 22),
        (EBML + SEGMENT + b"\x01\0\0\0\0\0\x10\x01" + bytes(8), 21 + 4097),
        (EBML + SEGMENT + b"\x41\x00", 15 + 256),
        (EBML + SEGMENT + b"\x01" + b"\xff" * 7, None),
        (EBML + SEGMENT + b"\xff", None),
        (EBML + SEGMENT + b"\x01\0", None),
        (EBML + SEGMENT, None),
        (EBML[:4], None),
        (EBML + b"else" + b"\x88", None),
        (b"RIFF\x10\0\0\0AVI LIST", 24),
        (b"RIFF\0\0\0\0AVI LIST", None),
        (b"RIFF\x10\0\0\0WEBP", None),
        (b"", None),
        (b"\0\0\0\x20ftypisom", None),
    ],
)
def test_what_a_container_says_of_its_length(tmp_path: Path, data: bytes, end: int | None) -> None:
    (tmp_path / "v").write_bytes(data)
    assert stated_end(tmp_path / "v") == end


@pytest.mark.parametrize("name", ["v.mkv", "v.avi"])
def test_real_files_say_their_length(tmp_path: Path, name: str) -> None:
    import av

    with av.open(str(tmp_path / name), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        container.mux(stream.encode())
    assert stated_end(tmp_path / name) == (tmp_path / name).stat().st_size
