"""Whether servers can be reached."""

from __future__ import annotations

import socket
import time

import pytest

from vcmpipe.process.network import unreachable


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:9/x", "127.0.0.1 cannot be reached: Connection refused"),
        ("https://no.such.host.invalid/x", "no.such.host.invalid cannot be reached: "),
        ("https://127.0.0.1:99999999/", "127.0.0.1 cannot be reached: "),
        ("nonsense", "None cannot be reached: "),
    ],
)
def test_what_cannot_be_reached_says_why(url: str, why: str) -> None:
    started = time.monotonic()
    try:
        found = unreachable(url, 2)
    except ValueError:  # a port that is none is the address's own fault
        assert "99999999" in url
        return
    assert found is not None and found.startswith(why) and time.monotonic() - started < 10


def test_a_server_and_the_proxy_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        assert unreachable(f"http://{address}/x") is None
        for proxy in (f"http://{address}", address):
            monkeypatch.setenv("https_proxy", proxy)
            assert unreachable("https://no.such.host.invalid/x") is None
        monkeypatch.setenv("no_proxy", "no.such.host.invalid")
        assert unreachable("https://no.such.host.invalid/x") is not None
        monkeypatch.delenv("no_proxy")
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
        assert "127.0.0.1 cannot be reached" in (unreachable(f"https://{address}/x") or "")
