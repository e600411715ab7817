"""A run of any network that Lightning drives, from its work to weights with a card; what was interrupted goes on."""

from __future__ import annotations

import dataclasses
import json
import time
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from torch import nn

from vcmpipe.config import TrainOptions
from vcmpipe.errors import InputError
from vcmpipe.process import output_error, publish
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.process.reading import LARGEST_CARD, LARGEST_WEIGHTS, check_file, parse_json, read_file
from vcmpipe.sidecar import provenance
from vcmpipe.thresholds.weights import read_state, write_weights
from vcmpipe.training.loggers import check_logger, loggers
from vcmpipe.training.machine import devices, quiet
from vcmpipe.training.recipe import Plan, Work
from vcmpipe.training.report import TrainReport

if TYPE_CHECKING:
    import lightning.pytorch as pl

    from vcmpipe.training.task import BestWeights

WEIGHTS = "weights.safetensors"
"""The name of a run's weights in its folder."""
_PLAN, _REPORT, _STATE = "run.json", "report.json", "last.ckpt"
_NO_STATE = "is damaged, or no state that vcmpipe train wrote: remove it, and the training starts again"


def carry_out(options: TrainOptions, work: Work, *, progress: Progress, warn: Warn, say: Warn) -> TrainReport:
    """Train a network, or go on training it; see ``vcmpipe.training.run.train``.

    Raises:
        InputError: Nothing is in the split train, ``--out`` holds something else, or the logger is not installed.
        OutputError: The place cannot be written to.
    """
    began = time.monotonic()
    check_logger(options.logger)
    plan, recipe, material = work.plan, work.recipe, work.material
    counts = {name: len(material.split(name)) for name in ("train", "val", "test")}
    if not counts["train"]:
        raise InputError(f"{options.data}: none of its {material.noun} is in the split train: make it of more pictures")
    if not counts["val"]:
        warn(
            f"{options.data} has no {material.noun} in the split val: nothing stops the training, and its last weights "
            "are kept"
        )
    out = Path(options.out)
    weights = out / WEIGHTS
    if options.fresh:
        _start_over(out, plan)
    if done := _enter(out, plan):
        warn(f"{out} is a finished run: nothing is left to train; name another --out for a new one")
        return done
    network = work.network()
    # Only now: weights that cannot be had leave nothing behind that a second try would stumble over.
    if not (out / _PLAN).is_file():
        _write_json(out / _PLAN, plan)
    work.prepare()
    last = out / _STATE
    if last.is_file():
        check_state(last)
        say(f"resuming from {last}")
    trainer, best = _fit(options, work, network, last, progress, say)
    if not trainer.is_global_zero:
        raise SystemExit(0)  # another process of the same run writes the results
    if best.epoch >= 0:
        recipe.load(network, read_state(best.path), str(best.path))
    constant, baseline = material.baseline() if material.baseline and counts["val"] else ("", None)
    report = TrainReport(
        model=plan.model,
        weights=str(weights),
        epochs=trainer.current_epoch,
        best_epoch=(best.epoch if best.epoch >= 0 else trainer.current_epoch - 1) + 1,
        objects=counts,
        metrics={name: round(value, 6) for name, value in best.figures.items()},
        baseline=None if baseline is None else round(baseline, 4),
        seconds=round(time.monotonic() - began, 1),
        noun=material.noun,
        constant=constant,
    )
    write_weights(weights, network, _card(work, report))
    _write_json(out / _REPORT, report)
    return report


def _start_over(out: Path, plan: Plan) -> None:
    """Have the run in a folder begin anew. Weights of a finished one stay until the new ones take their place."""
    if (out / _PLAN).is_file():
        for name in (_REPORT, _STATE):
            try:
                (out / name).unlink(missing_ok=True)
            except OSError as error:
                raise output_error(out / name, error) from error
        _write_json(out / _PLAN, plan)


def _enter(out: Path, plan: Plan) -> TrainReport | None:
    """Whether a folder can be begun or gone on in; the report where the run in it is finished."""
    file = out / _PLAN
    if not file.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"--out {out} exists and holds no training run: name another folder, or an empty one")
        return None
    try:
        before = parse_json(read_file(file, LARGEST_CARD))
        model = before["model"]
        if model != plan.model:
            raise InputError(f"{out} holds a run of {model}, not of {plan.model}: name another --out")
        before = type(plan)(**before)
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(f"{file} is damaged ({error}): remove {out}, or name another --out") from error
    for field in dataclasses.fields(plan):
        old, new = getattr(before, field.name), getattr(plan, field.name)
        if old != new:
            change = (
                "its labelled objects have changed" if field.name == "objects" else f"{field.name} {old}, now {new}"
            )
            raise InputError(f"{out} holds a run with another configuration ({change}): name another --out")
    done = out / _REPORT
    if done.is_file() and (out / WEIGHTS).is_file():
        try:
            return TrainReport(**parse_json(read_file(done, LARGEST_CARD)))
        except (ValueError, TypeError) as error:
            raise InputError(f"{done} is damaged ({error}): remove it") from error
    return None


def check_state(last: Path) -> None:
    """Refuse a state that cannot be gone on from: torch's own message advises to load it with all code that is in it.

    Raises:
        InputError: It is damaged, holds more than tensors and plain values, or is no state of a run.
    """
    import torch

    check_file(last, LARGEST_WEIGHTS)
    try:
        state = torch.load(last, map_location="cpu", weights_only=True, mmap=True)
        sound = {"state_dict", "optimizer_states", "loops"} <= set(state)
    except Exception as error:  # pickle, zipfile and torch each have their own
        raise InputError(f"{last} {_NO_STATE}") from error
    if not sound:
        raise InputError(f"{last} {_NO_STATE}")


def _write_json(path: Path, value: Plan | TrainReport) -> None:
    with publish(path) as part:
        part.write_text(json.dumps(dataclasses.asdict(value), indent=2) + "\n")


def _fit(
    options: TrainOptions, work: Work, network: nn.Module, last: Path, progress: Progress, say: Warn
) -> tuple[pl.Trainer, BestWeights]:
    """Drive the training; the trainer, and what kept the best weights."""
    import lightning.pytorch as pl

    from vcmpipe.training.task import BestWeights, LastState, ReportProgress, Task

    out, plan = last.parent, work.plan
    task = Task(network, plan, work.recipe, work.material, options.workers)
    best = BestWeights(out / "best.safetensors", work.recipe.monitors, plan.patience)
    callbacks: list[pl.Callback] = [best, ReportProgress(progress, say), LastState(last, options.checkpoint_every)]
    with quiet():
        trainer = pl.Trainer(
            max_epochs=plan.epochs,
            precision=cast(Any, plan.precision),
            callbacks=callbacks,
            logger=loggers(out, options.logger, dataclasses.asdict(plan)),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=None if len(work.material.split("val")) else 0,
            use_distributed_sampler=False,
            log_every_n_steps=1,
            gradient_clip_val=work.recipe.clip,
            **devices(options),
        )
        try:
            # Tensors and plain values: what would run code is not loaded.
            trainer.fit(task, ckpt_path=last if last.is_file() else None, weights_only=True)
        except SystemExit:
            if trainer.interrupted:  # Lightning leaves with 1 after Ctrl-C
                raise KeyboardInterrupt from None
            raise
        except OSError as error:
            raise output_error(out, error) from error
    if trainer.interrupted:
        raise KeyboardInterrupt
    return trainer, best


def _card(work: Work, report: TrainReport) -> dict[str, Any]:
    libraries = {package: metadata.version(package) for package in ("timm", "lightning")}
    return {
        "model": work.plan.model,
        **work.card,
        "data": {**work.material.card} | {report.noun: report.objects},
        "training": dataclasses.asdict(work.plan) | {"epochs_run": report.epochs, "best_epoch": report.best_epoch},
        "metrics": report.metrics | {"constant_val_error": report.baseline},
        "versions": provenance.versions() | libraries,
        "commit": provenance.commit(),
    }
