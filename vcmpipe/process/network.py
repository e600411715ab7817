"""Whether a server can be reached at all: known in seconds, where libraries would try again for minutes."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

_PORTS = {"http": 80, "https": 443}


def unreachable(url: str, seconds: float = 5.0) -> str | None:
    """Why the server of an address, or the proxy before it, cannot be reached; None where it can.

    Args:
        url: An address, ``http`` or ``https``.
        seconds: The longest to wait for a connection.
    """
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.netloc):
        parts = urlsplit(proxy if "//" in proxy else f"http://{proxy}")
    try:
        with socket.create_connection((parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80)), seconds):
            return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return f"{parts.hostname} cannot be reached: {reason}"
