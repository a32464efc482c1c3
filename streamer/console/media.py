"""The media plane, seen from the console's process: what it tells, and what it can be asked."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Mapping
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


class MediaPlane:
    """The other end of the link.

    Args:
      reader, writer: of the socket to the media plane.

    Attributes:
      over: whether it will say nothing more.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
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
        # What died in the middle of a message is not known to be gone until that was read, and uvloop raises at once.
        if not self._writer.is_closing():
            self._writer.write(Frame(what, fields).to_bytes())

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
