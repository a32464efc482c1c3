"""Two gateways on one PostgreSQL, killed in mid-call and started again: nothing is on the record twice, or missing."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Engine, func, select
from typer.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from streamer import client
from streamer.errors import CallFailed
from streamer.journal_commands import app
from streamer.record import database
from streamer.record.event import Event
from streamer.record.schema import journal, outbox
from tests.databases import PostgreSQL
from tests.service_process import Process, serving
from tests.streamer.record.endpoints import Endpoint, always
from tests.test_platforms import recording

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
POSTED = ("call.started", "violation", "block", "call.stopped")
LONGEST = 2.5
"""Seconds that a gateway lives on, at most, once the journal knows of its calls."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the journal."""

    gateway: str
    webhook: str
    body: str
    event: Event


@dataclass(slots=True)
class Life:
    """What happened between a start of a gateway and its end.

    Attributes:
      whole: whether its console was killed with it.
      told: cursors of the events to be kept that its feed told.
      cut: ids of the calls that were in the middle of it when it was killed.
    """

    whole: bool
    told: list[int] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)


class Gateway:
    """A service in processes of its own that is killed again and again, and what it said while it lived."""

    def __init__(self, name: str, url: str, folder: Path, webhook: str, chance: random.Random) -> None:
        self.name = name
        self.lives: list[Life] = []
        self.config = folder / f"{name}.toml"
        self.config.write_text(f'data = "{folder / name}"\ndatabase = "{url}"\n')
        self._chance = chance
        self._engine = database.open_(url)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._console = free.getsockname()[1]
        self._settings = {
            "media_port": 0,
            "console_port": self._console,
            "data": folder / name,
            "database": url,
            "gateway": name,
            "webhooks": [{"url": webhook, "secret": SECRET, "allow_private": True, "types": POSTED}],
        }

    @property
    def told(self) -> list[int]:
        return [cursor for life in self.lives for cursor in life.told]

    async def live_and_die(self) -> None:
        """Be killed in the middle of calls: by itself, and with the console, in some order."""
        for whole in self._chance.sample([False, True], 2):
            self.lives.append(life := Life(whole))
            async with serving(self._settings) as service:
                feed = asyncio.create_task(self._follow(life))
                calls = {name: self._call(service, name, 30.0) for name in self._names("long", 2)}
                await until(lambda calls=calls: {*calls} <= {*self._begun()})  # type: ignore[misc]
                calls |= {name: self._call(service, name, 1.5) for name in self._names("short", 1)}
                # However far it has come by then: with words heard, violations, clips, webhooks under way.
                await asyncio.sleep(LONGEST * self._chance.random())
                calls |= {name: self._call(service, name, 30.0) for name in self._names("late", 1)}
                await asyncio.sleep(self._chance.random() / 10)
                life.cut = [name for name, call in calls.items() if not call.done()]
                await service.kill(whole=whole)
                for call in calls.values():
                    call.cancel()
                await asyncio.gather(feed, *calls.values(), return_exceptions=True)

    async def live(self, done: Callable[[], object]) -> None:
        """Have a call to its end, and stay until what is to happen has happened."""
        self.lives.append(life := Life(whole=False))
        async with serving(self._settings) as service:
            feed = asyncio.create_task(self._follow(life))
            await self._call(service, f"{self.name}-whole", 3.0)
            await until(done)
            await until(lambda: self.told[-1:] == [max(self._cursors())])
            feed.cancel()
        self._engine.dispose()

    def _names(self, kind: str, count: int) -> list[str]:
        return [f"{self.name}-{len(self.lives)}-{kind}-{number}" for number in range(count)]

    def _call(self, service: Process, name: str, seconds: float) -> asyncio.Task[None]:
        async def play() -> None:
            with suppress(CallFailed):
                async for _ in client.play(
                    recording(seconds), f"{service.address}/v1/calls", call_id=name, language="zh"
                ):
                    pass

        return asyncio.create_task(play())

    async def _follow(self, life: Life) -> None:
        """Take what the feed tells, from where it broke off when the gateway was killed last."""
        with suppress(ConnectionClosed):
            async with connect(f"ws://127.0.0.1:{self._console}/v1/alerts") as feed:
                await feed.send(json.dumps({"type": "hello", "after": max(self.told, default=0)}))
                await feed.recv()
                async for message in feed:
                    event = Event.from_json(json.loads(message))
                    if event.kept:
                        life.told.append(event.cursor)

    def _begun(self) -> Sequence[str]:
        begun = [row.event.call_id for row in rows(self._engine) if row.event.type == "call.started"]
        return [call_id for call_id in begun if call_id is not None]

    def _cursors(self) -> Sequence[int]:
        return [row.event.cursor for row in rows(self._engine) if row.gateway == self.name]


def rows(engine: Engine) -> list[Row]:
    with engine.connect() as connection:
        query = select(journal.c.gateway, journal.c.hash, journal.c.body).order_by(journal.c.position)
        return [
            Row(row.gateway, f"evt_{row.hash[:32]}", row.body, Event.from_json(json.loads(row.body)))
            for row in connection.execute(query)
        ]


def unsent(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(outbox)) or 0


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not done():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.05)


async def test_keep_all_that_was_told_once_and_end_the_calls_that_were_cut(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    url, chance = postgresql.fresh(), random.Random(18)
    engine = database.open_(url)
    received = Endpoint(always(204))
    async with received.open() as port:
        webhook = f"http://127.0.0.1:{port}/"
        gateways = [Gateway(name, url, tmp_path, webhook, random.Random(chance.random())) for name in ("gw1", "gw2")]
        await asyncio.gather(*(gateway.live_and_die() for gateway in gateways))
        await asyncio.gather(*(gateway.live(lambda: unsent(engine) == 0) for gateway in gateways))
    kept = rows(engine)
    engine.dispose()

    for gateway in gateways:
        cursors = [row.event.cursor for row in kept if row.gateway == gateway.name and row.event.cursor > 0]
        assert cursors == sorted({*cursors})
        # The feed tells a little sooner than the journal: who is killed whole loses the end of that at most.
        for life in gateway.lives:
            missing = {*life.told} - {*cursors}
            assert not missing or (life.whole and min(missing) > max({*life.told} & {*cursors}))
        told = [cursor for cursor in gateway.told if cursor in {*cursors}]
        assert told == [cursor for cursor in cursors if cursor <= told[-1]]

    ends = defaultdict[str, list[str]](list)
    for row in kept:
        if row.event.type in {"call.started", "call.stopped"}:
            assert row.event.call_id is not None
            ends[row.event.call_id].append(row.event.fields.get("outcome", "started"))
    for gateway in gateways:
        for life in gateway.lives[:-1]:
            cut = [ends.pop(name, None) for name in life.cut]
            # One that began a moment before need not be on the record.
            assert cut[:2] == [["started", "lost"]] * 2
            assert all(end in (None, ["started", "lost"]) for end in cut)
        assert ends.pop(f"{gateway.name}-whole") == ["started", "completed"]
    # What ended shortly before the kill may have been told to the platform alone.
    assert all(end in (["started", "completed"], ["started", "lost"]) for end in ends.values())
    assert any(row.event.type == "violation" for row in kept)

    wanted = {row.webhook: row.body for row in kept if row.event.type in POSTED}
    assert {(post.headers["webhook-id"], post.body.decode()) for post in received.posts} == {*wanted.items()}
    assert len({*wanted.values()}) == len(wanted)

    for gateway in gateways:
        verified = CliRunner().invoke(app, ["verify", "--deep", "--config", str(gateway.config)])
        assert verified.exit_code == 0, verified.output
