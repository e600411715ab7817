"""What classes are called: the names that a user's file gives, COCO's own, and COCO's own numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vcmpipe.detection.coco_names import COCO_80
from vcmpipe.errors import InputError
from vcmpipe.process.reading import LARGEST_CARD, read_json, read_text
from vcmpipe.process.text import one_line

Names = Mapping[int, str] | list[str] | None
"""Names that a user gives: by number, or in their order; None: none."""
COCO_CLASSES: Mapping[int, str] = dict(enumerate(COCO_80))
# Of COCO's numbers 1 to 90 those that name no class.
_UNUSED = frozenset({12, 26, 29, 30, 45, 66, 68, 69, 71, 83})
COCO_NUMBERS = tuple(number for number in range(1, 91) if number not in _UNUSED)
"""COCO's own category numbers, in the order of ``COCO_80``."""
_MOST = 100_000


def read_classes(path: Path) -> dict[int, str] | list[str]:
    """The names in a file: a list of them, or names by number.

    Read are a text with a name a line; JSON: a list, an object such as ``{"1": "cat"}``, or COCO's annotations with
    their ``categories``; and YAML with ``names``, the ``data.yaml`` of a YOLO data set.

    Raises:
        InputError: It is none of these, has no names, or one twice.
    """
    ending = path.suffix.lower()
    if ending == ".json":
        content = read_json(path, LARGEST_CARD, "--classes")
    elif ending in (".yaml", ".yml"):
        content = _yaml(path)
    else:
        content = [line.strip() for line in read_text(path, LARGEST_CARD, "--classes").splitlines()]
        while content and not content[-1]:
            content.pop()
    try:
        names = _names(content)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"--classes {one_line(str(path))} names no classes ({error}): give a name a line") from error
    listed = names if isinstance(names, list) else list(names.values())
    if len(set(listed)) < len(listed):
        twice = next(name for name in listed if listed.count(name) > 1)
        raise InputError(f"--classes {one_line(str(path))} has the class {one_line(twice)!r} twice")
    return names


def _yaml(path: Path) -> Any:
    import yaml

    try:
        content = yaml.safe_load(read_text(path, LARGEST_CARD, "--classes"))
    except (yaml.YAMLError, RecursionError) as error:
        shown = " ".join(str(error).split())[:200]
        raise InputError(f"--classes {one_line(str(path))} is not YAML: {shown}") from error
    return content.get("names") if isinstance(content, dict) else content


def _names(content: Any) -> dict[int, str] | list[str]:
    if isinstance(content, dict) and isinstance(content.get("categories"), list):
        content = {category["id"]: category["name"] for category in content["categories"]}
    if not isinstance(content, (dict, list)) or not 0 < len(content) <= _MOST:
        raise ValueError("it is empty" if content in (None, {}, []) else "it is no list of names")
    values = content if isinstance(content, list) else list(content.values())
    if not all(isinstance(name, str) and name for name in values):
        raise ValueError("a name is missing")
    return content if isinstance(content, list) else {int(number): name for number, name in content.items()}


class ClassNumbers:
    """From the numbers that a format gives classes to ours, which count from 0.

    Args:
        names: What ``read_classes`` gives; None: COCO's.
        first: The number that the format gives the first class of a list.
        coco: The numbers that stand for COCO's classes where no names are given, in their order.

    Attributes:
        classes: Names by our number.
        numbers: Our number by the format's.
    """

    def __init__(self, names: Names, *, first: int = 0, coco: tuple[int, ...] | None = None) -> None:
        self._given = names is not None
        self.classes: dict[int, str] = {}
        self.numbers: dict[int, int] = {}
        if names is None:
            theirs, listed = list(coco or range(len(COCO_80))), list(COCO_80)
        elif isinstance(names, list):
            theirs, listed = list(range(first, first + len(names))), names
        else:
            theirs, listed = list(names), list(names.values())
            # Names by number may count from 0 where the format counts from 1.
            first = min([first, *theirs])
        for place, (number, name) in enumerate(zip(theirs, listed, strict=True)):
            own = number - first if isinstance(names, dict) else place
            self.numbers[number] = own
            self.classes[own] = name

    def own(self, number: int) -> int:
        """Our number of a class; ValueError where the format's is none that has a name."""
        try:
            return self.numbers[number]
        except KeyError:
            known = f"{min(self.numbers)} to {max(self.numbers)}" if self.numbers else "none"
            way = f"named are {known}" if self._given else f"COCO's are {known}: name yours by --classes FILE"
            raise ValueError(f"class {number} has no name; {way}") from None


def coco_number(classes: Mapping[int, str]) -> dict[int, int] | None:
    """COCO's own numbers by ``class_id``, where every class is one of COCO's; None where one is not."""
    numbers = dict(zip(COCO_80, COCO_NUMBERS, strict=True))
    found = {number: numbers[name] for number, name in classes.items() if name in numbers}
    return found if classes and len(found) == len(classes) else None
