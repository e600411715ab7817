"""What this machine has, and whether it works: encoders and the decoder are tried out on a small picture."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from vcmpipe import process
from vcmpipe.commands.encoder_trials import PSNR_AT_LEAST, Trial, Trials, try_encoder
from vcmpipe.process.extras import EXTRAS, absent, how_to_install
from vcmpipe.sidecar import Verdict, provenance

if TYPE_CHECKING:
    from vcmpipe.encoders import Capabilities

T = TypeVar("T")
F = TypeVar("F")

# What ``--encoder`` is where it is not given; without it nothing works.
DEFAULT_ENCODER = "vvenc"


@dataclass(frozen=True)
class EncoderFinding:
    """One place where an encoder was looked for.

    Attributes:
        name: Of the encoder, as ``--encoder`` takes it.
        where: What the place is called.
        build: Its version, or None where it is not that encoder.
        used: Whether this is the one that ``--encoder NAME`` takes: the first that is one.
        trials: What the one that is used was tried with: each structure that it claims, and a map.
        reason: Why it is not taken.
    """

    name: str
    where: str
    path: str
    build: str | None
    used: bool
    capabilities: Capabilities | None
    trials: tuple[Trial, ...]
    reason: str


@dataclass(frozen=True)
class DecoderFinding:
    """The decoder: versions of PyAV and of the libavcodec in it, the name of its VVC decoder, None where missing.

    Attributes:
        decodes: Whether it decoded what the encoder in use wrote.
        reason: How well, or why not.
    """

    pyav: str | None
    libavcodec: str | None
    codec: str | None
    decodes: Verdict
    reason: str


@dataclass(frozen=True)
class DetectorFinding:
    """The detectors.

    Attributes:
        demo: Whether the built-in demo's detector can be loaded; ``demo_reason``, why not.
        chosen: What ``--detector`` is where it is not given.
        chosen_by: ``VCMPIPE_DETECTOR`` or ``default``.
        resolves_to: What that stands for now; nothing is downloaded to find out.
        onnx_providers: What onnxruntime can run on; empty where it is missing.
        plugins: Detectors that other packages install.
    """

    demo: bool
    demo_reason: str
    chosen: str
    chosen_by: str
    resolves_to: str
    onnx_providers: list[str]
    plugins: list[str]


@dataclass(frozen=True)
class DeviceFinding:
    """What computes: cores that this process may use, all cores, and CUDA devices or why there are none."""

    system: str
    cores_usable: int
    cores: int
    cuda: list[str]
    cuda_reason: str


@dataclass(frozen=True)
class FolderFinding:
    """A folder that is written to, the space left there in bytes, and whether it can be written to."""

    purpose: str
    path: str
    free_bytes: int | None
    writable: bool


@dataclass(frozen=True)
class DoctorReport:
    """Everything that was found.

    Attributes:
        healthy: Whether the decoder works, and every encoder that is here does what it claims. What is not here and is
            optional does not count.
        extras: By extra of vcmpipe the libraries of it that are not installed; none where all are.
        problems: What is wrong and the way out, a line each; empty where ``healthy``.
        encoders: Every place where an encoder was looked for, each encoder's in the order of preference.
        optional_missing: Encoders that could be here and are not, with the way to have them.
        encoder_folder: Where a user's own encoder binaries belong.
        predictors: Names that ``--predictor`` takes; ``tasks``, ``--task``; ``methods``, ``--methods``.
        folders: Where files are written besides ``--out``.
    """

    healthy: bool
    problems: list[str]
    versions: dict[str, str]
    extras: dict[str, list[str]]
    encoders: list[EncoderFinding]
    optional_missing: list[str]
    encoder_folder: str
    decoder: DecoderFinding
    detectors: DetectorFinding
    predictors: list[str]
    tasks: list[str]
    methods: list[str]
    devices: DeviceFinding
    folders: list[FolderFinding]


def examine() -> DoctorReport:
    """Look at everything; a part that is broken is reported, never raised."""
    from vcmpipe.encoders import encoder_folder, missing_encoders, search_encoders
    from vcmpipe.plugins import METHODS, PREDICTORS, TASKS

    with ThreadPoolExecutor(2) as pool:
        # Encoders are other processes: they work while this one loads torch.
        searched = search_encoders()
        used = {place.name: place for place in reversed(searched) if place.encoder}
        begun = {name: pool.submit(try_encoder, place.encoder) for name, place in used.items() if place.encoder}
        detectors, devices = _detectors(), _devices()
        tried = {name: trials.result() for name, trials in begun.items()}
    encoders = [
        EncoderFinding(
            name=place.name,
            where=place.where,
            path=str(place.path),
            build=place.encoder.build if place.encoder else None,
            used=used.get(place.name) is place,
            capabilities=place.encoder.capabilities if place.encoder else None,
            trials=tried[place.name].trials if used.get(place.name) is place else (),
            reason=place.reason,
        )
        for place in searched
    ]
    decoder = examine_decoder(tried.get(DEFAULT_ENCODER))
    problems = _problems(encoders, decoder, encoder_folder())
    return DoctorReport(
        healthy=not problems,
        problems=problems,
        versions=provenance.versions(),
        extras={extra: absent(extra) for extra in EXTRAS},
        encoders=encoders,
        optional_missing=missing_encoders(searched, DEFAULT_ENCODER),
        encoder_folder=str(encoder_folder()),
        decoder=decoder,
        detectors=detectors,
        predictors=list(PREDICTORS.known()),
        tasks=list(TASKS.known()),
        methods=list(METHODS.known()),
        devices=devices,
        folders=_folders(),
    )


def examine_decoder(trials: Trials | None) -> DecoderFinding:
    """PyAV and its VVC decoder, and whether it decodes what the encoder in use, if there is one, wrote."""
    try:
        import av

        pyav, library = av.__version__, ".".join(map(str, av.library_versions["libavcodec"]))
    except Exception as error:  # a broken installation fails in many ways
        return DecoderFinding(None, None, None, Verdict.NO, f"PyAV cannot be loaded ({_line(error)})")
    codec, _ = _tried(lambda: av.codec.Codec("vvc", "r").name, None)

    def finding(decodes: Verdict, reason: str) -> DecoderFinding:
        return DecoderFinding(pyav, library, codec, decodes, reason)

    if codec is None:
        return finding(Verdict.NO, "this PyAV has no VVC decoder")
    if trials is None or trials.coder is None or trials.coded is None:
        return finding(Verdict.UNKNOWN, "no encoder here wrote a stream to decode")
    try:
        psnr = min(decoded.psnr_y for decoded in trials.coder.decode(trials.coded))
    except Exception as error:
        return finding(Verdict.NO, _line(error))
    if psnr < PSNR_AT_LEAST:
        return finding(Verdict.NO, f"the decoded picture is another one (PSNR {psnr:.1f} dB)")
    return finding(Verdict.YES, f"PSNR {psnr:.1f} dB")


def _problems(encoders: list[EncoderFinding], decoder: DecoderFinding, folder: Path) -> list[str]:
    problems = []
    used = next((encoder for encoder in encoders if encoder.used and encoder.name == DEFAULT_ENCODER), None)
    if used is None:
        problems.append(
            f"no VVenC was found: install imageio-ffmpeg>=0.8.1, put vvencapp into {folder} or name it in VCMPIPE_VVENC"
        )
    for encoder in encoders:
        # Nothing works without the default; of any other it is enough that it takes its time.
        bad = {Verdict.NO, Verdict.UNKNOWN} if encoder is used else {Verdict.NO}
        wrong = [f"{trial.what}: {trial.reason}" for trial in encoder.trials if trial.verdict in bad]
        if wrong:
            variable = f"VCMPIPE_{encoder.name.upper().replace('-', '_')}"
            problems.append(
                f"{encoder.build} ({encoder.path}) does not do what it should ({'; '.join(wrong)}): name another one "
                f"in {variable}" + ("" if encoder is used else f", or do without --encoder {encoder.name}")
            )
    if decoder.codec is None:
        problems.append(f"no VVC decoder: {decoder.reason}; install av>=18")
    elif decoder.decodes != Verdict.YES and used is not None:
        problems.append(f"the decoder does not decode the encoder's stream: {decoder.reason}; install av>=18")
    return problems


def _detectors() -> DetectorFinding:
    from vcmpipe.detection import ENVIRONMENT_VARIABLE, load_detector, plugin_detectors, resolve_detector_spec

    spec = resolve_detector_spec()
    _, broken = _tried(lambda: load_detector("demo", jobs=1), None)
    resolved, unresolved = _tried(lambda: resolve(spec), "")
    return DetectorFinding(
        demo=not broken,
        demo_reason=broken,
        chosen=spec,
        chosen_by=ENVIRONMENT_VARIABLE if os.environ.get(ENVIRONMENT_VARIABLE, "").strip() else "default",
        resolves_to=resolved or f"nothing: {unresolved}",
        onnx_providers=_tried(_providers, [])[0],
        plugins=list(plugin_detectors()),
    )


def _providers() -> list[str]:
    import onnxruntime

    return [str(name) for name in onnxruntime.get_available_providers()]


def resolve(spec: str) -> str:
    """What a detector's name stands for at this moment, without loading or downloading it."""
    from vcmpipe.detection import plugin_detectors
    from vcmpipe.detection import weights_ultralytics as store
    from vcmpipe.detection.recorded import recorded_path

    name, _, argument = spec.partition(":")
    if spec == "demo":
        return "the built-in demo's detector, for the demo's scenes only"
    if name == "torchvision" and argument:
        model, _, weights = argument.partition("@")
        return f"torchvision {model}, " + (_file(weights) if weights else "weights downloaded where they are not here")
    if name in plugin_detectors():
        return f"plugin {plugin_detectors()[name].value}"
    if name == "onnx" and argument:
        return _file(argument)
    if (recorded := recorded_path(spec)) is not None:
        there = (
            "detections in a file, for what needs detections in the source only"
            if recorded.exists()
            else "nothing is there"
        )
        return f"{recorded}: {there}"
    if spec.lower().endswith(".onnx") or os.sep in spec or Path(spec).is_file():
        return _file(spec)
    if spec == "auto":
        if absent("ultralytics"):
            return f"nothing: it looks for weights of ultralytics ({how_to_install('ultralytics')}); name a detector"
        found = store.find_any()
        return str(found) if found else f"nothing here yet: {store.AUTO_NAMES[0]} would be downloaded"
    published = store.published_name(argument if name == "ultralytics" and argument else spec)
    if published is None:
        return f"nothing: no detector is called {spec}"
    found = store.find(published)
    return str(found) if found else f"nothing here yet: {published} would be downloaded"


def _file(name: str) -> str:
    return name if Path(name).is_file() else f"nothing: there is no file {name}"


def _devices() -> DeviceFinding:
    from vcmpipe.process.workers import worker_count

    nothing: tuple[list[str], str] = ([], "torch cannot be loaded")
    (names, missing), _ = _tried(_cuda, nothing)
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    return DeviceFinding(system, worker_count(0), os.cpu_count() or 1, names, missing)


def _cuda() -> tuple[list[str], str]:
    if importlib.util.find_spec("torch") is None:
        return [], "torch is not installed"
    import torch

    if not torch.cuda.is_available():
        return [], "torch is built without CUDA" if torch.version.cuda is None else "torch finds no CUDA device"
    return [f"cuda:{i} {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())], ""


def _folders() -> list[FolderFinding]:
    from vcmpipe.process.content_cache import cache_folder

    findings = []
    for purpose, path in {"cache": cache_folder(None), "temporary files": Path(tempfile.gettempdir())}.items():
        there = next(folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists())
        usage, _ = _tried(partial(shutil.disk_usage, there), None)
        findings.append(FolderFinding(purpose, str(path), usage and usage.free, os.access(there, os.W_OK | os.X_OK)))
    return findings


def _tried(ask: Callable[[], T], fallback: F) -> tuple[T | F, str]:
    """The answer to a question; or the fallback, and why there is no answer.

    A broken package is a finding, and no reason to stop looking.
    """
    try:
        return ask(), ""
    except Exception as error:
        return fallback, _line(error)


def _line(error: BaseException) -> str:
    return process.one_line(" ".join(str(error).split()) or type(error).__name__)
