"""Paths in reports are cut to their ends, wherever they stand; everything else stays."""

from __future__ import annotations

import pytest

from vcmpipe.bench.short_paths import _in_sentence, _short_value, short_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/data/coco/val2017/images", "val2017/images"),
        ("/data/my frames/a b/c.json", "a b/c.json"),
        ("/images", "images"),
        ("/data/images/", "data/images"),
        ("/", "/"),
        ("C:\\Users\\me\\val2017\\images", "val2017/images"),
        ("C:/Users/me/val2017/images", "val2017/images"),
        ("frames", "frames"),
        ("a/b/c/d", "a/b/c/d"),
        ("", ""),
    ],
)
def test_the_end_of_an_absolute_path(path: str, shown: str) -> None:
    assert short_path(path) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/me/nano.onnx", "me/nano.onnx"),
        ("torchvision:/home/me/w/x.pth", "torchvision:w/x.pth"),
        ("laser:vit:/home/me/w/x.pth", "laser:vit:w/x.pth"),
        ("flip,/home/me/a b/x.onnx,shrink", "flip,a b/x.onnx,shrink"),
        ("onnx:D:\\models\\new\\x.onnx", "onnx:new/x.onnx"),
        ("tcp://10.0.0.1:8786", "tcp://10.0.0.1:8786"),
        ("-12:6:3", "-12:6:3"),
        ("measured:18:58:2", "measured:18:58:2"),
        (["/a/b/c"], ["/a/b/c"]),
        (0.5, 0.5),
        (None, None),
        ({"encoder": {"path": "/usr/local/bin/uvg266"}}, {"encoder": {"path": "bin/uvg266"}}),
    ],
)
def test_a_path_in_a_value(value: object, shown: object) -> None:
    assert _short_value(value) == shown


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("x failed: /home/me/a/b.png: no picture", "x failed: a/b.png: no picture"),
        ("x failed: 'C:\\a\\b\\c\\d.png'", "x failed: 'c/d.png'"),
        ("see https://example.org/a/b/c", "see https://example.org/a/b/c"),
        ("1/2 of 3/4", "1/2 of 3/4"),
    ],
)
def test_a_path_in_a_sentence(sentence: str, shown: str) -> None:
    assert _in_sentence(sentence) == shown
