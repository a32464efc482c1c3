"""A socket that names a call which goes on: who may join, and what is told when one displaces another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from streamer import conversation
from streamer.access.keyring import Keyring
from streamer.access.roles import Role
from streamer.access.tokens import Tokens
from streamer.conversation import Conversation
from streamer.record import database
from streamer.session import Session
from streamer.types import AudioFrame
from tests.test_joined_calls import House, open_house

SECOND = b"\0" * 2 * 8000


@asynccontextmanager
async def house_with(tmp_path: Path, *names: str) -> AsyncIterator[tuple[House, list[str]]]:
    """Let in whoever has a token; gives one of each name."""
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    tokens = Tokens(engine)
    made = [tokens.create(name, Role.PLATFORM, None, time.time())[0] for name in names]
    keyring = Keyring(tokens)
    keyring.refresh()
    async with open_house(tmp_path, keyring=keyring) as house:
        yield house, made
    engine.dispose()


def fork(house: House, token: str | None = None, leg: str = "agent", rate: int = 8000) -> connect:
    """Dial as a FreeSWITCH that sends one leg of the call."""
    query = f"uuid={leg}&call=c-1&rate={rate}&mix=mono&read={leg}&language=zh"
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    offered = [Subprotocol("audio.drachtio.org")]
    return connect(f"{house.address}/v1/freeswitch?{query}", additional_headers=headers, subprotocols=offered)


async def closed(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(20):
        await socket.wait_closed()
    return socket.close_code


class Frames:
    """Counts the frames that conversations have taken in, or passed by."""

    def __init__(self) -> None:
        self._count = 0
        self._more = asyncio.Event()

    def note(self) -> None:
        self._count += 1
        self._more.set()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while self._count < count:
                self._more.clear()
                await self._more.wait()


@pytest.fixture
def frames(monkeypatch: pytest.MonkeyPatch) -> Frames:
    counted, receive = Frames(), Conversation.receive

    async def noted(self: Conversation, socket: Session, frame: AudioFrame, now: float) -> None:
        await receive(self, socket, frame, now)
        counted.note()

    monkeypatch.setattr(Conversation, "receive", noted)
    return counted


class TestACallBelongsToWhoBeganIt:
    @pytest.mark.parametrize("rate", [8000, 16_000])
    @pytest.mark.parametrize("leg", ["agent", "customer"])
    async def test_and_nobody_else_joins_it(self, leg: str, rate: int, tmp_path: Path) -> None:
        async with house_with(tmp_path, "the PBX", "another PBX") as (house, (ours, theirs)):
            async with fork(house, ours) as victim:
                await victim.send("{}")
                await victim.send(SECOND)
                await house.until(lambda: bool(house.of("call.started")))
                async with fork(house, theirs, leg, rate) as attacker:
                    await attacker.send("{}")
                    assert await closed(attacker) == 4401
                await victim.send(b"")
                async with asyncio.timeout(20):
                    await victim.wait_closed()
                await house.ended()
            (refused,) = house.of("call.refused")
        assert (refused["reason"], refused["call_id"], refused["platform"]) == (
            "other_credentials",
            "c-1",
            "freeswitch",
        )
        assert len(house.of("call.started")) == 1

    async def test_not_even_while_it_waits_for_its_platform(self, tmp_path: Path) -> None:
        async with house_with(tmp_path, "the PBX", "another PBX") as (house, (ours, theirs)):
            async with fork(house, ours) as victim:
                await victim.send("{}")
                await victim.send(SECOND)
                await house.until(lambda: bool(house.of("call.started")))
                victim.transport.abort()
            async with fork(house, theirs) as attacker:
                await attacker.send("{}")
                assert await closed(attacker) == 4401

    async def test_and_it_goes_on_by_another_token_of_that_name(self, tmp_path: Path) -> None:
        async with house_with(tmp_path, "the PBX", "the PBX") as (house, (before, renewed)):
            async with fork(house, before) as first:
                await first.send("{}")
                await first.send(SECOND)
                await house.until(lambda: bool(house.of("call.started")))
                first.transport.abort()
            async with fork(house, renewed) as again:
                await again.send("{}")
                await again.send(SECOND)
                await again.send(b"")
                await house.ended()
        assert len(house.of("call.started")) == 1
        assert house.of("call.refused") == []

    async def test_and_its_other_leg_comes_on_another_socket(self, frames: Frames, tmp_path: Path) -> None:
        async with (
            house_with(tmp_path, "the PBX") as (house, (token,)),
            fork(house, token) as agent,
            fork(house, token, "customer") as customer,
        ):
            for socket in (agent, customer):
                await socket.send("{}")
                await socket.send(SECOND)
            await frames.until(2)
            for socket in (agent, customer):
                await socket.send(b"")
            await house.ended()
        assert len(house.of("call.started")) == 1
        assert house.of("call.displaced") == []


class TestASocketThatIsDisplaced:
    @pytest.mark.parametrize(("still", "told"), [(0.0, 1), (3600.0, 0)])
    async def test_and_still_sends_is_told_once(
        self, still: float, told: int, frames: Frames, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(conversation, "STILL", still)
        async with open_house(tmp_path) as house, fork(house) as first, fork(house) as second:
            await first.send("{}")
            await first.send(SECOND)
            await frames.until(1)
            await second.send("{}")
            await second.send(SECOND)
            await frames.until(2)
            for count in (3, 4):
                await first.send(SECOND)
                await frames.until(count)
        alerts = house.of("call.displaced")
        assert [(one["channel"], one["by"], one["address"]) for one in alerts] == [
            ("agent",) + ("127.0.0.1",) * 2
        ] * told
        assert house.media.metrics.value(house.media.metrics.displaced) == told
