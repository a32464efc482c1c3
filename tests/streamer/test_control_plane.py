"""The console's process: whatever becomes of it, calls go on, and nothing that is to be kept is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect

from streamer import control_plane
from streamer.bus import CallName
from streamer.errors import HuazhaError
from streamer.record import database
from streamer.record.event import Event
from streamer.service import Service
from streamer.settings import Settings
from tests.faults import FaultyRecognizer, Running
from tests.stories import kept

LI = CallName("c0ffee", "c-1", "Li Na")


async def feed(service: Service, after: int, until: int) -> list[int]:
    """Give the cursors of the kept events after one, up to another."""
    url = service.console_url.replace("http", "ws", 1) + "v1/alerts"
    async with connect(url) as socket:
        await socket.send(json.dumps({"type": "hello", "after": after}))
        await socket.recv()
        cursors: list[int] = []
        while not cursors or cursors[-1] < until:
            message: dict[str, Any] = json.loads(await socket.recv())
            if message["type"] == "blind":
                cursors.append(message["cursor"])
    return cursors


def journalled(settings: Settings) -> list[Event]:
    engine = database.open_(settings.journal)
    events = kept(engine)
    engine.dispose()
    return events


async def test_a_console_that_is_killed_comes_back_and_has_missed_nothing(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_plane, "PATIENCE", (0.0,))
    async with running(FaultyRecognizer()) as service:
        told = [service.bus.tell("blind", LI, {"channel": "agent", "n": n}).cursor for n in range(500)]
        os.kill(service.console.pid, signal.SIGKILL)
        told += [service.bus.tell("blind", LI, {"channel": "agent", "n": n}).cursor for n in range(500, 600)]
        assert await asyncio.wait_for(_when_back(service, told), 60) == told
        assert service.health().console_restarts == 1
        settings = service.media.settings
    kept = [event.cursor for event in journalled(settings) if event.type == "blind"]
    assert kept == told


async def _when_back(service: Service, told: list[int]) -> list[int]:
    """Hear the feed when there is one again: until then nobody answers on its port."""
    while True:
        try:
            return await feed(service, told[0] - 1, told[-1])
        except (OSError, EOFError, httpx.HTTPError):
            continue


async def test_what_was_told_last_is_written_before_the_service_ends(running: Running) -> None:
    async with running(FaultyRecognizer()) as service:
        told = [service.bus.tell("blind", LI, {"channel": "agent", "n": n}).cursor for n in range(2000)]
        settings = service.media.settings
    assert [event.cursor for event in journalled(settings) if event.type == "blind"] == told


async def test_a_database_that_can_not_be_had_is_said_at_the_start(tmp_path: Path, running: Running) -> None:
    (tmp_path / "journal.db").mkdir()
    with pytest.raises(HuazhaError, match="the journal's database, sqlite:///"):
        async with running(FaultyRecognizer()):
            pass
