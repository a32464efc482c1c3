"""FreeSWITCH's event socket: its framing without sockets, and a client that keeps one connection.

A message is a block of headers, `Name: value` each on a line, ended by an empty line, and as many bytes of body as its
Content-Length says. The switch asks for a password (`auth/request`), then each command gets one answer, in order.

- https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_event_socket_1048924/
- https://github.com/signalwire/freeswitch/blob/master/src/mod/event_handlers/mod_event_socket/mod_event_socket.c
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamer.control.rest import AGAIN, unreached

LIMIT = 1 << 20
"""Bytes that a message may have; a list of a channel's media bugs has hundreds."""
ANSWERS = frozenset({"auth/request", "command/reply", "api/response", "text/disconnect-notice", "text/rude-rejection"})
"""What is waited for; anything else is an event or a line of the log, and nobody asked for these."""
_KEEPALIVE = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class EslBroken(ConnectionError):
    """The other side does not speak as an event socket does."""


class EslDenied(Exception):
    """The switch lets us not in; to try again would not help."""


class EslFailed(Exception):
    """A command got no answer.

    Attributes:
      sent: second of the monotonic clock at which it had left, or None where it never has.
    """

    def __init__(self, message: str, sent: float | None) -> None:
        super().__init__(message)
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Message:
    """What the switch said.

    Attributes:
      headers: by name in small letters.
    """

    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""

    @property
    def kind(self) -> str:
        """Its Content-Type."""
        return self.headers.get("content-type", "")

    @property
    def text(self) -> str:
        """What it says: an `api/response` has it in the body, a `command/reply` in a header."""
        return (self.body or self.headers.get("reply-text", "")).strip()


class Parser:
    """Cuts a stream of bytes into messages, wherever it is cut itself. Pure."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._headers: dict[str, str] | None = None
        self._length = 0

    def feed(self, data: bytes) -> list[Message]:
        """Take in bytes; give the messages that are whole by now.

        Raises:
          EslBroken: that is no event socket; nothing more can be read.
        """
        self._data += data
        messages = []
        while (message := self._next()) is not None:
            messages.append(message)
        return messages

    def _next(self) -> Message | None:
        if self._headers is None:
            while self._data[:1] == b"\n":
                del self._data[:1]
            end = self._data.find(b"\n\n")
            if end < 0:
                if len(self._data) > LIMIT:
                    raise EslBroken(f"sent headers of more than {LIMIT} bytes")
                return None
            self._headers = _headers(bytes(self._data[:end]))
            del self._data[: end + 2]
            length = self._headers.get("content-length", "0")
            if not (length.isascii() and length.isdigit() and len(length) <= 9 and int(length) <= LIMIT):
                raise EslBroken("sent a Content-Length that can't be")
            self._length = int(length)
        if len(self._data) < self._length:
            return None
        message = Message(self._headers, self._data[: self._length].decode(errors="replace"))
        del self._data[: self._length]
        self._headers = None
        return message


def _headers(block: bytes) -> dict[str, str]:
    # Old switches leave the colon out of the rejection's Content-Length; what is no header says nothing.
    lines = (line.partition(":") for line in block.decode(errors="replace").split("\n"))
    return {name.strip().lower(): value.strip() for name, colon, value in lines if colon}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer to a command.

    Attributes:
      sent, answered: seconds of the monotonic clock.
      twice: whether the command had left once before, and its answer was lost.
    """

    text: str
    sent: float
    answered: float
    twice: bool = False


class Esl:
    """Commands to one switch, one after the other, on a connection that is made again when it is gone.

    Args:
      user: signs in as this user of the directory; otherwise with the socket's own password.
    """

    def __init__(self, host: str, port: int, password: str, *, user: str | None = None) -> None:
        self._host, self._port = host, port
        self._sign_in = f"auth {password}" if user is None else f"userauth {user}:{password}"
        self._turn = asyncio.Lock()
        self._link: _Link | None = None

    async def api(self, command: str, *, within: float, again: bool) -> Told:
        """Have a command of the switch's API carried out.

        Args:
          within: seconds for everything, waiting for a turn too.
          again: whether to send it twice is to send it once. Otherwise it is sent again only where the switch can't
            have seen it.

        Raises:
          EslFailed: no answer came.
        """
        if not command.isprintable():
            raise ValueError("a command is one line")
        sent: float | None = None
        trouble = "no answer in time"
        try:
            async with asyncio.timeout(within), self._turn:
                for wait in (*AGAIN, None):
                    left = False
                    try:
                        kept = self._link is not None and self._link.open
                        link = await self._linked()
                        twice, sent, left = sent is not None, link.send(f"api {command}"), True
                        # A connection may have died without a word; a new one is worth half of the time.
                        async with asyncio.timeout(within / 2 if kept and again else None):
                            text = (await link.answer()).text
                        return Told(text, sent, time.monotonic(), twice)
                    except OSError as error:
                        trouble = unreached(f"{self._host}:{self._port}", error)
                        if left:
                            why = error.strerror or str(error) or type(error).__name__
                            trouble = f"was asked, and gave no answer: {why}"
                        self._drop()
                        if wait is None or (left and not again):
                            raise EslFailed(trouble, sent) from None
                    except BaseException:
                        # What comes later on this connection would be taken for the answer to something else.
                        self._drop()
                        raise
                    await asyncio.sleep(wait)
        except TimeoutError:
            raise EslFailed(f"{trouble} ({within:.3g} s)", sent) from None
        except EslDenied as denied:
            raise EslFailed(str(denied), None) from None
        raise AssertionError("the last try returns")

    async def aclose(self) -> None:
        """Let go of the connection."""
        self._drop()
        await asyncio.sleep(0)

    def _drop(self) -> None:
        if self._link is not None:
            self._link.close()
            self._link = None

    async def _linked(self) -> _Link:
        if self._link is not None and self._link.open:
            return self._link
        self._drop()
        _, self._link = await asyncio.get_running_loop().create_connection(_Link, self._host, self._port)
        link = self._link
        greeting = await link.answer()
        if greeting.kind == "text/rude-rejection":
            raise EslDenied("the event socket lets this address not in: apply-inbound-acl in event_socket.conf.xml")
        if greeting.kind != "auth/request":
            raise EslBroken("did not ask for a password")
        link.send(self._sign_in)
        if not (await link.answer()).text.startswith("+OK"):
            raise EslDenied("the event socket takes another password: esl_password")
        return link


class _Link(asyncio.Protocol):
    """One connection; knows at once when it is over."""

    def __init__(self) -> None:
        self._parser = Parser()
        self._answers: asyncio.Queue[Message | ConnectionError] = asyncio.Queue()
        self._transport: asyncio.Transport | None = None

    @property
    def open(self) -> bool:
        """Whether a command can be sent; an answer to none, or a goodbye, makes it useless."""
        return self._transport is not None and self._answers.empty()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        line = transport.get_extra_info("socket")
        line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, seconds in _KEEPALIVE:
            if hasattr(socket, name):
                line.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._parser.feed(data)
        except EslBroken as broken:
            self._end(broken)
            return
        for message in messages:
            if message.kind in ANSWERS:
                self._answers.put_nowait(message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(ConnectionResetError("closed the connection"))

    def send(self, command: str) -> float:
        """Send a command; give the second at which it left."""
        if self._transport is None:
            raise ConnectionResetError("closed the connection")
        self._transport.write(f"{command}\n\n".encode())
        return time.monotonic()

    async def answer(self) -> Message:
        """Wait for the next answer.

        Raises:
          ConnectionError: the connection is over.
        """
        said = await self._answers.get()
        if isinstance(said, ConnectionError):
            self._answers.put_nowait(said)
            raise said
        if said.kind == "text/disconnect-notice":
            raise ConnectionResetError("said goodbye")
        return said

    def close(self) -> None:
        """Let go."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def _end(self, error: ConnectionError) -> None:
        self._answers.put_nowait(error)
        self.close()
