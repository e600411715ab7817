import sys
from pathlib import Path

# Helpers lie beside the tests: benchmarks/faults.py, which writes the table, uses them, too.
sys.path.insert(0, str(Path(__file__).parent))
