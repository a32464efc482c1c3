"""A client of Asterisk's manager interface: keeps one connection for all calls, and makes it again when it is gone."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from streamer.control.ami import AmiBroken, AmiDenied, Reply, SignedIn, State, Talk
from streamer.control.rest import AGAIN, unreached

IDLE = 20.0
"""Seconds without a word after which a ping is sent."""
LOST = 10.0
"""Seconds after that in which something must come, or the connection is taken for dead."""
SILENT = 1.0
"""Seconds without a word on a connection that owes an answer, after which it is not waited for."""


class AmiFailed(Exception):
    """An action got no answer.

    Attributes:
      sent: second of the monotonic clock at which it had left, or None where it never has.
      late: whether the time was up.
    """

    def __init__(self, message: str, sent: float | None, *, late: bool = False) -> None:
        super().__init__(message)
        self.sent = sent
        self.late = late


@dataclass(frozen=True, slots=True)
class Told:
    """An answer to an action.

    Attributes:
      sent, answered: seconds of the monotonic clock.
      twice: whether the action had left once before, and its answer was lost.
    """

    reply: Reply
    sent: float
    answered: float
    twice: bool = False


class Ami:
    """Actions of one Asterisk, any number at once, on one connection that is made again when it is gone.

    Args:
      tls: for an interface that speaks TLS (`tlsenable`); None for a plain one.
    """

    def __init__(self, host: str, port: int, user: str, secret: str, *, tls: ssl.SSLContext | None = None) -> None:
        self._host, self._port, self._tls = host, port, tls
        self._talk: Callable[[], Talk] = lambda: Talk(user, secret)
        self._turn = asyncio.Lock()
        self._link: _Link | None = None

    async def ask(self, name: str, fields: Mapping[str, str], *, within: float, again: bool) -> Told:
        """Have an action carried out.

        Args:
          within: seconds for everything, connecting too.
          again: whether to send it twice is to send it once. Otherwise it is sent again only where Asterisk can't have
            seen it.

        Raises:
          AmiFailed: no answer came.
          ValueError: a field is none that Asterisk reads.
        """
        sent: float | None = None
        trouble = "no answer in time"
        try:
            async with asyncio.timeout(within):
                for wait in (*AGAIN, None):
                    left = False
                    link = self._link
                    kept = link is not None and link.open
                    try:
                        link = await self._linked()
                        waiting = link.ask(name, fields)
                        twice, sent, left = sent is not None, time.monotonic(), True
                        # A connection may have died without a word; a new one is worth half of the time.
                        async with asyncio.timeout(within / 2 if kept and again else None):
                            reply = await waiting
                        return Told(reply, sent, time.monotonic(), twice)
                    except OSError as error:
                        trouble = unreached(f"{self._host}:{self._port}", error)
                        if isinstance(error, TimeoutError) and left:
                            trouble = "no answer in time"
                        elif left:
                            why = error.strerror or str(error) or type(error).__name__
                            trouble = f"was asked, and gave no answer: {why}"
                        if link is not None and (not left or link.silent(sent)):
                            self._drop(link)
                        if wait is None or (left and not again):
                            raise AmiFailed(trouble, sent) from None
                    await asyncio.sleep(wait)
        except TimeoutError:
            if self._link is not None and self._link.silent(sent):
                self._drop(self._link)
            raise AmiFailed(trouble, sent, late=True) from None
        except AmiDenied as denied:
            raise AmiFailed(str(denied), None) from None
        raise AssertionError("the last try returns")

    async def aclose(self) -> None:
        """Let go of the connection."""
        if self._link is not None:
            self._drop(self._link)
        await asyncio.sleep(0)

    def _drop(self, link: _Link) -> None:
        link.close(ConnectionResetError("the connection was given up"))
        if self._link is link:
            self._link = None

    async def _linked(self) -> _Link:
        async with self._turn:
            if self._link is not None and self._link.open:
                return self._link
            loop = asyncio.get_running_loop()
            name = self._host if self._tls is not None else None
            _, link = await loop.create_connection(
                lambda: _Link(self._talk()), self._host, self._port, ssl=self._tls, server_hostname=name
            )
            self._link = link
            try:
                await link.signed_in
            except BaseException:
                self._drop(link)
                raise
            return link


class _Link(asyncio.Protocol):
    """One connection; knows at once when it is over, and pings when it has been silent."""

    def __init__(self, talk: Talk) -> None:
        loop = asyncio.get_running_loop()
        self.signed_in: asyncio.Future[None] = loop.create_future()
        self._talk = talk
        self._waiting: dict[str, asyncio.Future[Reply]] = {}
        self._transport: asyncio.Transport | None = None
        self._silence: asyncio.TimerHandle | None = None
        self._heard = time.monotonic()

    @property
    def open(self) -> bool:
        """Whether an action can be asked for."""
        return self._transport is not None and self._talk.state is State.OPEN

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._listen()

    def data_received(self, data: bytes) -> None:
        self._listen()
        try:
            events = self._talk.receive(data)
        except (AmiBroken, AmiDenied) as error:
            self.close(error)
            return
        for event in events:
            if isinstance(event, SignedIn):
                self.signed_in.set_result(None)
            else:
                waiting = self._waiting.pop(event.action_id, None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(event.reply)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self.close(ConnectionResetError("closed the connection"))

    def silent(self, since: float | None) -> bool:
        """Whether nothing has come for a while, though something was asked at a second of the monotonic clock."""
        return since is not None and time.monotonic() - max(since, self._heard) >= SILENT

    def ask(self, name: str, fields: Mapping[str, str]) -> asyncio.Future[Reply]:
        """Send an action; what is given becomes its answer.

        Raises:
          ConnectionError: the connection is over.
          ValueError: a field is none that Asterisk reads.
        """
        if self._transport is None:
            raise ConnectionResetError("closed the connection")
        action_id = self._talk.ask(name, fields)
        waiting: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._waiting[action_id] = waiting
        waiting.add_done_callback(lambda _: self._waiting.pop(action_id, None))
        self._flush()
        return waiting

    def close(self, error: Exception) -> None:
        """Let go; whoever waits for an answer is told why none comes."""
        if self._silence is not None:
            self._silence.cancel()
        if self._transport is not None:
            self._transport.abort()
            self._transport = None
        owed: list[asyncio.Future[None] | asyncio.Future[Reply]] = [self.signed_in, *self._waiting.values()]
        for waiting in owed:
            if not waiting.done():
                waiting.set_exception(error)
                # Nobody may be waiting any more.
                waiting.exception()

    def _flush(self) -> None:
        if self._transport is not None and self._talk.sending:
            self._transport.write(bytes(self._talk.sending))
            self._talk.sending.clear()

    def _listen(self) -> None:
        """Something came: begin to wait anew."""
        self._heard = time.monotonic()
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_later(IDLE, self._ping)

    def _ping(self) -> None:
        if self.open:
            self._talk.ask("Ping", {})
            self._flush()
        dead = ConnectionResetError("no answer to a ping")
        self._silence = asyncio.get_running_loop().call_later(LOST, self.close, dead)
