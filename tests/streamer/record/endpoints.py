"""What webhooks are tested with: an endpoint on loopback, and a clock that needs no time."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Post:
    """A request as it came.

    Attributes:
      address: at which it came.
      headers: names in lower case.
    """

    address: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def cursor(self) -> int:
        cursor: int = json.loads(self.body)["cursor"]
        return cursor


@dataclass(slots=True)
class Answer:
    """What an endpoint says: a status with headers, or whatever it likes; then perhaps more, by its own pace."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    head: bytes | None = None
    more: AsyncIterator[bytes] | None = None

    def to_bytes(self) -> bytes:
        if self.head is not None:
            return self.head
        lines = [f"HTTP/1.1 {self.status} Said", *(f"{name}: {value}" for name, value in self.headers.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


Decide = Callable[[Post], Awaitable[Answer]]


class Endpoint:
    """An HTTP server that answers as it is told, and keeps what came.

    Attributes:
      posts: what came, in order.
      cut_off: how many connections were closed by the other side while they were being answered.
    """

    def __init__(self, decide: Decide, tls: ssl.SSLContext | None = None) -> None:
        self.posts: list[Post] = []
        self.cut_off = 0
        self._decide = decide
        self._tls = tls
        self._serving: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Serve on all addresses of this machine's loopback; give the port."""
        server = await asyncio.start_server(self._accept, "0.0.0.0", 0, ssl=self._tls)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._serving:
                task.cancel()
            await asyncio.gather(*self._serving, return_exceptions=True)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds of what came."""
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(holds)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            self.cut_off += 1
            await self._say_changed()
        finally:
            self._serving.discard(task)
            writer.close()
            with suppress(ConnectionError, ssl.SSLError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
        body = await reader.readexactly(int(headers["content-length"]))
        self.posts.append(Post(writer.get_extra_info("sockname")[0], head[0].split()[1], headers, body))
        await self._say_changed()
        answer = await self._decide(self.posts[-1])
        writer.write(answer.to_bytes())
        await writer.drain()
        if answer.more is not None:
            async for piece in answer.more:
                writer.write(piece)
                await writer.drain()

    async def _say_changed(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def always(status: int = 200, **headers: str) -> Decide:
    """Answer always the same."""

    async def decide(_: Post) -> Answer:
        return Answer(status, headers)

    return decide


class VirtualTime:
    """A clock that jumps to whatever is waited for, up to a time at which it stands still.

    Args:
      now: seconds since 1970.
      until: seconds from then on.
      waiters: how many wait for it at once when nothing more happens.
    """

    def __init__(self, now: float, until: float, waiters: int = 1) -> None:
        self.begin = self.now = now
        self._until = now + until
        self._waiters = waiters
        self._parked = 0
        self._over = asyncio.Event()

    def __call__(self) -> float:
        return self.now

    async def wait(self, seconds: float) -> None:
        if self.now + seconds <= self._until:
            self.now += seconds
            await asyncio.sleep(0)
            return
        self._parked += 1
        if self._parked >= self._waiters:
            self._over.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._parked -= 1

    async def over(self) -> None:
        """Wait until nothing more happens before time stands still."""
        async with asyncio.timeout(60):
            await self._over.wait()


@asynccontextmanager
async def at_work(work: Any) -> AsyncIterator[None]:
    """Run something meanwhile; what goes wrong in it goes wrong here."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        yield
        task.cancel()
