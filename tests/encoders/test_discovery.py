"""Where VVenC is looked for, and what is said where it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vcmpipe.encoders import load_encoder
from vcmpipe.encoders.discovery import VARIABLE, search_encoder
from vcmpipe.encoders.ffmpeg import FOLDER_VARIABLE, encoder_folder
from vcmpipe.errors import InputError


def fake(path: Path, says: str) -> Path:
    path.write_text(f"#!{sys.executable}\nprint({says!r})\n")
    path.chmod(0o755)
    return path


def test_the_installed_one_is_found() -> None:
    found = [place for place in search_encoder("vvenc") if place.encoder is not None]
    assert any(place.where.startswith("imageio-ffmpeg") for place in found)
    assert "libvvenc" in load_encoder("vvenc").build


def test_the_users_folder_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    fake(tmp_path / "vvencapp", "vvencapp version 9.8.7")
    assert encoder_folder() == tmp_path
    assert load_encoder("vvenc").build == "vvencapp 9.8.7"


@pytest.mark.parametrize(
    ("says", "reason"),
    [("ffmpeg version 1 Copyright\nconfiguration: --disable-everything", "without libvvenc"), ("hello", "neither")],
)
def test_a_named_binary_that_cannot_code_vvc_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, reason: str
) -> None:
    monkeypatch.setenv(VARIABLE, str(fake(tmp_path / "ffmpeg", says)))
    with pytest.raises(InputError, match=reason) as caught:
        load_encoder("vvenc")
    assert VARIABLE in str(caught.value)


def test_a_named_binary_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "/nowhere/vvencapp")
    with pytest.raises(InputError, match="does not exist"):
        load_encoder("vvenc")


def test_an_unknown_encoder_names_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"'x264'.*vvenc"):
        load_encoder("x264")
