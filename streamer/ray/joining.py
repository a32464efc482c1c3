"""Joining a cluster from outside it, or from one of its nodes."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from streamer.errors import ClusterError, RayMissing

KNOCK = 5.0
"""Seconds in which somebody must answer at an address."""
ATTEMPTS = 3
"""Ray Client forks a process for each that joins, beside threads of gRPC; now and then that process dies at birth."""


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Be a driver of a cluster while the context lasts.

    Args:
      address: `ray://HOST:10001` from anywhere (Ray Client), `HOST:6379` or `auto` on one of its nodes.

    Raises:
      RayMissing: Ray isn't installed.
      ClusterError: the cluster can't be reached, or has other versions of Ray or Python.
    """
    try:
        import ray  # noqa: PLC0415 - an extra
    except ImportError:
        raise RayMissing() from None
    _knock(address)
    for left in reversed(range(ATTEMPTS)):
        try:
            ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
            break
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            if left and isinstance(error, ConnectionAbortedError):
                continue
            raise ClusterError(address, f"can't be joined: {_line(error)}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """See that somebody listens there: Ray itself would try for half a minute."""
    parts = urlsplit(address if "://" in address else f"//{address}")
    try:
        if parts.hostname and parts.port:
            socket.create_connection((parts.hostname, parts.port), KNOCK).close()
    except (OSError, ValueError) as error:
        raise ClusterError(address, f"can't be joined: {getattr(error, 'strerror', None) or error}") from None


def _line(error: BaseException) -> str:
    """Give the first line of what went wrong, and the last where that announces it: Ray goes on at length between."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return f"{lines[0]} {lines[-1]}" if lines[0].endswith(":") else lines[0]
