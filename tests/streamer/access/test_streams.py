"""Platforms that sign in, over real sockets: by header, by the start message, wrongly, and through TLS."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine
from typer.testing import CliRunner
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from lexicon.loader import shipped
from streamer import client, recordings
from streamer.access.keyring import Keyring
from streamer.access.roles import Role
from streamer.access.tokens import Tokens
from streamer.bus import Bus
from streamer.cli import app
from streamer.dialects.native import stop_message
from streamer.errors import CallFailed
from streamer.lexicon_store import LexiconStore
from streamer.metrics import Metrics
from streamer.recognition.scheduler import Scheduler
from streamer.record import database
from streamer.record.event import Event
from streamer.server import MediaServer
from streamer.settings import EvidenceSettings, Settings
from tests.certificates import certify
from tests.faults import DATA, FaultyRecognizer

NEVER = "hz_" + "A" * 43


class Plane:
    """A media plane with tokens, and what it tells.

    Args:
      folder: for its database.
      tokens: whether it has any.
      changes: settings.
    """

    def __init__(self, folder: Path, *, tokens: bool = True, **changes: Any) -> None:
        self.engine: Engine = database.open_(f"sqlite:///{folder / 'journal.db'}")
        self.tokens = Tokens(self.engine)
        self.keyring = Keyring(self.tokens)
        self.settings = Settings(media_port=0, data=folder, evidence=EvidenceSettings(keep=False), **changes)
        self.bus = Bus(time.time)
        self.platform = self.token(Role.PLATFORM) if tokens else NEVER
        self.keyring.refresh()

    def token(self, role: Role, expires_in: float | None = None) -> str:
        token, _ = self.tokens.create(f"the {role}", role, expires_in, time.time())
        self.keyring.refresh()
        return token

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[MediaServer]:
        metrics = Metrics(CollectorRegistry())
        store = LexiconStore(shipped(), {})
        async with (
            Scheduler(FaultyRecognizer(), observe=metrics.count_batch) as scheduler,
            MediaServer(self.settings, store, scheduler, metrics, self.bus, keyring=self.keyring) as media,
        ):
            yield media
        self.engine.dispose()

    def lose_database(self) -> None:
        for file in self.settings.data.glob("journal.db*"):
            file.unlink()

    def told(self) -> list[Event]:
        return [event for event in self.bus.take(0) if isinstance(event, Event)]

    def refusals(self) -> list[tuple[str, str]]:
        return [(event.fields["detail"], event.fields["by"]) for event in self.told() if event.type == "access"]


def start(**changes: object) -> str:
    fields = {"type": "start", "call_id": "c", "encoding": "mulaw", "sample_rate": 8000, "language": "en"}
    return json.dumps({**fields, **changes})


async def call(
    url: str, first: str, *, header: str | None = None, context: ssl.SSLContext | None = None
) -> tuple[list[dict[str, Any]], int | None]:
    """Hold a short call; give what came back, and the close code."""
    headers = {} if header is None else {"Authorization": header}
    messages: list[dict[str, Any]] = []
    async with connect(url, additional_headers=headers, ssl=context) as socket:
        with suppress(ConnectionClosed):
            await socket.send(first)
            await socket.send(b"\xff" * 800)
            await socket.send(stop_message())
        with suppress(ConnectionClosed):
            while True:
                messages.append(json.loads(await socket.recv()))
    return messages, socket.close_code


async def heard(url: str, first: str, **more: Any) -> bool:
    messages, closed = await call(url, first, **more)
    if messages[-1]["type"] == "error":
        assert (messages[-1]["code"], messages[-1]["field"], closed) == ("unauthorised", "token", 4401)
        assert len(messages) == 1
        return False
    assert (messages[0]["type"], messages[-1]["type"], closed) == ("started", "stopped", 1000)
    return True


async def rejected(url: str, **headers: str) -> InvalidStatus:
    with pytest.raises(InvalidStatus) as rejection:
        async with connect(url, additional_headers=headers):
            pass
    return rejection.value


class TestAPlatform:
    async def test_signs_in_by_header(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            assert await heard(media.url, start(), header=f"Bearer {plane.platform}")
        assert plane.refusals() == []

    async def test_signs_in_by_its_first_message(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            assert await heard(media.url, start(token=plane.platform))
        assert plane.refusals() == []

    async def test_waits_for_no_database(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        plane.lose_database()
        async with plane.listening() as media:
            assert await heard(media.url, start(token=plane.platform))

    async def test_keeps_its_call_when_its_token_is_revoked(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media, connect(media.url) as socket:
            await socket.send(start(token=plane.platform))
            assert json.loads(await socket.recv())["type"] == "started"
            (row,) = plane.tokens.all()
            plane.tokens.revoke(row.id, time.time())
            plane.keyring.refresh()
            assert not await heard(media.url, start(token=plane.platform))
            await socket.send(stop_message())
            assert json.loads(await socket.recv())["type"] == "stopped"

    async def test_leaves_its_token_nowhere(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        plane = Plane(tmp_path)
        viewer = plane.token(Role.VIEWER)
        with caplog.at_level(logging.DEBUG):
            async with plane.listening() as media:
                assert await heard(media.url, start(token=plane.platform, metadata={"agent": "Li Na"}))
                assert not await heard(media.url, start(token=viewer))
                assert not await heard(media.url, start(token=NEVER))
                await rejected(media.url, Authorization=f"Bearer {viewer}")
        told = plane.told()
        assert {event.type for event in told} >= {"call.started", "access"}
        # What the client's own library logs is the client's.
        said = [record.getMessage() for record in caplog.records if not record.name.startswith("websockets.client")]
        said += [json.dumps(event.to_json()) for event in told]
        assert not [line for line in said for token in (plane.platform, viewer, NEVER) if token in line]

    async def test_plays_recordings_with_its_token(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        recording = recordings.read(DATA / "demo-en.wav")

        async def play(url: str, token: str | None) -> str:
            received = client.play(recording, url, call_id="c", language="en", speed=8.0, token=token)
            return str([message.message["type"] async for message in received][-1])

        async with plane.listening() as media:
            assert await play(media.url, plane.platform) == "stopped"
            with pytest.raises(CallFailed, match="401"):
                await play(media.url, NEVER)
            with pytest.raises(CallFailed, match="4401"):
                await play(media.url, None)

    async def test_is_tried_out_on_the_command_line(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        recording = str(DATA / "demo-en.wav")
        async with plane.listening() as media:
            command = ["call", recording, "--url", media.url, "--language", "en", "--speed", "8", "--json"]
            by_option = await asyncio.to_thread(CliRunner().invoke, app, [*command, "--token", plane.platform])
            environment = {"HUAZHA_TOKEN": plane.platform}
            by_environment = await asyncio.to_thread(CliRunner(env=environment).invoke, app, command)
            without = await asyncio.to_thread(CliRunner().invoke, app, command)
        for done in (by_option, by_environment):
            assert json.loads(done.stdout.splitlines()[-1])["type"] == "stopped"
            assert plane.platform not in done.output
        assert isinstance(without.exception, CallFailed)
        assert "a token is wanted" in without.stdout


class TestAStreamThatIsNotSignedIn:
    async def test_is_refused_without_a_token(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            assert not await heard(media.url, start())
            assert media.live == 0
        assert plane.refusals() == [("media stream from 127.0.0.1: a token is wanted", "127.0.0.1")]

    @pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPERVISOR, Role.ADMIN])
    async def test_is_refused_with_a_token_for_people(self, tmp_path: Path, role: Role) -> None:
        plane = Plane(tmp_path)
        token = plane.token(role)
        async with plane.listening() as media:
            assert not await heard(media.url, start(token=token))
            assert (await rejected(media.url, Authorization=f"Bearer {token}")).response.status_code == 401
        detail = f"media stream from 127.0.0.1: a token for {role} opens no media stream"
        assert plane.refusals() == [(detail, f"the {role}")] * 2

    async def test_is_refused_with_a_token_that_is_not_good(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        expired = plane.token(Role.PLATFORM, 0.0)
        async with plane.listening() as media:
            assert not await heard(media.url, start(token=NEVER))
            assert not await heard(media.url, start(token=expired))
        assert plane.refusals() == [
            ("media stream from 127.0.0.1: there is no such token", "127.0.0.1"),
            ("media stream from 127.0.0.1: the token has expired", "the platform"),
        ]

    @pytest.mark.parametrize("header", [f"Bearer {NEVER}", "Bearer", "Basic aHV6aGE6aHV6aGE="])
    async def test_is_no_socket_where_its_header_is_wrong(self, tmp_path: Path, header: str) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            response = (await rejected(media.url, Authorization=header)).response
        assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert response.body is not None
        assert response.body.decode().count("\n") == 1
        assert len(plane.refusals()) == 1

    async def test_is_refused_where_only_one_of_two_tokens_is_good(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            assert not await heard(media.url, start(token=NEVER), header=f"Bearer {plane.platform}")
            await rejected(media.url, Authorization=f"Bearer {plane.platform}, Bearer {NEVER}")

    @pytest.mark.parametrize(
        ("token", "code", "close"),
        # What is empty is absent, and a number is its text.
        [("", "unauthorised", 4401), (7, "unauthorised", 4401), ("x" * 257, "bad_field", 4422)],
    )
    async def test_is_told_that_its_token_is_none(self, tmp_path: Path, token: object, code: str, close: int) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            messages, closed = await call(media.url, start(token=token))
        assert (messages[-1]["code"], messages[-1]["field"], closed) == (code, "token", close)
        assert str(token) not in messages[-1]["message"] or not token

    async def test_does_not_fill_the_journal(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path)
        async with plane.listening() as media:
            for _ in range(40):
                await rejected(media.url, Authorization=f"Bearer {NEVER}")
        assert 0 < len(plane.refusals()) < 40


class TestAPageThatOpensAStream:
    @pytest.mark.parametrize("tokens", [False, True])
    async def test_is_refused(self, tmp_path: Path, tokens: bool) -> None:
        plane = Plane(tmp_path, tokens=tokens)
        async with plane.listening() as media:
            page = {"Origin": "https://evil.example", "Authorization": f"Bearer {plane.platform}"}
            assert (await rejected(media.url, **page)).response.status_code == 403
        ((detail, by),) = plane.refusals()
        assert "https://evil.example" in detail
        assert by == "127.0.0.1"

    async def test_may_be_let_in(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False, origins=("https://softphone.example",))
        async with plane.listening() as media, connect(media.url, origin=None) as socket:
            await socket.send(start())
            assert json.loads(await socket.recv())["type"] == "started"
            async with connect(media.url, additional_headers={"Origin": "https://softphone.example"}) as from_a_page:
                await from_a_page.send(start())
                assert json.loads(await from_a_page.recv())["type"] == "started"


class TestAPlaneWithoutTokens:
    async def test_hears_everybody_on_loopback(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False)
        async with plane.listening() as media:
            assert await heard(media.url, start())
            assert await heard(media.url, start(token=NEVER), header=f"Bearer {NEVER}")

    async def test_hears_nobody_elsewhere(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False, host="0.0.0.0")
        async with plane.listening() as media:
            assert not await heard(media.url.replace("0.0.0.0", "127.0.0.1"), start())

    async def test_asks_for_them_as_soon_as_there_are_some(self, tmp_path: Path) -> None:
        plane = Plane(tmp_path, tokens=False)
        async with plane.listening() as media:
            assert await heard(media.url, start())
            token = plane.token(Role.PLATFORM)
            assert not await heard(media.url, start())
            assert await heard(media.url, start(token=token))


async def test_a_call_goes_through_tls(tmp_path: Path) -> None:
    tls = certify(tmp_path)
    plane = Plane(tmp_path, tls=tls)
    trusting = ssl.create_default_context(cafile=tls.certificate)
    async with plane.listening() as media:
        assert media.url.startswith("wss://127.0.0.1:")
        assert await heard(media.url, start(), header=f"Bearer {plane.platform}", context=trusting)
        with pytest.raises(ssl.SSLCertVerificationError):
            await call(media.url, start(), context=ssl.create_default_context())
