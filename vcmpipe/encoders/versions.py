"""Versions of encoders that are known not to work, each with what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong with a program up to some version.

    Attributes:
        program: What states the version: a program, or a library in an FFmpeg.
        before: The first version without it.
        reason: What older ones do.
    """

    program: str
    before: str
    reason: str


FAULTS = (
    Fault("vvencapp", "1.9", "older ones do not know all switches that keep the QP constant"),
    Fault("kvazaar", "2.3.2", "older ones crash where they are given a map"),
    Fault("libkvazaar", "2.3", "older ones were never tried"),
    Fault(
        "uvg266",
        "0.8.1",
        "older ones read ROI files wrongly; so do builds before 2025-02-24 that call themselves 0.8.1, which only "
        "the doctor tells apart",
    ),
    Fault("vtm", "10.0", "older ones write drafts of VVC"),
)


def refusal(program: str, version: str) -> str | None:
    """Why a version is not taken, as what follows the program's file name; None where nothing is known against it."""
    for fault in FAULTS:
        if fault.program == program and not at_least(version, fault.before):
            return too_old(program, version, fault.before, fault.reason)
    return None


def too_old(program: str, version: str, minimum: str, reason: str) -> str:
    """The words of a refusal."""
    return f"is {program} {version}, {minimum} or later is needed" + (f": {reason}" if reason else "")


def at_least(version: str, minimum: str) -> bool:
    """Whether a version's leading numbers are those of ``minimum`` or more; what follows them is not looked at."""
    have, need = ([int(part) for part in re.findall(r"\d+", text.split("-")[0])] for text in (version, minimum))
    length = max(len(have), len(need))
    return have + [0] * (length - len(have)) >= need + [0] * (length - len(need))
