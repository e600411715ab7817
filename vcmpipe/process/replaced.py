"""An object with some of its methods replaced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Replaced:
    """Something with a method replaced; whatever else it has is its own: a predictor may have been made for it."""

    def __init__(self, inner: object, **methods: Callable[..., Any]) -> None:
        vars(self).update(methods, _inner=inner)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_inner"], name)
