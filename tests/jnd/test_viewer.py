"""Maps for human viewers and for both, with the real encoder; JND maps are planted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import supervision as sv

from vcmpipe import EncodeOptions, InputError, encode
from vcmpipe.cli.main import main
from vcmpipe.coding.segment_coder import SegmentCoder
from vcmpipe.commands.kept_work import StoppedError
from vcmpipe.encoders import load_encoder
from vcmpipe.frames import Frame, read_picture
from vcmpipe.jnd import viewer as audiences
from vcmpipe.jnd.ctu_qps import ctu_means, squared_error
from vcmpipe.jnd.models import resjnd
from vcmpipe.jnd.viewer import PixelThresholds, load_human_viewer
from vcmpipe.plugins import Registry
from vcmpipe.process.content_cache import ContentCache
from vcmpipe.qpmap import QpMap
from vcmpipe.qpmap.qp_map import shifted, smaller
from vcmpipe.thresholds import Thresholds
from vcmpipe.thresholds.weights import write_weights


class OneObject:
    """Sees an object in the top left of every picture."""

    name, digest, classes = "planted", "0" * 64, {0: "thing"}

    def detect(self, frames: Sequence[Frame]) -> list[sv.Detections]:
        box = np.array([[4, 4, 28, 28]], np.float32)
        return [sv.Detections(box, confidence=np.array([0.9], np.float32), class_id=np.array([0])) for _ in frames]

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width, height


class Predictor:
    """The object bears QP 30; a predictor that must not be requested says so."""

    name = "planted"

    def __init__(self, *, requested: bool = True) -> None:
        self.requested = requested

    def predict(self, frame: Frame, detections: sv.Detections, coder: SegmentCoder) -> Thresholds:
        assert self.requested, "nobody wants to know"
        return Thresholds.from_qps([30] * len(detections))


def planted(height: int, width: int) -> np.ndarray:
    """Little is hidden on the left, much on the right."""
    jnds = np.full((height, width), 4.0, np.float32)
    jnds[:, width // 2 :] = 16.0
    return jnds


@pytest.fixture
def maps(picture_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "maps"
    folder.mkdir()
    for path in picture_folder.iterdir():
        np.save(folder / f"{path.stem}.npy", planted(*read_picture(path).shape[:2]))
    return folder


@pytest.mark.parametrize(("size", "factor"), [(None, 1.0), (None, 0.5), ((82, 50), 1.0)])
def test_no_ctu_has_more_error_than_viewers_bear(
    make_frame: Callable[..., Frame], size: tuple[int, int] | None, factor: float
) -> None:
    frame = make_frame(163, 99)
    coder = SegmentCoder(load_encoder("vvenc"), frame, coded_size=size)
    jnds = planted(99, 163)
    requested = PixelThresholds("planted", lambda frame: (jnds, 1.5), factor).request(coder)
    assert requested.cached == 1.5 and (requested.map.width, requested.map.height) == (
        coder.padded_size[0],
        coder.padded_size[1],
    )
    qps, shape = requested.map.qp.astype(int), requested.map.qp.shape
    allowed = factor * ctu_means(jnds.astype(float) ** 2, coder.size, shape, coder.ctu)
    assert qps[:, 0].mean() < qps[:, -1].mean()
    source = coder.uncoded().rgb
    levels = np.unique(qps).tolist()

    def excess(step: int) -> np.ndarray:
        versions = list(coder.of_frame(0).many([qp + step for qp in levels]))
        errors = [ctu_means(squared_error(source, one.rgb), coder.size, shape, coder.ctu) for one in versions]
        return np.choose(np.searchsorted(levels, qps), errors) / allowed

    # Between measured QPs the error is interpolated, and an encoder's decisions leap in some CTU or other.
    assert np.median(excess(0)) <= 1.05 and (excess(0) <= 1.25).mean() >= 0.75
    assert np.median(excess(4)) > 1.3


def test_no_jnd_counts_as_less_than_the_floor(make_frame: Callable[..., Frame]) -> None:
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(96, 64))

    def requested(value: float, floor: float) -> QpMap:
        jnds = np.full((64, 96), value, np.float32)
        return PixelThresholds("planted", lambda frame: (jnds, 0.0), floor=floor).request(coder).map

    assert requested(0.0, 3.0) == requested(3.0, 0.0) == requested(3.0, 3.0)
    assert (requested(5.0, 3.0).qp >= requested(3.0, 3.0).qp).all() and requested(5.0, 3.0) != requested(3.0, 3.0)


def run(folder: Path, out: Path, predictor: Predictor | None = None, **options: object):  # type: ignore[no-untyped-def]
    wanted = EncodeOptions(input=str(folder), out=str(out), jobs=2, **options)  # type: ignore[arg-type]
    return encode(wanted, detector=OneObject(), predictor=predictor or Predictor())


def asked_of(sidecar) -> list[np.ndarray]:  # type: ignore[no-untyped-def]
    return [np.array(record.qp_map.requested) for record in sidecar.segments]


def test_both_is_the_smaller_qp_in_every_ctu(picture_folder: Path, maps: Path, tmp_path: Path) -> None:
    cache = str(tmp_path / "cache")
    human = {"human": f"maps:{maps}", "cache": cache}
    machine = run(picture_folder, tmp_path / "m.bin", background="44", cache=cache)
    human_run = run(picture_folder, tmp_path / "h.bin", Predictor(requested=False), viewer="human", **human)
    both = run(picture_folder, tmp_path / "b.bin", background="44", viewer="both", **human)
    differ = False
    for one, two, of_both in zip(asked_of(machine), asked_of(human_run), asked_of(both), strict=True):
        assert (of_both == np.minimum(one, two)).all()
        differ = differ or ((one < two).any() and (one > two).any())
    assert differ, "the pictures show nothing"
    for record in both.segments:
        assert (np.array(record.qp_map.actual) <= np.array(record.qp_map.requested)).all()
    # Without a predictor an object's threshold is what the human map has there.
    assert [r.objects[0].threshold for r in human_run.frames] == [m[0, 0] for m in asked_of(human_run)]
    assert both.configuration["viewer"] == "both" and both.configuration["human"] == human["human"]
    assert both.provenance["human"] == human["human"] and "human" not in machine.provenance


def test_a_margin_moves_the_human_map_where_it_is_alone(picture_folder: Path, tmp_path: Path) -> None:
    words = {"viewer": "human", "human": "constant:27", "limit": 1}
    assert asked_of(run(picture_folder, tmp_path / "a.bin", **words))[0].tolist() == [[27] * 5] * 4
    assert asked_of(run(picture_folder, tmp_path / "b.bin", margin=-4, **words))[0].max() == 23
    both = run(picture_folder, tmp_path / "c.bin", margin=-4, background="44", **(words | {"viewer": "both"}))
    assert sorted(set(asked_of(both)[0].ravel())) == [26, 27]


def test_smooth_holds_for_human_viewers_too(picture_folder: Path, maps: Path, tmp_path: Path) -> None:
    requested = asked_of(
        run(picture_folder, tmp_path / "a.bin", viewer="human", human=f"maps:{maps}", smooth=2, limit=1)
    )
    assert np.abs(np.diff(requested[0], axis=0)).max() <= 2 and np.abs(np.diff(requested[0], axis=1)).max() <= 2


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"viewer": "both"}, "--viewer both needs thresholds of human viewers"),
        ({"viewer": "human"}, "--viewer human needs thresholds of human viewers"),
        ({"human": "constant:30"}, "changes nothing for machines"),
        ({"viewer": "both", "human": "constant:30", "verify": True}, "says nothing about human viewers"),
        ({"viewer": "both", "human": "constant:30", "jnd_factor": 0.0}, "--jnd-factor"),
        ({"viewer": "both", "human": "constant:30", "jnd_floor": -1.0}, "--jnd-floor"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        EncodeOptions(input="x", out="y.bin", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ("resjnd", "needs weights"),
        ("resjnd:gone.pth", "gone.pth does not exist"),
        ("maps:", "write maps:FOLDER"),
        ("maps:gone", "write maps:FOLDER"),
        ("nonsense:3", "there is no such predictor"),
        ("constant:99", "0..63"),
        ("measured", "not of human viewers"),
    ],
)
def test_human_viewers_that_cannot_be_had(spec: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        load_human_viewer(spec, detector=OneObject())


def test_a_picture_without_a_map_is_named(picture_folder: Path, maps: Path, tmp_path: Path) -> None:
    (maps / "p1.npy").unlink()
    with pytest.raises(StoppedError, match=r"p1.png has no JND map"):
        run(picture_folder, tmp_path / "a.bin", viewer="human", human=f"maps:{maps}")
    assert not (tmp_path / "a.bin").exists()


@pytest.mark.parametrize(
    ("predictor", "qp"),
    [
        (SimpleNamespace(name="p", picture=lambda frame: SimpleNamespace(threshold=frame.width // 4)), 24),
        (SimpleNamespace(name="p", jnd_qps=lambda frame: (28.9, 33.0)), 28),
        (SimpleNamespace(name="p", jnd_qps=lambda frame: (77.0,)), 63),
    ],
)
def test_predictors_of_pictures_give_one_qp(
    predictor: SimpleNamespace, qp: int, make_frame: Callable[..., Frame], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audiences, "PREDICTORS", Registry("predictor", "", {"plugin": "nowhere:nothing"}))
    monkeypatch.setattr(audiences, "load_predictor", lambda spec, detector: predictor)
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(99, 50))
    requested = load_human_viewer("plugin").request(coder).map
    assert requested == QpMap.uniform(qp, *coder.padded_size, coder.ctu)


def test_maps_of_the_network_are_remembered(
    make_frame: Callable[..., Frame], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resjnd, "CHANNELS", 4)
    write_weights(tmp_path / "r.safetensors", resjnd.ResJnd(), {"model": "resjnd"})
    calls: list[int] = []
    real = resjnd.jnd_map
    monkeypatch.setattr(resjnd, "jnd_map", lambda *args, **words: calls.append(1) or real(*args, **words))
    cache = ContentCache(tmp_path / "cache")
    coder = SegmentCoder(load_encoder("vvenc"), make_frame(48, 40))
    viewers = [load_human_viewer(f"resjnd:{tmp_path / 'r.safetensors'}", device="cpu", cache=cache) for _ in range(2)]
    first, again = (each.request(coder) for each in viewers)
    assert first.map == again.map and len(calls) == 1
    assert first.cached == 0.0 and again.cached > 0.0
    for entry in (path for path in (tmp_path / "cache").rglob("*") if path.is_file()):
        entry.write_bytes(b"damaged")
    assert viewers[0].request(coder).map == first.map and len(calls) == 2
    other = SegmentCoder(load_encoder("vvenc"), make_frame(48, 40, seed=1))
    assert viewers[0].request(other).cached == 0.0 and len(calls) == 3


def test_arithmetic_of_maps() -> None:
    first, second = QpMap.of([[10, 60]], 32, 64, 32), QpMap.of([[20, 40]], 32, 64, 32)
    assert smaller(first, second) == QpMap.of([[10, 40]], 32, 64, 32)
    assert shifted(first, -12, (0, 63)) == QpMap.of([[0, 48]], 32, 64, 32)
    assert shifted(first, 5, (0, 63)) == QpMap.of([[15, 63]], 32, 64, 32)
    with pytest.raises(InputError, match="cannot be compared"):
        smaller(first, QpMap.uniform(20, 64, 64, 32))


def test_the_command_line_says_what_is_missing(picture_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["encode", "--input", str(picture_folder), "--out", "b.bin", "--viewer", "both"]
    assert main(words) == 2
    err = capsys.readouterr().err
    assert "--human" in err and err.count("\n") == 1
