"""How long after a forbidden term has been spoken does the block come back?

Streams labelled calls to a service in this process, over real sockets and in real time, and measures on the platform's
side of the socket: from the last sample of the term being sent to the block being read.

    python -m benchmarks.latency CALLS [--parallel N] [--repeat N] [--model base] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import calls
from benchmarks.calls import LabelledCall, Mark
from streamer import client, recordings, service, settings
from streamer.service import Service


@dataclass(slots=True)
class Outcome:
    """What became of one call.

    Attributes:
      latencies: seconds from the term's end to the block, by term.
      missed: violations that no block came for.
      false: terms that were blocked though nothing forbidden was said there.
      match_to_signal: milliseconds, of each block.
    """

    file: str
    language: str
    latencies: dict[str, float] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    match_to_signal: list[float] = field(default_factory=list)
    blind: float = 0.0


async def measure(running: Service, call: LabelledCall) -> Outcome:
    """Stream one call and judge what comes back."""
    outcome = Outcome(call.path.name, call.language)
    spans: dict[str, tuple[float, float]] = {}
    blocks: list[tuple[float, dict[str, object]]] = []
    async for received in client.play(
        recordings.read(call.path), running.media.url, call_id=call.path.stem, language=call.language
    ):
        message = received.message
        if message["type"] == "violation":
            spans[message["violation_id"]] = (message["start"], message["end"])
        elif message["type"] == "block":
            blocks.append((received.at, message))
            outcome.match_to_signal.append(message["match_to_signal_ms"])
        elif message["type"] == "stopped":
            outcome.blind = message["blind_seconds"]
    violations = [mark for mark in call.marks if mark.violation]
    for at, message in blocks:
        mark = _met(violations, spans[str(message["violation_id"])], str(message["channel"]))
        if mark is None:
            outcome.false.append(str(message["term"]))
        else:
            outcome.latencies.setdefault(mark.term, at - mark.end)
    outcome.missed = [mark.term for mark in violations if mark.term not in outcome.latencies]
    return outcome


def _met(marks: Sequence[Mark], span: tuple[float, float], channel: str) -> Mark | None:
    return next((mark for mark in marks if mark.met_by(*span, channel)), None)


async def run(chosen: settings.Settings, labelled: Sequence[LabelledCall], parallel: int) -> list[Outcome]:
    """Measure every call, `parallel` at a time."""
    recognizer = await asyncio.to_thread(service.load_recognizer, chosen)
    turn = asyncio.Semaphore(parallel)
    async with service.running(chosen, recognizer) as running:
        with Progress(console=Console(stderr=True), transient=True) as progress:
            bar = progress.add_task("Streaming", total=len(labelled))

            async def one(call: LabelledCall) -> Outcome:
                async with turn:
                    outcome = await measure(running, call)
                progress.advance(bar)
                return outcome

            return list(await asyncio.gather(*map(one, labelled)))


def summary(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Put several calls' outcomes into one row of figures."""
    latencies = [seconds for outcome in outcomes for seconds in outcome.latencies.values()]
    signals = [ms for outcome in outcomes for ms in outcome.match_to_signal]
    missed = sum(len(outcome.missed) for outcome in outcomes)
    return {
        "calls": len(outcomes),
        "violations": len(latencies) + missed,
        "blocked": len(latencies),
        "missed": missed,
        "false": sum(len(outcome.false) for outcome in outcomes),
        "p50_s": _percentile(latencies, 50),
        "p95_s": _percentile(latencies, 95),
        "match_to_signal_p50_ms": _percentile(signals, 50),
        "match_to_signal_max_ms": _percentile(signals, 100),
        "blind_s": round(sum(outcome.blind for outcome in outcomes), 2),
    }


def _percentile(values: Sequence[float], percent: float) -> float | None:
    return round(float(np.percentile(values, percent)), 3) if values else None


def show(rows: dict[str, dict[str, object]], outcomes: Sequence[Outcome]) -> None:
    """Print the table, and what was missed and falsely blocked by name."""
    table = Table("", *next(iter(rows.values())))
    for name, row in rows.items():
        table.add_row(name, *("–" if value is None else str(value) for value in row.values()))
    console = Console(width=160)
    console.print(table)
    for outcome in outcomes:
        for term in outcome.missed:
            console.print(f"missed  {outcome.file}  {term}")
        for term in outcome.false:
            console.print(f"false   {outcome.file}  {term}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.splitlines()[0])
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--parallel", type=int, default=1, help="calls at once (default: 1)")
    parser.add_argument("--repeat", type=int, default=1, help="runs over all calls (default: 1)")
    parser.add_argument("--model", default="base", help="as in huazha serve (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    options = parser.parse_args()
    chosen = settings.load(None, {"model": options.model, "media_port": 0, "console_port": 0})
    labelled = calls.read(options.calls) * options.repeat
    outcomes = asyncio.run(run(chosen, labelled, options.parallel))
    groups = {language: [o for o in outcomes if o.language == language] for language in calls.LANGUAGES}
    rows = {name: summary(group) for name, group in {**groups, "all": outcomes}.items() if group}
    show(rows, outcomes)
    if options.json:
        machine = {"cores": os.cpu_count(), "processor": platform.processor() or platform.machine()}
        figures = {"parallel": options.parallel, "machine": machine, "summary": rows}
        figures["calls"] = [asdict(outcome) for outcome in outcomes]
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
