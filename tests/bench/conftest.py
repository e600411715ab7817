"""Fixtures of the bench's tests; what is made by hand is in ``bench_made``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Helpers lie beside the tests.
sys.path.insert(0, str(Path(__file__).parent))

from bench_made import make_result

from vcmpipe.bench import BenchResult


@pytest.fixture
def bench_result() -> Callable[..., BenchResult]:
    """A function that makes a bench of three methods, or of the points given."""
    return make_result
