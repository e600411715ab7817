"""Methods compared over a set of pictures: what they keep and what they cost."""

from vcmpipe.bench.methods import Coded, SegmentBench, Sweep
from vcmpipe.bench.result import BenchResult, MethodResult, PointResult
from vcmpipe.bench.run import bench

__all__ = ["BenchResult", "Coded", "MethodResult", "PointResult", "SegmentBench", "Sweep", "bench"]
