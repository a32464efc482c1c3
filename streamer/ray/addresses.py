"""Where a cluster is, as settings and the command line have it: `ray://HOST:PORT/APPLICATION`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

SCHEME = "ray://"
LOCAL = "local"
"""The recogniser in the gateway's own process."""
APPLICATION = "huazha"
SERVE_PORT = 8000
"""Where Ray Serve takes HTTP requests, unless it was told another."""
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::([0-9]{1,5}))?")
_APPLICATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Ingress:
    """Where an application takes requests.

    Attributes:
      hosts: `HOST:PORT` of each node that takes them; any will do.
      application: its name on the cluster, which is also its path.
    """

    hosts: tuple[str, ...]
    application: str

    @property
    def urls(self) -> tuple[str, ...]:
        """One for each host."""
        return tuple(f"http://{host}/{self.application}" for host in self.hosts)


def ingress(written: str) -> Ingress:
    """Read `ray://HOST[:PORT][,HOST[:PORT]...][/APPLICATION]`.

    Raises:
      ValueError: it is none; says what one looks like.
    """
    hosts, _, application = written.removeprefix(SCHEME).partition("/")
    application = application.rstrip("/") or APPLICATION
    found = [_HOST.fullmatch(host) for host in hosts.split(",")]
    ports = [int(one[2] or SERVE_PORT) for one in found if one]
    known = all(found) and all(0 < port < 65536 for port in ports)
    if not written.startswith(SCHEME) or not known or not _APPLICATION.fullmatch(application):
        raise ValueError(f"must be {LOCAL}, or an address as ray://HOST:{SERVE_PORT}/{APPLICATION}")
    return Ingress(tuple(f"{one[1]}:{port}" for one, port in zip(found, ports, strict=True) if one), application)


def checked(written: str) -> str:
    """Let pass what names a recogniser.

    Raises:
      ValueError: it names none.
    """
    if written != LOCAL:
        ingress(written)
    return written
