"""Listening sockets that let in so many connections at once and no more: of everybody together, and of each address.

What is over the limit is closed before anything is read of it, so that whoever holds thousands of sockets open costs
neither memory nor the sockets that calls and supervisors need. The event loop is handed an ordinary socket.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

log = logging.getLogger(__name__)

AT_ONCE = 100
"""Connections that are turned away before the event loop has its turn again."""
QUIET = 60.0
"""Seconds between two lines of the log about the same: a flood must not fill the disk."""
PAUSE = 1.0
"""Seconds that asyncio waits when the system has no more sockets."""
SPENT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
FILES = 65_536
"""Files and sockets that a process asks the system for, at most."""


class Connections:
    """Counts connections. Pure.

    Args:
      most: at once.
      most_each: of one address; of one network of 64 bits, where addresses are IPv6.
    """

    def __init__(self, most: int, most_each: int) -> None:
        self._most = most
        self._most_each = most_each
        self._each: Counter[str] = Counter()
        self._all = 0

    def enter(self, address: str) -> bool:
        """Count a connection, if there is room for it; tell whether there is."""
        peer = _peer(address)
        if self._all >= self._most or self._each[peer] >= self._most_each:
            return False
        self._all += 1
        self._each[peer] += 1
        return True

    def leave(self, address: str) -> None:
        """A connection that was counted has ended."""
        peer = _peer(address)
        self._all -= 1
        self._each[peer] -= 1
        if not self._each[peer]:
            del self._each[peer]


class Seldom:
    """Says something at most once in a while, with how often it happened.

    Args:
      say: is given the count, and what was noted last.
    """

    def __init__(self, say: Callable[[int, str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._say = say
        self._clock = clock
        self._count = 0
        self._next = clock()

    def note(self, what: str) -> None:
        """Note that it happened."""
        self._count += 1
        if self._clock() >= self._next:
            self._say(self._count, what)
            self._next, self._count = self._clock() + QUIET, 0


class ListeningSocket(socket.socket):
    """A listening socket that closes what is over the limit. Made by `listening` or `limited`."""

    _connections: Connections
    _refused: Seldom
    _failed: Seldom
    _spent_until = 0.0

    def accept(self) -> tuple[socket.socket, Any]:
        """Accept a connection for which there is room.

        Raises:
          BlockingIOError: none is there at present.
          OSError: the system has no more sockets; said once a pause.
        """
        if time.monotonic() < self._spent_until:
            raise BlockingIOError
        for _ in range(AT_ONCE):
            try:
                connection, address = super().accept()
            except OSError as error:
                if error.errno in SPENT:
                    self._spent_until = time.monotonic() + PAUSE / 2
                    self._failed.note(error.strerror or str(error))
                raise
            if self._connections.enter(address[0]):
                return _Counted(connection, partial(self._connections.leave, address[0])), address
            connection.close()
            self._refused.note(address[0])
        raise BlockingIOError


class _Counted(socket.socket):
    """An accepted connection, which tells once that it is closed."""

    def __init__(self, accepted: socket.socket, closed: Callable[[], None]) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, fileno=accepted.detach())
        self._told = closed

    def close(self) -> None:
        super().close()
        told, self._told = self._told, _nothing
        told()


def listening(host: str, port: int, most: int, most_each: int) -> ListeningSocket:
    """Listen; 0 picks a free port.

    Raises:
      OSError: the port can't be had.
    """
    sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError:
        sock.close()
        raise
    return limited(sock, most, most_each)


def limited(sock: socket.socket, most: int, most_each: int) -> ListeningSocket:
    """Limit a listening socket, which is of no more use itself."""
    port = sock.getsockname()[1]
    own = ListeningSocket(sock.family, sock.type, sock.proto, fileno=sock.detach())
    own.setblocking(False)
    own._connections = Connections(most, most_each)
    own._refused = Seldom(
        lambda count, peer: log.warning("port %d: %d connections refused, there are too many (%s)", port, count, peer)
    )
    own._failed = Seldom(lambda _, why: log.error("port %d: no more connections can be taken: %s", port, why))
    logger = logging.getLogger("asyncio")
    if _not_about_accepting not in logger.filters:
        # It would log a traceback for each; `_failed` says the same.
        logger.addFilter(_not_about_accepting)
    return own


def raise_file_limit() -> None:
    """Have as many files and sockets as the system allows, within reason: shells often set a low limit of their own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _not_about_accepting(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("socket.accept() out of system resource")


def _nothing() -> None:
    pass


def _peer(address: str) -> str:
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(known, ipaddress.IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return str(ipaddress.ip_network((known, 64), strict=False))
    return str(known)
