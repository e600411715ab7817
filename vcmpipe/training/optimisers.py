"""Optimisers and schedules, as the papers have them, in the form that Lightning asks for."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from vcmpipe.training.recipe import Plan

# The learning rate ends at this share of its start.
FINAL_RATE = 0.01
MOMENTUM = 0.9
# ResJND: a tenth of the learning rate every so many epochs.
STEP_EPOCHS = 100


def cosine(epoch: int, epochs: int) -> float:
    """The factor on the learning rate in an epoch: from 1 along a cosine towards ``FINAL_RATE``."""
    return (1 + math.cos(math.pi * epoch / epochs)) / 2 * (1 - FINAL_RATE) + FINAL_RATE


def sgd_cosine(plan: Plan, parameters: Iterable[nn.Parameter]) -> dict[str, Any]:
    """SGD with momentum, a cosine over the epochs: DT-JRD and BC-JRD."""
    optimiser = _sgd(plan, parameters)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda epoch: cosine(epoch, plan.epochs))
    return {"optimizer": optimiser, "lr_scheduler": schedule}


def sgd_steps(plan: Plan, parameters: Iterable[nn.Parameter]) -> dict[str, Any]:
    """SGD with momentum, a tenth of the rate every 100 epochs: ResJND."""
    optimiser = _sgd(plan, parameters)
    schedule = torch.optim.lr_scheduler.StepLR(optimiser, STEP_EPOCHS, gamma=0.1)
    return {"optimizer": optimiser, "lr_scheduler": schedule}


def adam(plan: Plan, parameters: Iterable[nn.Parameter]) -> dict[str, Any]:
    """Adam at one rate: LASeR-JND and MTJND."""
    # Keras' epsilon, with which the papers trained.
    return {"optimizer": torch.optim.Adam(parameters, lr=plan.lr, weight_decay=plan.weight_decay, eps=1e-7)}


def _sgd(plan: Plan, parameters: Iterable[nn.Parameter]) -> torch.optim.SGD:
    return torch.optim.SGD(parameters, lr=plan.lr, momentum=MOMENTUM, weight_decay=plan.weight_decay)
