"""The whole way on textured pictures, with the real encoder and decoder; detections and thresholds are planted."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import supervision as sv
from PIL import Image

from vcmpipe import DecodeOptions, EncodeOptions, InputError, decode, encode, load_encoder, open_source
from vcmpipe.bitstream import inspect_stream
from vcmpipe.coding.conformance import check_stream
from vcmpipe.coding.pipeline import parse_scale
from vcmpipe.commands.kept_work import StoppedError
from vcmpipe.decoding.decoder import decode_stream
from vcmpipe.errors import ProcessError, VcmError
from vcmpipe.process.workers import in_order, worker_pool
from vcmpipe.qpmap import read_csv
from vcmpipe.sidecar import Sidecar, Verdict
from vcmpipe.thresholds import Thresholds


class PlantedDetector:
    """Sees two objects in every picture that is larger than 100 pixels, whatever is in it."""

    name, digest = "planted", "0" * 64
    classes = {0: "left", 1: "right"}  # noqa: RUF012

    def detect(self, frames):
        return [self._one(frame.width, frame.height) for frame in frames]

    def _one(self, width: int, height: int) -> sv.Detections:
        if min(width, height) < 97:
            return sv.Detections.empty()
        boxes = np.array([[8, 8, 60, 50], [width - 40, height - 40, width - 4, height - 4]], np.float32)
        return sv.Detections(boxes, confidence=np.array([0.9, 0.5], np.float32), class_id=np.array([0, 1]))

    def input_size(self, width: int, height: int) -> tuple[int, int]:
        return width // 2, height // 2


class PlantedPredictor:
    """28 for the first object, 36 for the second."""

    name = "planted"

    def predict(self, frame, detections, coder) -> Thresholds:
        return Thresholds.from_qps([28, 36][: len(detections)])


PARTS = {"detector": PlantedDetector(), "predictor": PlantedPredictor()}


def run(folder: Path, out: Path, **options: object) -> Sidecar:
    return encode(EncodeOptions(input=str(folder), out=str(out), jobs=2, **options), **PARTS)  # type: ignore[arg-type]


def test_pictures_of_several_sizes_become_one_stream(picture_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "b.bin"
    sidecar = run(picture_folder, out)
    data = out.read_bytes()
    assert Sidecar.read(out.with_suffix(".json")) == sidecar
    assert (len(data), hashlib.sha256(data).hexdigest()) == (sidecar.bytes, sidecar.sha256)
    info = inspect_stream(data)
    assert sum(record.bits for record in sidecar.segments) == sum(frame.bits for frame in sidecar.frames)
    assert sum(record.bits for record in sidecar.segments) == 8 * len(data)
    assert check_stream(info, sidecar).verdict == Verdict.YES
    assert [record.coded_size for record in sidecar.segments] == [(160, 120), (161, 99), (96, 128)]
    assert [len(frame.objects) for frame in sidecar.frames] == [2, 2, 0]
    assert (sidecar.kept, sidecar.lost) == (4, 0)
    for picture, record in zip(info.pictures, sidecar.segments, strict=True):
        assert [(r.rect.x, r.rect.y, r.qp) for r in picture.regions] == [(r.x, r.y, r.qp) for r in record.regions]
        assert (np.array(record.qp_map.actual) <= np.array(record.qp_map.requested)).all()
    # An object's CTUs have its threshold or less.
    assert sidecar.segments[0].qp_map.requested[0][0] == 28 and sidecar.segments[0].qp_map.requested[-1][-1] == 36


def test_decoding_gives_the_sizes_and_names_back(picture_folder: Path, tmp_path: Path) -> None:
    run(picture_folder, tmp_path / "b.bin", scale="0.7", background="keep", margin=-20, empty=10)
    report = decode(DecodeOptions(input=str(tmp_path / "b.bin"), out=str(tmp_path / "out")))
    assert (report.pictures, report.restored) == (3, 3)
    for source, result in zip(open_source(picture_folder), open_source(tmp_path / "out"), strict=True):
        assert (source.name, source.rgb.shape) == (result.name, result.rgb.shape)
        assert np.abs(source.rgb.astype(int) - result.rgb).mean() < 16
    decode(DecodeOptions(input=str(tmp_path / "b.bin"), out=str(tmp_path / "small"), restore=False))
    assert [f.rgb.shape[:2] for f in open_source(tmp_path / "small")] == [(84, 112), (69, 113), (90, 67)]


def test_without_the_sidecar_the_coded_pictures_come_out(picture_folder: Path, tmp_path: Path) -> None:
    run(picture_folder, tmp_path / "b.bin")
    (tmp_path / "b.json").unlink()
    report = decode(DecodeOptions(input=str(tmp_path / "b.bin"), out=str(tmp_path / "out")))
    assert report.sidecar is None
    assert [f.rgb.shape[:2] for f in open_source(tmp_path / "out")] == [(120, 160), (100, 162), (128, 96)]


def test_a_y4m_holds_the_decoders_own_samples(tmp_path: Path, make_frame) -> None:
    from vcmpipe.frames import write_png

    for i in range(2):
        write_png(tmp_path / "in" / f"{i}.png", make_frame(121, 99, seed=i).rgb)
    run(tmp_path / "in", tmp_path / "b.bin")
    decode(DecodeOptions(input=str(tmp_path / "b.bin"), out=str(tmp_path / "v.y4m")))
    frames = list(open_source(tmp_path / "v.y4m"))
    assert [(f.width, f.height) for f in frames] == [(121, 99)] * 2
    direct = next(iter(decode_stream(tmp_path / "b.bin"))).rgb()[:99, :121]
    assert np.abs(frames[0].rgb.astype(int) - direct).max() <= 2


def test_pictures_of_several_sizes_do_not_fit_a_y4m(picture_folder: Path, tmp_path: Path) -> None:
    run(picture_folder, tmp_path / "b.bin")
    with pytest.raises(InputError, match="y4m holds one size"):
        decode(DecodeOptions(input=str(tmp_path / "b.bin"), out=str(tmp_path / "v.y4m")))
    assert not (tmp_path / "v.y4m").exists()


def test_maps_are_written_in_every_form(picture_folder: Path, tmp_path: Path) -> None:
    notes: list[str] = []
    options = EncodeOptions(input=str(picture_folder), out=str(tmp_path / "b.bin"), map_out=str(tmp_path / "maps"))
    sidecar = encode(options, warn=notes.append, **PARTS)
    requested = np.array(sidecar.segments[0].qp_map.requested)
    stem = tmp_path / "maps" / "000000_p0"
    assert (read_csv(f"{stem}.csv")[0].qp == requested).all()
    with Image.open(f"{stem}.png") as image:
        width, height = map(int, image.text["vcmpipe-size"].split("x"))
        assert (np.asarray(image)[:height:32, :width:32] == requested).all()
    assert Path(f"{stem}.roi.txt").read_text().startswith("3 2\n")  # 160x120 in CTUs of 64
    assert len(notes) == 1 and "resampled" in notes[0]


@pytest.mark.parametrize("how", ["uniform", "regions"])
def test_a_realisation_that_is_asked_for_is_taken(picture_folder: Path, tmp_path: Path, how: str) -> None:
    sidecar = run(picture_folder, tmp_path / "b.bin", realise=how, form="subpictures", limit=2)
    assert {record.realisation for record in sidecar.segments} == {how}


def test_scale_detector_takes_the_detectors_size(picture_folder: Path, tmp_path: Path) -> None:
    sidecar = run(picture_folder, tmp_path / "b.bin", scale="detector", limit=1)
    assert sidecar.segments[0].coded_size == (80, 60)
    assert sidecar.frames[0].objects[1].bbox_xyxy == (120.0, 80.0, 156.0, 116.0), "boxes stay in source pixels"


def test_two_runs_are_equal_bit_for_bit(picture_folder: Path, tmp_path: Path) -> None:
    options = [EncodeOptions(input=str(picture_folder), out=str(tmp_path / f"{n}.bin"), jobs=n) for n in (1, 3)]
    first, second = (encode(each, **PARTS) for each in options)
    assert first.sha256 == second.sha256


@pytest.mark.parametrize(("text", "value"), [("1", 1.0), ("0.5", 0.5), ("detector", None)])
def test_scales(text: str, value: float | None) -> None:
    assert parse_scale(text) == value


@pytest.mark.parametrize("text", ["0", "1.1", "-1", "half", "nan", ""])
def test_bad_scales(text: str) -> None:
    with pytest.raises(InputError, match="--scale"):
        parse_scale(text)


class BrokenEncoder:
    """Codes the first pictures and fails at the third."""

    def __init__(self) -> None:
        self.inner = load_encoder("vvenc")
        self.name, self.build, self.capabilities = self.inner.name, self.inner.build, self.inner.capabilities
        self.calls = 0

    def encode(self, jobs):
        self.calls += 1
        if jobs[0].frames[0].width == 96:
            raise ProcessError("the encoder fell over")
        return self.inner.encode(jobs)


def test_a_failure_in_the_middle_leaves_nothing(picture_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "b.bin").write_bytes(b"an older stream")
    with pytest.raises(ProcessError, match="fell over"):
        encode(EncodeOptions(input=str(picture_folder), out=str(folder / "b.bin")), encoder=BrokenEncoder(), **PARTS)
    assert [p.name for p in folder.iterdir()] == ["b.bin"]
    assert (folder / "b.bin").read_bytes() == b"an older stream"


@pytest.mark.parametrize(
    ("out", "kind", "named"),
    [("b.json", InputError, "another ending"), ("frames", InputError, "is a folder, for a stream of each input")],
)
def test_outputs_that_cannot_be(
    picture_folder: Path, tmp_path: Path, out: str, kind: type[VcmError], named: str
) -> None:
    with pytest.raises(kind, match=named):
        run(picture_folder, tmp_path / out)


def test_one_unreadable_picture_is_named(picture_folder: Path, tmp_path: Path) -> None:
    whole = (picture_folder / "p1.png").read_bytes()
    (picture_folder / "p1.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoppedError, match=r"p1\.png .*damaged.*1 picture is kept: .* --on-error skip"):
        run(picture_folder, tmp_path / "b.bin")
    assert not (tmp_path / "b.bin").exists() and not (tmp_path / "b.json").exists()


def test_unchecked_pictures_say_so(picture_folder: Path, tmp_path: Path) -> None:
    sidecar = run(picture_folder, tmp_path / "b.bin", check=False, limit=1)
    assert (sidecar.kept, sidecar.lost) == (None, None)
    assert [item.kept for item in sidecar.frames[0].objects] == [None, None]


def test_a_long_folder_is_read_a_few_pictures_ahead(tmp_path: Path, make_frame) -> None:
    """What is alive at once is a detector batch and the window of pictures under way, not the folder."""
    alive: list[int] = []
    read = 0

    def items():
        nonlocal read
        for i in range(50):
            read += 1
            yield i

    with worker_pool(2) as pool:
        for done, _ in enumerate(in_order(pool, lambda i: i, items(), ahead=4), 1):
            alive.append(read - done)
    assert max(alive) <= 4 and done == 50
