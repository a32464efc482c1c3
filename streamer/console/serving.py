"""uvicorn in this process's event loop, on the socket that the media plane opened."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from streamer.connections import limited
from streamer.settings import Limits, Tls

LARGEST = 64 * 1024
"""Bytes of a client's message."""
LINGER = 2.0
"""Seconds that what was sent last has to leave, once a socket is closed."""
FAREWELL = 2
"""Seconds for requests still going when the console ends."""


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs the process."""
        yield


class _Protocol(WebSocketsSansIOProtocol):
    async def run_asgi(self) -> None:
        await super().run_asgi()
        # A client that reads nothing would keep its socket, and what waits in it, for as long as it likes.
        self.loop.call_later(LINGER, self.transport.abort)


class _Requests(H11Protocol):
    """HTTP on one connection, where each request must come whole in time: from the socket's opening, or its first byte.

    Else half a request would hold a socket for ever (Slowloris); uvicorn limits only the time between requests.
    """

    timeout: float
    _due: asyncio.TimerHandle | None = None
    _upgraded = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state in {h11.IDLE, h11.SEND_BODY}:
            self._wait()
        else:
            self._came()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._upgraded = True
        self._came()
        super().handle_websocket_upgrade(event)

    def on_response_complete(self) -> None:
        # The next request may be here already, in part.
        self._came()
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._came()
        super().connection_lost(exc)

    def _wait(self) -> None:
        if self._due is None and not self._upgraded:
            self._due = self.loop.call_later(self.timeout, self._too_late)

    def _came(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _too_late(self) -> None:
        self._due = None
        self.transport.abort()


@asynccontextmanager
async def serving(app: FastAPI, listening: socket.socket, tls: Tls | None, limits: Limits) -> AsyncIterator[None]:
    """Serve while the context lasts.

    Args:
      listening: is closed when it ends.
    """

    class Requests(_Requests):
        timeout = limits.request_timeout

    config = uvicorn.Config(
        app,
        http=Requests,
        ws=_Protocol,
        ws_max_size=LARGEST,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=FAREWELL,
        ssl_certfile=None if tls is None else tls.certificate,
        ssl_keyfile=None if tls is None else tls.key,
    )
    server = _Server(config)
    own = limited(listening, limits.max_connections, limits.max_connections_per_address)
    task = asyncio.create_task(server.serve(sockets=[own]), name="console")
    try:
        yield
    finally:
        server.should_exit = True
        await task
