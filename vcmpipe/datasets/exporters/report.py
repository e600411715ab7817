"""What an export did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ExportReport:
    """What was written.

    Attributes:
        out: The folder or file.
        layout: Its layout.
        objects: Objects with a label.
        pictures: Pictures that they are in.
        left_out: Objects that were not written because they are never recognised.
        splits: Objects by split.
        rule: The rule of the labels, None where they came without strings.
        crops: Files of crops, originals and coded versions.
    """

    out: str
    layout: str
    objects: int
    pictures: int
    left_out: int
    splits: dict[str, int]
    rule: str | None
    crops: int = 0
