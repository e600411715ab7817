"""Hides the libraries of the extras from every Python process that finds this file: as if they were not installed."""

import os
import sys
from importlib.machinery import PathFinder

HIDDEN = os.environ.get("VCMPIPE_TEST_HIDDEN", "").split()


class _Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):  # type: ignore[no-untyped-def]
        return None if name.partition(".")[0] in HIDDEN else PathFinder.find_spec(name, path, target)


sys.meta_path[:] = [_Hiding if finder is PathFinder else finder for finder in sys.meta_path]
