"""One call's messages on their way to one of its sockets: in order, a block before all that waits, each sent once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from streamer.types import Block, Order, Outgoing, Started, Unblock

log = logging.getLogger(__name__)

FIRST = Started | Block | Unblock | Order
"""What goes before all else that waits: the answer to the call's start, and signals."""
MOST = 1000
"""Other messages that wait for a socket at most; over that, the oldest is dropped."""


class Recipient(Protocol):
    """A socket, as far as messages go."""

    async def tell(self, event: Outgoing) -> bool | None:
        """Say something to the platform: whether it took it; None where it has no word for that."""
        ...


@dataclass(frozen=True, slots=True)
class Delivery:
    """What came of a message.

    Attributes:
      taken: whether the platform took it; None where it has no word for it.
      at: second of the performance counter at which that was known.
    """

    taken: bool | None
    at: float


class SendQueue:
    """Sends what is put into it, from a task of its own: whoever puts waits for nobody, nor does another socket.

    A platform that reads too slowly loses the oldest of what waits; one that reads nothing is cut off by its socket,
    and loses all.

    Args:
      socket: which gives up by itself on a platform that reads nothing.
      dropped: called for each message that the platform did not take.
    """

    def __init__(self, socket: Recipient, dropped: Callable[[], None]) -> None:
        self._socket = socket
        self._dropped = dropped
        self._first: deque[tuple[Outgoing, asyncio.Future[Delivery]]] = deque()
        self._rest: deque[tuple[Outgoing, asyncio.Future[Delivery]]] = deque()
        self._sender: asyncio.Task[None] | None = None
        self._closed = False

    def put(self, event: Outgoing) -> asyncio.Future[Delivery]:
        """Have a message sent; gives what is to come of it. Once the queue is closed, nothing is sent any more."""
        delivery: asyncio.Future[Delivery] = asyncio.get_running_loop().create_future()
        if self._closed:
            self._drop(delivery)
            return delivery
        (self._first if isinstance(event, FIRST) else self._rest).append((event, delivery))
        if len(self._rest) > MOST:
            self._drop(self._rest.popleft()[1])
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())
        return delivery

    async def close(self, patience: float) -> None:
        """Send what waits, in `patience` seconds at most, and nothing after that.

        Returns when the last message is sent or dropped: whatever else is said on the socket then comes after it.
        """
        self._closed = True
        if self._sender is not None:
            await asyncio.wait([self._sender], timeout=patience)
            # It may be within a message: all others are dropped first, so that it ends with this one.
            while self._first or self._rest:
                self._drop((self._first or self._rest).popleft()[1])
            if self._sender is not None:
                self._sender.cancel()
                await asyncio.wait([self._sender])

    async def _send(self) -> None:
        try:
            while self._first or self._rest:
                event, delivery = (self._first or self._rest).popleft()
                taken: bool | None = False
                try:
                    taken = await self._socket.tell(event)
                except Exception:
                    log.exception("a message could not be sent")
                finally:
                    if taken is False:
                        self._dropped()
                    delivery.set_result(Delivery(taken, time.perf_counter()))
        finally:
            self._sender = None

    def _drop(self, delivery: asyncio.Future[Delivery]) -> None:
        self._dropped()
        delivery.set_result(Delivery(False, time.perf_counter()))
