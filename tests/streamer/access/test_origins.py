"""Origins and hosts, as browsers write them and as nobody should."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.access.loopback import is_loopback
from streamer.access.origins import Origin, authority, origin


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("http://127.0.0.1:8080", Origin("http", "127.0.0.1", 8080)),
        ("https://Console.Example", Origin("https", "console.example", 443)),
        ("http://console.example", Origin("http", "console.example", 80)),
        ("http://[::1]:8080", Origin("http", "::1", 8080)),
        ("null", None),
        ("", None),
        ("file://", None),
        ("https://", None),
        ("https://a.example/path", None),
        ("https://a.example?q", None),
        ("https://me@a.example", None),
        ("https://a.example:port", None),
        ("https://a.example:99999", None),
        ("https://[::1", None),
        ("https://a.example b", None),
        ("javascript://a.example", None),
    ],
)
def test_an_origin_is_read_whole_or_not_at_all(written: str, read: Origin | None) -> None:
    assert origin(written) == read


@given(st.text(max_size=40))
def test_any_text_is_an_origin_or_none(written: str) -> None:
    found = origin(f"https://{written}")
    assert found is None or (found.host and "/" not in found.host and 0 <= found.port <= 65535)


@given(st.ip_addresses(), st.integers(0, 65535))
def test_every_address_with_its_port_is_a_host(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    written = f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
    assert authority(written, 80) == (str(address), port)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("0.0.0.0", False),
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example", False),
        ("evil.example", False),
    ],
)
def test_only_this_machines_own_names_are_loopback(host: str, own: bool) -> None:
    assert is_loopback(host) is own
