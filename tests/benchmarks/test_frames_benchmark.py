"""The benchmark of the page's frames: what its notes come to, and that a real console is told of what it says."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from benchmarks.frames import MISSED, Seen, figures
from benchmarks.invented_calls import SEVERITIES, state, told, violation
from streamer import settings


class TestFigures:
    def test_gaps_are_from_frame_to_frame(self) -> None:
        found = figures(Seen("calls", [0.0, 10.0, 30.0, 60.0], []))
        assert (found["frames"], found["p50"], found["max"], found["seconds"]) == (3, 20.0, 30.0, 0.06)

    def test_a_picture_is_missed_where_a_gap_is_longer_than_two_frames(self) -> None:
        at_the_bound_and_beyond = [0.0, MISSED, 2 * MISSED + 0.1, 2 * MISSED + 16.0]
        assert figures(Seen("calls", at_the_bound_and_beyond, []))["missed"] == 1

    def test_the_rarest_gaps_stand_in_the_last_percentile(self) -> None:
        frames = [16.0 * n for n in range(101)] + [1600.0 + 200.0]
        found = figures(Seen("calls", frames, []))
        assert found["p95"] == 16.0
        assert found["max"] == 200.0

    def test_long_tasks_are_counted_and_the_longest_is_told(self) -> None:
        found = figures(Seen("calls", [0.0, 16.0], [61.0, 133.0, 70.0]))
        assert (found["long_tasks"], found["longest_task"]) == (3, 133.0)

    def test_a_page_that_drew_nothing_has_no_gaps(self) -> None:
        found = figures(Seen("calls", [5.0], []))
        assert (found["frames"], found["p50"], found["max"], found["seconds"]) == (0, None, None, 0.0)


class TestInvented:
    def test_severities_take_turns(self) -> None:
        assert [violation(n)["severity"] for n in range(6)] == [*SEVERITIES, *SEVERITIES]

    def test_violations_have_names_of_their_own(self) -> None:
        assert len({violation(n)["violation_id"] for n in range(10_000)}) == 10_000

    def test_lags_differ_and_change_so_that_rows_change_places(self) -> None:
        first, later = ([state(n, second)["lag"] for n in range(300)] for second in (3.0, 4.0))
        assert len(set(first)) > 50
        assert sorted(range(300), key=first.__getitem__) != sorted(range(300), key=later.__getitem__)


class TestConsole:
    async def test_real_pages_are_told_of_calls_their_states_and_alerts(self, tmp_path: Path) -> None:
        chosen = settings.load(None, {"media_port": 0, "console_port": 0, "data": tmp_path})
        async with asyncio.timeout(120), told(chosen, 20) as calls:
            await calls.written()
            async with connect(f"ws{calls.url.removeprefix('http')}v1/alerts") as feed:
                await feed.send(json.dumps({"type": "hello"}))
                welcome = json.loads(await feed.recv())
                for _ in range(3):
                    calls.alert()
                heard = [json.loads(message) async for message in _some(feed, "violation", 3)]
                states = [json.loads(message) async for message in _some(feed, "call.state", 20)]
            await calls.written()
            async with httpx.AsyncClient(base_url=calls.url) as http:
                kept = (await http.get("v1/violations")).json()["items"]
        assert len(welcome["calls"]) == 20
        assert [event["severity"] for event in heard] == list(SEVERITIES)
        assert len({event["call"] for event in states}) == 20
        assert {item["violation_id"] for item in kept} == {"v-0", "v-1", "v-2"}


async def _some(feed: Any, kind: str, count: int) -> Any:
    """Give the next messages of a type, so many."""
    found = 0
    async for message in feed:
        if f'"type":"{kind}"' in message:
            yield message
            found += 1
            if found == count:
                return
