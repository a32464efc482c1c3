"""RealtimeSTT: its recorder, fed by hand, a process to each stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from websockets.asyncio.client import connect

from benchmarks.peers import processes, venvs
from benchmarks.peers.clips import Clip
from benchmarks.peers.peer import PeerFailed, Shown, converse
from benchmarks.peers.processes import Server

DRIVER = Path(__file__).parent / "drivers" / "realtimestt.py"


class RealtimeSTT:
    """The library's feed: a recorder takes one stream, so that each stream has its own."""

    name = "realtimestt"
    packages: tuple[str, ...] = ("realtimestt", "faster-whisper", "ctranslate2", "silero-vad", "torch")

    def __init__(self, model: Path, language: str) -> None:
        self.settings: dict[str, object] = {
            "device": "cpu",
            "compute_type": "int8",
            # What the project's own server sets; the library's default is 0.2.
            "realtime_processing_pause": 0.02,
        }
        self._model, self._language = model, language
        self._commands = Path()
        self._servers: list[Server] = []
        self._idle: list[Server] = []

    async def install(self, folder: Path) -> None:
        self._commands = await venvs.ensure(self.name, folder)

    async def start(self, streams: int) -> None:
        for _ in range(streams):
            port = processes.free_port()
            options = (str(port), str(self._model), self._language, json.dumps(self.settings))
            command = (str(self._commands / "python"), str(DRIVER), *options)
            self._servers.append(await processes.begin(self.name, command, port))
        await asyncio.gather(*(server.taken() for server in self._servers))
        self._idle = list(self._servers)

    async def stream(self, clip: Clip) -> AsyncGenerator[Shown, None]:
        server = self._idle.pop()
        try:
            async with (
                connect(f"ws://127.0.0.1:{server.port}", compression=None) as connection,
                aclosing(converse(self.name, connection, clip)) as messages,
            ):
                async for at, text in messages:
                    yield Shown(at, text)
        except (OSError, PeerFailed) as error:
            raise server.failed(str(error)) from None
        finally:
            self._idle.append(server)

    def cpu(self) -> float:
        return sum(server.cpu() for server in self._servers)

    async def stop(self) -> None:
        servers, self._servers, self._idle = self._servers, [], []
        await asyncio.gather(*(server.end() for server in servers))
