"""What a call costs the event loop of the media plane: the one thread that all calls of a process share.

Calls of two legs come in over WebSockets from another process, in real time, as Huazha's own protocol or a platform
sends them. A real media plane answers them; only the recogniser is made up: it hears a script, and sleeps as long as a
look takes. What is counted is processor time of the loop's thread while all calls go on, and nothing else.

    python -m benchmarks.loop_cost [--calls 1 4 8] [--as twilio] [--seconds 20] [--json FILE]

Another checkout's code is measured the same way: PYTHONPATH=CHECKOUT python benchmarks/loop_cost.py
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from benchmarks import machine, replay
from lexicon.loader import shipped
from streamer import client, dialling, recordings, settings
from streamer.bus import Bus
from streamer.callers.caller import Placed
from streamer.lexicon_store import LexiconStore
from streamer.metrics import Metrics
from streamer.recognition.scheduler import Scheduler
from streamer.recordings import Recording
from streamer.server import MediaServer

try:
    from streamer.loops import run
except ImportError:
    # A checkout from before the service chose its loop.
    from asyncio import run

NATIVE = "native"
LOOK = 0.2
"""Seconds that a look takes."""
SETTLES = 3.0
"""Seconds before anything is counted, once all calls go on."""
BESIDE = 10.0
"""Seconds by which calls are longer than what is counted of them."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What calls cost the loop.

    Attributes:
      calls: at once.
      milliseconds: of processor, in the loop's thread, for a second of one call.
      busy: share of the time in which the loop's thread computed.
      late: milliseconds by which the loop woke late, in 99 of 100 cases at most.
    """

    calls: int
    milliseconds: float
    busy: float
    late: float


def figures(calls: int, computed: float, seconds: float, late: list[float]) -> Cost:
    """Put seconds of processor over seconds of the clock into what a call costs."""
    return Cost(
        calls,
        round(computed / seconds / calls * 1000, 2),
        round(computed / seconds, 3),
        round(float(np.percentile(late, 99)) * 1000, 2),
    )


async def measure(calls: int, seconds: float, platform: str) -> Cost:
    """Have so many calls made, and count what they cost."""
    async with media_plane(calls) as media:
        host = media.url.rpartition("/v1/")[0]
        length = seconds + SETTLES + BESIDE
        caller = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--play", host, str(length), "--calls", str(calls), "--as", platform
        )
        try:
            while media.live < calls:
                if caller.returncode is not None:
                    raise RuntimeError("the calls could not be made")
                await asyncio.sleep(0.1)
            await asyncio.sleep(SETTLES)
            late: list[float] = []
            began, computed = time.monotonic(), time.thread_time()
            while (now := time.monotonic()) - began < seconds:
                await asyncio.sleep(0.1)
                late.append(time.monotonic() - now - 0.1)
            cost = figures(calls, time.thread_time() - computed, time.monotonic() - began, late)
            if media.live < calls:
                raise RuntimeError("calls ended before they were counted")
        finally:
            caller.terminate()
            await caller.wait()
    return cost


@asynccontextmanager
async def media_plane(calls: int) -> AsyncIterator[MediaServer]:
    """Run what answers calls, with the shipped rules and no console, as the service would."""
    sys.setswitchinterval(0.001)
    # An older checkout hears text alone.
    made_up = getattr(replay, "Listening", replay.Replay)
    with TemporaryDirectory(prefix="huazha") as data, threadpool_limits(1, user_api="blas"):
        chosen = settings.load(
            None,
            {"media_port": 0, "data": data, "limits": {"max_calls": calls, "drain_timeout": 1, "rejoin_timeout": 1}},
        )
        metrics = Metrics(CollectorRegistry())
        store = LexiconStore(shipped(), chosen.rules)
        async with (
            Scheduler(made_up(replay.Script(calls, rate=0.0), LOOK)) as scheduler,
            MediaServer(chosen, store, scheduler, metrics, Bus(time.time)) as media,
        ):
            yield media


async def play(host: str, calls: int, seconds: float, platform: str) -> None:
    """Make the calls: each begins a little after the one before."""
    recording = lasting(seconds)
    await asyncio.gather(*(_play(host, number, recording, platform) for number in range(calls)))


async def _play(host: str, number: int, recording: Recording, platform: str) -> None:
    await asyncio.sleep(0.137 * number)
    call_id = f"loop-{number}"
    if platform == NATIVE:
        async for _ in client.play(recording, f"{host}/v1/calls", call_id=call_id, language="zh"):
            pass
        return
    callers = dialling.CALLERS[platform](Placed(call_id, language="zh"))
    async for _ in dialling.play(callers, recording, host):
        pass


def lasting(seconds: float) -> Recording:
    """Give the bundled Mandarin call, again and again, for so long."""
    with resources.as_file(resources.files("streamer") / "data" / "demo-zh.wav") as file:
        recording = recordings.read(file)
    wanted = round(seconds * recording.sample_rate)
    again = np.tile(recording.samples, (-(-wanted // len(recording.samples)), 1))
    return replace(recording, samples=np.ascontiguousarray(again[:wanted]))


def show(costs: list[Cost], platform: str) -> None:
    """Print the figures."""
    table = Table(title=f"{platform}, {machine.line()}")
    for title in ("calls at once", "ms a second of a call", "loop busy", "woken late, p99 ms"):
        table.add_column(title, justify="right")
    for cost in costs:
        table.add_row(str(cost.calls), f"{cost.milliseconds:.1f}", f"{cost.busy:.1%}", f"{cost.late:.1f}")
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loop_cost", description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 4, 8], help="at once (default: 1 4 8)")
    parser.add_argument("--seconds", type=float, default=20.0, help="that are counted, for each (default: 20)")
    parser.add_argument(
        "--as",
        dest="platform",
        choices=[NATIVE, *sorted(dialling.CALLERS)],
        default=NATIVE,
        help="how they come in (default: Huazha's own protocol)",
    )
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--play", nargs=2, metavar=("HOST", "SECONDS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.play:
        host, seconds = options.play
        asyncio.run(play(host, options.calls[0], float(seconds), options.platform))
        return
    costs = [run(measure(calls, options.seconds, options.platform)) for calls in options.calls]
    show(costs, options.platform)
    if options.json:
        told = {"machine": machine.describe(), "as": options.platform, "costs": [asdict(cost) for cost in costs]}
        options.json.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
