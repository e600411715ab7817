"""The errors that vcmpipe raises on purpose.

Every message is one line that says what is wrong, with what, and what to do next. The command line prints it without a
traceback and exits with the class's ``exit_code``.
"""

from __future__ import annotations


class VcmError(Exception):
    """Base of every error that vcmpipe raises on purpose; exit code 1."""

    exit_code = 1


class InputError(VcmError):
    """The user's input or usage is wrong: a file, an option, a name, a configuration; exit code 2."""

    exit_code = 2


class BitstreamError(InputError):
    """A bitstream is damaged, is no VVC, or uses syntax that vcmpipe refuses; exit code 2."""


class ProcessError(VcmError):
    """An external program failed, hung, or produced something other than what was requested; exit code 1.

    Attributes:
        returncode: What the program exited with (a signal's number, negative), where that is what was wrong.
    """

    def __init__(self, message: str, returncode: int | None = None) -> None:
        super().__init__(message)
        self.returncode = returncode


class OutputError(VcmError):
    """A result could not be written (permissions, a full disk); exit code 1."""
