"""uvicorn in this process's event loop, on the socket that the media plane opened."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from streamer.settings import Tls

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


@asynccontextmanager
async def serving(app: FastAPI, listening: socket.socket, tls: Tls | None) -> AsyncIterator[None]:
    """Serve while the context lasts."""
    config = uvicorn.Config(
        app,
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
    task = asyncio.create_task(server.serve(sockets=[listening]), name="console")
    try:
        yield
    finally:
        server.should_exit = True
        await task
