"""Reading JSON and numbers that others wrote: whatever is wrong with them becomes one line that names the place."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vcmpipe.errors import InputError
from vcmpipe.frames.pictures import looks_like_picture
from vcmpipe.process import one_line
from vcmpipe.process.reading import LARGEST_ANNOTATIONS, parse_json, read_file


def read_json(path: Path) -> Any:
    """A JSON file's value.

    Raises:
        InputError: It is not there, no JSON, or an object in it has a key twice.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
            raise InputError(f"{path}: {shown(twice)} occurs twice: names must be unique")
        return found

    try:
        return parse_json(read_file(path, LARGEST_ANNOTATIONS), once)
    except ValueError as error:
        raise InputError(f"{path} is damaged, truncated, or not JSON: {error}") from error


def read_object(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object.

    Raises:
        InputError: As ``read_json``, or it holds something else.
    """
    value = read_json(path)
    if not isinstance(value, dict):
        raise InputError(f"{path} must hold an object {{...}}, not {kind(value)}")
    return value


def read_names(path: Path) -> list[str]:
    """A list of names, written ``{"names": [...]}``.

    Raises:
        InputError: As ``read_object``, there is no such key, or a name is no text or there twice.
    """
    value = read_object(path)
    if "names" not in value:
        raise InputError(f'{path} has no key "names": it should hold {{"names": ["00020_1", ...]}}')
    names = value["names"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise InputError(f'{path}: "names" must be a list of names')
    refuse_twice(names, path)
    return names


def refuse_twice(names: Iterable[str], where: Path) -> None:
    """Refuse names that stand in a list twice.

    Raises:
        InputError: One does.
    """
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise InputError(f"{where}: {shown(twice[0])} occurs twice{and_more(len(twice) - 1)}: names must be unique")


def whole(value: Any, low: int, high: int, what: str) -> int:
    """A whole number in a range.

    Raises:
        InputError: It is another kind of value, or outside; the message begins with ``what``.
    """
    number = finite(value, what)
    if number != math.floor(number) or not low <= number <= high:
        raise InputError(f"{what} is {shown(value)}: it must be a whole number from {low} to {high}")
    return int(number)


def finite(value: Any, what: str) -> float:
    """A finite number.

    Raises:
        InputError: It is none; the message begins with ``what``.
    """
    try:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        number = float(value)
        if not math.isfinite(number):
            raise ValueError
    except (ValueError, OverflowError) as error:
        raise InputError(f"{what} is {shown(value)}: it must be a number") from error
    return number


def whole_numbers(text: Any, low: int, high: int, what: str, one: str) -> list[int]:
    """A JSON list of whole numbers in a range, out of a cell of a table; not empty.

    Raises:
        InputError: It is something else; the message begins with ``what``, or with ``one`` for one of the numbers.
    """
    try:
        values = parse_json(text)
    except (ValueError, TypeError):
        values = None
    if not isinstance(values, list) or not values:
        raise InputError(f"{what} should be a list such as [33, 35], not {shown(text)}")
    return [whole(value, low, high, one) for value in values]


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder, sorted by name as ``sort`` in the C locale does; hidden files are left out."""
    return sorted(
        path
        for path in folder.iterdir()
        if not path.name.startswith(".") and path.is_file() and looks_like_picture(path)
    )


def pictures_by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder by their names without ending, sorted.

    Raises:
        InputError: Two have one name.
    """
    found: dict[str, Path] = {}
    for path in pictures_in(folder):
        other = found.setdefault(path.stem, path)
        if other != path:
            raise InputError(f"{folder}: {other.name} and {path.name} have one name")
    return found


def shown(value: Any) -> str:
    """A value in a message: short, and on one line."""
    text = one_line(value if isinstance(value, str) else str(value)[:200])
    text = text if len(text) <= 60 else f"{text[:57]}..."
    return f"'{text}'" if isinstance(value, str) else text


def kind(value: Any) -> str:
    """What JSON calls a value's type."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def and_more(count: int) -> str:
    """How many others have the same fault."""
    return f" (and {count:,} more)" if count > 0 else ""
