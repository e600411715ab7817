"""A hook of MkDocs: what the documents link to outside docs/ is part of the website, too.

README.md is its first page, a notebook of examples/ a page with its cells, a folder a page with the list of its files;
other files are copied. Links are rewritten to match, so that those in the repository are those that GitHub shows.
"""

from __future__ import annotations

import json
import posixpath
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
FIRST = (ROOT / "README.md", ROOT / "examples" / "README.md")
FENCED = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)\s#]+)")


def place(path: Path) -> str:
    """Where a file or folder of the repository is in the website's sources."""
    name = path.relative_to(ROOT).as_posix()
    if path.is_relative_to(DOCS):
        return path.relative_to(DOCS).as_posix()
    if path == FIRST[0]:
        return "index.md"
    if path.is_relative_to(ROOT / "examples"):
        return str(Path(name).with_suffix(".md")) if path.suffix == ".ipynb" else name
    return f"files/{name}/index.md" if path.is_dir() else f"files/{name}"


def text_of(path: Path) -> str | None:
    """The Markdown of what becomes a page; None for any other file."""
    if path.is_dir():
        return f"# {path.name}\n\n" + "".join(f"- [{each.name}]({each.name})\n" for each in listed(path))
    if path.suffix == ".ipynb":
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(path.read_text())["cells"]]
        return "\n\n".join(text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in cells)
    return path.read_text() if path.suffix == ".md" else None


def listed(folder: Path) -> list[Path]:
    """The files of a folder that a page lists."""
    return sorted(each for each in folder.iterdir() if each.is_file() and each.suffix in (".yaml", ".toml", ".md"))


def linked(path: Path, text: str) -> list[Path]:
    """The files and folders of the repository that a page links to."""
    base = path if path.is_dir() else path.parent
    found = [(base / target).resolve() for part in FENCED.split(text)[::2] for target in LINK.findall(part)]
    return [each for each in found if each.exists() and each.is_relative_to(ROOT)]


def rewritten(path: Path, text: str) -> str:
    """A page's text with links for the website; one that leads nowhere stays, for MkDocs to name it."""
    base, here = path if path.is_dir() else path.parent, posixpath.dirname(place(path))

    def link(match: re.Match[str]) -> str:
        target = (base / match[1]).resolve()
        known = target.exists() and target.is_relative_to(ROOT)
        return posixpath.relpath(place(target), here or ".") if known else match[1]

    parts = FENCED.split(text)
    parts[::2] = [LINK.sub(link, part) for part in parts[::2]]
    return "".join(parts)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add README.md, the examples, and whatever a page links to."""
    from mkdocs.structure.files import File

    waiting = [*FIRST, *DOCS.rglob("*.md")]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        text = text_of(path)
        if not path.is_relative_to(DOCS):
            source = {"abs_src_path": str(path)} if text is None else {"content": rewritten(path, text)}
            files.append(File.generated(config, place(path), **source))
        new = {*linked(path, text)} - seen if text is not None else set()
        seen |= new
        waiting += new
    config.nav = expanded(config.nav, [file.src_uri for file in files.documentation_pages()])
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Rewrite the links of the pages of docs/."""
    path = DOCS / page.file.src_uri
    return rewritten(path, markdown) if path.is_file() else markdown


def expanded(nav: list[Any], pages: list[str]) -> list[Any]:
    """A navigation in which each list's lone pattern, such as ``{title: studies/*.md}``, is a list of pages."""
    made: list[Any] = []
    for item in nav:
        title, value = next(iter(item.items())) if isinstance(item, dict) else (None, item)
        if isinstance(value, list):
            made.append({title: expanded(value, pages)})
        elif "*" not in value:
            made.append(item)
        elif found := sorted((page for page in pages if fnmatch(page, value)), key=index_first):
            made.append({title: found})
    return made


def index_first(page: str) -> tuple[bool, str]:
    """The order of the pages of a folder."""
    return not page.endswith("/index.md"), page
