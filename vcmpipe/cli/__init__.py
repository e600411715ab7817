"""The command ``vcmpipe``."""

from vcmpipe.cli.main import main

__all__ = ["main"]
