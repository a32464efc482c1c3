"""Does the console's page move smoothly while hundreds of calls go on and thousands of alerts come in?

A real console's process is told of calls that nobody makes, over the link by which a service tells it: every call
says once a second how it is. A page in a real browser shows them, and notes when each of its frames begins and which
tasks took longer than 50 ms. It is looked at in four phases: calls alone; so many alerts, as fast as they come; one
more every 0.2 s with all of those in the list; and somebody scrolling that list.

Where 60 pictures are drawn in a second, frames are 16.7 ms apart; more than 33 ms is a picture that was missed.

    python -m benchmarks.frames [--calls 300] [--alerts 10000] [--seconds 10] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table

from benchmarks import machine, pages
from benchmarks.children import Broken
from benchmarks.invented_calls import InventedCalls, told
from benchmarks.streams import percentile
from streamer import settings
from streamer.errors import HuazhaError

if TYPE_CHECKING:
    from playwright.async_api import Page

MISSED = 33.0
"""Milliseconds between two frames from which on a picture was missed."""
MOST = 10_000
"""Alerts that the page keeps."""
EVERY = 0.2
"""Seconds between two alerts, once the list is full."""
SETTLES = 3.0
"""Seconds before anything is counted, when the page has just been opened."""
NOTCH = 400
"""Pixels that a turn of the wheel scrolls."""
NOTCHES = 20
"""Turns of the wheel in a second."""

WATCH = """
(() => {
  let [frames, long] = [[], []];
  const keep = (entries) => { for (const {duration} of entries) long.push(duration); };
  const observer = new PerformanceObserver((list) => keep(list.getEntries()));
  observer.observe({entryTypes: ["longtask"]});
  const frame = () => {
    frames.push(performance.now());
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  window.benchmarkFrames = () => {
    keep(observer.takeRecords());
    const seen = {frames, long};
    [frames, long] = [[], []];
    return seen;
  };
})();
"""
SHOWN = "([id, text]) => document.getElementById(id).textContent === text"


@dataclass(frozen=True, slots=True)
class Seen:
    """What a page noted in a phase.

    Attributes:
      frames: when each began, in milliseconds.
      long: milliseconds of each task that took longer than 50.
    """

    phase: str
    frames: Sequence[float]
    long: Sequence[float]


def figures(seen: Seen) -> dict[str, Any]:
    """Put a phase into figures; times in milliseconds, but for `seconds`."""
    gaps = [later - earlier for earlier, later in pairwise(seen.frames)]
    return {
        "phase": seen.phase,
        "seconds": round((seen.frames[-1] - seen.frames[0]) / 1000, 2) if gaps else 0.0,
        "frames": len(gaps),
        **{f"p{percent}": percentile(gaps, percent) for percent in (50, 95, 99)},
        "max": percentile(gaps, 100),
        "missed": sum(gap > MISSED for gap in gaps),
        "long_tasks": len(seen.long),
        "longest_task": max(seen.long, default=None),
    }


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a run.

    Attributes:
      again: times that the page had to connect again.
      troubles: what it complained of.
    """

    phases: tuple[Seen, ...]
    again: int
    troubles: tuple[str, ...]


class Run:
    """One run, from the console's start to the last phase.

    Args:
      options: as on the command line.
      progress: shows how far it is.
    """

    def __init__(self, options: argparse.Namespace, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._bar: TaskID = progress.add_task("Starting", total=None)
        self._sockets = 0
        self._troubles: list[str] = []

    async def measure(self) -> Measured:
        """Measure.

        Raises:
          Broken, HuazhaError: a part of it does not work.
        """
        # Here, so that its absence is a line and not a traceback.
        from playwright.async_api import Error, async_playwright  # noqa: PLC0415

        with tempfile.TemporaryDirectory(prefix="huazha-frames") as folder:
            chosen = settings.load(None, {"media_port": 0, "console_port": 0, "data": folder})
            async with told(chosen, self._options.calls) as calls:
                try:
                    async with async_playwright() as playwright:
                        # Chromium's sandbox does not work for root.
                        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
                        browser = await playwright.chromium.launch(executable_path=pages.browser(), args=arguments)
                        context = await browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
                        phases = await self._watch(await context.new_page(), calls)
                        await browser.close()
                except Error as error:
                    raise Broken(f"the browser: {error.message.splitlines()[0]}") from None
        return Measured(tuple(phases), self._sockets - 1, tuple(self._troubles))

    async def _watch(self, page: Page, calls: InventedCalls) -> list[Seen]:
        options = self._options
        page.set_default_timeout(pages.PATIENCE)
        page.on("pageerror", lambda error: self._troubles.append(str(error)))
        page.on("websocket", lambda _: self._connected())
        await page.add_init_script(WATCH)
        await page.goto(calls.url)
        await page.wait_for_selector('[data-state="connected"]')
        await self._shown(page, "calls-count", options.calls)
        await asyncio.sleep(SETTLES)
        alone = await self._phase(page, "calls", asyncio.sleep(options.seconds))
        flood = await self._phase(page, "alerts as they come", self._flood(page, calls))
        # The console writes after it has told, and would take what of a small machine the page needs.
        self._say("Waiting for the journal")
        await calls.written()
        trickle = await self._phase(page, f"one every {EVERY:g} s", self._trickle(calls))
        await calls.written()
        return [alone, flood, trickle, await self._phase(page, "scrolling them", self._scroll(page))]

    async def _phase(self, page: Page, name: str, work: Coroutine[Any, Any, None]) -> Seen:
        self._say(name)
        await page.evaluate("() => window.benchmarkFrames()")
        await work
        return Seen(phase=name, **await page.evaluate("() => window.benchmarkFrames()"))

    async def _flood(self, page: Page, calls: InventedCalls) -> None:
        for _ in range(self._options.alerts):
            calls.alert()
        await self._shown(page, "alerts-count", self._options.alerts)

    async def _trickle(self, calls: InventedCalls) -> None:
        for _ in range(round(self._options.seconds / EVERY)):
            calls.alert()
            await asyncio.sleep(EVERY)

    async def _scroll(self, page: Page) -> None:
        await page.locator("#alerts").hover()
        for _ in range(round(self._options.seconds * NOTCHES)):
            await page.mouse.wheel(0, NOTCH)
            await asyncio.sleep(1 / NOTCHES)
        if not await page.locator("#alerts").evaluate("(list) => list.scrollTop"):
            raise Broken("the list of alerts did not scroll")

    async def _shown(self, page: Page, place: str, count: int) -> None:
        """Wait until the page tells so many."""
        await page.wait_for_function(SHOWN, arg=[place, f"{count:,}"], polling=100)

    def _connected(self) -> None:
        self._sockets += 1

    def _say(self, what: str) -> None:
        self._progress.update(self._bar, description=what)


def show(found: Sequence[Mapping[str, Any]], measured: Measured, options: argparse.Namespace) -> None:
    """Print the table."""
    console = Console(width=120)
    console.print(machine.line(), highlight=False)
    console.print(
        f"{options.calls} calls say every second how they are, {options.alerts:,} alerts; "
        "milliseconds from frame to frame on one page.",
        highlight=False,
    )
    table = Table("", "seconds", "frames", "median", "95 %", "99 %", "longest", f"over {MISSED:g} ms", "long tasks")
    for phase in found:
        gaps = ("–" if phase[name] is None else f"{phase[name]:.1f}" for name in ("p50", "p95", "p99", "max"))
        tasks = f"{phase['long_tasks']}, {phase['longest_task']:.0f} ms" if phase["long_tasks"] else "none"
        row = (phase["phase"], f"{phase['seconds']:.1f}", str(phase["frames"]), *gaps, str(phase["missed"]), tasks)
        table.add_row(*row)
    console.print(table)
    console.print(
        f"Long tasks took more than 50 ms; the longest is told. The page had to connect again {measured.again} times.",
        highlight=False,
        soft_wrap=True,
    )


def main() -> None:
    description, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.frames",
        description=description,
        epilog=f"{more.partition(chr(10) * 2 + '    python')[0]}\n\nExample: python -m benchmarks.frames --calls 300",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--calls", type=_count, default=300, help="at once (default: 300)")
    parser.add_argument("--alerts", type=_alerts, default=MOST, help=f"in the list, {MOST} at most (default: {MOST})")
    parser.add_argument("--seconds", type=_positive, default=10.0, help="of each timed phase (default: 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures as well")
    options = parser.parse_args()
    if pages.browser() is None:
        print(f"No browser is installed ({', '.join(pages.CHROMIUM)}); Playwright's own is tried.")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        try:
            measured = asyncio.run(Run(options, progress).measure())
        except ModuleNotFoundError as error:
            raise SystemExit(f"{error.name} is not installed; `make install` installs it") from None
        except (Broken, HuazhaError) as error:
            raise SystemExit(f"python -m benchmarks.frames: {error}") from None
    found = [figures(phase) for phase in measured.phases]
    show(found, measured, options)
    for trouble in measured.troubles[:20]:
        print(f"trouble  {trouble}")
    if options.json:
        run = {name: value for name, value in vars(options).items() if name != "json"}
        written: dict[str, Any] = {"machine": machine.describe(), "run": run, "summary": found}
        written |= {"again": measured.again, "phases": [asdict(phase) for phase in measured.phases]}
        options.json.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("is 1 or more")
    return count


def _alerts(text: str) -> int:
    count = _count(text)
    if count > MOST:
        raise argparse.ArgumentTypeError(f"is {MOST} or fewer: the page keeps no more")
    return count


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("is more than 0")
    return number


if __name__ == "__main__":
    main()
