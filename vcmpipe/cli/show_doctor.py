"""What ``doctor`` prints for human readers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from vcmpipe.cli.show import Screen, console, print_facts, print_table
from vcmpipe.process.extras import how_to_install
from vcmpipe.sidecar import Verdict

if TYPE_CHECKING:
    from vcmpipe.commands.doctor import DoctorReport, EncoderFinding
    from vcmpipe.commands.encoder_trials import Trial


def examined(report: DoctorReport) -> None:
    """What ``doctor`` found, the verdict last."""
    screen = console()
    _section(screen, "versions", report.versions.items())
    _section(screen, "extras", [(extra, _installed(extra, missing)) for extra, missing in report.extras.items()])
    screen.print("encoders, each in the order of preference")
    for encoder in report.encoders:
        mark = "*" if encoder.used else " "
        screen.put(f" {mark} {encoder.name}: {encoder.where}: {encoder.path}")
        if encoder.capabilities is None or encoder.build is None:
            screen.put(f"     not taken: {encoder.reason}")
            continue
        can = encoder.capabilities
        screen.put(f"     {encoder.build}")
        native = (
            "reads QP maps"
            if can.native_map
            else "codes regions"
            if can.regions
            else "a QP per frame"
            if can.frame_qps
            else "one QP per segment"
        )
        depths = "/".join(map(str, can.bit_depths))
        screen.print(f"     {can.codec.upper()}, QP {can.qp_range[0]}-{can.qp_range[1]}, {depths} bits, {native}")
    if not report.encoders:
        screen.print("   none was found")
    _tried(screen, [encoder for encoder in report.encoders if encoder.trials])
    for missing in report.optional_missing:
        screen.put(f"   {missing}")
    screen.put(f"   your own binaries belong in {report.encoder_folder}")
    screen.print()
    decoder, detectors, devices = report.decoder, report.detectors, report.devices
    _section(
        screen,
        "decoder",
        [
            ("PyAV", decoder.pyav or "missing"),
            ("libavcodec", decoder.libavcodec or "missing"),
            ("VVC decoder", decoder.codec or "missing"),
            ("decodes", f"{decoder.decodes}: {decoder.reason}"),
        ],
    )
    _section(
        screen,
        "detectors",
        [
            ("demo", "works" if detectors.demo else f"does not work: {detectors.demo_reason}"),
            (f"{detectors.chosen} ({detectors.chosen_by})", detectors.resolves_to),
            ("onnxruntime", ", ".join(detectors.onnx_providers) or "missing"),
            ("plugins", ", ".join(detectors.plugins) or "none"),
        ],
    )
    _section(screen, "predictors", [(name, "") for name in report.predictors])
    _section(screen, "tasks", [(name, "") for name in report.tasks])
    _section(screen, "bench methods", [(name, "") for name in report.methods])
    _section(
        screen,
        "devices",
        [
            ("system", devices.system),
            ("cores", f"{devices.cores_usable} of {devices.cores} may be used"),
            ("CUDA", ", ".join(devices.cuda) or f"none: {devices.cuda_reason}"),
        ],
    )
    _section(screen, "folders", [(f.purpose, f"{f.path}, {_space(f.free_bytes, f.writable)}") for f in report.folders])
    for problem in report.problems:
        screen.put(f"problem: {problem}")
    screen.print("healthy" if report.healthy else "not healthy")


def _tried(screen: Screen, encoders: Sequence[EncoderFinding]) -> None:
    """What each encoder in use was tried with: what works, how its map got into the stream, and what does not."""
    if not encoders:
        return
    what = list(dict.fromkeys(trial.what for encoder in encoders for trial in encoder.trials))
    rows = []
    for encoder in encoders:
        trials = {trial.what: trial for trial in encoder.trials}
        cells = [_cell(trials.get(name)) for name in what]
        rows.append([f"   {encoder.name}", *cells, f"{sum(trial.seconds for trial in encoder.trials):.1f} s"])
    print_table(screen, ["   tried", *what, "took"], rows, labels=1 + len(what))
    for encoder in encoders:
        for trial in encoder.trials:
            if trial.verdict != Verdict.YES:
                screen.put(f"   {encoder.name}, {trial.what}: {trial.reason}")


def _cell(trial: Trial | None) -> str:
    if trial is None:
        return "-"
    return str(trial.answer) if trial.what == "map" and trial.verdict == Verdict.YES else str(trial.verdict)


def _section(screen: Screen, title: str, facts: Iterable[tuple[str, str]]) -> None:
    screen.print(title)
    print_facts(screen, [(f"   {name}", value) for name, value in facts])
    screen.print()


def _installed(extra: str, missing: Sequence[str]) -> str:
    return f"without {', '.join(missing)}: {how_to_install(extra)}" if missing else "installed"


def _space(free: int | None, writable: bool) -> str:
    space = "free space unknown" if free is None else f"{free / 1e9:,.1f} GB free"
    return space if writable else f"{space}, cannot be written to"
