"""``dataset verify``: every kind of damage to a store is found and named, and a sound store is sound."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vcmpipe.cli.main import main
from vcmpipe.config import DatasetVerifyOptions
from vcmpipe.datasets.records import PictureRecord
from vcmpipe.datasets.store import Store
from vcmpipe.datasets.verification import verify_store
from vcmpipe.errors import InputError


@pytest.fixture
def copy(built: Store, tmp_path: Path) -> Store:
    return Store.open(shutil.copytree(built.path, tmp_path / "store"))


def faults(store: Store, **changes: object) -> list[str]:
    return verify_store(DatasetVerifyOptions(store=str(store.path), **changes)).faults  # type: ignore[arg-type]


def test_a_sound_store(built: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dataset", "verify", str(built.path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["pictures"], report["versions"], report["decoded"], report["faults"]) == (3, 12, 12, [])
    assert main(["dataset", "verify", str(built.path), "--decode", "none"]) == 0
    assert capsys.readouterr().out.endswith("sound\n")


def flip_a_byte(store: Store) -> None:
    path = store.stream_path("scene0.png")
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    path.write_bytes(data)


def cut_the_stream(store: Store) -> None:
    path = store.stream_path("scene0.png")
    path.write_bytes(path.read_bytes()[:-10])


def remove_the_stream(store: Store) -> None:
    store.stream_path("scene0.png").unlink()


def cut_the_record(store: Store) -> None:
    path = store.record_path("scene0.png")
    path.write_bytes(path.read_bytes()[:-100])


def remove_the_record(store: Store) -> None:
    store.record_path("scene0.png").unlink()


def change(**values: object) -> Callable[[Store], None]:
    def damage(store: Store) -> None:
        record = dataclasses.replace(store.record("scene0.png"), **values)  # type: ignore[arg-type]
        store.record_path("scene0.png").write_bytes(record.to_parquet())

    return damage


def swap_strings(store: Store) -> None:
    record = store.record("scene0.png")
    change(found=~record.found)(store)


def state_another_quality(store: Store) -> None:
    change(psnr_y=store.record("scene0.png").psnr_y + 0.5)(store)


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (flip_a_byte, "scene0.png.266 is not the stream that its record means"),
        (cut_the_stream, "scene0.png.266 is not the stream that its record means"),
        (remove_the_stream, "scene0.png.266 cannot be read"),
        (cut_the_record, "scene0.png.parquet is a damaged picture record"),
        (remove_the_record, "scene0.png: no record; vcmpipe dataset build continues"),
        (change(name="scene9.png"), "it is the record of scene9.png"),
        (swap_strings, "its strings are not what its detections give"),
        (state_another_quality, "its record states"),
        (change(source_sha256="0" * 64), "is not the picture that"),
        (change(class_id=np.array([77] * 50)), "classes that the manifest does not know"),
    ],
)
def test_damage_is_named(copy: Store, damage: Callable[[Store], None], named: str) -> None:
    if named.startswith("classes"):
        objects = len(copy.record("scene0.png").xyxy)
        damage = change(class_id=np.array([77] * objects))
    damage(copy)
    found = faults(copy)
    assert any(named in fault for fault in found), found
    assert not any("scene2" in fault for fault in found)


def test_pictures_that_moved(copy: Store, built: Store, scenes: Path, tmp_path: Path) -> None:
    moved = shutil.copytree(scenes, tmp_path / "moved")
    manifest = dataclasses.replace(copy.manifest, images=str(tmp_path / "gone"))
    (copy.path / "manifest.json").write_text(manifest.to_json())
    notes: list[str] = []
    options = DatasetVerifyOptions(store=str(copy.path), decode="some")
    assert verify_store(options, warn=notes.append).faults == []
    assert "name their folder with --images" in notes[0]
    assert faults(copy, images=str(moved)) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "is damaged, or not a manifest"),
        ("[]", "is damaged, or not a manifest"),
        ('{"kind": "samples", "version": 1}', "the kind 'samples'"),
        ('{"kind": "jrd-store", "version": 99}', "has version 99"),
        ('{"kind": "jrd-store", "version": 1}', "is damaged: Object missing required field `images`"),
        ("null", "is damaged, or not a manifest"),
        ("[" * 100_000, "is damaged, or not a manifest"),
    ],
)
def test_damaged_manifests(built: Store, tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError) as error:
        Store.open(tmp_path)
    assert named in str(error.value)


@pytest.mark.parametrize(
    ("images", "named"),
    [(5, "Expected `str`, got `int` - at `$.images`"), ("a\0b", "its folder of pictures has a name with NUL")],
)
def test_a_damaged_name_in_a_manifest(built: Store, tmp_path: Path, images: object, named: str) -> None:
    (tmp_path / "manifest.json").write_text(json.dumps(json.loads(built.manifest.to_json()) | {"images": images}))
    with pytest.raises(InputError, match=f"is damaged: .*{re.escape(named)}"):
        Store.open(tmp_path)


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a JRD store"):
        Store.open(tmp_path / "nowhere")


def test_records_survive_the_file(built: Store) -> None:
    record = built.record("sub/scene1.png")
    again = PictureRecord.from_parquet(record.to_parquet(), "again")
    for name in (field.name for field in dataclasses.fields(PictureRecord)):
        ours, theirs = getattr(record, name), getattr(again, name)
        if isinstance(ours, np.ndarray):
            assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
        elif isinstance(ours, str | int):
            assert ours == theirs
    assert list(map(len, again.seen_in_versions)) == list(map(len, record.seen_in_versions))


def test_versions_that_are_not_there(built: Store) -> None:
    with pytest.raises(InputError, match="was not coded at QP 27"):
        built.stream(built.record("scene0.png"), 27)
    with pytest.raises(InputError, match=r"has no picture 'nobody\.png'"):
        built.record("nobody.png")
