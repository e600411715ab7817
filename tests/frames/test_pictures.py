from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, ImageFile

from vcmpipe.errors import InputError
from vcmpipe.frames import picture_size, read_picture


def _scene(width: int = 40, height: int = 30) -> NDArray[np.uint8]:
    """A smooth picture whose corners all differ: lossy formats keep it, and every turn of it is another picture."""
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return np.stack([x, y, (x + y) / 2], axis=-1).astype(np.uint8)


def _save(image: Image.Image, path: Path, **options: object) -> Path:
    image.save(path, **options)
    return path


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.png", {}, 0),
        ("a.bmp", {}, 0),
        ("a.tif", {}, 0),
        ("a.TIFF", {"compression": "tiff_lzw"}, 0),
        ("a.webp", {"lossless": True}, 0),
        ("a.webp", {"quality": 95}, 12),
        ("a.jpg", {"quality": 95, "subsampling": 0}, 6),
        ("a.JPEG", {"quality": 95, "progressive": True, "subsampling": 0}, 6),
        ("a.png", {"interlace": 1}, 0),
    ],
)
def test_formats(name: str, options: dict[str, object], tolerance: int, tmp_path: Path) -> None:
    rgb = _scene()
    path = _save(Image.fromarray(rgb), tmp_path / name, **options)
    read = read_picture(path)
    assert read.shape == rgb.shape and read.dtype == np.uint8 and read.flags.c_contiguous and read.flags.writeable
    assert np.abs(read.astype(int) - rgb).max() <= tolerance
    assert picture_size(path) == (40, 30)


def test_the_content_counts_and_not_the_suffix(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(_scene()).save(buffer, "PNG")
    path = tmp_path / "really-a-png.jpg"
    path.write_bytes(buffer.getvalue())
    assert np.array_equal(read_picture(path), _scene())


def test_grey_and_palette_and_one_bit(tmp_path: Path) -> None:
    grey = _scene()[..., 0]
    assert np.array_equal(
        read_picture(_save(Image.fromarray(grey), tmp_path / "l.png")), np.repeat(grey[..., None], 3, 2)
    )
    palette = Image.fromarray(_scene()).quantize(16)
    assert np.array_equal(read_picture(_save(palette, tmp_path / "p.png")), np.asarray(palette.convert("RGB")))
    bits = Image.fromarray(grey).convert("1")
    assert set(np.unique(read_picture(_save(bits, tmp_path / "b.png")))) == {0, 255}


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tif"])
def test_alpha_is_composited_on_black(name: str, tmp_path: Path) -> None:
    rgba = np.full((20, 20, 4), (200, 100, 50, 255), np.uint8)
    rgba[:10, :, 3] = 0
    rgba[10:15, :, 3] = 128
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    read = read_picture(_save(Image.fromarray(rgba), tmp_path / name, **options))
    assert read[0, 0].tolist() == [0, 0, 0]
    assert read[19, 0].tolist() == [200, 100, 50]
    assert np.abs(read[12, 0].astype(int) - [100, 50, 25]).max() <= 1


def test_a_transparent_palette_colour_is_black(tmp_path: Path) -> None:
    image = Image.new("P", (20, 20), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(1, (0, 0, 10, 20))
    read = read_picture(_save(image, tmp_path / "p.png", transparency=0))
    assert read[0, 0].tolist() == [0, 255, 0] and read[0, 19].tolist() == [0, 0, 0]


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_are_scaled_and_rounded(suffix: str, channels: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    deep = rng.integers(0, 65536, (18, 22, channels), dtype=np.uint16)
    if channels == 4:
        deep[..., 3] = 65535
    path = tmp_path / f"deep{suffix}"
    # OpenCV stores BGR(A)
    stored = deep if channels == 1 else deep[..., [2, 1, 0, 3][:channels]]
    assert cv2.imwrite(str(path), stored)
    expected = np.floor(deep.astype(np.float64) / 257 + 0.5).astype(np.uint8)
    expected = np.repeat(expected, 3, 2) if channels == 1 else expected[..., :3]
    assert np.array_equal(read_picture(path), expected)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    with pytest.raises(InputError, match=r"deep.*truncated or damaged|head is damaged"):
        read_picture(path)


def test_half_transparent_sixteen_bits(tmp_path: Path) -> None:
    deep = np.full((16, 16, 4), (10_000, 20_000, 40_000, 32768), np.uint16)
    assert cv2.imwrite(str(tmp_path / "a.png"), deep)
    assert np.abs(read_picture(tmp_path / "a.png")[3, 3].astype(int) - [78, 39, 19]).max() <= 1


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk(name: str, tmp_path: Path) -> None:
    cmyk = Image.new("CMYK", (32, 32), (0, 255, 255, 0))  # magenta and yellow ink: red
    red, green, blue = read_picture(_save(cmyk, tmp_path / name))[16, 16].tolist()
    assert red > 245 and green < 10 and blue < 10


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "deep.png", "deep.tif"])
def test_exif_orientation_is_undone(name: str, orientation: int, tmp_path: Path) -> None:
    upright = _scene()
    # What a camera held that way stores: the inverse of what EXIF asks viewers to do.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    path = tmp_path / name
    exif = Image.Exif()
    exif[0x0112] = orientation
    if name.startswith("deep"):
        deep = stored[..., ::-1].astype(np.uint16) * 257
        if name.endswith("tif"):
            assert cv2.imwrite(str(path), deep)
            _set_tiff_orientation(path, orientation)
        else:
            assert cv2.imwrite(str(path), deep)
            _insert_png_chunk(path, b"eXIf", exif.tobytes()[6:])
    else:
        options = {"a.jpg": {"quality": 100, "subsampling": 0}, "a.webp": {"lossless": True}}.get(name, {})
        Image.fromarray(np.ascontiguousarray(stored)).save(path, exif=exif, **options)
    read = read_picture(path)
    assert read.shape == upright.shape
    assert np.abs(read.astype(int) - upright).max() <= 4
    assert picture_size(path) == (40, 30)


def _insert_png_chunk(path: Path, kind: bytes, body: bytes) -> None:
    data = path.read_bytes()
    chunk = struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    path.write_bytes(data[:33] + chunk + data[33:])


def _set_tiff_orientation(path: Path, orientation: int) -> None:
    """Appends a copy of the first directory with the orientation tag in it (OpenCV writes little endian files)."""
    data = bytearray(path.read_bytes())
    assert data[:4] == b"II*\0"
    (offset,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, offset)
    entries = [bytes(data[offset + 2 + 12 * i : offset + 14 + 12 * i]) for i in range(count)]
    entries = [e for e in entries if struct.unpack_from("<H", e)[0] != 0x0112]
    entries.append(struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0))
    entries.sort(key=lambda e: struct.unpack_from("<H", e)[0])
    if len(data) % 2:
        data += b"\0"
    struct.pack_into("<I", data, 4, len(data))
    data += struct.pack("<H", len(entries)) + b"".join(entries) + struct.pack("<I", 0)
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        (".jpg", {}),
        (".jpg", {"progressive": True}),
        (".png", {}),
        (".webp", {}),
        (".bmp", {}),
        (".tif", {}),
        (".webp", {"lossless": True}),
    ],
)
@pytest.mark.parametrize("library_allows_it", [False, True])
def test_truncated_pictures_are_errors(
    suffix: str, options: dict[str, object], library_allows_it: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other libraries set this global of Pillow, with which half a picture passes.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", library_allows_it)
    noise = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = _save(Image.fromarray(noise), tmp_path / f"whole{suffix}", **options)
    data = path.read_bytes()
    read_picture(path)
    cut = tmp_path / f"cut{suffix}"
    for length in sorted(
        {1, 10, 40, len(data) // 4, len(data) // 2, len(data) * 9 // 10, len(data) - 40, len(data) - 3}
    ):
        cut.write_bytes(data[:length])
        with pytest.raises(InputError, match="cut") as caught:
            read_picture(cut)
        assert str(caught.value).isprintable()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_pictures_raise_nothing_but_input_errors(data: st.DataObject, tmp_path: Path) -> None:
    suffix = data.draw(st.sampled_from([".jpg", ".png", ".webp", ".bmp", ".tif"]))
    buffer = io.BytesIO()
    Image.fromarray(_scene()).save(buffer, {".jpg": "JPEG", ".tif": "TIFF"}.get(suffix, suffix[1:].upper()))
    damaged = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 200)))] = data.draw(st.integers(0, 255))
    path = tmp_path / f"x{suffix}"
    path.write_bytes(damaged)
    for read in (read_picture, picture_size):
        try:
            read(path)
        except InputError as error:
            assert "x." in str(error) and str(error).isprintable()


@pytest.mark.parametrize(
    ("size", "expected"),
    [((15, 16), "15x16.*least is 16x16"), ((16, 15), "least is 16x16"), ((17000, 16), "16384 on a side")],
)
def test_sizes_that_are_refused(size: tuple[int, int], expected: str, tmp_path: Path) -> None:
    path = _save(Image.new("L", size), tmp_path / "a.png")
    for read in (read_picture, picture_size):
        with pytest.raises(InputError, match=expected):
            read(path)


def test_the_smallest_picture_is_taken(tmp_path: Path) -> None:
    assert read_picture(_save(Image.new("RGB", (16, 16)), tmp_path / "a.png")).shape == (16, 16, 3)


@pytest.mark.parametrize("side", [9600, 14000, 60000])
def test_decompression_bombs_are_refused_before_they_go_off(
    side: int, tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "bomb.png"
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(struct.pack(">I", len(b)) + k + b + struct.pack(">I", zlib.crc32(k + b)) for k, b in chunks)
    )
    with pytest.raises(InputError, match=r"bomb\.png states"):
        read_picture(path)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("content", "expected"), [(b"", "empty"), (b"hello", "not a picture"), (None, "does not exist")]
)
def test_what_is_no_picture(content: bytes | None, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "new\nline.png"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=expected) as caught:
        read_picture(path)
    assert "new\\nline.png" in str(caught.value) and str(caught.value).isprintable()


def test_float_samples_are_refused(tmp_path: Path) -> None:
    path = _save(Image.fromarray(np.zeros((20, 20), np.float32)), tmp_path / "f.tif")
    with pytest.raises(InputError, match=r"f\.tif.*32 bits"):
        read_picture(path)


def test_photos_read_as_opencv_reads_them(shared_data: Path, tmp_path: Path) -> None:
    for path in sorted((shared_data / "coco-extra" / "images").glob("*.jpg"))[:5]:
        copy = tmp_path / path.name
        shutil.copy(path, copy)
        other = cv2.cvtColor(cv2.imread(str(copy)), cv2.COLOR_BGR2RGB)
        assert np.abs(read_picture(copy).astype(int) - other).mean() < 1.0
