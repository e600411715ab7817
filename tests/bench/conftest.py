"""What the bench's tests share lies beside them: ``bench_made``, ``headless``."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
