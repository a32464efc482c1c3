"""Where a webhook may be sent: into the open internet, and nowhere near this machine unless that is allowed.

Whoever can set an endpoint, or its name's address, must not reach through Huazha what only Huazha can reach.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable


class AddressRefused(Exception):
    """An endpoint is at an address that nothing is sent to.

    Attributes:
      address: the first such.
    """

    def __init__(self, address: str) -> None:
        super().__init__(f"its address, {address}, is not of the open internet; allow_private allows it")
        self.address = address


def resolve(host: str, port: int) -> list[str]:
    """Ask the system for a host's addresses, the best first.

    Raises:
      OSError, ValueError: it has none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def checked(addresses: Iterable[str], *, allow_private: bool) -> list[str]:
    """Let a host's addresses through, all of them or none: one that is forbidden makes the others suspicious.

    Raises:
      AddressRefused: one of them may not be sent to.
      ValueError: one of them is no address.
    """
    through = list(addresses)
    for address in through:
        if not allow_private and not is_public(address):
            raise AddressRefused(address)
    return through


def is_public(address: str) -> bool:
    """Say whether an address is one of the open internet.

    Raises:
      ValueError: it is no address.
    """
    one = ipaddress.ip_address(address)
    inner = False
    if isinstance(one, ipaddress.IPv6Address):
        # Those that hold an IPv4 address lead to it, whatever they look like.
        inner = one.is_site_local or any((one.ipv4_mapped, one.sixtofour, one.teredo, one.scope_id))
    return one.is_global and not (inner or one.is_multicast or one.is_reserved or one.is_unspecified)
