"""Joining a cluster from outside it, or from one of its nodes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from streamer.errors import ClusterError, RayMissing

log = logging.getLogger(__name__)


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
    try:
        ray.init(address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        raise ClusterError(address, f"can't be joined: {_line(error)}") from None
    try:
        yield
    finally:
        ray.shutdown()


def _line(error: BaseException) -> str:
    """Give the first line of what went wrong: Ray's own explanations go on for paragraphs."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
