from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from vcmpipe.bitstream import PictureInfo, Rect, RegionInfo, StreamInfo, Vui
from vcmpipe.cli import show, show_doctor, show_encode
from vcmpipe.cli.say import print_json
from vcmpipe.coding.conformance import MapCheck, MapFault
from vcmpipe.commands.doctor import (
    DecoderFinding,
    DetectorFinding,
    DeviceFinding,
    DoctorReport,
    EncoderFinding,
    FolderFinding,
)
from vcmpipe.commands.encoder_trials import Trial
from vcmpipe.encoders import Capabilities
from vcmpipe.sidecar import (
    MapRecord,
    ObjectRecord,
    RegionRecord,
    SecondRecord,
    SegmentRecord,
    Sidecar,
    Verdict,
    VerificationRecord,
)


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """A function that returns the lines printed so far, checked to be plain."""
    monkeypatch.delenv("COLUMNS", raising=False)

    def read() -> list[str]:
        out, err = capsys.readouterr()
        assert err == ""
        assert "\x1b" not in out
        return [line.rstrip() for line in out.splitlines()]

    return read


def _object(kept: bool | None) -> ObjectRecord:
    return ObjectRecord((0.0, 0.0, 9.0, 9.0), 1, "cat", 0.9, 32, True, kept)


@pytest.fixture
def picture(make_segment):
    """Makes the record of a picture: its source, how it was coded, what of its objects was kept, its regions' QPs."""

    def make(source: str, how: str, kept: list[bool | None], qps: list[int]) -> SegmentRecord:
        (frame,) = make_segment().frames
        return make_segment(
            source_size=(128, 128),
            realisation=how,
            qp_map=MapRecord(32, [qps, qps], [qps, qps]),
            regions=[RegionRecord(32 * i, 0, 32, 64, qp, 800) for i, qp in enumerate(qps)],
            frames=[replace(frame, source=source, bits=16_000, psnr_y=38.456, objects=[_object(k) for k in kept])],
        )

    return make


def _sidecar(segments: list[SegmentRecord], *, checked: bool = True) -> Sidecar:
    frames = [frame for segment in segments for frame in segment.frames]
    kept = [thing.kept for frame in frames for thing in frame.objects]
    return Sidecar(
        stream="out.bin",
        sha256="0" * 64,
        bytes=sum(frame.bits for frame in frames) // 8,
        kept=sum(map(bool, kept)) if checked else None,
        lost=len(kept) - sum(map(bool, kept)) if checked else None,
        colour={},
        configuration={"map_out": "maps"},
        provenance={},
        segments=segments,
    )


def test_encoded(printed, picture) -> None:
    pictures = [
        picture("[bold]a.png", "regions", [True, False], [27, 42]),
        picture("b.png", "uniform", [True], [30]),
    ]
    show_encode.encoded(_sidecar(pictures), Path("folder/out.bin"))
    lines = printed()
    rows = [line.split() for line in lines]
    assert ["[bold]a.png", "64x64", "of", "128x128", "2", "27-42", "2,000", "38.46", "1/2"] in rows
    assert ["b.png", "64x64", "of", "128x128", "1", "30", "2,000", "38.46", "1/1"] in rows
    text = "\n".join(lines)
    assert "folder/out.bin" in text and "folder/out.json" in text and "maps" in text
    assert "2: 1 at one QP, 1 in 2 regions" in text
    assert "4,000 bytes, 2,000 per picture, 0.977 bits a pixel" in text
    assert "2 of 3 kept (66.7 %), 1 lost" in text


def test_encoded_without_a_check_and_without_objects(printed, picture) -> None:
    show_encode.encoded(_sidecar([picture("a.png", "uniform", [None, None], [30])], checked=False), Path("out.bin"))
    text = "\n".join(printed())
    assert "?/2" in text and "2; whether they are kept was not checked" in text
    show_encode.encoded(_sidecar([picture("a.png", "uniform", [], [30])]), Path("out.bin"))
    assert "0 of 0 kept, 0 lost" in "\n".join(printed())


@pytest.mark.parametrize(
    ("retention", "basis", "line"),
    [
        (0.9512, "9 drawings", "95 % kept at margin -6 (9 drawings)"),
        (None, "the predictor x is not calibrated", "not known: the predictor x is not calibrated"),
    ],
)
def test_encoded_says_what_was_promised_beside_what_was_reached(
    printed, picture, retention: float | None, basis: str, line: str
) -> None:
    sidecar = _sidecar([picture("a.png", "uniform", [True, True], [30])])
    promise = {"expected": {"retention": retention, "basis": basis}}
    show_encode.encoded(replace(sidecar, configuration={"margin": -6}, provenance=promise), Path("out.bin"))
    expected, objects = printed()[-2:]
    assert expected.split() == ["expected", *line.split()]
    assert objects.startswith("objects") and "2 of 2 kept (100.0 %), 0 lost" in objects
    show_encode.encoded(sidecar, Path("out.bin"))
    assert not any(line.startswith("expected") for line in printed())


def test_encoded_frames_of_one_segment(printed, picture) -> None:
    segment = picture("clip.mp4#0", "regions", [True], [27, 42])
    frames = [replace(segment.frames[0], index=i, source=f"clip.mp4#{i}", bits=8_000 * (i + 1)) for i in range(3)]
    show_encode.encoded(_sidecar([replace(segment, frames=frames)]), Path("out.bin"))
    lines = printed()
    assert [line.split()[:2] for line in lines if line.startswith("clip")] == [["clip.mp4#0", "3"]]
    text = "\n".join(lines)
    assert "3 in 1 segment, intra: 3 in 6 regions" in text
    assert "6,000 bytes, 2,000 per frame, 0.977 bits a pixel" in text and "3 of 3 kept" in text


def test_a_sequence_has_seconds_and_a_bit_rate(printed, picture) -> None:
    segment = picture("clip.mp4#0", "uniform", [True], [30])
    frames = [replace(segment.frames[0], timestamp=index / 10) for index in range(20)]
    segment = replace(segment, structure="random-access", bits=16_000, frames=frames)
    sidecar = replace(_sidecar([segment]), bytes=2_000)
    show_encode.encoded(sidecar, Path("out.bin"), {"read": 0.01, "encode": 12.34})
    lines = printed()
    row = next(line for line in lines if line.startswith("clip"))
    assert row.split() == ["clip.mp4#0", "20", "2.00", "64x64", "30", "2,000", "8.0", "kbit/s", "38.46", "20/20"]
    text = "\n".join(lines)
    assert "2,000 bytes, 8.0 kbit/s, 100 per frame" in text and "encode 12.3 (some" in text and "read" not in text


def test_what_a_search_lost_is_named_with_its_frame(picture) -> None:
    segment = picture("clip.mp4#0", "uniform", [True], [30])
    second = replace(segment.frames[0], source="clip.mp4#1", objects=[_object(False)])
    promise = VerificationRecord(False, 1.0, 3, True, [], 0.0, [SecondRecord("other", "", [_object(False)])])
    lost = replace(segment, frames=[segment.frames[0], second], verification=promise)
    why = "no version keeps it together with the others"
    assert show_encode.unkept(_sidecar([segment, lost])) == [
        f"clip.mp4#1: cat at 0,0,9,9 is lost: {why}",
        f"clip.mp4#0: cat at 0,0,9,9 is lost (for other): {why}",
    ]


@pytest.mark.parametrize(("count", "rows"), [(20, 20), (21, 0)])
def test_encoded_lists_few_pictures_only(printed, picture, count: int, rows: int) -> None:
    show_encode.encoded(_sidecar([picture(f"{i}.png", "uniform", [], [30]) for i in range(count)]), Path("out.bin"))
    lines = printed()
    assert sum(".png" in line for line in lines) == rows
    assert any(line.startswith("pictures") and f"{count}:" in line for line in lines)


def _info(count: int, *, deltas: bool = False, subpictures: bool = False) -> StreamInfo:
    def region(i: int) -> RegionInfo:
        return RegionInfo(
            i, Rect(32 * i, 0, 32, 64), 27 + 15 * i, 1_234, i if subpictures else None, "I", deltas, (0, 0), deltas
        )

    vui = Vui(1, 1, 1, False, 0)
    regions = (region(0), region(1))
    pictures = [
        PictureInfo(n, "IDR_N_LP", "I", 0, 0, 64, 64, 63, 61, 32, 5_000, regions, deltas, deltas, vui)
        for n in range(count)
    ]
    return StreamInfo(
        5_000 * count // 8, tuple(pictures), (), {"SPS": 1, "IDR_N_LP": 2 * count}, ("SPS: is damaged",), "vvc"
    )


def test_inspected(printed) -> None:
    show.inspected(_info(2), None)
    lines = printed()
    rows = [line.split() for line in lines]
    assert ["0", "IDR_N_LP", "63x61", "5,000", "0", "0,0", "32x64", "27", "1,234"] in rows
    assert ["1", "32,0", "32x64", "42", "1,234"] in rows
    text = "\n".join(lines)
    assert "63x61 (coded 64x64)" in text and "BT.709, limited range, chroma left" in text
    assert "problem: SPS: is damaged" in text
    assert "map" not in text and "more" not in text and "~" not in text and "sub-picture" not in text


@pytest.mark.parametrize(
    ("rate", "aspect", "lines"),
    [
        (None, None, ["frame rate      not stated", "picture size    63x61 (coded 64x64)"]),
        (Fraction(25), Fraction(1), ["frame rate      25 per second", "picture size    63x61 (coded 64x64)"]),
        (
            Fraction(30000, 1001),
            Fraction(16, 11),
            ["frame rate      29.97 per second (30000/1001)", "picture size    63x61 (coded 64x64), samples 16:11"],
        ),
    ],
)
def test_inspected_shows_rate_and_shape(printed, rate, aspect, lines) -> None:
    info = _info(2)
    pictures = tuple(replace(picture, rate=rate, sample_aspect=aspect) for picture in info.pictures)
    show.inspected(replace(info, pictures=pictures), None)
    assert set(lines) <= set(printed())


def test_json_has_a_rate_as_a_fraction(capsys) -> None:
    (picture,) = _info(1).pictures
    print_json(replace(picture, rate=Fraction(30000, 1001), sample_aspect=Fraction(2)))
    found = json.loads(capsys.readouterr().out)
    assert (found["rate"], found["sample_aspect"]) == ("30000/1001", "2")
    with pytest.raises(TypeError, match="set cannot be printed"):
        print_json({"a": set()})


def test_inspected_shows_the_first_pictures_of_many(printed) -> None:
    show.inspected(_info(23), None)
    lines = printed()
    assert sum("IDR_N_LP  63x61" in line for line in lines) == 20
    assert "and 3 more pictures: --json lists all" in lines


def test_inspected_marks_qps_that_do_not_bind_and_names_subpictures(printed) -> None:
    show.inspected(_info(1, deltas=True, subpictures=True), None)
    rows = [line.split() for line in printed()]
    assert ["1", "1", "32,0", "32x64", "42~", "1,234"] in rows
    assert any(row[:2] == ["~", "blocks"] for row in rows)


@pytest.mark.parametrize(
    ("faults", "lines"),
    [
        ([], ["map: conforms everywhere (2 pictures, 1 region, 8 CTUs compared)"]),
        (
            [MapFault(1, 2, "QP 40 where 30 was requested"), MapFault(1, None, "too small")],
            [
                "map: does NOT conform: 2 faults (2 pictures, 1 region, 8 CTUs compared)",
                "  picture 1, region 2: QP 40 where 30 was requested",
                "  picture 1: too small",
            ],
        ),
        ([MapFault(0, 0, "bad")] * 25, ["  picture 0, region 0: bad", "  and 5 more: --json lists all"]),
    ],
)
def test_the_map_s_verdict(printed, faults: list[MapFault], lines: list[str]) -> None:
    show.inspected(_info(2), MapCheck(2, 1, 8, faults))
    shown = printed()
    assert shown[-len(lines) :] == lines


@pytest.mark.parametrize("columns", [None, "40"])
def test_benched_fits_a_hundred_columns_in_a_pipe_uncut(
    printed, bench_result, monkeypatch, columns: str | None
) -> None:
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    points = [
        (method, f"QP {qp}, scale 0.75", 1_234_568.0 / qp, kept)
        for method in ("plain", "stock", "plain-scaled", "frame", "roi", "jrd")
        for qp, kept in ((22, 99), (32, 94))
    ]
    show.benched(bench_result(points), Path("a-long-path/" * 12))
    lines = printed()
    tables = [line for line in lines if line.startswith(("plain", "stock", "frame", "roi", "jrd", "method"))]
    # What methods do, points and rates, then savings and BD-rates against two anchors; stock stands among the points.
    assert len(tables) == (6 + 1) + (12 + 1) + (6 + 1) + 4 * (5 + 1)
    assert max(map(len, tables)) <= 100
    assert re.fullmatch(r"stock +What stock does\. *", tables[2])
    assert sum(line.startswith("stock         QP 22, scale 0.75") for line in tables) == 1
    assert not any("…" in line for line in lines)
    assert lines[-1] == "report: " + "a-long-path/" * 12 + "report.html"
    rates = tables[7 + 13 : 7 + 13 + 7]
    assert rates[0].split()[0] == "method"
    assert rates[1].split()[:3] == ["plain", f"{1_234_568 / 32:,.0f}", f"{1_234_568 / 32 * (22 / 32) ** -0.2:,.0f}"]
    # Their intervals stand below.
    assert re.fullmatch(r" +[\d,]+ to [\d,]+ +[\d,]+ .*", lines[lines.index(rates[1]) + 1])


def test_examined(printed) -> None:
    vvenc = Capabilities(codec="vvc", qp_range=(0, 63), native_map=False, regions=True)
    report = DoctorReport(
        healthy=True,
        problems=[],
        versions={"vcmpipe": "0.1.0"},
        extras={"datasets": [], "train": ["torch", "timm"]},
        encoders=[
            EncoderFinding("vvenc", "PATH", "/x/ffmpeg", None, False, None, (), "is FFmpeg 5, without libvvenc"),
            EncoderFinding(
                "vvenc",
                "imageio-ffmpeg 0.8.1",
                "/y/ffmpeg",
                "libvvenc 1",
                True,
                vvenc,
                (
                    Trial("intra", Verdict.YES, "PSNR 42.0 dB", 0.25),
                    Trial("random-access", Verdict.NO, "it crashed", 0.5),
                    Trial("map", Verdict.YES, "regions", 0.25),
                ),
                "",
            ),
        ],
        optional_missing=["uvg266 is not here: put it there"],
        encoder_folder="/z",
        decoder=DecoderFinding("18", "62", "vvc", Verdict.YES, "PSNR 33.0 dB"),
        detectors=DetectorFinding(True, "", "auto", "default", "nothing here yet", [], []),
        predictors=["constant", "measured"],
        tasks=["detection"],
        methods=["plain"],
        devices=DeviceFinding("Linux", 2, 4, [], "torch is not installed"),
        folders=[
            FolderFinding("cache", "/c", 1_500_000_000, False),
            FolderFinding("temporary files", "/t", None, True),
        ],
    )
    show_doctor.examined(report)
    lines = printed()
    text = "\n".join(lines)
    assert " * vvenc: imageio-ffmpeg 0.8.1: /y/ffmpeg" in lines
    assert "     not taken: is FFmpeg 5, without libvvenc" in lines
    assert "   uvg266 is not here: put it there" in lines
    assert re.search(r"vvenc +yes +no +yes \(regions\) +1\.0 s", text) and "yes: PSNR 33.0 dB" in text
    assert "   vvenc, random-access: it crashed" in lines
    assert re.search(r"datasets +installed", text)
    assert "without torch, timm: pip install 'vcmpipe[train]'" in " ".join(text.split())
    assert "2 of 4 may be used" in text and "none: torch is not installed" in text
    assert "/c, 1.5 GB free, cannot be written to" in text and "/t, free space unknown" in text
    assert lines[-1] == "healthy"
    show_doctor.examined(replace(report, healthy=False, problems=["no VVenC was found: install it"], encoders=[]))
    assert printed()[-2:] == ["problem: no VVenC was found: install it", "not healthy"]
