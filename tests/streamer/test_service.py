"""The service as a whole: what it holds in memory, and that it ends whatever goes wrong in a part."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from streamer import budgets
from streamer.control.port import Port
from streamer.conversation import Conversation
from streamer.service import Service
from tests.faults import FaultyRecognizer, Running

CALLS = 40
START = {"type": "start", "encoding": "mulaw", "sample_rate": 8000, "channels": ["agent", "customer"], "language": "zh"}


@asynccontextmanager
async def calls(service: Service, count: int) -> AsyncIterator[list[ClientConnection]]:
    """Have calls that go on."""
    async with AsyncExitStack() as stack:
        sockets = []
        for number in range(count):
            socket = await stack.enter_async_context(connect(service.media.url))
            await socket.send(json.dumps({**START, "call_id": f"c-{number}"}))
            assert json.loads(await socket.recv())["type"] == "started"
            await socket.send(b"\xff" * 1600)
            sockets.append(socket)
        yield sockets


async def over(service: Service) -> None:
    """Wait until no call goes on, nor anything after it."""
    async with asyncio.timeout(120):
        while service.media.live:
            await asyncio.wait([*service.media._running])
        if service.media._running:
            await asyncio.wait([*service.media._running])


def held() -> int:
    """Give the conversations in memory."""
    gc.collect()
    return sum(isinstance(one, Conversation) for one in gc.get_objects())


async def test_calls_that_were_live_at_a_reload_are_freed_once_they_are_over_and_so_are_the_rules(
    running: Running,
) -> None:
    async with running(FaultyRecognizer()) as service:
        store, counts = service.media.store, list[int]()
        for _ in range(3):
            old = weakref.ref(store.current.tables["zh"].sounds)
            async with calls(service, CALLS):
                await store.reload()
                assert held() == CALLS
            await over(service)
            # Sockets hold their calls until both sides have closed them.
            async with asyncio.timeout(60):
                while held():
                    await asyncio.wait(asyncio.all_tasks() - {asyncio.current_task()}, timeout=0.2)
            assert old() is None
            counts.append(len(gc.get_objects()))
        assert counts[2] - counts[1] < 500


class _Closing(Port):
    """A control port that tells whether it was closed, and may fail over it."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = False
        self._error = error

    async def aclose(self) -> None:
        if self._error is not None:
            raise self._error
        self.closed = True


async def test_one_call_or_port_that_fails_at_the_end_keeps_nothing_else_from_closing(running: Running) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("no such luck")

    ports: dict[str, Port | None] = {"one": _Closing(RuntimeError("no such luck")), "two": None, "three": _Closing()}
    async with running(FaultyRecognizer()) as service, calls(service, 2):
        media = service.media
        first, _ = media._calls.values()
        first.reporter.__dict__["end"] = fails
        media._ports = ports
    assert media.live == 0
    assert isinstance(ports["three"], _Closing)
    assert ports["three"].closed


async def test_a_call_that_does_not_end_is_cut_off_when_the_service_stops(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "CALLS", 0.1)
    ports: dict[str, Port | None] = {"one": _Closing()}

    async def for_ever(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Conversation, "aftermath", for_ever)
    async with running(FaultyRecognizer()) as service, calls(service, 1):
        service.media._ports = ports
    assert isinstance(ports["one"], _Closing)
    assert ports["one"].closed
