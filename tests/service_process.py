"""A service in a process of its own, which can be killed: `python -m tests.service_process SETTINGS`, as JSON.

It hears what `FORBIDDEN` says in every call, and prints the address that calls come in at.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from streamer import service
from streamer.budgets import CONSOLE_LEAVE
from streamer.settings import Settings
from tests.faults import Reciter

FORBIDDEN = "这款产品保本保收益您放心"


async def main(settings: Settings) -> None:
    async with service.running(settings, Reciter(FORBIDDEN)) as running:
        stopping = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
        sys.stdout.write(running.media.url.removesuffix("/v1/calls") + "\n")
        sys.stdout.flush()
        await stopping.wait()


class Process:
    """A running one, and its console, which are a group of processes."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        self.address = address
        self._process = process

    async def kill(self, *, whole: bool = False) -> None:
        """End it as an out-of-memory killer does, and wait until its console is gone, too.

        Args:
          whole: whether the console is killed; else it has to end by itself.
        """
        (os.killpg if whole else os.kill)(self._process.pid, signal.SIGKILL)
        assert self._process.stdout is not None
        async with asyncio.timeout(CONSOLE_LEAVE):
            # The console has it from the service, and whoever reads learns that the last is gone.
            await self._process.stdout.read()
        await self._process.wait()

    async def stop(self) -> None:
        """End it as a service manager does."""
        if self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()


@asynccontextmanager
async def serving(settings: Mapping[str, Any]) -> AsyncIterator[Process]:
    """Run one; it is stopped at the end, unless it was killed before."""
    written = json.dumps(settings, default=str)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.service_process",
        written,
        cwd=Path(__file__).parent.parent,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    one = Process(process, (await process.stdout.readline()).decode().strip())
    try:
        yield one
    finally:
        await one.stop()


if __name__ == "__main__":
    asyncio.run(main(Settings.model_validate(json.loads(sys.argv[1]))))
