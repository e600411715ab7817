"""A training run: from labelled objects to weights with a card; what was interrupted goes on."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import json
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, cast

import torch
from torch import nn

from vcmpipe import provenance
from vcmpipe.config import TrainOptions
from vcmpipe.errors import InputError
from vcmpipe.process import output_error, publish
from vcmpipe.thresholds.weights import digest_of, read_state, write_weights
from vcmpipe.training.losses import SIGMA
from vcmpipe.training.objects import ObjectSet, open_objects
from vcmpipe.training.recipe import Plan, Recipe

Progress = Callable[[int, int | None], None]
Say = Callable[[str], None]

# Named, not imported. A function with the signature of ``train_network``; one that trains without Lightning may stand
# here as well.
TRAINERS: dict[str, str] = {
    "bc_jrd": "vcmpipe.training.run:train_network",
    "detector_aware": "vcmpipe.training.aware_run:train_aware",
    "dt_jrd": "vcmpipe.training.run:train_network",
}


@dataclass(frozen=True)
class TrainReport:
    """What came out of a run.

    Attributes:
        model: The model's name.
        weights: The weight file; its card lies beside it.
        epochs: Epochs that were run, those before an interruption included.
        best_epoch: The one whose weights were kept, from 1.
        objects: Objects by split.
        metrics: Validation figures of those weights.
        baseline: Mean absolute error of always saying the median of the training labels, on the validation objects.
        seconds: Of this run, without what came before an interruption.
    """

    model: str
    weights: str
    epochs: int
    best_epoch: int
    objects: dict[str, int]
    metrics: dict[str, float]
    baseline: float | None
    seconds: float


def train(
    options: TrainOptions,
    *,
    progress: Progress = lambda done, total: None,
    warn: Say = lambda message: None,
    say: Say = lambda message: None,
) -> TrainReport:
    """Train a predictor.

    Args:
        options: What, on what, and how.
        progress: Called with batches done and their total.
        warn: Called with what the user should know.
        say: Called with a line after each epoch.

    Raises:
        VcmError: The input is wrong, or the place cannot be written to.
    """
    if options.model not in TRAINERS:
        raise InputError(f"there is no model {options.model!r} to train: choose from {', '.join(sorted(TRAINERS))}")
    module, _, name = TRAINERS[options.model].partition(":")
    function = getattr(importlib.import_module(module), name)
    return cast(TrainReport, function(options, progress=progress, warn=warn, say=say))


def train_network(options: TrainOptions, *, progress: Progress, warn: Say, say: Say) -> TrainReport:
    """Train one of the networks that have a recipe; see ``train``."""
    began = time.monotonic()
    recipe = cast(Recipe, importlib.import_module(f"vcmpipe.training.{options.model}").RECIPE)
    objects = open_objects(options)
    counts = {name: len(objects.split(name)) for name in ("train", "val", "test")}
    if not counts["train"]:
        raise InputError(f"{options.data}: none of its objects is in the split train: build it of more pictures")
    if not counts["val"]:
        warn(
            f"{options.data} has no objects in the split val: nothing stops the training, and its last weights are kept"
        )
    plan = make_plan(options, recipe, objects)
    out = Path(options.out)
    weights = out / "weights.safetensors"
    if done := _enter(out, plan):
        warn(f"{out} is a finished run: nothing is left to train; name another --out for a new one")
        return done
    network = make_network(options, plan, recipe)
    # Only now: weights that cannot be had leave nothing behind that a second try would stumble over.
    _begin(out, plan)
    last = out / "last.ckpt"
    if last.is_file():
        say(f"going on from {last}")
    fitted = _fit(options, plan, recipe, network, objects, last, progress, say)
    if not fitted.trainer.is_global_zero:
        raise SystemExit(0)  # another process of the same run writes the results
    best = fitted.best
    if best.epoch >= 0:
        recipe.load(network, read_state(best.path), str(best.path))
    report = TrainReport(
        model=plan.model,
        weights=str(weights),
        epochs=fitted.trainer.current_epoch,
        best_epoch=(best.epoch if best.epoch >= 0 else fitted.trainer.current_epoch - 1) + 1,
        objects=counts,
        metrics={name: round(value, 6) for name, value in best.figures.items()},
        baseline=_baseline(objects),
        seconds=round(time.monotonic() - began, 1),
    )
    write_weights(weights, network, _card(plan, objects, report))
    with publish(out / "report.json") as part:
        part.write_text(json.dumps(dataclasses.asdict(report), indent=2) + "\n")
    return report


def make_plan(options: TrainOptions, recipe: Recipe, objects: ObjectSet) -> Plan:
    """The options with the model's defaults filled in."""
    table = objects.samples.table[["sample", "split", "label"]]
    init = options.init
    if init not in ("pretrained", "random"):
        if not Path(init).is_file():
            raise InputError(f"--init {init} is not there: give pretrained, random, or a file of weights")
        init = f"sha256:{digest_of(Path(init))}"
    return Plan(
        model=options.model,
        data=options.data,
        objects=hashlib.sha256(table.to_csv(index=False).encode("utf-8", "surrogatepass")).hexdigest(),
        init=init,
        backbone=options.backbone or recipe.backbone,
        size=options.size or recipe.size,
        freeze=init != "random" if options.freeze == "auto" else options.freeze == "yes",
        sigma=SIGMA if options.sigma is None else options.sigma,
        versions=options.versions,
        epochs=options.epochs or recipe.epochs,
        batch=options.batch or recipe.batch,
        lr=options.lr,
        weight_decay=recipe.weight_decay if options.weight_decay is None else options.weight_decay,
        patience=options.patience,
        seed=options.seed,
        precision=options.precision,
    )


def make_network(options: TrainOptions, plan: Plan, recipe: Recipe) -> nn.Module:
    """The network with the weights that were asked for.

    Raises:
        VcmError: They cannot be had; nothing else is taken instead.
    """
    torch.manual_seed(plan.seed)
    network = recipe.build(plan)
    if plan.init == "pretrained":
        recipe.load_pretrained(network, plan.backbone)
    elif plan.init != "random":
        recipe.load(network, read_state(Path(options.init)), options.init)
    if plan.freeze:
        recipe.freeze(network)
    return network


def _enter(out: Path, plan: Plan) -> TrainReport | None:
    """Whether a folder can be begun or gone on in; the report where the run in it is finished."""
    file = out / "run.json"
    if not file.is_file():
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise InputError(f"--out {out} is there and holds no training run: name another folder, or an empty one")
        return None
    try:
        before = Plan(**json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, TypeError) as error:
        raise InputError(f"{file} is damaged ({error}): remove {out}, or name another --out") from error
    for field in dataclasses.fields(Plan):
        old, new = getattr(before, field.name), getattr(plan, field.name)
        if old != new:
            words = "its labelled objects have changed" if field.name == "objects" else f"{field.name} {old}, now {new}"
            raise InputError(f"{out} holds a run with another configuration ({words}): name another --out")
    done = out / "report.json"
    if done.is_file() and (out / "weights.safetensors").is_file():
        try:
            return TrainReport(**json.loads(done.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise InputError(f"{done} is damaged ({error}): remove it") from error
    return None


def _begin(out: Path, plan: Plan) -> None:
    if not (out / "run.json").is_file():
        with publish(out / "run.json") as part:
            part.write_text(json.dumps(dataclasses.asdict(plan), indent=2) + "\n")


@dataclass(frozen=True)
class _Fitted:
    trainer: Any
    best: Any


def _fit(
    options: TrainOptions,
    plan: Plan,
    recipe: Recipe,
    network: nn.Module,
    objects: ObjectSet,
    last: Path,
    progress: Progress,
    say: Say,
) -> _Fitted:
    import lightning.pytorch as pl

    from vcmpipe.training.task import BestWeights, LastState, Task, Telling

    out = last.parent
    task = Task(network, plan, recipe, objects, options.workers)
    best = BestWeights(out / "best.safetensors", recipe.monitors, plan.patience)
    callbacks: list[pl.Callback] = [best, Telling(progress, say), LastState(last, options.checkpoint_every)]
    with quiet():
        trainer = pl.Trainer(
            max_epochs=plan.epochs,
            precision=cast(Any, plan.precision),
            callbacks=callbacks,
            logger=_loggers(out),
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=None if len(objects.split("val")) else 0,
            use_distributed_sampler=False,
            log_every_n_steps=1,
            **devices(options),
        )
        try:
            trainer.fit(task, ckpt_path=last if last.is_file() else None)
        except SystemExit:
            if trainer.interrupted:  # Lightning leaves with 1 after Ctrl-C
                raise KeyboardInterrupt from None
            raise
        except OSError as error:
            raise output_error(out, error) from error
    if trainer.interrupted:
        raise KeyboardInterrupt
    return _Fitted(trainer, best)


def devices(options: TrainOptions) -> dict[str, Any]:
    """Lightning's words for where to train.

    Raises:
        InputError: The device is not there.
    """
    from vcmpipe.detection.ultralytics import pick_torch_device

    kind, _, number = options.device.partition(":")
    if options.device != "auto":
        pick_torch_device(options.device)
    count: Any = options.devices if options.devices == "auto" else int(options.devices)
    if number:
        count = [int(number)]
    accelerator = {"cuda": "gpu"}.get(kind, kind)
    return {"accelerator": accelerator, "devices": count, "strategy": options.strategy}


def _loggers(out: Path) -> list[Any]:
    from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger

    # Lightning empties a folder of CSV files that it finds: every start gets its own.
    number = 1 + sum(1 for _ in (out / "logs").glob("start-*"))
    place = {"save_dir": out, "name": "logs", "version": f"start-{number}"}
    return [CSVLogger(**cast(Any, place)), TensorBoardLogger(**cast(Any, place))]


class quiet:
    """Lightning's advice is not for those who call vcmpipe."""

    def __enter__(self) -> None:
        self._levels = {name: logging.getLogger(name).level for name in ("lightning.pytorch", "lightning.fabric")}
        for name in self._levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module=r"lightning\.|torch\.")

    def __exit__(self, *rest: Any) -> None:
        self._warnings.__exit__(*rest)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)


def _baseline(objects: ObjectSet) -> float | None:
    from vcmpipe.evaluation.threshold_errors import median_constant

    train, val = objects.labels("train"), objects.labels("val")
    return round(float(abs(val - median_constant(train)).mean()), 4) if len(val) else None


def _card(plan: Plan, objects: ObjectSet, report: TrainReport) -> dict[str, Any]:
    source = objects.samples.source
    libraries = {}
    for package in ("timm", "lightning"):
        libraries[package] = metadata.version(package)
    return {
        "model": plan.model,
        "backbone": plan.backbone,
        "size": plan.size,
        "detector": source.get("detector"),
        "detector_digest": source.get("detector_digest"),
        "data": {
            "name": objects.samples.name,
            "rule": objects.samples.rule,
            "objects": report.objects,
            "left_out": objects.left_out,
            "source": dict(source),
        },
        "training": dataclasses.asdict(plan) | {"epochs_run": report.epochs, "best_epoch": report.best_epoch},
        "metrics": report.metrics | {"constant_val_error": report.baseline},
        "versions": provenance.versions() | libraries,
        "commit": provenance.commit(),
    }
