"""Data sets: pictures at every QP with what was found in each, samples with labels, and the scenes of the demo."""

from vcmpipe.datasets.drawn_video import write_drawn_video
from vcmpipe.datasets.scenes import CLASSES, Scene, render_scene, write_demo_dataset
from vcmpipe.datasets.store import Store

__all__ = ["CLASSES", "Scene", "Store", "render_scene", "write_demo_dataset", "write_drawn_video"]
