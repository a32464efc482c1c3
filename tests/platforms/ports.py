"""What stand-ins of control ports share: a server on loopback, and ways to misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp


@dataclass(slots=True)
class Manner:
    """How a stand-in answers the requests that would change something; a test changes it as it goes.

    Attributes:
      late: seconds before it answers.
      refuses: what it answers instead of doing anything: an HTTP status, or None.
      loses: requests that it carries out, and whose answers get lost with the connection.
      deaf: whether it never answers.
    """

    late: float = 0.0
    refuses: int | None = None
    loses: int = 0
    deaf: bool = False


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback; gives its address, `http://127.0.0.1:PORT`."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task
