"""Servers in processes of their own: started, counted, and ended with all that they started. Linux only."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks.peers.peer import PeerFailed

BEGINS_WITHIN = 300.0
ENDS_WITHIN = 10.0
LOOKS_EVERY = 0.2
LAST = 2000
"""Characters of what it said last that a failure tells."""


def free_port() -> int:
    """Find a port on loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def session_cpu(session: int) -> float:
    """Sum the processor time of a session's processes, and of those of their children that have ended (proc(5))."""
    ticks = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                # The command's name may hold spaces and brackets; after its last bracket comes field 3.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[6 - 3]) == session:
                    ticks += sum(int(fields[number - 3]) for number in (14, 15, 16, 17))
    return ticks / os.sysconf("SC_CLK_TCK")


class Server:
    """A server and what it starts, in a session of their own, that takes connections at a port on loopback."""

    def __init__(self, name: str, process: Process, log: Path, port: int) -> None:
        self.port = port
        self._name = name
        self._process = process
        self._log = log

    def cpu(self) -> float:
        """Give the seconds of processor time that the session has used."""
        return session_cpu(self._process.pid)

    def failed(self, reason: str) -> PeerFailed:
        """Make an error of a reason and the end of the log."""
        with suppress(OSError):
            return PeerFailed(self._name, reason, self._log.read_text(errors="replace")[-LAST:])
        return PeerFailed(self._name, reason)

    async def taken(self) -> None:
        """Wait until it takes connections.

        Raises:
          PeerFailed: it ended instead, or took too long.
        """
        until = time.monotonic() + BEGINS_WITHIN
        while time.monotonic() < until:
            if self._process.returncode is not None:
                raise self.failed(f"ended at once, with {self._process.returncode}")
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(LOOKS_EVERY)
        raise self.failed("did not begin in time")

    async def end(self) -> None:
        """Ask the session to end, and see to it."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(TimeoutError):
                async with asyncio.timeout(ENDS_WITHIN):
                    await self._process.wait()
        self._log.unlink(missing_ok=True)


async def begin(name: str, command: Sequence[str], port: int, variables: Mapping[str, str] | None = None) -> Server:
    """Start a server; it may not take connections yet."""
    handle, path = tempfile.mkstemp(prefix=f"huazha-peer-{name}-", suffix=".log")
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", **(variables or {})},
        )
    finally:
        os.close(handle)
    return Server(name, process, Path(path), port)
