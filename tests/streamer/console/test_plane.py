"""The console's process as a whole, where its database can't be had at the start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Engine

from streamer.console import plane
from tests.stories import STARTED
from tests.streamer.console.media import LI, console


async def test_ends_calls_that_broke_off_once_though_its_database_could_not_be_had_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(tmp_path) as before:
        await before.media.kept(before.media.tell("call.started", **{**STARTED, "gateway": "here"}))
    troubles = iter(["the database is not there yet", ""])

    async def prepared(_: Engine) -> str:
        return next(troubles)

    monkeypatch.setattr(plane, "_prepared", prepared)
    monkeypatch.setattr(plane, "AGAIN", 0.0)
    async with console(tmp_path) as after:
        async with after.feed() as feed:
            await feed.send('{"type":"hello","after":0}')
            async with asyncio.timeout(30):
                async for message in feed:
                    if '"call.stopped"' in str(message):
                        break
        asked = [about for name, about in after.media.asked if name == "publish"]
    stopped = [one["about"]["call"] for one in asked if one["type"] == "call.stopped"]
    assert stopped == [LI.call]
    assert [name for name, _ in after.media.asked].count("live") == 1
