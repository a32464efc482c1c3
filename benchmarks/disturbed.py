"""What is done to a service while it is soaked, and what must hold of its record afterwards."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from benchmarks.served import Served

ODD = 1.0
"""Seconds by which a leg's account and the call's own length may differ."""
DRAINED = 15.0
"""Seconds after the end of its audio within which a call must have been told to be over."""


async def kill_console(service: Served) -> None:
    """Kill the console's process, as the kernel does when memory runs out."""
    for child in children(service.pid):
        with suppress(OSError):
            if "streamer.console" in _command(child):
                os.kill(child, signal.SIGKILL)


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text(errors="replace")


def children(pid: int) -> list[int]:
    """Give the processes that a process has started, from /proc (proc(5))."""
    told: list[int] = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):
            told += map(int, (task / "children").read_text().split())
    return told


async def journal(data: Path, *command: str) -> tuple[int, str]:
    """Run `huazha journal`; give its exit status and what it printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from streamer.cli import main; main()", "journal", *command),
        *("--database", f"sqlite:///{data / 'journal.db'}"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    printed, _ = await process.communicate()
    return process.returncode or 0, printed.decode(errors="replace")


async def unsound(data: Path) -> tuple[int, list[str]]:
    """Check the record that a service has left.

    Returns:
      how many calls it tells of, and what is wrong with it.
    """
    heads, key = data / "heads.jsonl", (data / "journal.pub").read_text().strip()
    status, said = await journal(data, "verify", "--heads", str(heads), "--key", key)
    troubles = [] if status == 0 else [f"the journal does not verify: {said.strip()}"]
    _, exported = await journal(data, "export")
    events = [json.loads(line) for line in exported.splitlines() if line.startswith("{")]
    return len([event for event in events if event["type"] == "call.stopped"]), [*troubles, *wrong_sums(events)]


def wrong_sums(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Name the calls whose legs' seconds don't sum up, or are not the time that went by; and those without an end."""
    began = {event["call"]: event for event in events if event["type"] == "call.started"}
    ended = {event["call"]: event for event in events if event["type"] == "call.stopped"}
    for call in began.keys() - ended.keys():
        yield f"call {call} has no end"
    for call, event in ended.items():
        duration, legs = event["duration"], event["legs"]
        if call not in began:
            yield f"call {call} has no beginning"
            continue
        went_by = (datetime.fromisoformat(event["at"]) - datetime.fromisoformat(began[call]["at"])).total_seconds()
        for leg, account in legs.items():
            # Of what a pause took, the call's own time knows nothing.
            if abs(sum(account.values()) - account["paused"] - duration) > ODD:
                yield f"call {call}: the {leg}'s {account} are not {duration} s"
        paused = max((account["paused"] for account in legs.values()), default=0.0)
        if legs and not duration + paused - ODD <= went_by <= duration + paused + DRAINED:
            yield f"call {call}: {duration} s and {paused} s of pause are not the {went_by:.1f} s that went by"
        if legs and abs(sum(account["blind"] for account in legs.values()) - event["blind_seconds"]) > 0.01:
            yield f"call {call}: blind seconds don't sum up"
