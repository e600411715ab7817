"""Finds tasks by name: the built-in ones, and those that other packages install as entry points."""

from __future__ import annotations

from typing import Protocol, cast

from vcmpipe.evaluation import MatchRule
from vcmpipe.plugins import TASKS
from vcmpipe.tasks.base import Task


class TaskFactory(Protocol):
    """What a name stands for, built in or behind an entry point of the group ``vcmpipe.tasks``."""

    def __call__(self, argument: str, *, rule: MatchRule, classes: frozenset[int] | None = None) -> Task:
        """Makes the task.

        Args:
            argument: What the user wrote after ``NAME:``; empty where nothing stands there.
            rule: The limits of scores and overlaps that the user requested.
            classes: Ids of the detector's classes that count; None: all do.
        """
        ...


def load_task(spec: str, *, rule: MatchRule, classes: frozenset[int] | None = None) -> Task:
    """Make the task that a name stands for.

    Args:
        spec: ``NAME`` or ``NAME:ARGUMENT``.
        rule: The limits of scores and overlaps.
        classes: Ids of the detector's classes that count; None: all do.

    Raises:
        InputError: The name is unknown, its argument wrong, or a plugin cannot be loaded.
    """
    name, _, argument = spec.partition(":")
    factory = cast(TaskFactory, TASKS.load(name, option="--task"))
    return factory(argument, rule=rule, classes=classes)
