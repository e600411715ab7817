"""The parts of a training run that Lightning drives: the module, and what happens between batches."""

from __future__ import annotations

import math
from collections.abc import Sized
from pathlib import Path
from typing import Any, cast

import lightning.pytorch as pl
import torch
from torch import Tensor, nn

from vcmpipe.errors import VcmError
from vcmpipe.process import publish
from vcmpipe.process.progress import Progress, Warn
from vcmpipe.training.loading import EpochBatches, ResumableLoader
from vcmpipe.training.recipe import Material, Plan, Recipe


class Task(pl.LightningModule):
    """A network under training; ``workers`` are processes that load."""

    def __init__(self, network: nn.Module, plan: Plan, recipe: Recipe, material: Material, workers: int = 0) -> None:
        super().__init__()
        self.network, self.plan, self.recipe, self.material, self.workers = network, plan, recipe, material, workers

    def train_dataloader(self) -> ResumableLoader:
        """This process's share of the split train."""
        return self._loader("train")

    def val_dataloader(self) -> ResumableLoader:
        """Likewise of the split val."""
        return self._loader("val")

    def _loader(self, split: str) -> ResumableLoader:
        training = split == "train"
        items = self.material.items(self.material.split(split), training)
        batches = EpochBatches(
            len(cast(Sized, items)),
            self.plan.batch,
            seed=self.plan.seed,
            shuffle=training,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )
        return ResumableLoader(items, batches, self.workers)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        """Dropout and the like depend on seed and step alone, so that a run that goes on repeats nothing else."""
        torch.manual_seed(hash((self.plan.seed, self.global_step, self.global_rank)) & 0x7FFFFFFF)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        """The loss of a batch."""
        return self._step("train", batch)

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """The figures of a batch."""
        self._step("val", batch)

    def _step(self, stage: str, batch: Any) -> Tensor:
        loss, figures = self.recipe.loss(self.plan, self.network, batch)
        if not bool(torch.isfinite(loss)):
            raise VcmError(
                f"the training diverged: in epoch {self.current_epoch + 1} the loss is not finite. Use a smaller --lr, "
                "and another --out"
            )
        when: dict[str, Any] = {"on_step": True, "on_epoch": True} if stage == "train" else {"sync_dist": True}
        for name, value in {"loss": loss, **figures}.items():
            self.log(f"{stage}_{name}", value.detach(), batch_size=len(batch[-1]), **when)
        return loss

    def configure_optimizers(self) -> Any:
        """As the recipe has it."""
        trained = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        return self.recipe.optimiser(self.plan, trained)


class LastState(pl.Callback):
    """Keeps the newest state of a run, from which it goes on.

    Args:
        path: The checkpoint, replaced as a whole.
        every: Batches between two; there is one after each epoch, too.
    """

    def __init__(self, path: Path, every: int) -> None:
        self.path, self.every = path, every

    def on_train_batch_end(self, trainer: pl.Trainer, task: pl.LightningModule, *rest: Any) -> None:
        """Every so often, but not where the epoch's own follows at once."""
        done = trainer.fit_loop.epoch_loop.batch_progress.current.ready
        if done % self.every == 0 and done < trainer.num_training_batches:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: pl.Trainer, task: pl.LightningModule) -> None:
        """After validation, which Lightning runs before this."""
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        part = self.path.with_name(f".{self.path.name}.part")
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            part.replace(self.path)


class BestWeights(pl.Callback):
    """Keeps the network with the best validation, and stops when nothing gets better any more.

    Args:
        path: Where its state dict goes (.safetensors).
        monitors: Figures; the first decides which is the best, none of them better for ``patience`` epochs stops.
        patience: 0: never.
    """

    def __init__(self, path: Path, monitors: tuple[str, ...], patience: int) -> None:
        self.path, self.monitors, self.patience = path, monitors, patience
        self.best: dict[str, float] = {}
        self.figures: dict[str, float] = {}
        self.epoch = -1
        self.waited = 0

    def on_validation_end(self, trainer: pl.Trainer, task: Any) -> None:
        """Look at the figures of the epoch."""
        if trainer.sanity_checking:
            return
        now = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("val_")}
        better = [name for name in self.monitors if now[name] < self.best.get(name, math.inf)]
        self.best |= {name: now[name] for name in better}
        self.waited = 0 if better else self.waited + 1
        if self.monitors[0] in better:
            self.figures, self.epoch = now, trainer.current_epoch
            if trainer.is_global_zero:
                save_network(self.path, task.network)
        if self.patience and self.waited >= self.patience:
            trainer.should_stop = True

    def state_dict(self) -> dict[str, Any]:
        """Goes into checkpoints."""
        return {"best": self.best, "figures": self.figures, "epoch": self.epoch, "waited": self.waited}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Comes out of them."""
        self.best, self.figures = dict(state["best"]), dict(state["figures"])
        self.epoch, self.waited = int(state["epoch"]), int(state["waited"])


class ReportProgress(pl.Callback):
    """Reports batches and epochs as they are done."""

    def __init__(self, progress: Progress, say: Warn) -> None:
        self.progress, self.say = progress, say

    def on_train_batch_end(self, trainer: pl.Trainer, task: Any, *rest: Any) -> None:
        """A batch is done."""
        if trainer.is_global_zero:
            total = int(trainer.num_training_batches) * (trainer.max_epochs or 1)
            self.progress(trainer.global_step, total)

    def on_train_epoch_end(self, trainer: pl.Trainer, task: Any) -> None:
        """An epoch is done, its validation too."""
        names = ("train_loss_epoch", "val_loss", "val_error", "val_wrong")
        shown = [
            f"{name.removesuffix('_epoch').replace('_', ' ')} {float(trainer.callback_metrics[name]):.4f}"
            for name in names
            if name in trainer.callback_metrics
        ]
        if trainer.is_global_zero:
            self.say(f"epoch {trainer.current_epoch + 1} of {trainer.max_epochs}: {', '.join(shown)}")


def save_network(path: Path, network: nn.Module) -> None:
    """Write a network's state dict (.safetensors)."""
    from safetensors.torch import save

    with publish(path) as part:
        part.write_bytes(save({key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}))
