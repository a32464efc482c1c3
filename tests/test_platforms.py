"""Calls as each platform sends them, end to end: the violation is spoken, the right leg muted, and heard again."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamer import dialling, lifting, recordings, service
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
HALVES = (sorted(RIGS)[::2], sorted(RIGS)[1::2])
"""Platforms whose control ports are gone; those of the others are there."""
EACH = 5
"""Calls of each platform at once; with many more a slow machine is behind, and turns new calls away."""
Told = tuple[str, Mapping[str, Any]]


def recording(seconds: float = 6.0) -> Recording:
    """The beginning of a call in which the agent speaks at once."""
    whole = recordings.read(DATA / "demo-zh.wav")
    speech = np.concatenate([whole.samples] * 2)[: round(seconds * whole.sample_rate)]
    return Recording(whole.path, whole.encoding, whole.sample_rate, whole.channels, speech)


class Feed:
    """What the console is told, as it is told.

    Args:
      platform: whose calls it is about; None is everything.
    """

    def __init__(self, running: Service, platform: str | None = None) -> None:
        self.events: list[Told] = []
        self._more = asyncio.Event()
        self._calls: set[str] = set()
        tell = running.bus.tell

        def listen(kind: str, about: CallName | None = None, fields: Mapping[str, Any] | None = None) -> Any:
            if about is not None and kind == "call.started" and platform == (fields or {})["platform"]:
                self._calls.add(about.call)
            if platform is None or (about is not None and about.call in self._calls):
                self.events.append((kind, dict(fields or {})))
                self._more.set()
            return tell(kind, about, fields)

        running.bus.tell = listen  # type: ignore[method-assign]

    @property
    def call(self) -> str:
        """The service's name for the only call there was."""
        (call,) = self._calls
        return call

    async def until(self, which: Callable[[Told], bool]) -> Mapping[str, Any]:
        """Wait for an event, which may have been there already."""
        (found,) = await self.all(which, 1)
        return found

    async def all(self, which: Callable[[Told], bool], number: int) -> list[Mapping[str, Any]]:
        """Wait until there are so many events of a kind."""
        found: list[Mapping[str, Any]] = []
        seen = 0
        async with asyncio.timeout(30):
            while True:
                while seen < len(self.events):
                    event = self.events[seen]
                    seen += 1
                    if which(event):
                        found.append(event[1])
                    if len(found) == number:
                        return found
                self._more.clear()
                await self._more.wait()

    async def result(self, action: str) -> Mapping[str, Any]:
        """Wait for what came of an action."""
        return await self.until(lambda event: event[0] == "block.result" and event[1]["action"] == action)


@asynccontextmanager
async def listening(tmp_path: Path, sections: Mapping[str, Mapping[str, Any]], **more: Any) -> AsyncIterator[Service]:
    settings = Settings.model_validate(
        {
            "media_port": 0,
            "console_port": 0,
            "data": tmp_path,
            "platforms": {platform: dict(section) for platform, section in sections.items()},
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
    async with listening(tmp_path, {platform: one.section}, policy={"seconds": 0.5}) as running:
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
    async with listening(tmp_path, {platform: one.section}) as running:
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
    async with listening(tmp_path, {platform: one.section}) as running:
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
    async with listening(tmp_path, {platform: {**one.section, "timeout": 0.3}}) as running:
        feed = Feed(running)
        one.manner.deaf = True
        call = asyncio.create_task(play([*one.callers], running))
        result = await feed.result("mute")
        assert result["outcome"] == "failed", result
        await call


async def test_a_slow_control_port_is_waited_for(rig: tuple[str, Rig], tmp_path: Path) -> None:
    platform, one = rig
    async with listening(tmp_path, {platform: one.section}) as running:
        feed = Feed(running)
        one.manner.late = 0.1
        call = asyncio.create_task(play([*one.callers], running))
        result = await feed.result("mute")
        assert result["outcome"] in {"confirmed", "accepted"}, result
        await call


@pytest.fixture
async def all_rigs() -> AsyncIterator[Mapping[str, Rig]]:
    """Every platform with a call of its own."""
    async with AsyncExitStack() as stack:
        rigs = {}
        for number, platform in enumerate(sorted(RIGS)):
            placed = Placed(f"aaaaaaaa-1111-4222-8333-{number:012d}", language="zh")
            rigs[platform] = await stack.enter_async_context(RIGS[platform](placed))
        yield rigs


@asynccontextmanager
async def all_calling(
    rigs: Mapping[str, Rig], running: Service, seconds: float = 5.0
) -> AsyncIterator[Mapping[str, Feed]]:
    """Play a call of each platform at once; gives the feed of each, and sees all of them to their end."""
    feeds = {platform: Feed(running, platform) for platform in rigs}
    calls = asyncio.gather(*(play([*rig.callers], running, seconds) for rig in rigs.values()))
    yield feeds
    await calls
    for platform, feed in feeds.items():
        stopped = await feed.until(lambda event: event[0] == "call.stopped")
        assert (platform, stopped["outcome"], stopped["blind_seconds"]) == (platform, "completed", 0)
        assert not [event for event in feed.events if event[0] == "blind"]


@pytest.mark.parametrize("gone", HALVES, ids=" ".join)
async def test_a_control_port_that_is_not_there_is_told_as_the_call_begins(
    gone: Sequence[str], all_rigs: Mapping[str, Rig], tmp_path: Path
) -> None:
    for platform in gone:
        await all_rigs[platform].leave()
    sections = {platform: rig.section for platform, rig in all_rigs.items()}
    async with listening(tmp_path, sections) as running, all_calling(all_rigs, running) as feeds:
        for platform in gone:
            told = await feeds[platform].until(lambda event: event[0] == "control")
            result = await feeds[platform].result("mute")
            assert (told["platform"], result["outcome"], result["sent_ms"]) == (platform, "failed", None)
            for detail in (told["detail"], result["detail"]):
                assert re.search(r"can't be reached at 127\.0\.0\.1:\d+: .+; see whether it is up", detail), detail
        for platform in all_rigs.keys() - set(gone):
            result = await feeds[platform].result("mute")
            assert result["outcome"] in {"confirmed", "accepted"}, (platform, result)
            assert not [event for event in feeds[platform].events if event[0] == "control"]


@pytest.mark.parametrize("gone", HALVES, ids=" ".join)
async def test_a_control_port_that_goes_while_the_agent_is_muted_is_told_of_the_unmute(
    gone: Sequence[str], all_rigs: Mapping[str, Rig], tmp_path: Path
) -> None:
    sections = {platform: rig.section for platform, rig in all_rigs.items()}
    async with listening(tmp_path, sections) as running, all_calling(all_rigs, running, 10.0) as feeds:
        for platform, feed in feeds.items():
            result = await feed.result("mute")
            assert result["outcome"] in {"confirmed", "accepted"}, (platform, result)
        await asyncio.gather(*(all_rigs[platform].leave() for platform in gone))
        for platform, feed in feeds.items():
            assert await running.media.order(feed.call, "unmute", "agent", None, "Li Na"), platform

        async def unmuted(platform: str) -> None:
            # Each is looked at as it is told: a later sentence of the call mutes its agent again.
            result = await feeds[platform].result("unmute")
            if platform in gone:
                assert result["outcome"] == "failed", (platform, result)
                assert "can't be reached at" in result["detail"], (platform, result)
                assert all_rigs[platform].muted()
            else:
                assert result["outcome"] in {"confirmed", "accepted"}, (platform, result)
                assert not all_rigs[platform].muted()

        await asyncio.gather(*map(unmuted, feeds))


async def lose(rigs: Mapping[str, Rig], running: Service, ended: Sequence[str] = ()) -> Mapping[str, Feed]:
    """Call as each platform, and lose all sockets once the agent is muted; gives the feed of each, the calls over.

    Args:
      ended: whose calls have ended at the platform, too.
    """
    feeds = {platform: Feed(running, platform) for platform in rigs}
    calls = [asyncio.create_task(play([*rig.callers], running, 30.0)) for rig in rigs.values()]
    for platform, feed in feeds.items():
        result = await feed.result("mute")
        assert result["outcome"] in {"confirmed", "accepted"}, (platform, result)
        assert rigs[platform].muted()
    for platform in ended:
        rigs[platform].end()
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    for feed in feeds.values():
        await feed.until(lambda event: event[0] == "call.stopped")
    return feeds


def after_the_call(feed: Feed) -> Sequence[Told]:
    """Give what was told of mutes once the call was over."""
    over = [kind for kind, _ in feed.events].index("call.stopped")
    return [event for event in feed.events[over:] if event[0] in {"unblock", "block.result"}]


async def test_a_mute_that_outlives_its_stream_is_lifted_when_its_time_is_over(
    all_rigs: Mapping[str, Rig], tmp_path: Path
) -> None:
    sections = {platform: rig.section for platform, rig in all_rigs.items()}
    async with listening(tmp_path, sections, policy={"seconds": 6.0}) as running:
        feeds = await lose(all_rigs, running)
        for platform, feed in feeds.items():
            result = await feed.result("unmute")
            assert result["outcome"] == ("confirmed" if all_rigs[platform].confirms else "accepted"), (platform, result)
            assert not all_rigs[platform].muted()
            told = after_the_call(feed)
            assert {fields["reason"] for kind, fields in told if kind == "unblock"} == {"its time is over"}
            assert [fields for kind, fields in told if kind == "block.result"] == [result], platform


@pytest.mark.parametrize("ended", HALVES, ids=" ".join)
async def test_a_service_that_stops_lifts_what_it_would_have_lifted_later(
    ended: Sequence[str], all_rigs: Mapping[str, Rig], tmp_path: Path
) -> None:
    sections = {platform: rig.section for platform, rig in all_rigs.items()}
    async with listening(tmp_path, sections, policy={"seconds": 3600}) as running:
        feeds = await lose(all_rigs, running, ended)
        assert not any(map(after_the_call, feeds.values()))
    for platform, feed in feeds.items():
        if platform in ended:
            assert after_the_call(feed) == [], platform
        else:
            assert (await feed.result("unmute"))["outcome"] in {"confirmed", "accepted"}, platform
            assert not all_rigs[platform].muted()


@pytest.mark.parametrize("ended", HALVES, ids=" ".join)
async def test_a_mute_that_nothing_will_lift_is_told_once_unless_its_leg_is_gone(
    ended: Sequence[str], all_rigs: Mapping[str, Rig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lifting, "LOOKS", (0.0, 0.0))
    sections = {platform: rig.section for platform, rig in all_rigs.items()}
    async with listening(tmp_path, sections) as running:
        feeds = await lose(all_rigs, running, ended)
        for platform in all_rigs.keys() - set(ended):
            result = await feeds[platform].result("unmute")
            assert result["outcome"] == "unsupported", (platform, result)
            assert "see whether it is muted there still" in result["detail"]
            assert all_rigs[platform].muted()
    for platform, feed in feeds.items():
        assert len(after_the_call(feed)) == (0 if platform in ended else 1), (platform, after_the_call(feed))


async def test_a_measure_for_no_rule_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no-such-rule"):
        async with listening(tmp_path, {}, policy={"rules": {"no-such-rule": {"action": "hangup"}}}):
            pass


@pytest.mark.parametrize("platform", sorted(dialling.CALLERS))
async def test_without_a_control_port_it_is_said_before_anything_is_spoken(platform: str, tmp_path: Path) -> None:
    async with listening(tmp_path, {platform: {}}) as running:
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
    async with listening(tmp_path, {}) as running:
        feed = Feed(running)
        calls = []
        for number, name in enumerate(sorted(dialling.CALLERS) * EACH):
            placed = Placed(f"aaaaaaaa-1111-4222-8333-{number:012d}", language="zh")
            calls.append(play([*dialling.CALLERS[name](placed)], running, 3.0))
        await asyncio.gather(*calls)
        stopped = await feed.all(lambda event: event[0] == "call.stopped", len(calls))
    assert {fields["outcome"] for fields in stopped} == {"completed"}
    assert all(fields["violations"] for fields in stopped)
