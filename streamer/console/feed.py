"""The alert feed's socket: one client, from its hello to its going."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from streamer.access.roles import Identity
from streamer.console.hub import Hub, Listener
from streamer.record.event import Event
from streamer.record.journal import JournalUnavailable

HELLO = 5.0
"""Seconds that a client has to say who it is."""
PAGE = 500
"""Events read from the journal at once."""
CHECKED = 5.0
"""Seconds between two looks whether a client's token is still good."""
UNPREPARED = 3.0
"""Seconds after which a client is greeted though it is not known yet which calls go on."""
FAREWELL = 1.0
"""Seconds that a client has to take the reason for which it must go."""


class FeedError(Exception):
    """A client's mistake.

    Attributes:
      close_code, code, message: as `docs/feed.md` has them.
    """

    def __init__(self, close_code: int, code: str, message: str) -> None:
        super().__init__(message)
        self.close_code = close_code
        self.code = code
        self.message = message


class Hello(BaseModel):
    """A client's first message."""

    model_config = ConfigDict(strict=True)

    type: Literal["hello"]
    ticket: str | None = None
    token: str | None = None
    after: Annotated[int, Field(ge=0)] | None = None


class Following(BaseModel):
    """What a client says later."""

    model_config = ConfigDict(strict=True)

    type: Literal["subscribe", "unsubscribe"]
    call: Annotated[str, Field(min_length=1, max_length=64)]


FOLLOWING = TypeAdapter(Following)

Greet = Callable[[WebSocket, Hello], Awaitable[Identity]]
"""Says who a client is, or raises `FeedError`."""
Since = Callable[[int, int], Sequence[Event]]
"""Reads the kept events after a cursor from the journal, so many at most; called in a thread."""


class FeedSocket:
    """One client.

    Args:
      socket: not accepted yet.
      hub: what it listens to.
      greet: lets it in.
      stands: tells whether who was let in may stay.
      since: what it has missed.
    """

    def __init__(
        self, socket: WebSocket, hub: Hub, *, greet: Greet, stands: Callable[[Identity], bool], since: Since
    ) -> None:
        self.refused_for = ""
        self._socket = socket
        self._hub = hub
        self._greet = greet
        self._stands = stands
        self._since = since
        self._more = asyncio.Event()
        self._overrun = asyncio.Event()
        self._listener = Listener(self._more.set, self._overrun.set)

    async def run(self) -> None:
        """Serve it until it goes, or must go."""
        await self._socket.accept()
        try:
            hello = await self._hello()
            identity = await self._greet(self._socket, hello)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(work) for work in (self._speak(hello, identity), self._bound(identity))]
                await self._listen()
                for task in tasks:
                    task.cancel()
        except* FeedError as errors:
            error = errors.exceptions[0]
            assert isinstance(error, FeedError)
            await self._refuse(error)
        except* (WebSocketDisconnect, RuntimeError):
            # It went while it was being sent something.
            pass
        finally:
            self._hub.part(self._listener)

    async def _hello(self) -> Hello:
        try:
            async with asyncio.timeout(HELLO):
                return Hello.model_validate_json(await self._socket.receive_text())
        except TimeoutError:
            raise FeedError(4408, "hello_timeout", f"say hello within {HELLO:.0f} s") from None
        except (ValidationError, KeyError) as error:
            raise _bad_message(error) from None

    async def _speak(self, hello: Hello, identity: Identity) -> None:
        """Greet it, tell it what it has missed, then what happens."""
        hub = self._hub
        with suppress(TimeoutError):
            async with asyncio.timeout(UNPREPARED):
                await hub.ready.wait()
        after = hub.cursor if hello.after is None else hello.after
        greeting = {
            "type": "welcome",
            "cursor": hub.cursor,
            "role": identity.role,
            "name": identity.name,
            "calls": hub.calls.items(),
            "service": hub.service,
        }
        # From here on nothing that happens is missed: it waits in the listener.
        hub.join(self._listener)
        missed = hub.since(after)
        until = hub.remembers_from
        recent = missed if missed is not None else hub.since(until) or []
        await self._send(greeting)
        if missed is None:
            await self._catch_up(after, until)
        for message in recent:
            await self._socket.send_text(message)
        while True:
            await self._more.wait()
            self._more.clear()
            for message in self._listener.take():
                await self._socket.send_text(message)

    async def _bound(self, identity: Identity) -> None:
        """End it when too much waits, though it may be stuck in sending; and when its token is good no more."""
        while self._stands(identity):
            try:
                async with asyncio.timeout(CHECKED):
                    await self._overrun.wait()
            except TimeoutError:
                continue
            raise FeedError(4413, "too_slow", "more waited than is kept for one client; connect again with after")
        raise FeedError(4401, "unauthorised", "the token is good no more")

    async def _catch_up(self, after: int, until: int) -> None:
        """Tell it what only the journal knows."""
        while after < until:
            try:
                page = await asyncio.to_thread(self._since, after, PAGE)
            except JournalUnavailable as error:
                raise FeedError(4503, "journal_unavailable", f"what was missed can't be read: {error}") from None
            page = [event for event in page if event.cursor <= until]
            if not page:
                return
            for event in page:
                await self._send(event.to_json())
            after = page[-1].cursor

    async def _listen(self) -> None:
        """Take what it says, until it goes."""
        while True:
            try:
                message = FOLLOWING.validate_json(await self._socket.receive_text())
            except (ValidationError, KeyError) as error:
                raise _bad_message(error) from None
            except WebSocketDisconnect:
                return
            if message.type == "unsubscribe":
                self._listener.leave(message.call)
            elif self._listener.follow(message.call):
                self._listener.send(_written(self._hub.calls.snapshot(message.call)))
            else:
                raise FeedError(4400, "bad_message", "too many calls at once; unsubscribe from one first")

    async def _send(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(_written(message))

    async def _refuse(self, error: FeedError) -> None:
        self.refused_for = error.code
        try:
            async with asyncio.timeout(FAREWELL):
                await self._send({"type": "error", "code": error.code, "message": error.message})
                await self._socket.close(error.close_code, error.code)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            return


def _written(message: dict[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _bad_message(error: Exception) -> FeedError:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        return FeedError(4400, "bad_message", f"{field}: {first['msg']}" if field else first["msg"])
    return FeedError(4400, "bad_message", "a message must be text")
