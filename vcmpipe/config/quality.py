"""``--quality``: a word for some options of ``encode``, of which each may still be given otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vcmpipe.config.base import Options, flag_of, option
from vcmpipe.errors import InputError

Quality = Literal["low", "medium", "high", "lossless-for-the-detector"]

QUALITIES: Mapping[Quality, Mapping[str, Any]] = {
    "low": {"loop": "closed", "objective": "accuracy", "target": "accuracy=0.75"},
    "medium": {},
    "high": {"loop": "closed", "objective": "accuracy", "target": "accuracy=0.9"},
    "lossless-for-the-detector": {"verify": True},
}
"""What each stands for; ``medium`` for the defaults."""

# What a preset sets gives way to options that are given and say the same thing otherwise.
_GIVES_WAY: Mapping[str, tuple[str, ...]] = {
    "target": ("qp", "margin", "lambda_", "verify"),
    "verify": ("qp", "target"),
    "loop": ("qp",),
    "objective": ("qp",),
}
_HEEDED = frozenset(_GIVES_WAY) | {name for names in _GIVES_WAY.values() for name in names}


@dataclass(frozen=True, kw_only=True)
class QualityOptions(Options):
    """How much may be lost, in a word."""

    quality: Literal["low", "medium", "high", "lossless-for-the-detector"] | None = option(
        None,
        help="a preset for --target, --loop, --objective and --verify: low (an AP of 0.75 against the source), "
        "medium (the defaults: 95 % of the objects are expected to be kept), high (an AP of 0.9) or "
        "lossless-for-the-detector (every object); an option that is given as well wins",
    )

    def __post_init__(self) -> None:
        """Replace a preset by what it stands for, in fields that have their defaults."""
        if self.quality is not None:
            if self.quality not in QUALITIES:
                raise InputError(f"--quality {self.quality}: give {', '.join(QUALITIES)}")
            changed = {name for name in _HEEDED if getattr(self, name) != getattr(type(self), name)}
            for name, value in preset_of(self.quality, changed).items():
                object.__setattr__(self, name, value)
            object.__setattr__(self, "quality", None)
        super().__post_init__()


def preset_of(quality: Quality, given: set[str]) -> dict[str, Any]:
    """What a preset sets beside options that are given, by the names of their fields."""
    return {
        name: value
        for name, value in QUALITIES[quality].items()
        if name not in given and not given & set(_GIVES_WAY[name])
    }


def written_out(values: Mapping[str, Any]) -> dict[str, Any]:
    """Options with what ``quality`` among them stands for in its place; those that are given win, defaults too."""
    quality = values.get("quality")
    if quality is None:
        return dict(values)
    given = {name for name, value in values.items() if value is not None}
    return preset_of(quality, given) | dict(values) | {"quality": None}


def describe(quality: Quality) -> str:
    """The options that a preset stands for: ``--loop closed --target accuracy=0.9``."""
    options = [
        flag_of(name) if value is True else f"{flag_of(name)} {value}" for name, value in QUALITIES[quality].items()
    ]
    return " ".join(options) or "the defaults"
