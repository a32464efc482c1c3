"""Processes that a benchmark starts beside itself: they print lines of JSON, and end when their standard input does."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

BEGINS_WITHIN = 120.0
"""Seconds in which a child says that it is ready: ten pages on a busy machine take their time."""
ENDS_WITHIN = 60.0
LONGEST = 64 * 1024 * 1024
"""Bytes of a line."""


class Broken(Exception):
    """A child could not do its work, and said why, or is gone."""


class Child:
    """A process, seen from the benchmark; made by `started`.

    Attributes:
      told: what it has said, but for being ready.
    """

    def __init__(self, name: str, process: Process) -> None:
        self.told: list[dict[str, Any]] = []
        self._name = name
        self._process = process
        self._ready = False
        self._news = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    @property
    def pid(self) -> int:
        return self._process.pid

    async def ready(self) -> None:
        """Wait until it says that it is.

        Raises:
          Broken: it is gone instead, or takes too long.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGINS_WITHIN):
                await self._news.wait()
        self.check()
        if not self._ready:
            raise Broken(f"{self._name} is not ready after {BEGINS_WITHIN:.0f} s")

    def check(self) -> None:
        """Say nothing while all is well.

        Raises:
          Broken: it is gone.
        """
        if failures := [message["failed"] for message in self.told if "failed" in message]:
            raise Broken(f"{self._name}: {failures[0]}")
        if self._listening.done():
            raise Broken(f"{self._name} is gone")

    async def end(self) -> list[dict[str, Any]]:
        """Have it end, and give all that it has said.

        Raises:
          Broken: it could not do its work to the end.
        """
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await self._listening
                code = await self._process.wait()
        except TimeoutError:
            raise Broken(f"{self._name} does not end") from None
        if failures := [message["failed"] for message in self.told if "failed" in message]:
            raise Broken(f"{self._name}: {failures[0]}")
        if code:
            raise Broken(f"{self._name} ended with status {code}")
        return self.told

    async def put_away(self) -> None:
        """Let nothing of it stay."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._listening

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            message = json.loads(line)
            if message.get("ready"):
                self._ready = True
                self._news.set()
            else:
                self.told.append(message)
        self._news.set()


@asynccontextmanager
async def started(module: str, *arguments: str) -> AsyncIterator[Child]:
    """Run a module in a process of its own while the context lasts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", module, *arguments, stdin=PIPE, stdout=PIPE, limit=LONGEST
    )
    child = Child(module, process)
    try:
        yield child
    finally:
        await child.put_away()


def say(message: dict[str, Any]) -> None:
    """Print a line, in a child."""
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


async def told_to_end() -> None:
    """Wait until the standard input ends, in a child."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
