"""The headers of all pictures of a source, read before anything is done with them."""

from __future__ import annotations

from vcmpipe.errors import InputError
from vcmpipe.frames.pictures import picture_size
from vcmpipe.frames.sources import FrameSource, PictureSource
from vcmpipe.process.text import count


def check_headers(source: FrameSource) -> None:
    """Read the headers of all pictures, which is better done before hours of encoding.

    Raises:
        InputError: One cannot be read, or has a size that is refused.
    """
    first, more = None, 0
    for path in source.paths if isinstance(source, PictureSource) else ():
        try:
            picture_size(path)
        except InputError as error:
            first, more = first or error, more + (first is not None)
    if first is not None:
        others = f" (and {count(more, 'more picture')} that cannot be read)" if more else ""
        raise InputError(f"{first}{others}") from first
