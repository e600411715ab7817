"""What a report shows of paths: their ends, which tell files apart, and not where somebody's disk has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from vcmpipe.bench.demo import is_demo
from vcmpipe.bench.result import BenchResult

NOTE = "Of paths the last two parts are shown; result.json has them whole."
_PARTS = 2
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
# An absolute path behind what may stand before it: a predictor's or a detector's name. ``tcp://`` is none.
_NAMED = re.compile(r"((?:[\w-]+:)*)(/(?!/).*|[A-Za-z]:[\\/](?!/).*)")
# A path of more parts than are shown, in a sentence.
_WITHIN = re.compile(r"(?<![\w/.:])(?:[A-Za-z]:)?(?:[\\/][^\s\\/:;,'\"]+){3,}")


def with_short_paths(result: BenchResult) -> BenchResult:
    """The result as reports for readers show it: no absolute path in its options, its tools and its reasons.

    The built-in demo's scenes, which lie in the cache, become ``demo``.
    """
    options: dict[str, Any] = {name: _short_value(value) for name, value in result.configuration.items()}
    if is_demo(str(result.configuration.get("images"))):
        options |= {"images": "demo", "annotations": None}
    return replace(
        result,
        truth=None if result.truth is None else short_path(result.truth),
        configuration=options,
        provenance=_short_value(result.provenance),
        left_out=[replace(one, reason=_in_sentence(one.reason)) for one in result.left_out],
    )


def short_path(path: str) -> str:
    """The last two parts of an absolute path; a relative one as it is."""
    if _DRIVE.match(path):
        return "/".join(PureWindowsPath(path).parts[1:][-_PARTS:]) or path
    if not path.startswith("/"):
        return path
    return "/".join(part for part in PurePosixPath(path).parts[-_PARTS:] if part.strip("/")) or path


def _short_value(value: Any) -> Any:
    """A value with the paths in it shortened: alone, after ``name:``, or in a list with commas."""
    if isinstance(value, Mapping):
        return {name: _short_value(each) for name, each in value.items()}
    if not isinstance(value, str):
        return value
    found = [(part, _NAMED.fullmatch(part)) for part in value.split(",")]
    return ",".join(path[1] + short_path(path[2]) if path else part for part, path in found)


def _in_sentence(text: str) -> str:
    return _WITHIN.sub(lambda found: short_path(found[0]), text)
