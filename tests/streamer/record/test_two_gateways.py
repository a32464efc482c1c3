"""Two gateways on one database, with consoles that are killed: every event of each is kept once, and posted."""

from __future__ import annotations

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from streamer import control_plane
from streamer.bus import Bus, CallName
from streamer.control_plane import ControlPlane
from streamer.record.journal import Journal
from streamer.record.verify import verify
from streamer.settings import Settings
from streamer.spool import Spool
from streamer.supervision import Supervisor
from tests.stories import STARTED, STOPPED, kept
from tests.streamer.console.media import HEALTH
from tests.streamer.record.endpoints import Endpoint, always

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CALLS = 12
KILLS = 2
MOMENT = 1_767_312_000.0


class Gateway:
    """A media plane that tells what the test wants, with a console of its own, in a process of its own."""

    def __init__(self, name: str, engine: Engine, folder: Path, url: str) -> None:
        self.name = name
        self.told: list[int] = []
        self.live: set[str] = set()
        # A clock that stands still: both number their events alike.
        self.bus = Bus(lambda: MOMENT)
        self.settings = Settings.model_validate(
            {
                "gateway": name,
                "data": folder / name,
                "database": engine.url.render_as_string(hide_password=False),
                "console_port": 0,
                "webhooks": [{"url": url, "secret": SECRET, "allow_private": True, "types": ["call.stopped"]}],
            }
        )
        asks = {"publish": self._publish, "live": self._live, "said": lambda about: self.bus.said(about["call"])}
        supervisor = Supervisor(lambda *_: None, lambda *_: None)
        spool = Spool(folder / name / "spool", name)
        self.console = ControlPlane(self.settings, self.bus, lambda: asdict(HEALTH), asks, supervisor, spool)

    def call(self, number: int, *, over: bool) -> None:
        """Begin a call, or end it."""
        about = CallName(f"{self.name}-{number}", f"c-{number}", "Li Na")
        kind, fields = ("call.stopped", STOPPED) if over else ("call.started", {**STARTED, "gateway": self.name})
        self.live.add(about.call)
        self.told.append(self.bus.tell(kind, about, fields).cursor)
        if over:
            self.live.discard(about.call)

    async def acknowledged(self) -> None:
        """Wait until all that was told is kept."""
        async with asyncio.timeout(240):
            while self.bus.acknowledged < self.told[-1]:  # noqa: ASYNC110 - another process keeps it
                await asyncio.sleep(0.1)

    def _publish(self, about: Mapping[str, Any]) -> Mapping[str, Any]:
        named = about["about"] and CallName(**about["about"])
        return {"cursor": self.bus.tell(about["type"], named, about["fields"]).cursor}

    def _live(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        service = {"relief": 0, "lexicon_version": "1", "lexicon_trouble": ""}
        return {"calls": sorted(self.live), "ending": self.bus.ending, "service": service}


async def test_that_are_killed_again_and_again_lose_nothing_and_write_nothing_twice(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_plane, "PATIENCE", (0.0,))
    chance = random.Random(18)
    received = Endpoint(always(204))
    async with received.open() as port:
        url = f"http://127.0.0.1:{port}/"
        gateways = [Gateway(name, engine, tmp_path, url) for name in ("gw1", "gw2")]
        for gateway in gateways:
            await asyncio.to_thread(gateway.console.start)
        try:
            kills = sorted((chance.randrange(2 * CALLS), chance.randrange(2)) for _ in range(2 * KILLS))
            for step in range(2 * CALLS):
                for gateway in gateways:
                    gateway.call(step // 2, over=step % 2 == 1)
                for at, which in kills:
                    if at == step:
                        os.kill(gateways[which].console.pid, signal.SIGKILL)
                # However far each has come by then.
                await asyncio.sleep(chance.random() / 2)
            await asyncio.gather(*(gateway.acknowledged() for gateway in gateways))
            async with asyncio.timeout(240):
                await received.until(lambda: len({post.headers["webhook-id"] for post in received.posts}) == 2 * CALLS)
        finally:
            await asyncio.gather(*(asyncio.to_thread(gateway.console.stop) for gateway in gateways))
    assert sum(gateway.console.restarts for gateway in gateways) >= 1
    assert verify(engine, [], []).flaw is None
    found = Counter((event.call, event.type) for event in kept(engine) if event.call is not None)
    assert found == {
        (f"{gateway.name}-{number}", kind): 1
        for gateway in gateways
        for number in range(CALLS)
        for kind in ("call.started", "call.stopped")
    }
    # A feed goes on after a cursor of its own gateway.
    for gateway in gateways:
        journal = Journal(engine, gateway=gateway.name)
        told = [event.cursor for event in journal.since(0, 1000) if event.call is not None]
        assert told == gateway.told
        assert [event.cursor for event in journal.since(gateway.told[3], 2)] == gateway.told[4:6]
    assert gateways[0].told[0] == gateways[1].told[0]
    ids = {post.headers["webhook-id"]: post.body for post in received.posts}
    assert len(set(ids.values())) == len(ids) == 2 * CALLS
