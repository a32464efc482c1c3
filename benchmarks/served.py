"""`huazha serve` in a process of its own, watched from outside: what it uses is the service's alone. Linux only."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

BEGINS_WITHIN = 300.0
"""Seconds for loading the model, a large one on a slow disk."""
ENDS_WITHIN = 15.0
AGAIN, AGAIN_WITHIN = 0.5, 20.0
"""Seconds between attempts to ask a console that was lost, and for it to be there again."""
COMMAND = ("-c", "from streamer.cli import main; main()", "serve", "--media-port", "0", "--console-port", "0")


class Died(Exception):
    """The service is gone, and should not be; with the last that it said."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process holds and has used.

    Attributes:
      rss: megabytes (10^6 bytes) of memory resident.
      handles: open files, sockets and the like.
      cpu: seconds of processor time, since it began.
    """

    rss: float
    handles: int
    threads: int
    cpu: float


def usage(pid: int) -> Usage:
    """Read what a process holds, from /proc (proc(5)).

    Raises:
      Died: there is no such process any more.
    """
    folder = Path(f"/proc/{pid}")
    try:
        handles = len(os.listdir(folder / "fd"))
        stat = (folder / "stat").read_text()
        pages = int((folder / "statm").read_text().split()[1])
    except OSError as error:
        raise Died(f"process {pid} is gone") from error
    # The command's name may hold spaces and brackets; after its last bracket comes field 3.
    fields = stat.rpartition(")")[2].split()
    user, system, threads = (int(fields[number - 3]) for number in (14, 15, 20))
    return Usage(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, handles, threads, (user + system) / os.sysconf("SC_CLK_TCK"))


def totals(exposition: str) -> dict[str, float]:
    """Read Prometheus' text format: each sample by name, summed over its labels."""
    found: defaultdict[str, float] = defaultdict(float)
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            found[sample.name] += sample.value
    return dict(found)


class Served:
    """A service in a process of its own; made by `serving`.

    Attributes:
      url: where it takes calls.
      data: its data folder.
      troubles: what it has logged as errors, each without the time.
    """

    def __init__(self, process: Process, data: Path) -> None:
        self.url = ""
        self.data = data
        self.troubles: list[str] = []
        self._process = process
        self._last: deque[str] = deque(maxlen=20)
        self._began = asyncio.Event()
        self._console: httpx.AsyncClient | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def usage(self) -> Usage:
        """Say what it holds.

        Raises:
          Died: it is gone.
        """
        if not self.alive:
            raise Died("\n".join(self._last))
        return usage(self._process.pid)

    async def metrics(self) -> dict[str, float]:
        """Give every sample of its metrics by name, summed over labels.

        Raises:
          Died: it does not answer.
        """
        assert self._console is not None
        patience = time.monotonic() + AGAIN_WITHIN
        while True:
            try:
                return totals((await self._console.get("metrics")).raise_for_status().text)
            except httpx.HTTPError as error:
                if not self.alive or time.monotonic() > patience:
                    raise Died("\n".join([f"the console does not answer: {error!r}", *self._last])) from error
            # It may be starting again.
            await asyncio.sleep(AGAIN)

    async def reload(self) -> None:
        """Have the lexicon read again."""
        assert self._console is not None
        with suppress(httpx.HTTPError):
            await self._console.post("v1/lexicon/reload")

    async def listen(self) -> None:
        """Take in its log until it ends."""
        assert self._process.stderr is not None
        async for raw in self._process.stderr:
            line = raw.decode(errors="replace").rstrip()
            self._last.append(line)
            if " ERROR " in line or " CRITICAL " in line:
                self.troubles.append(line.partition("]")[2].strip() if line.startswith("[") else line.strip())
            name, _, address = line.partition(" at ")
            if name.strip() == "Calls":
                self.url = address.strip()
            elif name == "Console":
                # One connection, kept open between looks: it holds the same handle at each.
                self._console = httpx.AsyncClient(base_url=address.strip(), timeout=10.0)
                self._began.set()
        self._began.set()

    async def begin(self) -> None:
        """Wait until it takes calls.

        Raises:
          Died: it ended instead, or took too long.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(BEGINS_WITHIN):
                await self._began.wait()
        if self._console is None:
            raise Died("\n".join(["the service did not begin", *self._last]))

    async def end(self) -> None:
        """Ask it to end, and see to it."""
        if self._console is not None:
            await self._console.aclose()
        with suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(ENDS_WITHIN):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def of_checkout(checkout: Path | None) -> dict[str, Any]:
    """Say where a Python process begins, and with what in its environment, so that it runs a checkout's code."""
    environment = {**os.environ, "COLUMNS": "1000"}
    if checkout is None:
        return {"env": environment}
    return {"env": {**environment, "PYTHONPATH": str(checkout)}, "cwd": checkout}


@asynccontextmanager
async def serving(model: str, *options: str, checkout: Path | None = None) -> AsyncIterator[Served]:
    """Run the service on free ports while the context lasts.

    Args:
      options: more of `huazha serve`.
      checkout: whose service it is; this one's if None.

    Raises:
      Died: it does not begin.
    """
    # A log's lines are broken at the width of a terminal; here, where there is none, not at all.
    data = TemporaryDirectory(prefix="huazha")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *COMMAND,
        *("--model", model, "--data", data.name, *options),
        stdin=DEVNULL,
        stdout=DEVNULL,
        stderr=PIPE,
        **of_checkout(checkout),
    )
    service = Served(process, Path(data.name))
    listening = asyncio.create_task(service.listen())
    try:
        await service.begin()
        yield service
    finally:
        await service.end()
        await listening
        data.cleanup()
