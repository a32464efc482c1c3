"""Where the pages come from that browsers run: RFC 6454. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

PORTS = {"http": 80, "https": 443}
"""What stands for a port that is not written."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, and a host with its port."""

    scheme: str
    host: str
    port: int


def origin(written: str) -> Origin | None:
    """Read an `Origin` header, or the address of a site; None when it is neither."""
    scheme, separator, rest = written.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        return None
    place = authority(rest, PORTS[scheme])
    return None if place is None else Origin(scheme, *place)


def authority(written: str, port: int) -> tuple[str, int] | None:
    """Read a `Host` header; None when it is none.

    Args:
      port: where none is written.

    Returns:
      the host in lower case, without the brackets of an IPv6 address, and the port.
    """
    if not written.isprintable() or set(written) & set("/?#@\\ "):
        return None
    try:
        parts = urlsplit(f"//{written}")
        number = parts.port
    except ValueError:
        return None
    return (parts.hostname, port if number is None else number) if parts.hostname else None
