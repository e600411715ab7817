"""A hook of MkDocs: a public name that the reference lacks is a warning, which ends a strict build."""

from __future__ import annotations

import logging
import pkgutil
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import vcmpipe

if TYPE_CHECKING:
    from mkdocs.structure.pages import Page

PLACE = re.compile(r'id="(vcmpipe\.[\w.]+)"')
# What vcmpipe has of its packages is linked to there.
LINKED = re.compile(r"<code>(\w+)</code></autoref>")
# The command line is no Python interface, and the search is reached through Pipeline.
APART = {"vcmpipe.cli", "vcmpipe.coding.search"}
log = logging.getLogger("mkdocs.hooks.complete")
places: set[str] = set()
"""The names that have a place in the reference, as far as it is built."""


def public() -> list[tuple[str, str]]:
    """Every name that a package re-exports, as (package, name); of the bitstream's, not those of each codec."""
    every = ["vcmpipe", *(each.name for each in pkgutil.walk_packages(vcmpipe.__path__, "vcmpipe.") if each.ispkg)]
    own = [name for name in every if name not in APART and not name.startswith("vcmpipe.bitstream.")]
    return [(package, name) for package in own for name in getattr(import_module(package), "__all__", [])]


def on_page_content(html: str, page: Page, **_: Any) -> None:
    """Take down what a page of the reference has."""
    if page.file.src_uri.startswith("reference/"):
        places.update(PLACE.findall(html))
    if page.file.src_uri == "reference/index.md":
        places.update(f"vcmpipe.{name}" for name in LINKED.findall(html))


def on_post_build(**_: Any) -> None:
    """Name what is missing, most often for want of a docstring or of a page."""
    for package, name in public():
        home = getattr(getattr(import_module(package), name), "__module__", package)
        if not places & {f"{package}.{name}", f"{home}.{name}"}:
            log.warning("the reference lacks %s.%s: give it a docstring, or its package a page", package, name)
