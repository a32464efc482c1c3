"""The media plane, seen from the console's process: what it tells, and what it can be asked."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from streamer import budgets
from streamer.bus import CallName
from streamer.errors import HuazhaError
from streamer.link import Frame, FrameReader

PATIENCE = budgets.CONSOLE_ANSWER


class MediaGone(HuazhaError):
    """The media plane doesn't answer."""


class MediaFailed(HuazhaError):
    """The media plane could not do what it was asked."""


class _Mouth:
    """Writes to a socket that a stream reads from.

    A stream that can't be written to is closed with all that is still to be read from it. What a media plane told
    before it was killed is to be kept, so that here nothing but the writing ends.

    Args:
      link: the socket; of its own open file.
    """

    def __init__(self, link: socket.socket) -> None:
        self._link = link.dup()
        self._link.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._waiting = bytearray()
        self._sent = asyncio.Event()
        self._gone = False

    def write(self, data: bytes) -> None:
        """Send bytes, as soon as they can be; none where nobody takes them any more."""
        if self._gone:
            return
        idle = not self._waiting
        self._waiting += data
        if idle:
            self._sent.clear()
            self._send()

    async def close(self, patience: float) -> None:
        """Wait until all is sent, so many seconds at most; then send no more."""
        if self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._sent.wait()
        self._gone = True
        self._end()
        self._link.close()

    def _send(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._link.send(self._waiting)]
        except BlockingIOError:
            self._loop.add_writer(self._link, self._send)
            return
        except OSError:
            self._gone = True
        self._end()

    def _end(self) -> None:
        self._loop.remove_writer(self._link)
        self._waiting.clear()
        self._sent.set()


class MediaPlane:
    """The other end of the link.

    Args:
      reader: of the socket to the media plane.
      link: the socket itself; what is said goes there, and what is told is read to its end whatever becomes of that.

    Attributes:
      over: whether it will say nothing more.
    """

    def __init__(self, reader: asyncio.StreamReader, link: socket.socket) -> None:
        self._reader = reader
        self._mouth = _Mouth(link)
        self._numbers = itertools.count()
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._health: Mapping[str, Any] = {}
        self._beat = time.monotonic()
        self.over = False

    @property
    def health(self) -> Mapping[str, Any]:
        """What it last said of itself."""
        return self._health

    @property
    def silence(self) -> float:
        """Seconds since it last said so."""
        return time.monotonic() - self._beat

    async def frames(self) -> AsyncIterator[Frame]:
        """Give what it tells, but for answers and its health, until it is gone.

        Raises:
          BrokenLink: it tells what can't be read.
        """
        reader = FrameReader()
        try:
            while data := await self._reader.read(1 << 16):
                for frame in reader.receive(data):
                    if frame.what == "answer":
                        self._answer(frame.fields)
                    elif frame.what == "health":
                        self._health, self._beat = frame.fields, time.monotonic()
                    else:
                        yield frame
        finally:
            self.over = True
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(MediaGone("the media plane is gone"))

    def say(self, what: str, **fields: Any) -> None:
        """Tell it something; where it is gone, nobody is told."""
        self._mouth.write(Frame(what, fields).to_bytes())

    async def close(self) -> None:
        """Say no more, once it has taken what was said."""
        await self._mouth.close(budgets.FAREWELL)

    async def ask(
        self, name: str, about: Mapping[str, Any] | None = None, *, patience: float | None = None
    ) -> dict[str, Any]:
        """Ask it something.

        Args:
          patience: seconds that it has for an answer; as usual when None.

        Raises:
          MediaFailed: it could not do it.
          MediaGone: it doesn't answer in time.
        """
        if self.over:
            raise MediaGone("the media plane is gone")
        patience = PATIENCE if patience is None else patience
        number = next(self._numbers)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self.say("ask", number=number, name=name, about=about or {})
            async with asyncio.timeout(patience):
                return await answer
        except TimeoutError:
            raise MediaGone(f"the media plane has not answered for {patience:.0f} s") from None
        finally:
            del self._asked[number]

    async def publish(self, kind: str, fields: Mapping[str, Any], about: CallName | None = None) -> int:
        """Have an event told to everybody, in its place among all others; give its cursor.

        Raises:
          MediaFailed, MediaGone: as `ask`.
        """
        named = {"call": about.call, "call_id": about.call_id, "agent": about.agent} if about else None
        told = await self.ask("publish", {"type": kind, "fields": dict(fields), "about": named})
        return int(told["cursor"])

    def _answer(self, fields: Mapping[str, Any]) -> None:
        waiting = self._asked.get(fields["number"])
        if waiting is None or waiting.done():
            return
        if "error" in fields:
            waiting.set_exception(MediaFailed(fields["error"]))
        else:
            waiting.set_result(fields["answer"])
