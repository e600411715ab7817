"""Libraries that the core does without, and the extras of vcmpipe that bring them: the one place that says so."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from vcmpipe.errors import InputError

_DATASETS = ("pandas", "pyarrow", "openpyxl", "joblib")
EXTRAS: Mapping[str, tuple[str, ...]] = {
    "datasets": _DATASETS,
    "train": ("torch", "timm", "lightning", "tensorboard", "h5py", *_DATASETS),
    "torchvision": ("torchvision",),
    "ultralytics": ("ultralytics",),
    "cluster": ("distributed", "dask"),
}
"""What is imported of each extra (``setup.cfg``); a library that several bring is of the first."""
_TERMS = {"ultralytics": " (AGPL-3.0: see Licences in README.md)"}


def absent(extra: str) -> list[str]:
    """The libraries of an extra that are not installed; nothing is imported to find out."""
    return [library for library in EXTRAS[extra] if importlib.util.find_spec(library) is None]


def need(what: str, extra: str) -> None:
    """Make sure that the libraries of an extra are here, before any work is done.

    Args:
        what: What the user asked for, as messages call it.
        extra: One of ``EXTRAS``.

    Raises:
        InputError: One is not installed; the message names it and how to install it.
    """
    if missing := absent(extra):
        raise _error(what, missing[0], extra)


def explained(error: BaseException, what: str) -> InputError | None:
    """What to tell a user whom a library of an extra fails; None where the error is another one.

    Args:
        error: As it was raised by an ``import``.
        what: What the user asked for, as messages call it.
    """
    library = (error.name or "").partition(".")[0] if isinstance(error, ModuleNotFoundError) else ""
    extra = next((extra for extra, libraries in EXTRAS.items() if library in libraries), None)
    return _error(what, library, extra) if extra and importlib.util.find_spec(library) is None else None


def how_to_install(extra: str) -> str:
    """The command that installs an extra, and under which terms where those are others than vcmpipe's own."""
    return f"pip install 'vcmpipe[{extra}]'{_TERMS.get(extra, '')}"


def _error(what: str, library: str, extra: str) -> InputError:
    return InputError(f"{what} needs {library}, which is not installed: {how_to_install(extra)}")
