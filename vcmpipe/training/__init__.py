"""Training of threshold predictors, and what they are judged by."""

from vcmpipe.training.run import train

__all__ = ["train"]
