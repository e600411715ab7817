"""``--quality``: what its words stand for, and that options that are given win."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from vcmpipe.cli.main import main
from vcmpipe.cli.parser import parse
from vcmpipe.config import EncodeOptions
from vcmpipe.errors import InputError

NEEDED = {"input": "a.png", "out": "b.bin"}
HIGH = {"loop": "closed", "objective": "accuracy", "target": "accuracy=0.9"}
LOW = HIGH | {"target": "accuracy=0.75"}


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ({"quality": "low"}, LOW),
        ({"quality": "medium"}, {}),
        ({"quality": "high"}, HIGH),
        ({"quality": "lossless-for-the-detector"}, {"verify": True}),
        # What is given wins, by itself or over what says the same thing otherwise.
        ({"quality": "low", "target": "bytes=900"}, LOW | {"target": "bytes=900"}),
        ({"quality": "low", "margin": -5}, LOW | {"target": None, "margin": -5}),
        ({"quality": "high", "lambda_": 5000.0}, {**HIGH, "target": None, "lambda_": 5000.0}),
        ({"quality": "high", "verify": True}, {**HIGH, "target": None, "verify": True}),
        ({"quality": "high", "qp": 30}, {"qp": 30}),
        ({"quality": "lossless-for-the-detector", "target": "bytes=900"}, {"target": "bytes=900"}),
        ({"quality": "lossless-for-the-detector", "objective": "accuracy"}, {"verify": True, "objective": "accuracy"}),
    ],
)
def test_a_word_becomes_options(given: dict[str, Any], changed: dict[str, Any]) -> None:
    expected = EncodeOptions(**NEEDED, **changed)
    assert EncodeOptions(**NEEDED, **given) == expected
    flags = {"lambda_": "--lambda"}
    words = [
        word
        for name, value in given.items()
        for word in (flags.get(name, f"--{name}"), *([] if value is True else [str(value)]))
    ]
    assert parse(["encode", "a.png", "-o", "b.bin", *words])[1] == expected


def test_a_default_that_is_given_wins_on_the_command_line() -> None:
    words = ["encode", "a.png", "-o", "b.bin", "--quality"]
    assert parse([*words, "lossless-for-the-detector", "--no-verify"])[1] == EncodeOptions(**NEEDED)
    assert parse([*words, "high", "--loop", "open"])[1] == EncodeOptions(**NEEDED, **HIGH | {"loop": "open"})


def test_options_that_were_made_stay_as_they_are() -> None:
    # As the passes to a target do.
    assert replace(EncodeOptions(**NEEDED, quality="low"), target=None) == EncodeOptions(
        **NEEDED, **LOW | {"target": None}
    )


def test_print_config_shows_what_it_stands_for(capsys: pytest.CaptureFixture[str], tmp_path) -> None:
    with pytest.raises(SystemExit):
        main(["encode", "a.png", "-o", "b.bin", "--quality", "high", "--print-config"])
    text = capsys.readouterr().out
    shown = yaml.safe_load(text)
    assert shown["quality"] is None and {name: shown[name] for name in HIGH} == HIGH
    (tmp_path / "c.yaml").write_text(text)
    assert parse(["encode", "--config", str(tmp_path / "c.yaml")])[1] == EncodeOptions(**NEEDED, quality="high")
    (tmp_path / "c.yaml").write_text("quality: high\nloop: open\n")
    words = ["encode", "a.png", "-o", "b.bin", "--config", str(tmp_path / "c.yaml")]
    assert parse(words)[1] == EncodeOptions(**NEEDED, **HIGH | {"loop": "open"})


def test_what_does_not_go_together_names_the_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["encode", "a.png", "-o", "b.bin", "--quality", "low", "--no-check"]) == 2
    said = "--no-check with --loop closed, which checks what was coded: leave one of the two out "
    assert (
        f"{said}(--quality low stands for --loop closed --objective accuracy --target accuracy=0.75)"
        in capsys.readouterr().err
    )
    assert main(["encode", "a.png", "-o", "b.bin", "--quality", "best"]) == 2
    assert "best is not one of low, medium, high, lossless-for-the-detector" in capsys.readouterr().err
    with pytest.raises(InputError, match="--quality best: give low, medium"):
        EncodeOptions(**NEEDED, quality="best")  # type: ignore[arg-type]
