"""Without its database and without its console, the service hears calls; what happened is in the journal later."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from sqlalchemy import select
from websockets.asyncio.client import connect

from streamer import control_plane, service
from streamer.access.roles import Role
from streamer.access.tokens import Tokens
from streamer.bus import CallName
from streamer.errors import HuazhaError
from streamer.record import database
from streamer.record.event import Event
from streamer.record.schema import journal
from streamer.service import Service
from streamer.settings import Settings
from tests.databases import PostgreSQL
from tests.faults import FaultyRecognizer

LI = CallName("c0ffee", "c-1", "李娜")


class Outage(Protocol):
    """A database that can be taken away, and given back."""

    @property
    def url(self) -> str | None: ...

    def begin(self) -> None: ...

    def end(self) -> None: ...


class NoFile:
    """SQLite whose file is gone, and can't be made anew."""

    url = None

    def __init__(self, folder: Path) -> None:
        self._file, self._aside = folder / "journal.db", folder / "aside"

    def begin(self) -> None:
        self._aside.mkdir()
        for file in self._file.parent.glob("journal.db*"):
            file.rename(self._aside / file.name)
        self._file.mkdir()

    def end(self) -> None:
        self._file.rmdir()
        for file in self._aside.iterdir():
            file.rename(self._file.parent / file.name)
        self._aside.rmdir()


class NoServer:
    """PostgreSQL that is stopped."""

    def __init__(self, server: PostgreSQL) -> None:
        self._server, self.url = server, server.fresh()
        self._running = True

    def begin(self) -> None:
        self._server.stop()
        self._running = False

    def end(self) -> None:
        if not self._running:
            self._server.start()
            self._running = True


@pytest.fixture(params=["sqlite", "postgresql"])
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    if request.param == "sqlite":
        yield NoFile(tmp_path)
        return
    gone = NoServer(request.getfixturevalue("postgresql"))
    yield gone
    gone.end()


@pytest.fixture
def settings(outage: Outage, tmp_path: Path) -> Settings:
    return Settings(media_port=0, console_port=0, data=tmp_path, database=outage.url, gateway="here")


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Service]:
    async with service.running(settings, FaultyRecognizer()) as started:
        yield started


def with_token(settings: Settings) -> str:
    engine = database.open_(settings.journal)
    token, _ = Tokens(engine).create("Li Na", Role.ADMIN, None, time.time())
    engine.dispose()
    return token


def journalled(settings: Settings, kind: str = "blind") -> list[Event]:
    """Give what the journal has, in the order in which it was written."""
    engine = database.open_(settings.journal)
    with engine.connect() as connection:
        bodies = list(connection.scalars(select(journal.c.body).order_by(journal.c.position)))
    engine.dispose()
    return [event for event in (Event.from_json(json.loads(body)) for body in bodies) if event.type == kind]


def told(started: Service, count: int, first: int = 0) -> list[int]:
    return [started.bus.tell("blind", LI, {"channel": "agent", "n": first + n}).cursor for n in range(count)]


async def until(so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not so():
            await asyncio.wait([asyncio.ensure_future(asyncio.sleep(0.05))])


async def healthz(started: Service) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=started.console_url, timeout=60) as client:
        answer = await client.get("healthz")
        assert answer.status_code == 200
        found: dict[str, Any] = answer.json()
        return found


async def test_a_service_starts_without_its_database_and_writes_all_once_it_is_there(
    outage: Outage, settings: Settings
) -> None:
    token = with_token(settings)
    async with running(settings):
        pass
    outage.begin()
    # It starts, is heard of, and is stopped without its database, again and again.
    async with running(settings) as started:
        cursors = told(started, 3)
        assert "database" in (await healthz(started))["degraded"]
        async with httpx.AsyncClient(base_url=started.console_url, timeout=60) as client:
            allowed = await client.get("v1/me", headers={"authorization": f"Bearer {token}"})
            refused = await client.get("v1/me", headers={"authorization": "Bearer hz_wrong"})
        assert (allowed.status_code, refused.status_code) == (200, 401)
    async with running(settings) as started:
        cursors += told(started, 3, first=3)
        url = started.console_url.replace("http", "ws", 1) + "v1/alerts"
        async with connect(url) as socket:
            await socket.send(json.dumps({"type": "hello", "token": token, "after": cursors[0] - 1}))
            seen: list[int] = []
            async with asyncio.timeout(60):
                while len(seen) < len(cursors):
                    message = json.loads(await socket.recv())
                    if message["type"] == "blind":
                        seen.append(message["cursor"])
        assert seen == cursors
        await until(lambda: started.spool.waiting >= len(cursors))
        outage.end()
        await until(lambda: started.spool.waiting == 0)
        async with asyncio.timeout(60):
            while (await healthz(started))["degraded"]:
                continue
    assert [event.cursor for event in journalled(settings)] == cursors
    assert [event.fields["n"] for event in journalled(settings)] == list(range(6))


async def test_what_happens_while_console_and_database_are_dead_is_written_later_once_and_in_order(
    outage: Outage, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_plane, "PATIENCE", (0.0,))
    async with running(settings) as started:
        cursors = told(started, 100)
        outage.begin()
        os.kill(started.console.pid, signal.SIGKILL)
        cursors += told(started, 100, first=100)
        await until(lambda: started.spool.waiting > 0 and not started.console.trouble)
        cursors += told(started, 100, first=200)
        outage.end()
        await until(lambda: started.spool.waiting == 0 and started.bus.acknowledged >= cursors[-1])
        assert started.health().events_lost == 0
    assert [event.cursor for event in journalled(settings)] == cursors


async def test_a_console_that_can_not_start_keeps_no_call_from_being_heard(
    settings: Settings, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_plane, "PATIENCE", (0.1,))
    python = sys.executable
    monkeypatch.setattr(sys, "executable", "/bin/false")
    async with running(settings) as started:
        cursors = told(started, 10)
        assert "the console can't start" in started.health().degraded
        assert started.health().healthy
        async with connect(started.media.url) as socket:
            start = {"type": "start", "call_id": "c-1", "encoding": "mulaw", "sample_rate": 8000}
            await socket.send(json.dumps({**start, "channels": ["agent"], "language": "zh"}))
            assert json.loads(await socket.recv())["type"] == "started"
        await until(lambda: started.spool.waiting > 0)
        monkeypatch.setattr(sys, "executable", python)
        await until(lambda: started.bus.acknowledged >= cursors[-1])
    assert [event.cursor for event in journalled(settings)] == cursors


async def test_without_tokens_that_are_known_it_does_not_start_without_its_database(
    outage: Outage, settings: Settings
) -> None:
    outage.begin()
    with pytest.raises(HuazhaError, match="the journal's database"):
        async with running(settings):
            pass


@pytest.mark.parametrize(
    "written",
    [
        '[{"role": "admin"}]',
        '[{"id":"a","name":"b","role":"admin","hash":"c","created_at":1,"expires_at":"soon","revoked_at":null}]',
        "[" * 10_000,
        "null",
    ],
)
async def test_tokens_that_can_not_be_trusted_let_nobody_in(outage: Outage, settings: Settings, written: str) -> None:
    with_token(settings)
    async with running(settings):
        pass
    outage.begin()
    (settings.data / "tokens.json").write_text(written)
    with pytest.raises(HuazhaError, match="the journal's database"):
        async with running(settings):
            pass


async def test_a_console_that_hangs_is_replaced_and_says_where_it_hung(
    settings: Settings, outage: Outage, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_plane, "PATIENCE", (0.0,))
    async with running(settings) as started:
        hung = started.console.pid
        # Nothing is told meanwhile, so that its socket does not fill.
        os.kill(hung, signal.SIGSTOP)
        await until(
            lambda: started.console.pid != hung and started.console.restarts == 1 and not started.console.trouble
        )
        cursors = told(started, 1)
        await until(lambda: started.bus.acknowledged >= cursors[-1])
    assert "most recent call first" in capfd.readouterr().err
    assert [event.fields["name"] for event in journalled(settings, "background")] == ["console"]


async def test_text_that_can_not_be_encoded_costs_itself_alone(settings: Settings, outage: Outage) -> None:
    async with running(settings) as started:
        cursors = told(started, 1)
        cursors.append(started.bus.tell("blind", LI, {"channel": "agent", "detail": "\ud800\0"}).cursor)
        # What can't be made fit, since it came in by no edge.
        broken = started.bus.tell("blind", LI, {"n": 1})
        broken.fields["n"] = {1, 2}  # type: ignore[index]
        cursors.append(started.bus.tell("blind", LI, {"channel": "agent"}).cursor)
        await until(lambda: started.bus.acknowledged >= cursors[-1])
        assert started.health().events_lost == 1
        assert started.console.restarts == 0
    assert [event.cursor for event in journalled(settings)] == cursors
