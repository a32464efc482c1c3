"""A peer that is one server for all streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake

from benchmarks.peers import processes, venvs
from benchmarks.peers.clips import Clip
from benchmarks.peers.peer import PeerFailed, Shown, converse
from benchmarks.peers.processes import Server


class ServedPeer(ABC):
    """Starts one process, and opens a WebSocket to it for each stream."""

    name: str
    packages: tuple[str, ...]
    environment: str
    """Whose requirements it is installed from."""
    path = "/"
    """Of the WebSocket, with the query."""

    def __init__(self, model: Path, language: str) -> None:
        self.settings: dict[str, object] = {}
        self._model, self._language = model, language
        self._commands = Path()
        self._server: Server | None = None

    @abstractmethod
    def command(self, port: int, streams: int) -> list[str]:
        """Say what starts it."""

    @abstractmethod
    def reader(self, clip: Clip) -> Callable[[float, str], list[Shown]]:
        """Give what says, for one stream, what each message at its second shows."""

    async def greet(self, connection: ClientConnection) -> None:
        """Do what comes before the first sample: nothing, if the protocol has no such thing."""
        del connection

    def variables(self) -> dict[str, str]:
        """Say what is set in its environment."""
        return {}

    async def install(self, folder: Path) -> None:
        self._commands = await venvs.ensure(self.environment, folder)

    async def start(self, streams: int) -> None:
        port = processes.free_port()
        self._server = await processes.begin(self.name, self.command(port, streams), port, self.variables())
        await self._server.taken()

    async def stream(self, clip: Clip) -> AsyncGenerator[Shown, None]:
        read = self.reader(clip)
        async with self._connected() as connection, aclosing(converse(self.name, connection, clip)) as messages:
            async for at, message in messages:
                for shown in read(at, message):
                    yield shown

    def cpu(self) -> float:
        return self._server.cpu() if self._server else 0.0

    async def stop(self) -> None:
        server, self._server = self._server, None
        if server:
            await server.end()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[ClientConnection]:
        assert self._server is not None
        try:
            # Pings are left out: a server whose one thread recognises would miss them.
            async with connect(
                f"ws://127.0.0.1:{self._server.port}{self.path}", compression=None, max_size=None, ping_interval=None
            ) as connection:
                await self.greet(connection)
                yield connection
        except (OSError, InvalidHandshake) as error:
            raise self._server.failed(f"can't be reached: {error}") from None
        except PeerFailed as failed:
            raise self._server.failed(failed.reason) from None
