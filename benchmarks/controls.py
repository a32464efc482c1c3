"""From the match to the request at a platform's control port, and to its outcome: what Huazha itself takes.

    python -m benchmarks.controls [--blocks 20] [--delay 0] [--as twilio ...] [--json FILE]

Calls come as each platform sends them, one after the other. What is said is replayed, so that no recogniser takes part;
the agent is muted for each term, and heard again in between. The control ports are the strict stand-ins of the tests,
on loopback and in this very process: what they take to answer is in the second figure. They are read from the
repository, so this runs nowhere else.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import machine
from benchmarks.overhearing import overheard
from benchmarks.replay import SYLLABLE, WIRE_RATE, Replay, Script, turn_of_audio
from streamer import dialling, service
from streamer.audio import decode
from streamer.bus import Bus
from streamer.callers.caller import Caller, Placed
from streamer.recordings import Recording
from streamer.service import Service
from streamer.settings import Settings
from streamer.types import Encoding

STAND_INS = "tests.platforms.rigs"
SPEED = 4.0
"""Times real time: a block needs no longer for that, and is due every one and a half seconds."""
MUTED = 2 * SYLLABLE
"""Seconds for which the agent is muted."""
PATIENCE = 30.0
"""Seconds to wait for what came of a block."""


class Manner(Protocol):
    """How a stand-in answers: see `tests.platforms.ports`."""

    late: float


class Rig(Protocol):
    """A platform in whose hands a call is: see `tests.platforms.rigs`."""

    @property
    def callers(self) -> Sequence[Caller]: ...

    @property
    def section(self) -> Mapping[str, Any]: ...

    @property
    def manner(self) -> Manner: ...


Rigs = Mapping[str, Callable[[Placed], AbstractAsyncContextManager[Rig]]]


def stand_ins() -> Rigs:
    """Read the stand-ins of the tests.

    Raises:
      SystemExit: they are not here.
    """
    try:
        rigs: Rigs = importlib.import_module(STAND_INS).RIGS
    except ModuleNotFoundError as missing:
        raise SystemExit(
            f"there is no {missing.name} here: this runs in the repository, with what tests need"
        ) from None
    return rigs


async def measure(platforms: Sequence[str], blocks: int, delay: float) -> dict[str, dict[str, object]]:
    """Measure some platforms, one after the other.

    Args:
      delay: seconds that a control port lets pass before it answers.
    """
    rigs = stand_ins()
    async with AsyncExitStack() as stack:
        up = {}
        for number, platform in enumerate(platforms):
            placed = Placed(f"aaaaaaaa-1111-4222-8333-{number:012d}", language="zh")
            up[platform] = await stack.enter_async_context(rigs[platform](placed))
            up[platform].manner.late = delay
        settings = Settings.model_validate(
            {
                "media_port": 0,
                "console_port": 0,
                "data": Path(stack.enter_context(tempfile.TemporaryDirectory())),
                "platforms": {platform: dict(rig.section) for platform, rig in up.items()},
                "limits": {"rejoin_timeout": 0.25},
                "policy": {"seconds": MUTED},
            }
        )
        recognizer = Replay(Script(calls=1, rate=1.0), look=0.0)
        running = await stack.enter_async_context(service.running(settings, recognizer))
        rows = {}
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Blocking", total=len(up) * blocks)
            for platform, rig in up.items():
                results: list[Mapping[str, Any]] = []
                async with _calling(running, rig, blocks) as told:
                    while len(results) < blocks:
                        results.append(await told())
                        progress.advance(bar)
                rows[platform] = summed(results)
        return rows


def summed(results: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    """Put what came of mutes into a row of figures: milliseconds, and how often which outcome."""
    outcomes = [str(one["outcome"]) for one in results]
    figures: dict[str, object] = {name: outcomes.count(name) for name in sorted(set(outcomes))}
    for name in ("sent_ms", "took_ms"):
        values = [one[name] for one in results if one[name] is not None]
        marks = [round(float(np.percentile(values, percent)), 2) for percent in (50, 95, 100)] if values else []
        figures[name] = dict(zip(("p50", "p95", "max"), marks, strict=False))
    return figures


def recording(turns: int) -> Recording:
    """Give a call in which the agent begins to speak in every turn, and the customer is silent."""
    agent = decode(turn_of_audio() * turns, Encoding.MULAW)
    legs = np.stack([agent, np.zeros_like(agent)], axis=1)
    return Recording(Path("replayed.wav"), Encoding.MULAW, WIRE_RATE, ("agent", "customer"), legs)


@asynccontextmanager
async def _calling(running: Service, rig: Rig, blocks: int) -> AsyncIterator[Callable[[], Any]]:
    """Play a call with so many blocks; gives what waits for what came of the next one."""
    with _listening(running.bus) as told:
        address = running.media.url.removesuffix("/v1/calls")
        call = asyncio.create_task(_play(rig.callers, recording(blocks + 1), address))
        try:
            yield lambda: asyncio.wait_for(told.get(), PATIENCE)
        finally:
            call.cancel()
            with suppress(asyncio.CancelledError):
                await call
            while running.media.live:  # noqa: ASYNC110 - nothing tells of it here
                await asyncio.sleep(0.05)


async def _play(callers: Sequence[Caller], call: Recording, address: str) -> None:
    async for _ in dialling.play(callers, call, address, speed=SPEED):
        pass


@contextmanager
def _listening(bus: Bus) -> Iterator[asyncio.Queue[Mapping[str, Any]]]:
    """Collect what came of mutes, as the feed tells it."""
    heard: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()

    def hear(kind: str, fields: Mapping[str, Any]) -> None:
        if kind == "block.result" and fields["action"] == "mute":
            heard.put_nowait(fields)

    with overheard(bus, hear):
        yield heard


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.controls", description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=20, help="of each platform (default: 20)")
    parser.add_argument("--delay", type=float, default=0.0, help="milliseconds before a port answers (default: 0)")
    parser.add_argument("--as", dest="platforms", nargs="+", choices=sorted(dialling.CALLERS), metavar="PLATFORM")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    options = parser.parse_args()
    # Each call is cut off once it has been blocked often enough.
    logging.getLogger("streamer.session").setLevel(logging.ERROR)
    platforms = options.platforms or sorted(dialling.CALLERS)
    rows = asyncio.run(measure(platforms, options.blocks, options.delay / 1000))
    table = Table(title=f"{options.blocks} blocks of each platform, its control port {options.delay:g} ms away")
    for title in ("platform", "outcomes", "to the request p50", "p95", "max", "to the outcome p50", "p95", "max"):
        table.add_column(title, justify="left" if title in {"platform", "outcomes"} else "right")
    for platform, row in rows.items():
        outcomes = ", ".join(f"{count} {name}" for name, count in row.items() if isinstance(count, int))
        marks = [f"{mark:.2f}" for name in ("sent_ms", "took_ms") for mark in _marks(row[name])]
        table.add_row(platform, outcomes, *marks)
    Console(width=140).print(table)
    print(f"milliseconds from the words reaching the detector; {machine.line()}")
    if options.json:
        figures = {"machine": machine.describe(), "delay_ms": options.delay, "platforms": rows}
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _marks(figures: object) -> list[float]:
    return [*figures.values()] if isinstance(figures, dict) else []


if __name__ == "__main__":
    main()
