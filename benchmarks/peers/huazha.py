"""Huazha itself, as it is served: its own protocol, with the running text asked for."""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

from websockets.asyncio.client import ClientConnection

from benchmarks.peers import processes
from benchmarks.peers.clips import RATE, Clip
from benchmarks.peers.peer import PeerFailed, Shown
from benchmarks.peers.served import ServedPeer
from streamer.dialects.native import start_message
from streamer.types import Encoding


class Screen:
    """What one call's messages show: committed text, then tentative; and whether the clip's term is blocked."""

    def __init__(self, clip: Clip) -> None:
        self._mark = clip.mark
        self._committed = self._tentative = ""
        self._signals: dict[str, Shown] = {}

    def take(self, at: float, text: str) -> list[Shown]:
        """Take in a message.

        A signal comes before its `violation`, which says where the term is; it is told then, as of its own second.

        Raises:
          PeerFailed: the service refuses the call.
        """
        message = json.loads(text)
        match message["type"]:
            case "transcript" if message["committed"]:
                self._committed, self._tentative = self._committed + message["text"], ""
            case "transcript":
                self._tentative = message["text"]
            case "block":
                self._signals[message["violation_id"]] = Shown(at, self._text, blocked=True)
                return []
            case "violation" if message["violation_id"] in self._signals:
                # The first of them only: those of its later life come when other text stands there.
                signal = self._signals.pop(message["violation_id"])
                met = self._mark.met_by(message["start"], message["end"], message["channel"])
                return [signal] if met else []
            case "error":
                raise PeerFailed(Huazha.name, f"refused the stream: {message['message']}")
            case _:
                return []
        return [Shown(at, self._text)]

    @property
    def _text(self) -> str:
        return self._committed + self._tentative


class Huazha(ServedPeer):
    """The service, with the settings that it ships with."""

    name = "huazha"
    packages: tuple[str, ...] = ()
    environment = ""
    path = "/v1/calls"

    async def install(self, folder: Path) -> None:
        self._commands = Path(sys.executable).parent

    def command(self, port: int, streams: int) -> list[str]:
        serve = ("serve", "--media-port", str(port), "--console-port", str(processes.free_port()))
        main = "from streamer.cli import main; main()"
        return [str(self._commands / "python"), "-c", main, *serve, "--model", str(self._model)]

    async def greet(self, connection: ClientConnection) -> None:
        await connection.send(
            start_message(
                call_id=str(uuid.uuid4()),
                encoding=Encoding.PCM_S16LE,
                sample_rate=RATE,
                channels=("agent",),
                language=self._language,
                transcripts=True,
            )
        )

    def reader(self, clip: Clip) -> Callable[[float, str], list[Shown]]:
        return Screen(clip).take
