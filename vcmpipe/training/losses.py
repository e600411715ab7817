"""What the networks are trained to minimise."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from vcmpipe.errors import InputError
from vcmpipe.thresholds.base import QP_COUNT

# Spread of the soft labels in QP steps, as published.
SIGMA = 3.0


def soft_labels(labels: Tensor, sigma: float = SIGMA) -> Tensor:
    """Gaussian soft labels (GDSL): a QP near the label is nearly right (DT-JRD, arXiv 2411.09308).

    Args:
        labels: (B,) QPs, 0..63.
        sigma: Spread in QP steps, above 0.

    Returns:
        (B, 64) float32; each row a Gaussian about its label, cut at 0 and 63, and summing to 1.

    Raises:
        InputError: The spread is not above 0.
    """
    if not sigma > 0:
        raise InputError(f"the spread of soft labels must be above 0 QP steps, not {sigma}")
    qps = torch.arange(QP_COUNT, device=labels.device, dtype=torch.float32)
    # The Gaussian's factor cancels in the normalisation; softmax does that without underflow.
    return torch.softmax(-((qps - labels.float()[:, None]) ** 2) / (2 * sigma**2), dim=1)


def gdsl_loss(logits: Tensor, labels: Tensor, sigma: float = SIGMA) -> Tensor:
    """Cross-entropy of the soft labels, in nats, the mean over the batch.

    Args:
        logits: (B, 64).
        labels: (B,) QPs, 0..63.
        sigma: Spread of the soft labels in QP steps.
    """
    return -(soft_labels(labels, sigma) * functional.log_softmax(logits.float(), dim=1)).sum(dim=1).mean()
