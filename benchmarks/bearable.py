"""The most calls at once that a service hears in time, found before the time for it is up."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from benchmarks.calls import LabelledCall, Mark
from benchmarks.capacity import ENOUGH, Search, Take, fault, keep_busy, rounds_of, violations
from benchmarks.served import Served
from benchmarks.streams import percentile, summary
from streamer import recordings
from streamer.recordings import LEGS

BEAT = 0.1
"""Seconds between looks: at how late the calls' own event loop is, and whether the service is at rest."""
LOOKS = 150
"""Beats that a probe's last calls have to be over at the service before the next begins."""
BUNDLED = {
    "zh": (("内部消息", 10.63), ("一定会涨", 12.17)),
    "en": (("risk free", 9.77),),
}
"""What must be blocked in the bundled calls, and when it has been said. In the English one a second term follows so
close that its block could be taken for the first's."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of so many calls at once.

    Attributes:
      fault: `late`, `missed` or `refused`; empty where they were borne.
      p50, p95: seconds from a term's end to its block.
      blocked, of: violations; fewer than in all calls where the probe ended early.
      blind: seconds of audio not monitored.
      cores: the service's processor seconds a second.
      busy: batches that its recogniser had in work, in the mean: as many as it has workers, and it is what limits.
      behind: seconds by which the calls' own frames were late, in 95 of 100 looks: over a tenth, this benchmark is what
        could not keep up.
      took: seconds.
    """

    at_once: int
    fault: str
    p50: float | None
    p95: float | None
    blocked: int
    of: int
    false: int
    blind: float
    cores: float
    busy: float
    behind: float | None
    took: float


@dataclass(frozen=True, slots=True)
class Most:
    """The most calls at once that were borne.

    Attributes:
      broken: the fewest that were not, or None where none was too many.
      cut: whether more would have been tried, had there been time.
    """

    calls: int
    broken: int | None
    cut: bool

    def __str__(self) -> str:
        if not self.calls:
            return "not known, for want of time" if self.broken is None else "none"
        if self.broken == self.calls + 1:
            return str(self.calls)
        more = f", fewer than {self.broken}" if self.broken is not None else " or more"
        return f"{self.calls}{more}{' (time was up)' if self.cut else ''}"


Try = Callable[[int, int, float], Awaitable[Probe]]
"""Probes so many calls at once, in so many rounds, given the share of violations that one call at once had blocked.

Raises TimeoutError where there is no time to come to an end.
"""


def bundled() -> list[Take]:
    """Give the bundled calls, with what must be blocked in them."""
    takes = []
    with resources.as_file(resources.files("streamer") / "data") as folder:
        for language, terms in BUNDLED.items():
            recording = recordings.read(folder / f"demo-{language}.wav")
            marks = tuple(Mark(True, term, "agent", end) for term, end in terms)
            said = {**dict.fromkeys(LEGS, ""), "agent": " ".join(term for term, _ in terms)}
            call = LabelledCall(recording.path, language, recording.duration, marks, said)
            takes.append(Take(call, recording))
    return takes


async def most(attempt: Try, calls: int, first: int, limit: int) -> Most:
    """Find the most calls at once that are borne.

    One call by itself comes first: it tells what can be found at all. Too late or too little must show twice, the
    second time in twice as many calls.

    Args:
      calls: how many different ones there are.
      first: the number to begin the search with.
      limit: the most to try; at least 1.
    """
    held = 0
    broken: int | None = None
    try:
        alone = await attempt(1, rounds_of(calls, 1.0, 1), 0.0)
        if alone.fault or not alone.blocked:
            return Most(0, 1, cut=False)
        held, share = 1, alone.blocked / alone.of
        search = Search(first, limit)
        while (number := search.next) is not None:
            if number == 1:
                search.tell(1, True)
                continue
            rounds = rounds_of(calls, 1.0, number)
            probe = await attempt(number, rounds, share)
            if probe.fault in {"late", "missed"}:
                probe = await attempt(number, 2 * rounds, share)
            search.tell(number, not probe.fault)
            if probe.fault:
                broken = number if broken is None else min(broken, number)
            else:
                held = max(held, number)
    except TimeoutError:
        return Most(held, broken, cut=True)
    return Most(held, broken, cut=False)


class Prober:
    """Probes one service.

    Args:
      takes: the calls.
      bound: seconds under which the 95th percentile must stay.
      until: the monotonic second at which the time is up.
      keep: told of each probe.
    """

    def __init__(
        self, service: Served, takes: Sequence[Take], bound: float, until: float, keep: Callable[[Probe], None]
    ) -> None:
        self._service = service
        self._takes = takes
        self._bound = bound
        self._until = until
        self._keep = keep

    async def __call__(self, at_once: int, rounds: int, share: float) -> Probe:
        """Make so many calls at once.

        Raises:
          TimeoutError: the time is up.
          Died, CallFailed: the service is gone.
        """
        expected = violations(self._takes) * rounds
        used, busy = self._service.usage().cpu, await self._busy()
        began = time.monotonic()
        async with asyncio.timeout(self._until - began), _behind() as late:
            outcomes, verdict = await keep_busy(
                self._service.url,
                self._takes,
                rounds,
                at_once,
                lambda so_far: fault(so_far, expected, self._bound, ENOUGH * share * expected),
            )
            took = time.monotonic() - began
        row: dict[str, Any] = summary(outcomes)
        probe = Probe(
            at_once=at_once,
            fault=verdict,
            p50=row["block_p50"],
            p95=row["block_p95"],
            blocked=row["blocked"],
            of=row["violations"],
            false=row["false"],
            blind=row["blind"],
            cores=round((self._service.usage().cpu - used) / took, 2),
            busy=round((await self._busy() - busy) / took, 2),
            behind=percentile(late, 95),
            took=round(took, 1),
        )
        self._keep(probe)
        await self._settle()
        return probe

    async def _busy(self) -> float:
        return (await self._service.metrics())["huazha_recognition_busy_seconds_total"]

    async def _settle(self) -> None:
        """Wait until the service has nothing to do any more: the calls going on are broken off at a probe's end."""
        for _ in range(LOOKS):
            if not (await self._service.metrics())["huazha_calls_live"]:
                return
            await asyncio.sleep(BEAT)


def settings(folder: Path, fields: dict[str, str | int], limit: int) -> Path:
    """Write the settings of a service that is to bear so many calls."""
    # What JSON makes of texts and whole numbers, TOML reads.
    lines = [f"{name} = {json.dumps(value)}" for name, value in fields.items()]
    # A platform whose calls were broken off may come back for a while: their places are not free at once.
    lines += ["[limits]", f"max_calls = {4 * limit + 16}", ""]
    file = folder / "huazha.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


@asynccontextmanager
async def _behind() -> AsyncIterator[list[float]]:
    """Note how late this process's own event loop is, while the context lasts."""
    late: list[float] = []

    async def watch() -> None:
        while True:
            due = time.monotonic() + BEAT
            await asyncio.sleep(BEAT)
            late.append(time.monotonic() - due)

    watching = asyncio.create_task(watch())
    try:
        yield late
    finally:
        watching.cancel()
