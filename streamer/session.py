"""One socket: the platform's messages in, its dialect's events to the call that they are about, and words back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from streamer.conversation import Conversation, Engine
from streamer.dialects.dialect import Dialect
from streamer.dialects.events import Closed, Failed, Incoming, Reply, Skipped
from streamer.errors import InternalError, ProtocolError, StartTimeout, TooFast
from streamer.limits import TokenBucket
from streamer.plain_text import plain
from streamer.refused_calls import LONGEST_DETAIL, LONGEST_ID, offered_id_in
from streamer.types import AudioFrame, CallStarted, CallStopped, Gap, Outgoing, Paused, Remark, SignIn

log = logging.getLogger(__name__)

AT_ONCE = 16_384
"""Bytes of messages taken in before other sockets have their turn."""
MESSAGE = 256
"""Bytes that a message counts for beside its own, however short it is."""

LOST = "lost_before_start"
"""Why a call was not taken whose socket went before it said what it brings."""


CLOSED_IN_ORDER = 1000
"""RFC 6455, section 7.4.1: the purpose for which the connection was established has been fulfilled."""


class Answering(Engine, Protocol):
    """Who takes calls."""

    def answer(self, started: CallStarted, session: Session) -> Conversation:
        """Begin a call, or find the one that this is of; raises the `ProtocolError` that refuses it."""
        ...

    def refused(self, platform: str, address: str, call_id: str | None, reason: str, detail: str) -> None:
        """Put on the record that a call was offered and not taken."""
        ...


class Session:
    """Listens to one socket until its call is over, or goes on without it.

    Args:
      connection: the platform's socket, its handshake done.
      dialect: the platform's protocol.
      service: answers the call.
      token: that the socket was asked for with.
      trusted: whether it is known who asks, whatever the token.
      platform: its name.
      offered: the platform's name for the call, where the request for the socket had it.
    """

    def __init__(
        self,
        connection: ServerConnection,
        dialect: Dialect,
        service: Answering,
        token: str | None = None,
        *,
        trusted: bool = False,
        platform: str = "native",
        offered: str | None = None,
    ) -> None:
        self.token = token
        self.trusted = trusted
        # A connection forgets it when it is lost.
        self.address = address(connection)
        self._platform = platform
        self._offered = offered
        self._connection = connection
        self._dialect = dialect
        self._service = service
        self._limits = service.limits
        self._messages = TokenBucket(self._limits.message_rate, self._limits.message_burst)
        self._audio = TokenBucket(self._limits.audio_rate, self._limits.audio_burst)
        self._conversation: Conversation | None = None
        self._format: CallStarted
        # Bytes a second of call audio, of all its channels together.
        self._second = 0
        self._done = False

    async def run(self) -> None:
        """Take the call from this socket's first message to its last."""
        try:
            await self._listen()
        except ProtocolError as refusal:
            await self._leave(refusal)
        except Exception:
            log.exception("a socket failed")
            await self._leave(InternalError())
        await self._connection.close()

    async def tell(self, event: Outgoing) -> bool | None:
        """Say something to the platform."""
        message = self._dialect.send(event)
        return None if message is None else await self.say(message)

    async def say(self, message: str | bytes) -> bool:
        """Send a message; whether the platform took it."""
        try:
            async with asyncio.timeout(self._limits.send_timeout):
                await self._connection.send(message)
        except ConnectionClosed:
            return False
        except TimeoutError:
            # A platform that reads nothing can't be blocked, nor told so.
            self._connection.transport.abort()
            return False
        return True

    async def refuse(self, error: ProtocolError) -> None:
        """Say what is wrong, and close."""
        await self._say_why(error)
        await self._connection.close(error.close_code, _reason(error))

    async def _listen(self) -> None:
        """Take messages until the platform has said stop or gone.

        Raises:
          ProtocolError: the platform broke the protocol, or the call can't be taken.
        """
        try:
            async with asyncio.timeout(self._limits.start_timeout) as handshake:
                taken = 0
                async for message in self._connection:
                    await self._receive(message)
                    if self._conversation is not None and handshake.when() is not None:
                        handshake.reschedule(None)
                    if self._done:
                        return
                    # A burst on this socket holds up no other; a turn for each message would be a third of its cost.
                    taken += MESSAGE + len(message)
                    if taken >= AT_ONCE:
                        taken = 0
                        await asyncio.sleep(0)
        except TimeoutError:
            raise StartTimeout(self._limits.start_timeout) from None
        except ConnectionClosed:
            log.warning("a connection from %s broke off", self.address)
        for event in self._dialect.connection_lost():
            await self._take(event, time.monotonic())
        if self._conversation is None and not self._done:
            self._not_begun(LOST, "the connection was lost before the call began")

    async def _receive(self, message: str | bytes) -> None:
        now = time.monotonic()
        if not self._messages.take(1, now):
            raise TooFast("messages", self._limits.message_rate)
        if isinstance(message, str):
            events = self._dialect.receive_text(message)
            if self._conversation is None and any(isinstance(event, Failed) for event in events):
                self._offered = offered_id_in(message) or self._offered
        else:
            events = self._dialect.receive_binary(message)
        if self._conversation is not None:
            self._admit(events, self._conversation, now)
        for event in events:
            if isinstance(event, AudioFrame) and self._conversation is not None:
                # Nearly all that comes; the way through `_take` would be a tenth of its cost.
                await self._conversation.receive(self, event, now)
            else:
                await self._take(event, now)

    def _admit(self, events: Sequence[Incoming], conversation: Conversation, now: float) -> None:
        """Count the audio of a message, all channels once; of one that brings too much, no channel takes any.

        Raises:
          TooFast: it comes faster than it can have been spoken.
        """
        seconds = sum(len(event.payload) for event in events if isinstance(event, AudioFrame)) / self._second
        # What is late by the clock may come at once: that we were slow is no fault of the platform.
        if seconds and not self._audio.take(seconds, now) and conversation.late < seconds:
            raise TooFast("seconds of audio", self._limits.audio_rate)

    async def _take(self, event: Incoming, now: float) -> None:
        match event:
            case SignIn(token):
                self.token = token
            case Reply(message):
                await self.say(message)
            case Closed():
                self._done = True
            case Failed(error):
                raise error
            case Skipped(error):
                self._skip(error)
            case CallStarted():
                self._format, self._offered = event, event.call_id
                self._second = event.encoding.width * event.sample_rate * len(event.channels)
                conversation = self._service.answer(event, self)
                self._conversation = conversation
                await conversation.join(self, event, now)
                for remark in event.remarks:
                    conversation.remark(remark)
            case _ if self._conversation is not None:
                await self._pass_on(event, self._conversation, now)

    async def _pass_on(
        self, event: AudioFrame | Gap | Paused | CallStopped, conversation: Conversation, now: float
    ) -> None:
        match event:
            case AudioFrame():
                await conversation.receive(self, event, now)
            case Gap():
                await conversation.skip(self, event)
            case Paused(on):
                await conversation.pause(self, on=on)
            case CallStopped(reason):
                self._done = True
                await conversation.leave(
                    self, stopped=reason == "stop", abruptly=self._connection.close_code != CLOSED_IN_ORDER
                )

    def _skip(self, error: ProtocolError) -> None:
        self._service.metrics.skipped.labels(self._format.platform, error.code).inc()
        if self._conversation is not None:
            detail = f"a message was passed over, and others like it will be: {error.message}"
            self._conversation.remark(Remark(error.code, detail))

    async def _leave(self, error: ProtocolError) -> None:
        if self._conversation is not None:
            await self._conversation.refused(self, error.code)
        else:
            self._not_begun(error.code, error.message)
        await self._say_why(error)
        await self._see_out()
        await self._connection.close(error.close_code, _reason(error))

    def _not_begun(self, reason: str, detail: str) -> None:
        self._service.refused(self._platform, self.address, self._offered, reason, detail)

    async def _say_why(self, error: ProtocolError) -> None:
        if self._conversation is not None:
            name, why = plain(self._conversation.call.id, LONGEST_ID), plain(error.message, LONGEST_DETAIL)
            log.warning("call %s of %s from %s broke off: %s", name, self._platform, self.address, why)
        message = self._dialect.send_error(error)
        if message is not None:
            await self.say(message)

    async def _see_out(self) -> None:
        """Answer the last word of a platform that has one, but don't wait for it without end."""
        try:
            async with asyncio.timeout(self._limits.send_timeout):
                while self._dialect.leaving:
                    message = await self._connection.recv()
                    # What else comes, audio that was on its way above all, is let fall.
                    for event in self._dialect.receive_text(message) if isinstance(message, str) else []:
                        if isinstance(event, Reply):
                            await self.say(event.message)
        except (TimeoutError, ConnectionClosed):
            pass


def _reason(error: ProtocolError) -> str:
    """Say why a socket is closed, in the 123 bytes that a close frame has for it (RFC 6455, section 5.5)."""
    return f"{error.code}: {error.message}".encode()[:123].decode(errors="ignore")


def address(connection: ServerConnection) -> str:
    """Tell a peer's address, without its port."""
    # A transport forgets it when it closes.
    return str((connection.remote_address or ("gone",))[0])
