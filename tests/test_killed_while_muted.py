"""A service that is killed while an agent is muted, in a process of its own: the next one sees to the mute."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, select

from streamer import dialling
from streamer.callers.caller import Placed
from streamer.record.schema import journal
from tests.platforms.rigs import RIGS, Rig
from tests.service_process import Process, serving
from tests.test_platforms import recording

PLATFORMS = ("twilio", "freeswitch")
Event = Mapping[str, Any]


@pytest.fixture(params=PLATFORMS)
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Rig]]:
    async with RIGS[request.param](Placed("aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb", language="zh")) as rig:
        yield request.param, rig


class House:
    """Settings of a service that is started again and again, and what its journal says."""

    def __init__(self, folder: Path, platform: str, rig: Rig, seconds: float) -> None:
        self.rig = rig
        self._folder = folder
        self.settings = {
            "media_port": 0,
            "console_port": 0,
            "data": folder,
            "gateway": "g-1",
            "platforms": {platform: dict(rig.section)},
            "policy": {"seconds": seconds},
        }

    def told(self, kind: str, **wanted: str) -> Sequence[Event]:
        engine = create_engine(f"sqlite:///{self._folder / 'journal.db'}")
        with engine.connect() as connection:
            query = select(journal.c.body).where(journal.c.type == kind).order_by(journal.c.position)
            found = [json.loads(body) for body in connection.scalars(query)]
        engine.dispose()
        return [one for one in found if wanted.items() <= one.items()]

    async def until(self, done: Callable[[], object]) -> None:
        async with asyncio.timeout(60):
            while True:
                # Nobody tells of what another process has written.
                if done():
                    return
                await asyncio.sleep(0.05)

    async def be_killed(self, service: Process) -> None:
        """Have a call, and be killed once the agent is muted and the journal has it."""
        call = asyncio.create_task(self._play(service))
        await self.until(lambda: self.told("block.result", action="mute", outcome="confirmed"))
        assert self.rig.muted()
        await service.kill()
        call.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await call

    async def _play(self, service: Process) -> None:
        async for _ in dialling.play([*self.rig.callers], recording(30.0), service.address, speed=2.0):
            pass


async def test_an_agent_is_heard_again_when_the_mute_s_time_is_over(rig: tuple[str, Rig], tmp_path: Path) -> None:
    house = House(tmp_path, *rig, seconds=8.0)
    async with serving(house.settings) as service:
        await house.be_killed(service)
    *_, mute = house.told("block.result", action="mute")
    async with serving(house.settings):
        await house.until(lambda: not house.rig.muted())
        await house.until(lambda: house.told("block.result", action="unmute"))
    (unmute,) = house.told("block.result", action="unmute")
    assert (unmute["outcome"], unmute["channel"]) == ("confirmed", "agent")
    assert (unmute["call"], unmute["call_id"]) == (mute["call"], mute["call_id"])
    assert unmute["at"] >= mute["until"]
    # Whoever comes after that has nothing to do any more.
    async with serving(house.settings):
        pass
    assert house.told("block.result", action="unmute") == [unmute]


async def test_supervisors_are_told_of_a_mute_without_a_time_and_once(rig: tuple[str, Rig], tmp_path: Path) -> None:
    house = House(tmp_path, *rig, seconds=0.0)
    async with serving(house.settings) as service:
        await house.be_killed(service)
    for _ in range(2):
        async with serving(house.settings):
            await house.until(lambda: house.told("block.result", action="unmute"))
    (alert,) = house.told("block.result", action="unmute")
    assert alert["outcome"] == "unsupported"
    assert house.rig.muted()


async def test_a_mute_is_over_with_its_leg(rig: tuple[str, Rig], tmp_path: Path) -> None:
    house = House(tmp_path, *rig, seconds=0.0)
    async with serving(house.settings) as service:
        await house.be_killed(service)
    house.rig.end()
    async with serving(house.settings):
        await house.until(lambda: house.told("call.stopped"))
    assert house.told("block.result", action="unmute") == []
