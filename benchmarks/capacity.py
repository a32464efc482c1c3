"""How many two-channel calls at once can be heard in time?

The most at which the 95th percentile from a term's end to its block stays under the bound, by model and by share of
speech. Each probe streams all labelled calls, in real time, to `huazha serve` in a process of its own, so many at
once: calls begin at different times, none is measured until so many are going, and others go on until the last is
measured. The number is doubled until it can't be borne, then found between: the bound is broken, fewer violations are
blocked than nine tenths of what one call at once found, or a call is refused. A probe ends as soon as that is certain;
that it is late or has missed too many must show a second time, in twice as many calls, since few terms were said.

At a share of speech of 1 the calls are as recorded. At less, silence with the faint noise of a line stands before and
after each, so that the recording fills this share of its call.

    python -m benchmarks.capacity CALLS [--model base small] [--share 1.0 0.5 0.25] [--bound 1.5] [--most 32]
        [--repeat N] [--json FILE] [--picture FILE.svg]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import calls, machine
from benchmarks.calls import LabelledCall
from benchmarks.served import Died, serving
from benchmarks.streams import Outcome, measure, percentile, summary
from streamer import loops, recordings
from streamer.errors import CallFailed, CallRefused
from streamer.recordings import Recording

ENOUGH = 0.9
"""Share of the violations blocked in one call at once that must be blocked in many."""
NOISE = 0.001
"""Root mean square of a silent line, of full scale: -60 dB."""
SEED = 1


@dataclass(frozen=True, slots=True)
class Probe:
    """What came of so many calls at once.

    Attributes:
      fault: `late`, `missed` or `refused`; empty where they were borne.
      p50, p95: seconds from a term's end to its block.
      blocked, of: violations; fewer than in all calls where the probe ended early.
      blind: seconds of audio not monitored.
      cpu: the service's processor seconds for a second of a call.
      took: seconds.
    """

    model: str
    share: float
    at_once: int
    fault: str
    p50: float | None
    p95: float | None
    blocked: int
    of: int
    false: int
    blind: float
    cpu: float
    took: float
    latencies: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """The most calls at once that were borne; `limited` where more were not tried."""

    model: str
    share: float
    calls: int
    limited: bool


class Search:
    """Finds the largest number that holds: doubles until one does not, then halves what lies between.

    Args:
      first: where to begin.
      most: the largest to try.
    """

    def __init__(self, first: int, most: int) -> None:
        self.best = 0
        self._first = min(first, most)
        self._most = most
        self._broken = most + 1

    @property
    def next(self) -> int | None:
        """The number to try; None when the largest is found."""
        if self.best + 1 >= self._broken:
            return None
        if self._broken <= self._most:
            return (self.best + self._broken) // 2
        return min(2 * self.best, self._most) if self.best else self._first

    def tell(self, number: int, held: bool) -> None:
        """Take in whether a number held."""
        if held:
            self.best = max(self.best, number)
        else:
            self._broken = min(self._broken, number)


def fault(outcomes: Sequence[Outcome], expected: int, bound: float, enough: float) -> str:
    """Say what can't be borne even if every violation still to come were blocked at once; empty if nothing.

    Args:
      expected: violations in all calls, those still to come as well.
      bound: seconds under which the 95th percentile must stay.
      enough: violations that must be blocked.
    """
    latencies = [seconds for outcome in outcomes for seconds in outcome.latencies.values()]
    missed = sum(len(outcome.missed) for outcome in outcomes)
    if expected - missed < enough:
        return "missed"
    to_come = [0.0] * (expected - missed - len(latencies))
    p95 = percentile([*latencies, *to_come], 95)
    return "late" if p95 is not None and p95 >= bound else ""


@dataclass(frozen=True, slots=True)
class Take:
    """A call and what is sent of it."""

    call: LabelledCall
    recording: Recording


def paused(take: Take, share: float, dice: np.random.Generator) -> Take:
    """Put a silent line before and after a call, so that it is `share` of what is sent; its marks move with it."""
    call, recording = take.call, take.recording
    rate = recording.sample_rate
    silence = round(len(recording.samples) * (1 / share - 1))
    before = int(dice.integers(silence + 1))
    noise = dice.normal(0.0, NOISE, (silence, len(recording.channels))).astype(np.float32)
    samples = np.concatenate([noise[:before], recording.samples, noise[before:]])
    marks = tuple(replace(mark, end=mark.end + before / rate) for mark in call.marks)
    return Take(
        replace(call, duration=len(samples) / rate, marks=marks),
        replace(recording, samples=samples),
    )


def violations(takes: Sequence[Take]) -> int:
    """Count what should be blocked."""
    return sum(len({mark.term for mark in take.call.marks if mark.violation}) for take in takes)


def rounds_of(count: int, share: float, at_once: int) -> int:
    """Tell how often all of `count` calls should be measured, so many at once.

    Half as long as the calls last one after the other, that they may be many where that takes little time; and at least
    two calls on every line, so that it is no matter how the first began.
    """
    return math.ceil(max(at_once * share / 2, 2 * at_once / count))


async def keep_busy(
    url: str, takes: Sequence[Take], rounds: int, at_once: int, judge: Callable[[Sequence[Outcome]], str]
) -> tuple[list[Outcome], str]:
    """Keep `at_once` calls going until every one has been measured `rounds` times, or `judge` finds a fault.

    Returns:
      the measured calls' outcomes; and the fault, empty if there was none.
    """
    dice = random.Random(SEED)
    waiting = deque(list(takes) * rounds)
    dice.shuffle(waiting)
    expected, outcomes = len(waiting), list[Outcome]()
    apart = sum(take.recording.duration for take in takes) / len(takes) / at_once
    all_going = asyncio.Event()
    over = asyncio.get_running_loop().create_future()

    async def line(number: int) -> None:
        await asyncio.sleep(number * apart)
        if number == at_once - 1:
            all_going.set()
        while not over.done():
            counts = all_going.is_set() and bool(waiting)
            take = waiting.popleft() if counts else dice.choice(takes)
            try:
                outcome = await measure(url, take.call, take.recording)
            except CallRefused:
                verdict = "refused"
            else:
                if not counts:
                    continue
                outcomes.append(outcome)
                verdict = judge(outcomes)
            if (verdict or len(outcomes) == expected) and not over.done():
                over.set_result(verdict)

    async with asyncio.TaskGroup() as group:
        lines = [group.create_task(line(number)) for number in range(at_once)]
        verdict = await over
        for task in lines:
            task.cancel()
    return outcomes, verdict


class Exploration:
    """Probes model after model, share after share.

    Args:
      takes: the calls as recorded.
      keep: called whenever there are more `probes`, or more is `found`.
    """

    def __init__(
        self, takes: Sequence[Take], options: argparse.Namespace, progress: Progress, keep: Callable[[], None]
    ) -> None:
        self.probes: list[Probe] = []
        self.found: list[Found] = []
        self._takes = takes
        self._options = options
        self._progress = progress
        self._keep = keep

    async def run(self) -> None:
        """Find every model's capacity at every share of speech.

        Raises:
          Died, CallFailed: the service did.
        """
        most = self._options.most
        for model in self._options.model:
            alone, first = 0.0, 1
            for share in sorted(set(self._options.share), reverse=True):
                dice = np.random.default_rng(SEED)
                takes = [paused(take, share, dice) for take in self._takes]
                search = Search(first, most)
                while (at_once := search.next) is not None:
                    rounds = max(self._options.repeat, rounds_of(len(takes), share, at_once))
                    probe = await self._probe(model, share, takes, at_once, rounds, alone)
                    if probe.fault in {"late", "missed"}:
                        rounds *= 2
                        probe = await self._probe(model, share, takes, at_once, rounds, alone)
                    search.tell(at_once, not probe.fault)
                    if at_once == 1 and not probe.fault:
                        alone = probe.blocked / rounds
                # What is silent more often can hardly be harder to hear.
                first = max(1, search.best)
                self.found.append(Found(model, share, search.best, search.best == most))
                self._keep()

    async def _probe(
        self, model: str, share: float, takes: Sequence[Take], at_once: int, rounds: int, alone: float
    ) -> Probe:
        expected, enough = violations(takes) * rounds, ENOUGH * alone * rounds
        bar = self._progress.add_task(f"{model}, speech {share:g}, {at_once} at once", total=len(takes) * rounds)

        def judge(outcomes: Sequence[Outcome]) -> str:
            self._progress.update(bar, completed=len(outcomes))
            return fault(outcomes, expected, self._options.bound, enough)

        async with serving(model) as service:
            began, before = time.monotonic(), service.usage().cpu
            outcomes, verdict = await keep_busy(service.url, takes, rounds, at_once, judge)
            took, used = time.monotonic() - began, service.usage().cpu - before
            audio = (await service.metrics())["huazha_audio_received_seconds_total"] / 2
        self._progress.remove_task(bar)
        row: dict[str, Any] = summary(outcomes)
        latencies = tuple(round(seconds, 3) for outcome in outcomes for seconds in outcome.latencies.values())
        figures = (row["block_p50"], row["block_p95"], row["blocked"], row["violations"], row["false"], row["blind"])
        cost = round(used / max(1.0, audio), 3)
        probe = Probe(model, share, at_once, verdict, *figures, cost, round(took, 1), latencies)
        self.probes.append(probe)
        self._keep()
        line = f"{model}, speech {share:g}, {at_once} at once: p95 {probe.p95} s, {verdict or 'borne'}, {took:.0f} s"
        self._progress.console.print(line, highlight=False)
        return probe


def show(probes: Sequence[Probe], found: Sequence[Found], bound: float) -> None:
    """Print the table: a row for each probe, and what was found after those of each model and share."""
    figures = ("p50", "p95", "blocked", "of", "false", "blind s", "CPU s per s of call", f"95% in {bound:g} s")
    table = Table("model", "speech", "calls at once", *figures)
    for answer in found:
        for p in probes:
            if (p.model, p.share) == (answer.model, answer.share):
                values = (p.p50, p.p95, p.blocked, p.of, p.false, p.blind, p.cpu, p.fault or "yes")
                row = (p.model, f"{p.share:g}", p.at_once, *values)
                table.add_row(*("–" if value is None else str(value) for value in row))
        most = f"{answer.calls} or more" if answer.limited else str(answer.calls)
        table.add_row(answer.model, f"{answer.share:g}", f"most: {most}", style="bold", end_section=True)
    console = Console(width=130)
    console.print(machine.line(), highlight=False)
    console.print(table)


def draw(probes: Sequence[Probe], found: Sequence[Found], bound: float, file: Path) -> None:
    """Draw how the 95th percentile grows with the calls at once; a cross where that was too late."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for answer in found:
        of_it = [p for p in probes if (p.model, p.share) == (answer.model, answer.share) and p.fault in {"", "late"}]
        points = sorted((p.at_once, p.p95, bool(p.fault)) for p in of_it if p.p95 is not None)
        label = f"{answer.model}, speech {answer.share:g}: {answer.calls}"
        (line,) = axes.plot([at_once for at_once, _, _ in points], [p95 for _, p95, _ in points], label=label)
        for at_once, p95, late in points:
            axes.plot(at_once, p95, "x" if late else "o", color=line.get_color())
    axes.axhline(bound, color="#c0262d", linestyle="--")
    axes.set(xlabel="calls at once", ylabel="p95, seconds from the term's end to the block", xlim=(0, None))
    axes.set(ylim=(0, 3 * bound))
    axes.legend(loc="upper left", title="most calls at once")
    figure.savefig(file)


def main() -> None:
    description, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.capacity",
        description=description,
        epilog=more.partition("\n\n    python")[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--model", nargs="+", default=["base"], help="each as in huazha serve (default: base)")
    parser.add_argument("--share", type=_share, nargs="+", default=[1.0, 0.5, 0.25], help="of speech in a call")
    parser.add_argument("--bound", type=float, default=1.5, help="seconds for 95 of 100 blocks (default: 1.5)")
    parser.add_argument("--most", type=int, default=32, help="calls at once to try at most (default: 32)")
    parser.add_argument(
        "--repeat", type=int, default=1, help="times that a probe streams all calls, or more (default: 1)"
    )
    parser.add_argument("--json", type=Path, help="where to write the figures as well, as they come")
    parser.add_argument("--picture", type=Path, metavar="FILE.svg", help="where to draw them")
    options = parser.parse_args()
    takes = [Take(call, recordings.read(call.path)) for call in calls.read(options.calls)]
    for take in takes:
        if len(take.recording.channels) != 2:
            raise SystemExit(f"{take.call.path} has one channel; capacity is counted in calls of two")

    def keep() -> None:
        if options.json:
            figures: dict[str, object] = {"machine": machine.describe(), "bound": options.bound}
            figures["found"] = [asdict(found) for found in explored.found]
            figures["probes"] = [asdict(probe) for probe in explored.probes]
            options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

    with Progress(console=Console(stderr=True), transient=True) as progress:
        explored = Exploration(takes, options, progress, keep)
        try:
            loops.run(explored.run())
        except* (Died, CallFailed) as failures:
            raise SystemExit(f"the service failed: {failures.exceptions[0]}") from None
    show(explored.probes, explored.found, options.bound)
    if options.picture:
        draw(explored.probes, explored.found, options.bound, options.picture)


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise argparse.ArgumentTypeError("is over 0 and at most 1")
    return share


if __name__ == "__main__":
    main()
