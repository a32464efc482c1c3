"""Does the service stay as it is, through an hour of calls that come and go?

Labelled calls, drawn by chance, are made in real time to `huazha serve` in a process of its own, on so many lines, with
pauses between. Most go to their end; some hang up without a word, some break off, some are garbage. Every second it is
noted what the service holds. Linux only.

    python -m benchmarks.soak CALLS [--minutes 60] [--parallel 8] [--reload 1] [--kill-console 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import callers, calls, disturbed, machine
from benchmarks.callers import WEIGHTS, Answer, Made, Manner
from benchmarks.calls import LabelledCall
from benchmarks.served import Died, Served, serving
from benchmarks.streams import percentile
from streamer import loops
from streamer.errors import CallFailed

PARTS = 10
PAUSE = 4.0
"""Seconds that a line is idle between calls, at most; evenly distributed."""
EVERY = 1.0
"""Seconds between looks."""
SETTLED_WITHIN = 60.0
"""Seconds for the service to let go of everything, once the last call has hung up."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Sample:
    """What the service held at a moment.

    Attributes:
      at: seconds since the first call.
      live: calls going on.
      wait: seconds that the oldest window had been waiting for its text.
      rss: megabytes.
      blind: seconds of audio not monitored, since the service began.
      cpu: processor seconds, since the service began.
    """

    at: float
    live: int
    wait: float
    rss: float
    handles: int
    threads: int
    tasks: int
    blind: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the time: medians of what the service held, and what became of the calls that ended in it.

    Attributes:
      until: minutes since the first call, at its end.
      p50, p95: seconds from a term's end to its block.
      wait: the longest seen, in seconds.
      cores: processor seconds a second.
    """

    until: float
    live: float
    done: int
    refused: int
    unanswered: int
    blocked: int
    of: int
    p50: float | None
    p95: float | None
    wait: float
    rss: float
    handles: float
    threads: float
    tasks: float
    blind: float
    cores: float


def parts(samples: Sequence[Sample], made: Sequence[Made], length: float, count: int = PARTS) -> list[Part]:
    """Sum up each of `count` equal parts of `length` seconds; what came later belongs to the last one.

    A part without a sample is left out.
    """

    def number(at: float) -> int:
        return min(count - 1, max(0, int(at / length * count)))

    told, before = [], samples[0] if samples else None
    for part in range(count):
        within = [sample for sample in samples if number(sample.at) == part]
        if within and before:
            told.append(
                _part((part + 1) * length / count, before, within, [one for one in made if number(one.at) == part])
            )
            before = within[-1]
    return told


def _part(until: float, before: Sample, within: Sequence[Sample], made: Sequence[Made]) -> Part:
    outcomes = [one.outcome for one in made if one.outcome is not None]
    latencies = [seconds for outcome in outcomes for seconds in outcome.latencies.values()]
    answers = Counter(one.answer for one in made)
    last = within[-1]
    seconds = last.at - before.at
    return Part(
        until=round(until / 60, 2),
        live=median(sample.live for sample in within),
        done=len(made),
        refused=answers[Answer.REFUSED],
        unanswered=answers[Answer.NONE],
        blocked=len(latencies),
        of=len(latencies) + sum(len(outcome.missed) for outcome in outcomes),
        p50=percentile(latencies, 50),
        p95=percentile(latencies, 95),
        wait=round(max(sample.wait for sample in within), 2),
        rss=round(median(sample.rss for sample in within), 1),
        handles=median(sample.handles for sample in within),
        threads=median(sample.threads for sample in within),
        tasks=median(sample.tasks for sample in within),
        blind=round(last.blind - before.blind, 2),
        cores=round((last.cpu - before.cpu) / seconds, 2) if seconds else 0.0,
    )


class Soak:
    """Makes calls and looks on; what has been seen so far stands in its attributes, however it ends.

    Attributes:
      before, after: what the service held before the first call, and once the last had hung up.
      troubles: what it has logged as errors.
      recorded: calls of which its journal tells the end.
      unsound: what is wrong with that.
    """

    def __init__(
        self,
        labelled: Sequence[LabelledCall],
        seconds: float,
        lines: int,
        *,
        reload: float = 0.0,
        kill_console: float = 0.0,
    ) -> None:
        self.samples: list[Sample] = []
        self.made: list[Made] = []
        self.before: Sample | None = None
        self.after: Sample | None = None
        self.troubles: list[str] = []
        self.recorded = 0
        self.unsound: list[str] = []
        self._reload = reload
        self._kill_console = kill_console
        self._labelled = labelled
        self._seconds = seconds
        self._lines = lines
        self._began = 0.0

    async def run(self, model: str, advance: Callable[[float], None]) -> None:
        """Soak.

        Args:
          advance: told of the seconds gone by.

        Raises:
          Died: the service did, within an exception group.
        """
        async with serving(model) as service:
            self.troubles = service.troubles
            self._began = time.monotonic()
            await self._look(service)
            self.before = await self._look(service)
            self._began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                beside = [
                    group.create_task(self._watch(service, advance)),
                    group.create_task(_again(self._reload, service.reload)),
                    group.create_task(_again(self._kill_console, partial(disturbed.kill_console, service))),
                ]
                dice = random.Random(SEED)
                lines = [group.create_task(self._line(service.url, dice.random())) for _ in range(self._lines)]
                await asyncio.wait(lines)
                for task in beside:
                    task.cancel()
            self.after = await self._settled(service)
            self.recorded, self.unsound = await disturbed.unsound(service.data)

    async def _line(self, url: str, seed: float) -> None:
        """Make one call after the other until the time is up."""
        dice = random.Random(seed)
        while True:
            await asyncio.sleep(dice.uniform(0, PAUSE))
            if time.monotonic() - self._began >= self._seconds:
                return
            (manner,) = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))
            self.made.append(await callers.make(url, dice.choice(self._labelled), manner, dice, self._began))

    async def _watch(self, service: Served, advance: Callable[[float], None]) -> None:
        while True:
            self.samples.append(await self._look(service))
            advance(self.samples[-1].at)
            await asyncio.sleep(EVERY)

    async def _look(self, service: Served) -> Sample:
        metrics, usage = await service.metrics(), service.usage()
        return Sample(
            at=round(time.monotonic() - self._began, 2),
            live=int(metrics["huazha_calls_live"]),
            wait=round(metrics["huazha_recognition_queue_age_seconds"], 3),
            rss=round(usage.rss, 1),
            handles=usage.handles,
            threads=usage.threads,
            tasks=int(metrics["huazha_tasks"]),
            blind=round(metrics["huazha_audio_blind_seconds_total"], 2),
            cpu=usage.cpu,
        )

    async def _settled(self, service: Served) -> Sample:
        """Wait until the service has let go of the calls; say what it holds then, or when patience is out."""
        assert self.before is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_WITHIN):
                while True:
                    now = await self._look(service)
                    if not now.live and now.tasks <= self.before.tasks and now.handles <= self.before.handles:
                        return now
                    await asyncio.sleep(EVERY)
        return await self._look(service)


async def _again(every: float, do: Callable[[], Awaitable[None]]) -> None:
    """Do something every so many seconds; never where that is 0."""
    while every:
        await asyncio.sleep(every)
        await do()


def show(soak: Soak, rows: Sequence[Part]) -> None:
    """Print a row for each part, then the beginning beside the end."""
    console = Console(width=160)
    console.print(machine.line(), highlight=False)
    table = Table("until minute", "live", "calls", "refused", "unanswered", "blocked", "p50", "p95", "longest wait")
    for name in ("RSS MB", "handles", "threads", "tasks", "blind s", "cores"):
        table.add_column(name)
    for row in rows:
        latencies = ("–" if value is None else f"{value:.2f}" for value in (row.p50, row.p95))
        counts = (row.live, row.done, row.refused, row.unanswered)
        held = (row.wait, row.rss, row.handles, row.threads, row.tasks, row.blind, row.cores)
        table.add_row(
            f"{row.until:g}", *map(_short, counts), f"{row.blocked} of {row.of}", *latencies, *map(_short, held)
        )
    console.print(table)
    moments: dict[str, Sample | Part | None] = {"before the first call": soak.before}
    if len(rows) > 2:
        # The first is no measure: what is made once is made in it.
        moments |= {"second part": rows[1], "last part": rows[-1]}
    moments["after the last"] = soak.after
    compared = Table("", *moments)
    for title, field in (("RSS MB", "rss"), ("handles", "handles"), ("threads", "threads"), ("tasks", "tasks")):
        compared.add_row(title, *("–" if held is None else _short(getattr(held, field)) for held in moments.values()))
    console.print(compared)
    manners = Counter(one.manner for one in soak.made)
    console.print(", ".join(f"{manners[manner]} {manner}" for manner in Manner), highlight=False)


def _short(value: float) -> str:
    return f"{value:g}"


def left_behind(before: Sample | None, after: Sample | None) -> list[str]:
    """Name what the service holds after the last call that it did not hold before the first."""
    if before is None or after is None:
        return []
    pairs = (
        ("calls", before.live, after.live),
        ("handles", before.handles, after.handles),
        ("tasks", before.tasks, after.tasks),
    )
    return [f"{name}: {now}, {was} before" for name, was, now in pairs if now > was]


def draw(soak: Soak, rows: Sequence[Part], file: Path) -> None:
    """Draw memory and latency over the time."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, (above, below) = plt.subplots(2, figsize=(7, 5), sharex=True, layout="constrained")
    minutes = [sample.at / 60 for sample in soak.samples]
    above.plot(minutes, [sample.rss for sample in soak.samples], color="#1a7f4b")
    above.set(ylabel="memory, MB", ylim=(0, None))
    for name, colour in (("p50", "#1a7f4b"), ("p95", "#c0262d")):
        below.plot([row.until for row in rows], [getattr(row, name) for row in rows], "o-", label=name, color=colour)
    below.set(xlabel="minutes", ylabel="seconds, term's end to block", xlim=(0, None), ylim=(0, None))
    below.legend(loc="lower left")
    figure.savefig(file)


def main() -> None:
    description, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak",
        description=description,
        epilog=more.partition("\n\n    python")[0]
        + " Fails if it died, or left a call without an answer, or refused one: nobody listened to that.",
    )
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--minutes", type=float, default=60.0, help="how long calls are made (default: 60)")
    parser.add_argument(
        "--parallel", type=int, default=8, metavar="N", help="lines that calls are made on (default: 8)"
    )
    parser.add_argument("--reload", type=float, default=0.0, metavar="MINUTES", help="reload the lexicon so often")
    parser.add_argument(
        "--kill-console", type=float, default=0.0, metavar="MINUTES", help="kill the console's process so often"
    )
    parser.add_argument("--model", default="base", help="as in huazha serve (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="where to draw memory and latency")
    options = parser.parse_args()
    soak = Soak(
        calls.read(options.calls),
        60 * options.minutes,
        options.parallel,
        reload=60 * options.reload,
        kill_console=60 * options.kill_console,
    )
    troubles = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"Soaking, {options.parallel} lines", total=60 * options.minutes)
        try:
            loops.run(soak.run(options.model, lambda seconds: progress.update(bar, completed=seconds)))
        except* (Died, CallFailed) as failures:
            troubles = [f"the service died: {error}" for error in failures.exceptions]
    rows = parts(soak.samples, soak.made, 60 * options.minutes)
    show(soak, rows)
    left = left_behind(soak.before, soak.after)
    troubles += soak.unsound
    print(f"the journal tells of {soak.recorded} calls; {len(soak.unsound)} things are wrong with it")
    troubles += [f"unanswered: {one.detail}" for one in soak.made if one.answer is Answer.NONE]
    refused = [one.at for one in soak.made if one.answer is Answer.REFUSED]
    if refused:
        troubles.append(f"refused: {len(refused)} calls, the first after {min(refused):.0f} s")
    logged = Counter(re.sub(r"call \S+:", "call …:", line) for line in soak.troubles)
    times = [f"{count} × {line}" for line, count in logged.most_common()]
    for label, lines in (("", troubles), ("left behind: ", left), ("logged: ", times)):
        for line in lines:
            print(label + line)
    if options.json:
        figures = {
            "machine": machine.describe(),
            "options": {"minutes": options.minutes, "parallel": options.parallel, "model": options.model},
            "parts": [asdict(row) for row in rows],
            "before": asdict(soak.before) if soak.before else None,
            "after": asdict(soak.after) if soak.after else None,
            "troubles": troubles,
            "left_behind": left,
            "logged": logged,
            "samples": [asdict(sample) for sample in soak.samples[::10]],
            "calls": [asdict(one) for one in soak.made],
        }
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.picture:
        draw(soak, rows, options.picture)
    raise SystemExit(1 if troubles else 0)


if __name__ == "__main__":
    main()
