"""Data sets: pictures at every QP with what was found in each, samples with labels, and the scenes of the demo."""

from vcmpipe.datasets.store import Store

__all__ = ["Store"]
