"""A real console's process that is told of calls nobody makes: what pages cost by themselves, without sound or text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from benchmarks.children import Broken
from streamer.bus import Bus, CallName
from streamer.control_plane import ControlPlane
from streamer.health import Health
from streamer.record import database
from streamer.record.journal import Journal
from streamer.settings import Settings
from streamer.spool import Spool
from streamer.supervision import Supervisor

STEPS = 10
"""Parts of a second: in each, every tenth call says how it is."""
LOOK = 0.2
"""Seconds between two looks at the journal."""
WRITTEN_WITHIN = 300.0
"""Seconds in which all that was told is written: the console writes some hundred events in a second."""
SEVERITIES = ("block", "alert", "review")
LEXICON = "bank-sales-zh"
MODEL = "Whisper base"


class InventedCalls:
    """Calls that a console is told of; made by `told`.

    Args:
      count: of calls that go on.
      bus: what the console is told by.
      journal: what it writes.
      url: where it is.
    """

    def __init__(self, count: int, bus: Bus, journal: Journal, url: str) -> None:
        self.url = url
        self._bus = bus
        self._journal = journal
        self._last = 0
        self._names = [CallName(f"invented-{n}", f"line-{n:03d}", f"坐席 {n:03d}") for n in range(count)]
        self._alerts = 0

    def begin(self) -> None:
        """Let every call begin."""
        for about in self._names:
            self._last = self._bus.tell("call.started", about, started()).cursor

    async def go_on(self) -> None:
        """Let every call say once a second how it is, for ever."""
        began = time.monotonic()
        step = 0
        while True:
            for number in range(step % STEPS, len(self._names), STEPS):
                self._bus.tell("call.state", self._names[number], state(number, step / STEPS))
            step += 1
            await asyncio.sleep(max(0.0, began + step / STEPS - time.monotonic()))

    def alert(self) -> None:
        """Let something be said that must not be, in one call after the other."""
        number = self._alerts
        self._alerts += 1
        about = self._names[number % len(self._names)]
        self._last = self._bus.tell("violation", about, violation(number)).cursor

    async def written(self) -> None:
        """Wait until the console has written down all that it is to keep.

        Raises:
          Broken: it takes too long.
        """
        until = time.monotonic() + WRITTEN_WITHIN
        while await asyncio.to_thread(self._journal.last_cursor) < self._last:
            if time.monotonic() > until:
                raise Broken(f"the console has not written down in {WRITTEN_WITHIN:.0f} s what it was told")
            await asyncio.sleep(LOOK)


def started() -> dict[str, Any]:
    """Give what is told as a call begins."""
    return {
        "gateway": "invented",
        "platform": "native",
        "language": "zh",
        "channels": ["agent", "customer"],
        "metadata": {},
        "model": MODEL,
        "lexicon_version": LEXICON,
    }


def state(number: int, second: float) -> dict[str, Any]:
    """Give how a call is at a second; no two calls lag alike, so that rows change places."""
    duration = round(60.0 + second, 1)
    lag = round((number * 7 + int(second) * 13) % 90 / 30, 2)
    return {"duration": duration, "monitored": duration, "blind": 0.0, "lag": lag, "muted": False}


def violation(number: int) -> dict[str, Any]:
    """Give a violation; severities take turns."""
    start = round(number % 600 + 0.5, 2)
    return {
        "violation_id": f"v-{number}",
        "status": "fired",
        "rule_id": "promise-principal",
        "category": "guarantee",
        "severity": SEVERITIES[number % len(SEVERITIES)],
        "term": "保本保收益",
        "heard": "保本保收益",
        "match": "exact",
        "confidence": 0.93,
        "channel": "agent",
        "start": start,
        "end": round(start + 0.9, 2),
        "say_instead": "本产品不保证本金，理财有风险。",
        "text": "您放心，这款产品保本保收益，跟存银行一样",
        "lexicon_version": LEXICON,
    }


@asynccontextmanager
async def told(settings: Settings, count: int) -> AsyncIterator[InventedCalls]:
    """Run a console, and have its calls go on, while the context lasts.

    Raises:
      HuazhaError: the console does not start.
    """
    bus = Bus(time.time)
    names = [f"invented-{n}" for n in range(count)]
    health = asdict(Health(True, "", 0.0, count, count, 0.0, 0.0, 0.0, 0, MODEL, LEXICON, "", 0, 0))

    def publish(about: Mapping[str, Any]) -> Mapping[str, Any]:
        named = about["about"] and CallName(**about["about"])
        return {"cursor": bus.tell(about["type"], named, about["fields"]).cursor}

    def live(_: Mapping[str, Any]) -> Mapping[str, Any]:
        service = {"relief": 0, "lexicon_version": LEXICON, "lexicon_trouble": ""}
        return {"calls": names, "ending": [], "service": service}

    supervisor, spool = Supervisor(lambda *_: None), Spool(settings.data / "spool", settings.name)
    console = ControlPlane(settings, bus, lambda: health, {"publish": publish, "live": live}, supervisor, spool)
    await asyncio.to_thread(console.start)
    engine = database.open_(settings.journal)
    try:
        calls = InventedCalls(count, bus, Journal(engine, gateway=settings.name), console.url)
        calls.begin()
        going_on = asyncio.create_task(calls.go_on())
        try:
            yield calls
        finally:
            going_on.cancel()
    finally:
        engine.dispose()
        await asyncio.to_thread(console.stop)
