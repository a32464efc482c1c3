"""What is measured: something that is given sound and shows text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from benchmarks.peers.clips import Clip, in_time


@dataclass(frozen=True, slots=True)
class Shown:
    """What a peer shows from now on.

    Attributes:
      at: seconds since the stream's first sample.
      text: all of it, tentative or not, that stands there.
      blocked: whether the signal to block the clip's term came now.
    """

    at: float
    text: str
    blocked: bool = False


class PeerFailed(Exception):
    """A peer could not be installed or started, or broke off; with the last that it said."""

    def __init__(self, name: str, reason: str, last: str = "") -> None:
        self.name, self.reason, self.last = name, reason, last
        super().__init__("\n".join(filter(None, [f"{name} {reason}", last])))


class Peer(Protocol):
    """A streaming recogniser: started for a number of streams, given clips, stopped.

    Attributes:
      name: what it is called on the command line and in the table.
      packages: whose versions tell which of it was measured.
      settings: what was set, for the record.
    """

    name: str
    packages: tuple[str, ...]
    settings: dict[str, object]

    async def install(self, folder: Path) -> None:
        """Make its virtual environment, unless it is there.

        Raises:
          PeerFailed: it can't be made.
        """

    async def start(self, streams: int) -> None:
        """Start it for so many streams at once, and wait until it takes them.

        Raises:
          PeerFailed: it does not begin.
        """

    def stream(self, clip: Clip) -> AsyncGenerator[Shown, None]:
        """Stream a clip in real time, and give what is shown until the clip and its silence are over.

        Raises:
          PeerFailed: it refuses the stream, or breaks it off.
        """

    def cpu(self) -> float:
        """Give the seconds of processor time that it has used since its start, with all that it started."""

    async def stop(self) -> None:
        """End it, with all that it started."""


async def converse(name: str, connection: ClientConnection, clip: Clip) -> AsyncGenerator[tuple[float, str], None]:
    """Send a clip to a peer in real time, and give each text message with its second, until the clip is over.

    Raises:
      PeerFailed: the peer breaks off.
    """
    began = time.monotonic()
    sending = asyncio.create_task(_send(connection, clip, began))
    try:
        while True:
            try:
                async with asyncio.timeout(began + clip.duration - time.monotonic()):
                    message = await connection.recv()
            except TimeoutError:
                return
            if isinstance(message, str):
                yield time.monotonic() - began, message
    except ConnectionClosed as closed:
        raise PeerFailed(name, f"broke the stream off: {closed}") from None
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send(connection: ClientConnection, clip: Clip, began: float) -> None:
    async with aclosing(in_time(clip, began)) as frames:
        async for frame in frames:
            await connection.send(frame)
