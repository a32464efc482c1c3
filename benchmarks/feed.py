"""How long after a block do supervisors see the alert, and does their looking make blocks any later?

A service with its real console hears many calls at once, over real sockets and in real time; only recognition is
replaced, by one that replays what is known to be said. First nobody looks, then so many pages of a real browser are
open: in one run, in the same calls. Calls, service and browser each have a process of their own, on one machine and so
on one clock.

A block counts from when the platform has received it to when its alert's row is in a page's document, for every block
and every page; how far the pages' clocks are from the platform's, and how wrong that may be, is told with it.
Linux only.

    python -m benchmarks.feed [--calls 100] [--pages 10] [--seconds 60] [--rate 1.0] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID
from rich.table import Table
from websockets.asyncio.client import connect

from benchmarks import machine, pages, replay
from benchmarks.children import Broken, Child, started
from benchmarks.seen import Phase, Sent, Shown, blocks_of, figures, judge, ratio
from benchmarks.served import usage
from benchmarks.streams import percentile
from streamer import service, settings
from streamer.errors import HuazhaError
from streamer.service import Service

BOUND = 300.0
"""Milliseconds from block to alert in 95 of 100."""
SETTLES = 6.0
"""Seconds before anything is counted, when calls or pages have just been opened."""
STRAGGLERS = 3.0
"""Seconds in which a last alert may still come."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a run.

    Attributes:
      late: seconds by which the platform was behind real time, at most.
      troubles: what pages complained of.
    """

    phases: tuple[Phase, Phase]
    blocks: tuple[Sent, ...]
    shown: tuple[Shown, ...]
    late: float
    troubles: tuple[str, ...]


class Run:
    """One run, from the first call to the last.

    Args:
      options: as on the command line.
      progress: shows how far it is.
    """

    def __init__(self, options: argparse.Namespace, progress: Progress) -> None:
        self._options = options
        self._progress = progress
        self._bar: TaskID = progress.add_task("Starting", total=None)

    async def measure(self) -> Measured:
        """Measure.

        Raises:
          Broken, HuazhaError: a part of it does not work.
        """
        options = self._options
        recognizer = replay.Replay(replay.Script(options.calls, options.rate), options.look)
        with tempfile.TemporaryDirectory(prefix="huazha-feed") as folder:
            chosen = settings.load(
                None,
                {"media_port": 0, "console_port": 0, "data": folder, "limits": {"max_calls": options.calls}},
            )
            async with service.running(chosen, recognizer) as running:
                return await self._watch(running)

    async def _watch(self, running: Service) -> Measured:
        options = self._options
        lines = ("--calls", str(options.calls), "--frame", str(options.frame))
        async with started("benchmarks.steady", running.media.url, *lines) as platform:
            self._say(f"Calling on {options.calls} lines")
            await platform.ready()
            calls = await live_calls(running.console_url)
            alone = await self._phase(running, platform, 0)
            self._say(f"Opening {options.pages} pages")
            async with started("benchmarks.pages", running.console_url, "--pages", str(options.pages)) as browser:
                await browser.ready()
                beside = await self._phase(running, platform, options.pages, browser)
                self._say("Waiting for stragglers")
                await asyncio.sleep(STRAGGLERS)
                seen = await browser.end()
            told = await platform.end()
        return Measured(
            (alone, beside),
            tuple(blocks_of(told, calls)),
            tuple(Shown(**one) for one in seen if "rows" in one),
            max(one["late"] for one in told if "late" in one),
            tuple(one["trouble"] for one in seen if "trouble" in one),
        )

    async def _phase(self, running: Service, platform: Child, count: int, *others: Child) -> Phase:
        self._say(f"{count} pages")
        await self._sleep(SETTLES, platform, *others)
        began, before = time.time_ns() / 1e6, _busy(running, platform)
        await self._sleep(self._options.seconds, platform, *others)
        ended, after = time.time_ns() / 1e6, _busy(running, platform)
        took = (ended - began) / 1000
        return Phase(count, began, ended, {whose: (after[whose] - before[whose]) / took for whose in before})

    async def _sleep(self, seconds: float, *children: Child) -> None:
        """Wait, as long as all are well."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            await asyncio.sleep(min(1.0, left))
            for child in children:
                child.check()

    def _say(self, what: str) -> None:
        self._progress.update(self._bar, description=what)


async def live_calls(console: str) -> dict[str, str]:
    """Ask the console for the service's name of each live call, by the platform's."""
    async with connect(f"ws{console.removeprefix('http')}v1/alerts", max_size=None) as socket:
        await socket.send(json.dumps({"type": "hello"}))
        welcome = json.loads(await socket.recv())
    return {item["call_id"]: item["call"] for item in welcome["calls"]}


def _busy(running: Service, platform: Child) -> dict[str, float]:
    """Read processor seconds used so far, by whose they are."""
    used = {"service": os.getpid(), "console": running.console.pid, "platform": platform.pid}
    return {**{whose: usage(pid).cpu for whose, pid in used.items()}, "all": busy(Path("/proc/stat").read_text())}


def busy(stat: str) -> float:
    """Give the seconds for which a machine's processors were not idle, from /proc/stat (proc(5))."""
    user, nice, system, _idle, _iowait, *interrupts = map(int, stat.splitlines()[0].split()[1:8])
    return (user + nice + system + sum(interrupts)) / os.sysconf("SC_CLK_TCK")


ROWS = {
    "blocks": "blocks",
    "signal_ms_p50": "match to signal, median, ms",
    "signal_ms_p95": "95th percentile",
    "signal_ms_max": "longest",
    "term_to_block_p50": "term's end to block, median, s",
    "term_to_block_p95": "95th percentile",
    "term_to_block_max": "longest",
    "cores_service": "cores busy: media plane",
    "cores_console": "console",
    "cores_platform": "platform",
    "cores_all": "all that runs on the machine",
}


def summary(measured: Measured) -> dict[str, Any]:
    """Put a run into figures."""
    beside = measured.phases[1]
    without, with_pages = (figures(phase, phase.of(measured.blocks)) for phase in measured.phases)
    seen = judge(beside.of(measured.blocks), measured.shown)
    return {
        "without_pages": without,
        "with_pages": with_pages,
        "ratio": ratio(without, with_pages),
        "alerts": {
            "pages": beside.pages,
            "expected": len(beside.of(measured.blocks)) * len(measured.shown),
            "missing": len(seen.missing),
            **{f"row_ms_p{percent}": percentile(seen.row, percent) for percent in (50, 95, 99, 100)},
            **{f"drawn_ms_p{percent}": percentile(seen.drawn, percent) for percent in (50, 95, 100)},
            "clock_ahead_ms": max((abs(page.ahead) for page in measured.shown), default=0.0),
            "clock_error_ms": max((page.error for page in measured.shown), default=0.0),
        },
        "platform_late_s": round(measured.late, 3),
    }


def show(found: Mapping[str, Any], options: argparse.Namespace) -> None:
    """Print the tables."""
    console = Console(width=110)
    console.print(machine.line(), highlight=False)
    console.print(
        f"{options.calls} calls of one channel, frames of {options.frame:g} s, a look takes {options.look:g} s; "
        f"{options.seconds:g} s each without and with pages.",
        highlight=False,
    )
    table = Table("blocks", "no page", f"{options.pages} pages", "ratio")
    for name, title in ROWS.items():
        values = (found[column].get(name) for column in ("without_pages", "with_pages", "ratio"))
        table.add_row(title, *("–" if value is None else f"{value:g}" for value in values))
    console.print(table)
    alerts = found["alerts"]
    table = Table(
        "alerts on pages", "expected", "missing", "median, ms", "95th percentile", "longest", f"95% in {BOUND:g} ms"
    )
    for title, kind in (("row in the document", "row"), ("next picture begun", "drawn")):
        times: list[float | None] = [alerts[f"{kind}_ms_p{percent}"] for percent in (50, 95, 100)]
        held = "–" if times[1] is None else "yes" if times[1] < BOUND else "no"
        table.add_row(
            title,
            str(alerts["expected"]),
            str(alerts["missing"]),
            *("–" if value is None else f"{value:.1f}" for value in times),
            held,
        )
    console.print(table)
    console.print(
        f"Pages' clocks were {alerts['clock_ahead_ms']:.2f} ms off at most, which is taken out; that is sure to "
        f"{alerts['clock_error_ms']:.2f} ms. The platform sent its audio at most {found['platform_late_s']:g} s late.",
        highlight=False,
        soft_wrap=True,
    )


def main() -> None:
    description, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.feed",
        description=description,
        epilog=f"{more.partition(chr(10) * 2 + '    python')[0]}\n\nExample: python -m benchmarks.feed --seconds 60",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--calls", type=_count, default=100, help="at once (default: 100)")
    parser.add_argument("--pages", type=_count, default=10, help="open at once (default: 10)")
    parser.add_argument("--seconds", type=_positive, default=60.0, help="without pages, and again with (default: 60)")
    parser.add_argument("--rate", type=_positive, default=1.0, help="blocks a second, of all calls (default: 1)")
    parser.add_argument("--frame", type=_positive, default=0.2, help="seconds of audio in a message (default: 0.2)")
    parser.add_argument("--look", type=_positive, default=0.3, help="seconds for replaying a look (default: 0.3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the figures as well")
    options = parser.parse_args()
    most = options.calls / replay.TURN
    if options.rate > most:
        parser.error(
            f"argument --rate: {options.calls} calls have a sentence every {replay.TURN:g} s: {most:.2g} at most"
        )
    if pages.browser() is None:
        print(f"No browser is installed ({', '.join(pages.CHROMIUM)}); Playwright's own is tried.")
    with Progress(console=Console(stderr=True), transient=True) as progress:
        try:
            measured = asyncio.run(Run(options, progress).measure())
        except (Broken, HuazhaError) as error:
            raise SystemExit(f"python -m benchmarks.feed: {error}") from None
    found = summary(measured)
    show(found, options)
    seen = judge(measured.phases[1].of(measured.blocks), measured.shown)
    for line in (*seen.missing[:20], *measured.troubles[:20]):
        print(f"missing  {line}" if line in seen.missing else f"trouble  {line}")
    if options.json:
        run = {name: value for name, value in vars(options).items() if name != "json"}
        written: dict[str, Any] = {"machine": machine.describe(), "run": run, "summary": found}
        written |= {"phases": [asdict(phase) for phase in measured.phases], "seen": asdict(seen)}
        written["blocks"] = [asdict(block) for block in measured.blocks]
        options.json.write_text(json.dumps(written, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError("is 1 or more")
    return count


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("is more than 0")
    return number


if __name__ == "__main__":
    main()
