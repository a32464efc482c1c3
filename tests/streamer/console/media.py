"""The console in the test's own process, and the media plane's end of its link, with faults as the test wants them."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from lexicon.types import Lexicon
from streamer.bus import Bus, CallName
from streamer.console import plane
from streamer.health import Health
from streamer.link import Frame, FrameReader
from streamer.record.event import Event
from streamer.settings import Settings

LI = CallName("c0ffee", "c-1", "Li Na")
HEALTH = Health(True, "", 0.0, 0, 100, 0.0, 0.0, 0.0, 0, "base", "1", "", 0, 0)


class MediaStandIn:
    """Tells what the test wants, and answers what the console asks.

    Attributes:
      taken: what comes of an order: whether the platform took it, None where the call is over.
      live: the calls that go on.
      ending: those whose end it has told, and does not know to be kept.
      asked: every question, with what it was about.
      silent: whether questions go unanswered.
      forgetful: whether it knows no more what calls began with.
      lexicon, trouble: the rules in force, and why they could not be renewed.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.taken: bool | None = True
        self.live: list[str] = []
        self.ending: list[str] = []
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.silent = False
        self.forgetful = False
        self.lexicon: Lexicon | None = None
        self.trouble = ""
        self.first: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._reader, self._writer = reader, writer
        self._bus = Bus(time.time)
        self._kept = 0
        self._more_kept = asyncio.Condition()

    def send(self, frame: Frame) -> None:
        self._writer.write(frame.to_bytes())

    def tell(self, kind: str, /, about: CallName | None = LI, **fields: Any) -> Event:
        """Tell of an event."""
        event = self._bus.tell(kind, about, fields)
        self.send(Frame("event", event.to_json()))
        return event

    def be(self, **changes: Any) -> None:
        """Tell how the media plane is."""
        self.send(Frame("health", {**asdict(HEALTH), **changes}))

    async def kept(self, event: Event) -> None:
        """Wait until an event is in the journal."""
        async with self._more_kept:
            await self._more_kept.wait_for(lambda: self._kept >= event.cursor)

    async def listen(self) -> None:
        """Take what the console says until it ends."""
        reader = FrameReader()
        while data := await self._reader.read(1 << 16):
            for frame in reader.receive(data):
                await self._take(frame)

    def heard_before(self, kind: str, /, about: CallName = LI, **fields: Any) -> Event:
        """Have had an event that another console was told of, before this one began."""
        return self._bus.tell(kind, about, fields)

    def hang_up(self) -> None:
        """Be gone."""
        self._writer.write_eof()

    def close(self) -> None:
        self._writer.close()

    async def _take(self, frame: Frame) -> None:
        if frame.what == "kept":
            async with self._more_kept:
                self._kept = frame.fields["cursor"]
                self._more_kept.notify_all()
        elif frame.what == "ask":
            self.asked.append((frame.fields["name"], frame.fields["about"]))
            if not self.silent:
                answer = {"number": frame.fields["number"], "answer": self._answer(*self.asked[-1])}
                self.send(Frame("answer", answer))
        elif not self.first.done():
            self.first.set_result(frame)

    def _answer(self, name: str, about: Mapping[str, Any]) -> Mapping[str, Any]:
        match name:
            case "publish":
                named = about["about"] and CallName(**about["about"])
                return {"cursor": self.tell(about["type"], named, **about["fields"]).cursor}
            case "order":
                return {"taken": self.taken}
            case "live":
                state = {"relief": 0, "lexicon_version": "1", "lexicon_trouble": ""}
                return {"calls": self.live, "ending": self.ending, "service": state}
            case "said":
                return {**self._bus.said(about["call"]), "complete": not self.forgetful}
            case "rules":
                if self.lexicon is not None:
                    known = about["known"] == self.lexicon.version
                    rules = () if known else self.lexicon.rules[about["after"] : about["after"] + 2]
                    named = {"name": self.lexicon.name, "version": self.lexicon.version, "trouble": self.trouble}
                    return {**named, "rules": [asdict(rule) for rule in rules]}
                return {"name": "none", "version": "1", "trouble": "", "rules": []}
            case "reload":
                return {"version": "2", "trouble": ""}
            case _:
                return {"text": "huazha_calls_live 0.0\n"}


class Console:
    """A console that runs.

    Attributes:
      media: the other end of its link.
      http: a client of its REST interface.
    """

    def __init__(self, media: MediaStandIn, http: httpx.AsyncClient, port: int) -> None:
        self.media = media
        self.http = http
        self.port = port

    def feed(self, **options: Any) -> connect:
        """Connect to the alert feed, without a hello."""
        return connect(f"ws://127.0.0.1:{self.port}/v1/alerts", **options)


async def hello(feed: ClientConnection, **fields: Any) -> dict[str, Any]:
    """Say hello; give the answer."""
    await feed.send(json.dumps({"type": "hello", **fields}))
    return await told(feed)


async def told(feed: ClientConnection, kind: str | None = None) -> dict[str, Any]:
    """Give what comes next, or the next of a type."""
    while True:
        message: dict[str, Any] = json.loads(await feed.recv())
        if kind is None or message["type"] == kind:
            return message


@asynccontextmanager
async def console(
    data: Path, prepare: Callable[[MediaStandIn], None] = lambda _: None, **changes: Any
) -> AsyncIterator[Console]:
    """Run a console, as its own process would; on leaving, the media plane is gone.

    Args:
      prepare: has the media plane know what it knows before the console asks.
    """
    settings = Settings.model_validate({"data": data, "media_port": 0, "console_port": 0, "gateway": "here", **changes})
    link, ours = socket.socketpair()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    running = asyncio.create_task(plane.run(link, listening))
    media = MediaStandIn(*await asyncio.open_connection(sock=ours))
    prepare(media)
    media.send(Frame("settings", json.loads(settings.model_dump_json())))
    media.be()
    answering = asyncio.create_task(media.listen())
    first = await media.first
    assert first.what == "ready", first.fields
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30.0) as http:
            yield Console(media, http, port)
    finally:
        media.hang_up()
        await running
        await answering
        media.close()
