"""What a user may change about how programs are run: environment variables, for they hold for all commands alike."""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass

from vcmpipe.errors import InputError

MEMORY_VARIABLE = "VCMPIPE_MEMORY_LIMIT"
"""Address space that each program gets: bytes, or a number with K, M, G or T (powers of 1024). Linux only."""
RETRIES_VARIABLE = "VCMPIPE_RETRIES"
"""How often a program that a signal ended is started again, 0 to 10; an exit code is never tried again."""
TIMEOUT_VARIABLE = "VCMPIPE_TIMEOUT_FACTOR"
"""What every time limit is multiplied by: above 1 on a slow machine."""

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_LEAST_MEMORY = 1 << 26


@dataclass(frozen=True)
class Settings:
    """How programs are run.

    Attributes:
        memory_limit: Bytes of address space for each program, or None.
        retries: How often a program that a signal ended is started again.
        timeout_factor: What time limits are multiplied by.
    """

    memory_limit: int | None = None
    retries: int = 1
    timeout_factor: float = 1.0

    @classmethod
    def from_environment(cls) -> Settings:
        """The settings of this moment; InputError where a variable holds something else than its values."""
        return cls(_memory(), _retries(), _factor())


def _memory() -> int | None:
    text = os.environ.get(MEMORY_VARIABLE, "").strip()
    if not text:
        return None
    found = re.fullmatch(r"([0-9]{1,15})([KMGT]?)(?:i?B)?", text, re.IGNORECASE)
    limit = int(found[1]) * _UNITS[found[2].upper()] if found else 0
    if not _LEAST_MEMORY <= limit < 1 << 62:
        raise InputError(f"{MEMORY_VARIABLE}={text!r}: give bytes, or a number with M or G, of at least 64M")
    return limit


def _retries() -> int:
    text = os.environ.get(RETRIES_VARIABLE, "").strip() or "1"
    if not re.fullmatch(r"[0-9]|10", text):
        raise InputError(f"{RETRIES_VARIABLE}={text!r}: give a whole number from 0 to 10")
    return int(text)


def _factor() -> float:
    text = os.environ.get(TIMEOUT_VARIABLE, "").strip() or "1"
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0.001 <= factor <= 1000:
        raise InputError(f"{TIMEOUT_VARIABLE}={text!r}: give a number from 0.001 to 1000, such as 4")
    return factor
