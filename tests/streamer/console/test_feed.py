"""The alert feed's socket: nobody misses what is kept, and nobody can harm the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from streamer.console import desk
from streamer.console import feed as feed_module
from streamer.console import hub as hub_module
from tests.stories import STARTED, STOPPED, VIOLATION
from tests.streamer.console.media import LI, Console, MediaStandIn, console, hello, told


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Console]:
    async with console(tmp_path) as running:
        yield running


async def closing(feed: ClientConnection) -> tuple[dict[str, Any], int | None]:
    """Give the error that the feed ends with, and its close code."""
    last: dict[str, Any] = {}
    with suppress(ConnectionClosed):
        while True:
            last = json.loads(await feed.recv())
    return last, feed.close_code


class TestAHello:
    async def test_is_answered_with_the_calls_that_go_on(self, one: Console) -> None:
        await one.media.kept(one.media.tell("call.started", **STARTED))
        async with one.feed() as feed:
            welcome = await hello(feed)
        assert welcome["type"] == "welcome"
        assert (welcome["name"], welcome["role"]) == ("local", "admin")
        assert [call["call_id"] for call in welcome["calls"]] == ["c-1"]
        assert welcome["service"]["lexicon_version"] == "1"

    async def test_begins_the_feed_now(self, one: Console) -> None:
        await one.media.kept(one.media.tell("blind", channel="agent"))
        async with one.feed() as feed:
            await hello(feed)
            now = one.media.tell("violation", **VIOLATION)
            assert (await told(feed)) == now.to_json()

    @pytest.mark.parametrize(
        "first",
        [
            "",
            "[]",
            "{}",
            '{"type":"subscribe","call":"x"}',
            '{"type":"hello","after":-1}',
            '{"type":"hello","after":"1"}',
        ],
    )
    async def test_that_is_none_is_refused(self, one: Console, first: str) -> None:
        async with one.feed() as feed:
            await feed.send(first)
            error, code = await closing(feed)
        assert (error["type"], error["code"], code) == ("error", "bad_message", 4400)

    async def test_of_bytes_is_refused(self, one: Console) -> None:
        async with one.feed() as feed:
            await feed.send(b"\x00\x01")
            error, code = await closing(feed)
        assert (error["code"], code) == ("bad_message", 4400)

    async def test_that_does_not_come_is_not_waited_for(self, one: Console, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed_module, "HELLO", 0.0)
        async with one.feed() as feed:
            error, code = await closing(feed)
        assert (error["code"], code) == ("hello_timeout", 4408)

    async def test_of_a_page_of_another_place_is_refused_and_on_the_record(self, one: Console) -> None:
        async with one.feed() as watching, one.feed(additional_headers={"Origin": "https://evil.example"}) as feed:
            await hello(watching)
            await feed.send('{"type":"hello"}')
            error, code = await closing(feed)
            record = await told(watching, "access")
        assert (error["code"], code) == ("forbidden_origin", 4403)
        assert record["what"] == "refused"
        assert "evil.example" in record["detail"]


class TestComingBack:
    async def test_brings_all_that_was_missed_and_nothing_twice(self, one: Console) -> None:
        events = [one.media.tell("blind", channel="agent", n=n) for n in range(20)]
        await one.media.kept(events[-1])
        async with one.feed() as feed:
            await hello(feed, after=events[4].cursor)
            later = one.media.tell("blind", channel="agent", n=20)
            come = [(await told(feed))["cursor"] for _ in range(16)]
        assert come == [event.cursor for event in (*events[5:], later)]

    async def test_reaches_back_into_the_journal(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed_module, "PAGE", 3)
        monkeypatch.setattr(desk, "Hub", partial(hub_module.Hub, remembered=2))
        async with console(tmp_path) as one:
            events = [one.media.tell("blind", channel="agent", n=n) for n in range(10)]
            await one.media.kept(events[-1])
            async with one.feed() as feed:
                await hello(feed, after=0)
                come = [(await told(feed))["cursor"] for _ in range(10)]
        assert come == [event.cursor for event in events]

    async def test_after_a_restart_brings_what_was_told_before_it(self, tmp_path: Path) -> None:
        async with console(tmp_path) as before:
            first = before.media.tell("call.started", **STARTED)
            second = before.media.tell("violation", **VIOLATION)
            await before.media.kept(second)
        async with console(tmp_path) as after, after.feed() as feed:
            after.media.live = [LI.call]
            await hello(feed, after=first.cursor)
            assert (await told(feed, "violation")) == second.to_json()

    async def test_says_so_where_the_journal_can_not_be_read(self, tmp_path: Path) -> None:
        async with console(tmp_path) as before:
            await before.media.kept(before.media.tell("blind", channel="agent"))
        async with console(tmp_path) as after:
            after.media.tell("call.started", **STARTED)
            (tmp_path / "journal.db").rename(tmp_path / "gone")
            (tmp_path / "journal.db").mkdir()
            async with after.feed() as feed:
                await hello(feed, after=0)
                error, code = await closing(feed)
            (tmp_path / "journal.db").rmdir()
            (tmp_path / "gone").rename(tmp_path / "journal.db")
        assert (error["code"], code) == ("journal_unavailable", 4503)


class TestFollowingACall:
    async def test_brings_what_was_said_and_then_what_is_said(self, one: Console) -> None:
        one.media.tell("call.started", **STARTED)
        said: dict[str, Any] = {"channel": "agent", "start": 0.0, "end": 1.0}
        one.media.tell("transcript", text="您好", committed=True, **said)
        one.media.tell("transcript", text="我是", committed=False, **said)
        async with one.feed() as feed:
            await hello(feed)
            await feed.send('{"type":"subscribe","call":"c0ffee"}')
            snapshot = await told(feed, "transcript.snapshot")
            one.media.tell("transcript", text="我是小李", committed=True, **said)
            next_ = await told(feed, "transcript")
        assert [piece["text"] for piece in snapshot["committed"]] == ["您好"]
        assert snapshot["tentative"] == {"agent": "我是"}
        assert next_["text"] == "我是小李"

    async def test_brings_what_was_said_before_the_console_died(self, tmp_path: Path) -> None:
        said: dict[str, Any] = {"channel": "agent", "committed": True}
        async with console(tmp_path) as before:
            await before.media.kept(before.media.tell("call.started", **{**STARTED, "gateway": "here"}))
            before.media.tell("transcript", text="您好", start=0.0, end=1.0, **said)

        def heard(media: MediaStandIn) -> None:
            media.live = [LI.call]
            media.heard_before("transcript", text="您好", start=0.0, end=1.0, **said)
            media.heard_before("transcript", text="我是", start=1.0, end=1.4, channel="agent", committed=False)

        async with console(tmp_path, heard) as after, after.feed() as feed:
            welcome = await hello(feed)
            await feed.send('{"type":"subscribe","call":"c0ffee"}')
            snapshot = await told(feed, "transcript.snapshot")
            after.media.tell("transcript", text="我是小李", start=1.0, end=2.0, **said)
            next_ = await told(feed, "transcript")
        assert [call["call"] for call in welcome["calls"]] == [LI.call]
        assert snapshot["complete"]
        assert [piece["text"] for piece in snapshot["committed"]] == ["您好"]
        assert snapshot["tentative"] == {"agent": "我是"}
        assert next_["text"] == "我是小李"

    async def test_says_that_the_beginning_is_gone_where_nobody_has_it(self, tmp_path: Path) -> None:
        async with console(tmp_path) as before:
            await before.media.kept(before.media.tell("call.started", **{**STARTED, "gateway": "here"}))

        def forgot(media: MediaStandIn) -> None:
            media.live, media.forgetful = [LI.call], True

        async with console(tmp_path, forgot) as after, after.feed() as feed:
            assert [call["call"] for call in (await hello(feed))["calls"]] == [LI.call]
            await feed.send('{"type":"subscribe","call":"c0ffee"}')
            snapshot = await told(feed, "transcript.snapshot")
        assert not snapshot["complete"]

    async def test_ends_when_it_is_left(self, one: Console) -> None:
        one.media.tell("call.started", **STARTED)
        async with one.feed() as feed:
            await hello(feed)
            for kind in ("subscribe", "unsubscribe", "subscribe"):
                await feed.send(json.dumps({"type": kind, "call": "c0ffee"}))
            await told(feed, "transcript.snapshot")
            await told(feed, "transcript.snapshot")
            await feed.send('{"type":"unsubscribe","call":"c0ffee"}')
            await feed.send('{"type":"subscribe","call":"another"}')
            await told(feed, "transcript.snapshot")
            one.media.tell("transcript", text="您好", committed=True, channel="agent", start=0.0, end=1.0)
            stopped = one.media.tell("call.stopped", **STOPPED)
            assert (await told(feed)) == stopped.to_json()

    async def test_of_too_many_is_refused(self, one: Console) -> None:
        async with one.feed() as feed:
            await hello(feed)
            for n in range(5):
                await feed.send(json.dumps({"type": "subscribe", "call": f"call-{n}"}))
            error, code = await closing(feed)
        assert (error["code"], code) == ("bad_message", 4400)

    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(message=st.one_of(st.text(max_size=200), st.binary(max_size=200), st.from_type(type(None))))
    def test_garbage_gets_an_error_or_nothing(self, message: str | bytes | None) -> None:
        """Whatever a client says, the validator either understands it or says what is wrong with it."""
        if message is None:
            message = "null"
        try:
            feed_module.FOLLOWING.validate_json(message)
        except ValueError:
            return
        assert json.loads(message)["type"] in {"subscribe", "unsubscribe"}


class TestASlowClient:
    async def test_is_cut_off_and_costs_nobody_else_anything(
        self, one: Console, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(feed_module, "FAREWELL", 0.1)
        monkeypatch.setattr(feed_module, "Listener", partial(hub_module.Listener, most=20))
        first = one.media.tell("call.started", **STARTED)
        await one.media.kept(first)
        # It reads nothing; what the kernel holds for it is some megabytes.
        async with one.feed(max_queue=1, compression=None) as stalled, one.feed() as other:
            await hello(stalled)
            await hello(other)
            events = []
            for n in range(600):
                events.append(one.media.tell("blind", channel="agent", reason="x" * 30_000, n=n))
                assert (await told(other, "blind"))["cursor"] == events[-1].cursor
            with suppress(ConnectionClosed):
                while True:
                    await stalled.recv()
        async with one.feed() as back:
            await hello(back, after=first.cursor)
            come = [(await told(back, "blind"))["cursor"] for _ in range(10)]
        assert come == [event.cursor for event in events[:10]]
        assert "huazha_feed_too_slow_total 1.0" in (await one.http.get("/metrics")).text


async def test_ten_clients_hear_the_same(one: Console) -> None:
    feeds = [await one.feed() for _ in range(10)]
    try:
        for feed in feeds:
            await hello(feed)
        events = [one.media.tell("blind", channel="agent", n=n) for n in range(50)]
        come = await asyncio.gather(*(_cursors(feed, len(events)) for feed in feeds))
    finally:
        for feed in feeds:
            await feed.close()
    assert all(cursors == [event.cursor for event in events] for cursors in come)


async def _cursors(feed: ClientConnection, count: int) -> list[int]:
    return [(await told(feed))["cursor"] for _ in range(count)]
