"""Scans in the REST interface: written by another process while the console runs, and never on its feed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from streamer.scan.journaling import Archive, name_of
from streamer.settings import Settings
from tests.stories import STARTED, STOPPED
from tests.streamer.console.media import Console, console, hello, told
from tests.streamer.scan.invented import BEGAN, clip, result, run


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Console]:
    async with console(tmp_path) as running:
        yield running


async def archive(data: Path) -> str:
    """Scan a recording in which two things were said; give its call's name."""

    def work() -> str:
        with Archive.open(Settings(data=data)) as opened:
            opened.keep(result(), [clip("v-1")])
            opened.conclude(run())
            return opened.scan

    return await asyncio.to_thread(work)


async def get(one: Console, path: str, **query: Any) -> Any:
    answer = await one.http.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_are_listed(one: Console, tmp_path: Path) -> None:
    names = [await archive(tmp_path), await archive(tmp_path)]
    first = await get(one, "/v1/scans", limit=1)
    second = await get(one, "/v1/scans", limit=1, before=first["next"])
    assert {first["items"][0]["scan"], second["items"][0]["scan"]} == set(names)
    assert first["items"][0]["files"] == run().files
    assert second["next"] is None
    assert (await one.http.get("/v1/scans", params={"before": "x"})).status_code == 400


async def test_stand_among_calls_by_the_day_of_the_call(one: Console, tmp_path: Path) -> None:
    one.media.tell("call.started", **STARTED)
    await one.media.kept(one.media.tell("call.stopped", **STOPPED))
    scan = await archive(tmp_path)
    assert [call["scan"] for call in (await get(one, "/v1/calls"))["items"]] == [None, scan]
    (call,) = (await get(one, "/v1/calls", source="scan"))["items"]
    assert (call["platform"], call["metadata"]["file"], call["scan"]) == ("scan", "rec/0001.wav", scan)
    assert call["started_at"] == "2026-01-05T02:00:00.000Z"
    day = {"from": BEGAN.isoformat(), "to": (BEGAN + timedelta(days=1)).isoformat()}
    assert [found["call"] for found in (await get(one, "/v1/calls", **day))["items"]] == [name_of(result())]
    (violation, *_) = (await get(one, "/v1/violations", scan=scan, rule="promise"))["items"]
    assert (violation["file"], violation["at"]) == ("rec/0001.wav", "2026-01-05T02:00:12.500Z")
    assert (await get(one, "/v1/violations", source="live"))["items"] == []


async def test_are_heard_judged_and_counted(one: Console, tmp_path: Path) -> None:
    await archive(tmp_path)
    path = f"/v1/violations/{name_of(result())}"
    assert (await one.http.get(f"{path}/v-1/evidence.flac")).headers["content-type"] == "audio/flac"
    assert (await get(one, f"{path}/v-1/waveform"))["from"] == clip("v-1").start
    answer = await one.http.post(f"{path}/v-1/review", json={"verdict": "true"})
    assert answer.status_code == 200
    await one.media.kept(one.media.tell("blind", channel="agent"))
    stats = await get(one, "/v1/stats", zone="Asia/Shanghai")
    of = {row["rule_id"]: row for row in stats["by_rule"]}
    assert (of["promise"]["true"], of["promise"]["precision"], of["absolute"]["precision"]) == (1, 1.0, None)
    assert stats["precision"] == [{"week": "2026-01-05", "rule_id": "promise", "true": 1, "false": 0}]
    assert [row["day"] for row in stats["by_day"]] == ["2026-01-05"]
    assert stats["blocks"]["count"] == 0
    # Both channels of a call of 60 seconds, of which 1.5 could not be recognised.
    assert stats["coverage"] == {"received": 120.0, "monitored": 118.5, "blind": 1.5}
    assert (await get(one, "/v1/stats", source="live"))["coverage"]["received"] == 0.0


async def test_are_not_on_the_feed_and_do_not_move_it(one: Console, tmp_path: Path) -> None:
    first = one.media.tell("blind", channel="agent")
    await one.media.kept(first)
    await archive(tmp_path)
    async with one.feed() as feed:
        assert (await hello(feed, after=0))["cursor"] == first.cursor
        assert (await told(feed))["cursor"] == first.cursor
        last = one.media.tell("blind", channel="agent")
        assert (await told(feed))["cursor"] == last.cursor


async def test_are_not_told_to_whoever_comes_back_to_another_console(tmp_path: Path) -> None:
    """Which has to read the journal for what was told before."""
    await archive(tmp_path)
    async with console(tmp_path) as one:
        first = one.media.tell("blind", channel="agent")
        await one.media.kept(first)
    await archive(tmp_path)
    async with console(tmp_path) as another, another.feed() as feed:
        assert (await hello(feed, after=0))["cursor"] == first.cursor
        assert (await told(feed))["cursor"] == first.cursor
        last = another.media.tell("blind", channel="agent")
        assert (await told(feed))["cursor"] == last.cursor


async def test_can_not_be_acted_on(one: Console, tmp_path: Path) -> None:
    await archive(tmp_path)
    answer = await one.http.post(f"/v1/calls/{name_of(result())}/actions", json={"action": "mute"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "call_over")
