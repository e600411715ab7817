"""One thin function per subcommand: call, then print. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vcmpipe import config, interrupt
from vcmpipe.errors import VcmError
from vcmpipe.process import one_line


def _say(message: str) -> None:
    """One line on stderr, whatever the message holds."""
    # Where stderr is gone there is nobody left to tell.
    with contextlib.suppress(OSError):
        print(f"vcmpipe: {one_line(' '.join(message.split()))}", file=sys.stderr, flush=True)


def _warn(message: str) -> None:
    _say(f"note: {message}")


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2))


def _encode(options: config.EncodeOptions) -> int:
    from vcmpipe.cli import show
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.verify import encode

    with progress_bar("encode") as progress:
        trials = {"on_trial": lambda count: progress.note(f"{count} trials")} if options.verify else {}
        sidecar = encode(options, progress=progress, warn=_warn, **trials)
    if options.json:
        _print_json(asdict(sidecar))
    else:
        show.encoded(sidecar, Path(options.out))
    if options.verify:
        show.unkept(sidecar, _warn)
    elif sidecar.lost:
        margin = sidecar.configuration["margin"]
        other = "--audience both" if options.audience == "human" else "--background keep"
        _warn(f"{sidecar.lost} objects were lost: a lower --margin (it was {margin}) or {other} loses fewer")
    return 0


def _decode(options: config.DecodeOptions) -> int:
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.restore import decode

    with progress_bar("decode") as progress:
        report = decode(options, progress=progress)
    if options.json:
        _print_json(asdict(report))
    else:
        scaled = f", {report.restored} scaled back to the source's size" if report.restored else ""
        print(f"{report.pictures} picture{'s' * (report.pictures != 1)} in {report.out}{scaled}")
    return 0


def _inspect(options: config.InspectOptions) -> int:
    import hashlib

    from vcmpipe.bitstream import inspect_stream
    from vcmpipe.cli import show
    from vcmpipe.errors import InputError
    from vcmpipe.mapcheck import check_map
    from vcmpipe.restore import find_sidecar, naming, read_stream

    stream = Path(options.input)
    data = read_stream(stream)
    with naming(stream):
        info = inspect_stream(data)
    check, faults, belongs = None, list(info.problems), True
    if options.verify_map:
        path, sidecar = find_sidecar(stream, options.sidecar)
        if sidecar is None:
            raise InputError(f"--verify-map needs the sidecar of {stream}: name it with --sidecar")
        check = check_map(info, sidecar)
        belongs = hashlib.sha256(data).hexdigest() == sidecar.sha256
        if not belongs:
            faults.append(f"it is not the stream that {path} was written for (SHA-256 differs): another, or damaged")
    if options.json:
        verdict = {"map": asdict(check) | {"honoured": check.honoured, "belongs": belongs}} if check else {}
        _print_json(asdict(info) | verdict)
    else:
        # That a map is honoured by a stream it was not made for would say nothing.
        show.inspected(info, check if belongs or (check and not check.honoured) else None)
    if faults:
        _say(f"{stream}: {faults[0]}" + (f" (and {len(faults) - 1} more such faults)" if faults[1:] else ""))
    if check is not None and check.honoured is None:
        _say(f"{stream}: whether the map is honoured cannot be told from its headers")
    if check is not None and not check.honoured:
        return 1
    return 2 if faults else 0


def _extract(options: config.ExtractOptions) -> int:
    from vcmpipe.extraction import extract

    report = extract(options)
    if options.json:
        _print_json(asdict(report))
    else:
        print(
            f"{report.out}: region {report.region}, {report.width}x{report.height}, "
            f"{report.pictures} picture{'s' * (report.pictures != 1)}, {report.bytes:,} bytes"
        )
    return 0


def _bench(options: config.BenchOptions) -> int:
    from vcmpipe.bench import bench
    from vcmpipe.cli import show
    from vcmpipe.cli.progress import progress_bar

    with progress_bar("bench") as progress:
        result = bench(options, progress=progress, warn=_warn)
    if options.json:
        _print_json(result.to_dict())
    else:
        show.benched(result, Path(options.out))
    if result.left_out:
        first = result.left_out[0]
        more = f" (and {len(result.left_out) - 1} more)" if len(result.left_out) > 1 else ""
        _say(f"{first.name} was left out: {first.reason}{more}; the report is of the other pictures")
        return 1
    return 0


def _predict(options: config.PredictOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.prediction import predict

    with progress_bar("predict") as progress:
        prediction = predict(options, progress=progress, warn=_warn)
    if options.json:
        _print_json(prediction.to_dict())
    else:
        predictors.predicted(prediction)
    return 0


def _jnd_map(options: config.JndMapOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.jnd_maps import write_jnd_maps

    with progress_bar("jnd-map") as progress:
        report = write_jnd_maps(
            options, progress=progress, on_tile=lambda done, total: progress.note(f"tile {done} of {total}")
        )
    if options.json:
        _print_json(asdict(report))
    else:
        predictors.mapped(report)
    return 0


def _train(options: config.TrainOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.training.run import train

    with progress_bar("train") as progress:
        report = train(options, progress=progress, warn=_warn, say=_say)
    if options.json:
        _print_json(asdict(report))
    else:
        predictors.trained(report)
    return 0


def _evaluate_predictor(options: config.EvaluatePredictorOptions) -> int:
    from vcmpipe.cli import predictors
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.training.evaluate import evaluate

    with progress_bar("evaluate") as progress:
        report = evaluate(options, progress=progress, warn=_warn)
    if options.json:
        _print_json(asdict(report))
    else:
        predictors.evaluated(report)
    if getattr(report, "psnr_missing", None) is not None and options.psnr:
        _warn(f"no delta-PSNR: {report.psnr_missing}")  # type: ignore[union-attr]
    return 0


def _dataset_build(options: config.DatasetBuildOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.build import build

    with progress_bar("build") as progress:
        report = build(options, progress=progress, warn=_warn)
    if options.json:
        _print_json(asdict(report))
    else:
        dataset.built(report, planned=options.estimate)
    for failure in report.failures:
        _say(failure.reason)
    if report.failures:
        _say(f"{_count(len(report.failures), 'picture')} failed; the others are done. The next run tries them again")
    return 1 if report.failures else 0


def _dataset_verify(options: config.DatasetVerifyOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.verification import verify_store

    with progress_bar("verify") as progress:
        report = verify_store(options, progress=progress, warn=_warn)
    if options.json:
        _print_json(asdict(report))
    else:
        dataset.verified(report)
    for fault in report.faults:
        _say(fault)
    return 1 if report.faults else 0


def _dataset_import(options: config.DatasetImportOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.datasets.importers import import_dataset

    report = import_dataset(options)
    if options.json:
        _print_json(asdict(report))
    else:
        dataset.imported(report)
    for line in report.missing:
        _warn(f"missing: {line}")
    return 0


def _dataset_export(options: config.DatasetExportOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.exporters import export_dataset

    with progress_bar("export") as progress:
        report = export_dataset(options, progress=progress)
    if options.json:
        _print_json(asdict(report))
    else:
        dataset.exported(report)
    if report.left_out:
        _warn(f"{_count(report.left_out, 'object')} left out: never recognised, so that there is no JRD")
    return 0


def _dataset_convert(options: config.DatasetConvertOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.conversion import convert

    with progress_bar("convert") as progress:
        report = convert(options, progress=progress, warn=_warn)
    if options.json:
        _print_json(asdict(report))
    else:
        dataset.converted(report)
    if report.unreached:
        _warn(f"{_count(report.unreached, 'label')} became QP 0: no VVC QP reaches the quality there")
    return 0


def _dataset_stats(options: config.DatasetStatsOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.datasets.statistics import statistics

    report = statistics(options)
    if options.json:
        _print_json(report.to_dict())
    else:
        dataset.described(report)
    for line in report.missing:
        _warn(f"missing: {line}")
    return 0


def _dataset_crop(options: config.DatasetCropOptions) -> int:
    from vcmpipe.cli import dataset
    from vcmpipe.cli.progress import progress_bar
    from vcmpipe.datasets.patches import crop_pairs

    with progress_bar("crop") as progress:
        report = crop_pairs(options, progress=progress)
    if options.json:
        _print_json(asdict(report))
    else:
        dataset.cropped(report)
    if report.too_small:
        _warn(f"{_count(len(report.too_small), 'picture')} too small for a patch, such as {report.too_small[0]}")
    if not report.patches["val"]:
        _warn("no picture fell into valid: another --seed, or more pictures")
    return 0


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _doctor(options: config.DoctorOptions) -> int:
    from vcmpipe.cli import show
    from vcmpipe.doctor import examine

    report = examine()
    if options.json:
        _print_json(asdict(report))
    else:
        show.examined(report)
    return 0 if report.healthy else 1


_FUNCTIONS: dict[str, Callable[[Any], int]] = {
    "encode": _encode,
    "decode": _decode,
    "inspect": _inspect,
    "extract": _extract,
    "bench": _bench,
    "predict": _predict,
    "jnd-map": _jnd_map,
    "train": _train,
    "evaluate predictor": _evaluate_predictor,
    "dataset build": _dataset_build,
    "dataset verify": _dataset_verify,
    "dataset import": _dataset_import,
    "dataset export": _dataset_export,
    "dataset convert": _dataset_convert,
    "dataset stats": _dataset_stats,
    "dataset crop": _dataset_crop,
    "doctor": _doctor,
}


def _interrupted(number: int, frame: Any) -> None:
    # Once: what follows is the cleaning up, and a second Ctrl-C in the middle of that would leave half of it.
    for each in _INTERRUPTS:
        signal.signal(each, signal.SIG_IGN)
    interrupt.want()
    raise KeyboardInterrupt


_INTERRUPTS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextmanager
def _interrupts() -> Iterator[None]:
    """A polite kill and a closed terminal clean up as Ctrl-C does; a signal that is ignored (nohup) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may say what signals do
        return
    before = {number: signal.getsignal(number) for number in _INTERRUPTS}
    interrupt.forget()
    try:
        for number, handler in before.items():
            if handler in (signal.SIG_DFL, signal.default_int_handler):
                signal.signal(number, _interrupted)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: Arguments without the program's name; default: those of this process.

    Returns:
        The exit code: 0, 1 (failure), 2 (bad usage or input), 130 (interrupted).
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if debug := "--debug" in words:
        words.remove("--debug")
    # A stream that the caller closed is None to Python, and its number would go to the next file that is opened.
    sys.stdout = sys.stdout or Path(os.devnull).open("w")  # noqa: SIM115
    sys.stderr = sys.stderr or Path(os.devnull).open("w")  # noqa: SIM115
    # A file name that stdout's encoding does not hold is shown escaped.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        with _interrupts():
            return _run(words)
    except KeyboardInterrupt:
        _say("interrupted")
        return 130
    except BrokenPipeError:
        # The reader of stdout left (vcmpipe inspect ... | head): no error of ours.
        _drop_stdout()
        return 0
    except Exception as error:
        if debug:
            raise
        if isinstance(error, OSError):
            _drop_stdout()  # it may be stdout that failed, and would again when Python flushes it on leaving
        _say(_reason(error))
        return error.exit_code if isinstance(error, VcmError) else 1


def _run(words: list[str]) -> int:
    from vcmpipe.cli.parser import parse

    command, options = parse(words)
    code = _FUNCTIONS[command](options)
    # Here, where a full disk or a reader that left can still be told from success.
    sys.stdout.flush()
    return code


def _drop_stdout() -> None:
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reason(error: Exception) -> str:
    """What to tell the user; an error that nobody foresaw says how to see more of it."""
    if isinstance(error, VcmError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{error.filename or 'the output'} cannot be written: the disk is full; free space or choose another place"
        )
    if isinstance(error, MemoryError):
        return "out of memory: work on fewer pictures side by side (--jobs 1), or on smaller ones"
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}; check the path and its permissions"
    return f"{type(error).__name__}: {error} (not foreseen; --debug shows where)"
