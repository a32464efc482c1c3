"""Calls as each platform sends them, end to end: the violation is spoken, the right leg muted, and heard again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer import dialling, recordings, service
from streamer.bus import CallName
from streamer.callers.caller import Caller, Placed
from streamer.errors import SettingsError
from streamer.recordings import Recording
from streamer.service import Service
from streamer.settings import Settings
from tests.faults import DATA, Reciter
from tests.platforms.rigs import RIGS, Rig

CALL_ID = "aaaaaaaa-1111-4222-8333-bbbbbbbbbbbb"
TEXT = "这款产品保本保收益您放心"
Told = tuple[str, Mapping[str, Any]]


def recording(seconds: float = 6.0) -> Recording:
    """The beginning of a call in which the agent speaks at once."""
    whole = recordings.read(DATA / "demo-zh.wav")
    speech = np.concatenate([whole.samples] * 2)[: round(seconds * whole.sample_rate)]
    return Recording(whole.path, whole.encoding, whole.sample_rate, whole.channels, speech)


class Feed:
    """What the console is told, as it is told."""

    def __init__(self, running: Service) -> None:
        self.events: list[Told] = []
        self._more = asyncio.Event()
        tell = running.bus.tell

        def listen(kind: str, about: CallName | None = None, fields: Mapping[str, Any] | None = None) -> Any:
            self.events.append((kind, dict(fields or {})))
            self._more.set()
            return tell(kind, about, fields)

        running.bus.tell = listen  # type: ignore[method-assign]

    async def until(self, which: Callable[[Told], bool]) -> Mapping[str, Any]:
        """Wait for an event."""
        async with asyncio.timeout(30):
            while True:
                for event in self.events:
                    if which(event):
                        return event[1]
                self._more.clear()
                await self._more.wait()

    async def result(self, action: str) -> Mapping[str, Any]:
        """Wait for what came of an action."""
        return await self.until(lambda event: event[0] == "block.result" and event[1]["action"] == action)


@asynccontextmanager
async def listening(tmp_path: Path, platform: str, section: Mapping[str, Any], **more: Any) -> AsyncIterator[Service]:
    settings = Settings.model_validate(
        {
            "media_port": 0,
            "console_port": 0,
            "data": tmp_path,
            "platforms": {platform: dict(section)},
            "limits": {"rejoin_timeout": 0.2},
            **more,
        }
    )
    async with service.running(settings, Reciter(TEXT)) as running:
        yield running


def address(running: Service) -> str:
    return running.media.url.removesuffix("/v1/calls")


async def play(callers: list[Caller], running: Service, seconds: float = 6.0) -> None:
    async for _ in dialling.play(callers, recording(seconds), address(running), speed=2.0):
        pass


@pytest.fixture(params=sorted(RIGS))
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[tuple[str, Rig]]:
    async with RIGS[request.param](Placed(CALL_ID, language="zh")) as rig:
        yield request.param, rig


async def test_the_agent_is_muted_and_heard_again(rig: tuple[str, Rig], tmp_path: Path) -> None:
    platform, one = rig
    async with listening(tmp_path, platform, one.section, policy={"seconds": 0.5}) as running:
        feed = Feed(running)
        call = asyncio.create_task(play([*one.callers], running))
        started = await feed.until(lambda event: event[0] == "call.started")
        assert started["platform"] == platform
        assert set(started["channels"]) == {"agent", "customer"}
        block = await feed.until(lambda event: event[0] == "block")
        muted = await feed.result("mute")
        assert muted["violation_id"] == block["violation_id"]
        assert muted["outcome"] == ("confirmed" if one.confirms else "accepted"), muted
        assert muted["sent_ms"] is not None
        assert muted["sent_ms"] <= muted["took_ms"]
        lifted = await feed.until(lambda event: event[0] == "unblock")
        assert lifted["reason"] == "its time is over"
        unmuted = await feed.result("unmute")
        assert unmuted["outcome"] in {"confirmed", "accepted"}, unmuted
        assert not one.muted()
        await call
        stopped = await feed.until(lambda event: event[0] == "call.stopped")
    assert stopped["outcome"] == "completed"
    assert stopped["blind_seconds"] == 0
    assert not [event for event in feed.events if event[0] == "control"]


async def test_the_agent_stays_muted_until_somebody_lifts_it(rig: tuple[str, Rig], tmp_path: Path) -> None:
    platform, one = rig
    async with listening(tmp_path, platform, one.section) as running:
        feed = Feed(running)
        call = asyncio.create_task(play([*one.callers], running))
        await feed.result("mute")
        assert one.muted()
        (name,) = running.media.names
        assert await running.media.order(name, "unmute", "agent", None, "Li Na")
        await feed.result("unmute")
        assert not one.muted()
        await call


async def test_a_refused_block_is_told_at_once(rig: tuple[str, Rig], tmp_path: Path) -> None:
    platform, one = rig
    async with listening(tmp_path, platform, one.section) as running:
        feed = Feed(running)
        one.manner.refuses = 400
        call = asyncio.create_task(play([*one.callers], running))
        result = await feed.result("mute")
        assert result["outcome"] == "failed", result
        assert result["detail"]
        assert running.metrics.value(running.metrics.undelivered) >= 1
        await call
    assert not one.muted()


async def test_a_deaf_control_port_is_given_up_and_told(rig: tuple[str, Rig], tmp_path: Path) -> None:
    platform, one = rig
    async with listening(tmp_path, platform, {**one.section, "timeout": 0.3}) as running:
        feed = Feed(running)
        one.manner.deaf = True
        call = asyncio.create_task(play([*one.callers], running))
        result = await feed.result("mute")
        assert result["outcome"] == "failed", result
        await call


async def test_a_slow_control_port_is_waited_for(rig: tuple[str, Rig], tmp_path: Path) -> None:
    platform, one = rig
    async with listening(tmp_path, platform, one.section) as running:
        feed = Feed(running)
        one.manner.late = 0.1
        call = asyncio.create_task(play([*one.callers], running))
        result = await feed.result("mute")
        assert result["outcome"] in {"confirmed", "accepted"}, result
        await call


async def test_a_measure_for_no_rule_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no-such-rule"):
        async with listening(tmp_path, "twilio", {}, policy={"rules": {"no-such-rule": {"action": "hangup"}}}):
            pass


@pytest.mark.parametrize("platform", sorted(dialling.CALLERS))
async def test_without_a_control_port_it_is_said_before_anything_is_spoken(platform: str, tmp_path: Path) -> None:
    async with listening(tmp_path, platform, {}) as running:
        feed = Feed(running)
        callers = [*dialling.CALLERS[platform](Placed(CALL_ID, language="zh"))]
        call = asyncio.create_task(play(callers, running))
        told = await feed.until(lambda event: event[0] == "control")
        assert platform in told["detail"]
        assert (await feed.result("mute"))["outcome"] == "unsupported"
        await call
        stopped = await feed.until(lambda event: event[0] == "call.stopped")
    assert stopped["outcome"] == "completed"
    assert stopped["violations"] > 0


async def test_many_calls_of_all_platforms_disturb_each_other_in_nothing(tmp_path: Path) -> None:
    async with listening(tmp_path, "twilio", {}) as running:
        feed = Feed(running)
        calls = []
        names = sorted(dialling.CALLERS)
        for number in range(100):
            placed = Placed(f"aaaaaaaa-1111-4222-8333-{number:012d}", language="zh")
            calls.append(play([*dialling.CALLERS[names[number % len(names)]](placed)], running, 3.0))
        await asyncio.gather(*calls)
        await feed.until(lambda _: sum(kind == "call.stopped" for kind, _ in feed.events) == 100)
    stopped = [fields for kind, fields in feed.events if kind == "call.stopped"]
    assert [fields["outcome"] for fields in stopped] == ["completed"] * 100
    assert all(fields["violations"] for fields in stopped)
