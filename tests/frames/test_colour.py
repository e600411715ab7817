from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vcmpipe.errors import InputError
from vcmpipe.frames import ColourSpec, Yuv, read_picture, rgb_to_yuv, yuv_to_rgb
from vcmpipe.frames import colour as colour_module
from vcmpipe.frames.chroma import double_columns, double_rows, halve
from vcmpipe.frames.colour import to_ten_bits

SPECS = [
    ColourSpec(m, r, s) for m in ("bt709", "bt601") for r in ("limited", "full") for s in ("left", "centre", "topleft")
]


def _solid(rgb: tuple[int, int, int], width: int = 16, height: int = 16) -> NDArray[np.uint8]:
    return np.full((height, width, 3), rgb, np.uint8)


@pytest.mark.parametrize(
    ("rgb", "matrix", "range", "yuv"),
    [
        # By hand from H.273: Y = round(876 E'Y + 64), C = round(896 E'C + 512); full: 1023 E'Y, 1023 E'C + 512.
        ((255, 255, 255), "bt709", "limited", (940, 512, 512)),
        ((0, 0, 0), "bt709", "limited", (64, 512, 512)),
        ((255, 0, 0), "bt709", "limited", (250, 409, 960)),
        ((0, 255, 0), "bt709", "limited", (691, 167, 105)),
        ((0, 0, 255), "bt709", "limited", (127, 960, 471)),
        ((255, 0, 0), "bt601", "limited", (326, 361, 960)),
        ((0, 255, 0), "bt601", "limited", (578, 215, 137)),
        ((0, 0, 255), "bt601", "limited", (164, 960, 439)),
        ((255, 255, 255), "bt709", "full", (1023, 512, 512)),
        ((0, 0, 0), "bt601", "full", (0, 512, 512)),
        ((255, 0, 0), "bt709", "full", (217, 395, 1023)),
        ((0, 0, 255), "bt601", "full", (117, 1023, 429)),
    ],
)
def test_pure_colours(rgb: tuple[int, int, int], matrix: str, range: str, yuv: tuple[int, int, int]) -> None:
    spec = ColourSpec(matrix, range)  # type: ignore[arg-type]
    planes = rgb_to_yuv(_solid(rgb), spec).planes
    assert tuple(int(plane[0, 0]) for plane in planes) == yuv
    assert all((plane == plane[0, 0]).all() for plane in planes)
    assert np.abs(yuv_to_rgb(Yuv(*planes), spec).astype(int) - rgb).max() <= 1


def test_greys_come_back_exactly() -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(4, axis=0)
    for spec in SPECS:
        assert np.array_equal(yuv_to_rgb(rgb_to_yuv(ramp, spec), spec), ramp)


@pytest.mark.parametrize("matrix", ["bt709", "bt601"])
@pytest.mark.parametrize("full", [False, True])
def test_flat_colours_agree_with_swscale(matrix: str, full: bool) -> None:
    from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

    rng = np.random.default_rng(3)
    spec = ColourSpec(matrix, "full" if full else "limited")  # type: ignore[arg-type]
    for _ in range(40):
        frame = av.VideoFrame(16, 16, "yuv420p10le")
        y, u, v = (int(n) for n in rng.integers(200, 800, 3))
        for plane, value in zip(frame.planes, (y, u, v), strict=True):
            plane.update(np.full(plane.buffer_size // 2, value, "<u2").tobytes())
        other = VideoReformatter().reformat(
            frame,
            format="rgb24",
            src_colorspace=Colorspace.ITU709 if matrix == "bt709" else Colorspace.ITU601,
            src_color_range=ColorRange.JPEG if full else ColorRange.MPEG,
            dst_color_range=ColorRange.JPEG,
            interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
        )
        chroma = [np.full((8, 8), value, np.uint16) for value in (u, v)]
        ours = yuv_to_rgb(Yuv(np.full((16, 16), y, np.uint16), *chroma), spec)
        assert np.abs(ours[8, 8].astype(int) - other.to_ndarray()[8, 8]).max() <= 1


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_photos_survive_the_round_trip(spec: ColourSpec, shared_data: Path) -> None:
    for path in sorted((shared_data / "coco-extra" / "images").glob("*.jpg"))[:3]:
        rgb = read_picture(path)
        back = yuv_to_rgb(rgb_to_yuv(rgb, spec), spec, (rgb.shape[1], rgb.shape[0]))
        assert back.shape == rgb.shape
        psnr = 10 * np.log10(255**2 / np.mean((back.astype(float) - rgb) ** 2))
        assert psnr > 33, path.name
        # Luma, which decides what detectors see, bears only its own rounding.
        weights = np.array([0.2126, 0.7152, 0.0722] if spec.matrix == "bt709" else [0.299, 0.587, 0.114])
        inside = ((back > 0) & (back < 255)).all(axis=2)
        assert np.abs((back @ weights - rgb @ weights)[inside]).max() < 1.2


def double(plane, siting):
    return double_rows(double_columns(plane, siting), siting)


@pytest.mark.parametrize(("siting", "x", "y"), [("left", 0.0, 0.5), ("centre", 0.5, 0.5), ("topleft", 0.0, 0.0)])
def test_siting_decides_where_chroma_samples_lie(siting: str, x: float, y: float) -> None:
    # A plane that rises linearly has at each chroma sample the value of the place where that sample lies.
    columns, rows = np.meshgrid(np.arange(32.0, dtype=np.float32), np.arange(24.0, dtype=np.float32))
    plane = (3 * columns + 5 * rows).astype(np.float32)
    small = halve(plane, siting)  # type: ignore[arg-type]
    expected = 3 * (2 * np.arange(16) + x)[None, :] + 5 * (2 * np.arange(12) + y)[:, None]
    assert np.abs(small - expected)[3:-3, 3:-3].max() < 1e-3
    assert np.abs(double(expected.astype(np.float32), siting) - plane)[4:-4, 4:-4].max() < 1e-3  # type: ignore[arg-type]
    # and a wrong siting would be seen
    for other in {"left", "centre", "topleft"} - {siting}:
        assert np.abs(double(expected.astype(np.float32), other) - plane)[4:-4, 4:-4].max() > 0.5  # type: ignore[arg-type]


def test_resampling_keeps_constants_up_to_the_border() -> None:
    for siting in ("left", "centre", "topleft"):
        for shape in ((2, 2), (4, 2), (2, 6)):
            flat = np.full(shape, 7.0, np.float32)
            assert np.allclose(halve(flat, siting), 7) and np.allclose(double(flat, siting), 7)  # type: ignore[arg-type]
            assert double(flat, siting).shape == (2 * shape[0], 2 * shape[1])  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(width=st.integers(1, 40), height=st.integers(1, 40), spec=st.sampled_from(SPECS), seed=st.integers(0, 99))
def test_every_size_converts(width: int, height: int, spec: ColourSpec, seed: int) -> None:
    base = np.random.default_rng(seed).integers(0, 256, (3, 3, 3), dtype=np.uint8)
    rgb = cv2.resize(base, (width, height), interpolation=cv2.INTER_LINEAR)
    yuv = rgb_to_yuv(rgb, spec)
    assert (yuv.width, yuv.height) == (width + width % 2, height + height % 2)
    assert max(int(p.max()) for p in yuv.planes) <= 1023
    back = yuv_to_rgb(yuv, spec, (width, height))
    assert back.shape == rgb.shape and back.flags.c_contiguous


def test_odd_sizes_repeat_the_border() -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (17, 19, 3), dtype=np.uint8)
    yuv = rgb_to_yuv(rgb, ColourSpec())
    assert np.array_equal(yuv.y[:, 18], yuv.y[:, 19]) and np.array_equal(yuv.y[16], yuv.y[17])


@pytest.mark.parametrize("strip", [2, 16, 34])
def test_strips_do_not_show(strip: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (70, 38, 3), dtype=np.uint8)
    for spec in SPECS:
        whole = rgb_to_yuv(rgb, spec)
        back = yuv_to_rgb(whole, spec)
        with monkeypatch.context() as patch:
            patch.setattr(colour_module, "_STRIP", strip)
            cut = rgb_to_yuv(rgb, spec)
            assert all(np.array_equal(a, b) for a, b in zip(whole.planes, cut.planes, strict=True))
            assert np.array_equal(yuv_to_rgb(cut, spec), back)


def test_the_same_whatever_the_number_of_threads() -> None:
    rgb = np.random.default_rng(5).integers(0, 256, (480, 640, 3), dtype=np.uint8)
    threads = cv2.getNumThreads()
    results = []
    try:
        for n in (1, 4):
            cv2.setNumThreads(n)
            yuv = rgb_to_yuv(rgb, ColourSpec())
            results.append([plane.tobytes() for plane in yuv.planes] + [yuv_to_rgb(yuv, ColourSpec()).tobytes()])
    finally:
        cv2.setNumThreads(threads)
    assert results[0] == results[1]


@pytest.mark.parametrize("depth", [8, 12])
def test_other_depths(depth: int) -> None:
    # Code values of the same colours at both depths, H.273 equations for any bit depth.
    for full in (False, True):
        spec = ColourSpec(range="full" if full else "limited")
        unit = 2.0 ** (depth - 8)
        for level in np.linspace(0, 1, 11):
            luma = level * ((1 << depth) - 1) if full else (219 * level + 16) * unit
            chroma = (level - 0.5) * ((1 << depth) - 1 if full else 224 * unit) + (1 << (depth - 1))
            kind = np.uint8 if depth == 8 else np.uint16
            clipped = [min(round(value), (1 << depth) - 1) for value in (luma, chroma)]
            y, u = (
                to_ten_bits(np.full((2, 2), c, kind), depth, spec, chroma=n == 1)[0, 0] for n, c in enumerate(clipped)
            )
            step = 2.6 if depth == 8 else 0.7
            assert abs(float(y) - (1023 * level if full else 876 * level + 64)) <= step
            assert abs(float(u) - ((1023 if full else 896) * (level - 0.5) + 512)) <= step


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_the_vui_says_it_and_is_understood(spec: ColourSpec) -> None:
    from vcmpipe.bitstream.vui import Vui, colour_of

    vui = Vui.of_colour(spec)
    assert colour_of(vui) == spec
    assert (vui.colour_primaries, vui.transfer, vui.matrix) == (1, 1, 1 if spec.matrix == "bt709" else 6)
    assert vui.full_range == (spec.range == "full")
    assert vui.chroma_siting == {"left": 0, "centre": 1, "topleft": 2}[spec.siting]


def test_what_a_stream_leaves_open_has_defaults() -> None:
    from vcmpipe.bitstream.vui import Vui, colour_of

    assert colour_of(None) == ColourSpec("bt709", "limited", "left")
    for vui, expected in [
        (Vui(9, 16, 9, True, 5), ColourSpec("bt2020", "full", primaries=9, transfer=16)),
        (Vui(2, 2, 2, False, None), ColourSpec()),
        (Vui(5, 6, 5, False, 1), ColourSpec("bt601", siting="centre", primaries=5, transfer=6)),
    ]:
        assert colour_of(vui) == expected


@pytest.mark.parametrize("fields", [("bt2100", "limited", "left"), ("bt709", "tv", "left"), ("bt709", "full", "top")])
def test_unknown_names_are_refused(fields: tuple[str, str, str]) -> None:
    with pytest.raises(InputError, match="choose one of"):
        ColourSpec(*fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rgb",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_what_is_no_picture_is_refused(rgb: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="uint8 of shape"):
        rgb_to_yuv(rgb, ColourSpec())


def test_a_cut_larger_than_the_picture_is_refused() -> None:
    yuv = rgb_to_yuv(_solid((1, 2, 3)), ColourSpec())
    with pytest.raises(InputError, match="17x16"):
        yuv_to_rgb(yuv, ColourSpec(), (17, 16))
