"""How long after a forbidden term has been spoken does the block come back?

Streams labelled calls to a service in this process, over real sockets and in real time, and measures on the platform's
side of the socket: from the last sample of the term being sent to the first word of it and to the block being read.
`fired by` counts the blocks of labelled violations that came of a look at sound, of text for what sound had left open,
and of text.

    python -m benchmarks.latency CALLS [--parallel 1 2 4 8] [--repeat N] [--model base]
        [--as PLATFORM ... [--dialect-only]] [--json FILE] [--pictures DIR]

With `--as`, calls come in as that platform sends them, one at a time; blocks are then seen where they leave for its
control port. Beside that stands what each dialect adds, and Huazha's own; `--dialect-only` measures nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import calls, machine, platforms
from benchmarks.calls import LabelledCall
from benchmarks.fired import Ear, Firings, watched
from benchmarks.streams import Outcome, measure, summary
from streamer import dialling, loops, recordings, service, settings
from streamer.service import Service


async def run(running: Service, labelled: Sequence[LabelledCall], parallel: int, firings: Firings) -> list[Outcome]:
    """Measure every call, `parallel` at a time."""
    turn = asyncio.Semaphore(parallel)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"Streaming, {parallel} at once", total=len(labelled))

        async def one(call: LabelledCall) -> Outcome:
            async with turn:
                outcome = await measure(running.media.url, call)
                outcome.fired = firings.taken(call.path.stem, outcome.named)
            progress.advance(bar)
            return outcome

        return list(await asyncio.gather(*map(one, labelled)))


async def run_all(
    chosen: settings.Settings, labelled: Sequence[LabelledCall], loads: Sequence[int]
) -> dict[int, tuple[list[Outcome], float]]:
    """Measure at each number of calls at once; with the processor's seconds for a second of a call's audio."""
    recognizer = await asyncio.to_thread(service.load_recognizer, chosen)
    outcomes = {}
    with watched() as firings:
        async with service.running(chosen, recognizer) as running:
            for parallel in loads:
                began = time.process_time()
                told = await run(running, labelled, parallel, firings)
                outcomes[parallel] = told, (time.process_time() - began) / sum(call.duration for call in labelled)
    return outcomes


def fired_by(outcomes: Sequence[Outcome]) -> str:
    """Count the labelled violations' blocks by what fired them."""
    counted = Counter(ear for outcome in outcomes for ear in outcome.fired.values())
    return ", ".join(f"{ear} {counted[ear]}" for ear in Ear if counted[ear])


def show(rows: Sequence[dict[str, object]]) -> None:
    """Print the table: seconds, but for the two columns of milliseconds from match to signal."""
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*("–" if value is None else str(value) for value in row.values()))
    console = Console(width=190)
    console.print(machine.line(), highlight=False)
    console.print(table)


def tell(parallel: int, outcomes: Sequence[Outcome]) -> None:
    """Name what was missed and what should not have been blocked."""
    for outcome in outcomes:
        for label, terms in (
            ("missed", outcome.missed),
            ("false", outcome.false),
            ("said, not marked", outcome.unmarked),
        ):
            for term in terms:
                print(f"{parallel} at once: {label}  {outcome.file}  {term}")


def draw(outcomes: Mapping[int, Sequence[Outcome]], folder: Path) -> None:
    """Draw how latencies are distributed, and how they grow with the calls at once."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the pictures

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    seconds = {n: sorted(s for one in told for s in one.latencies.values()) for n, told in outcomes.items()}
    label = "seconds from the term's end to the block"
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for parallel, values in seconds.items():
        share = np.arange(1, len(values) + 1) / max(1, len(values))
        axes.step([0, *values], [0, *share], where="post", label=f"{parallel} at once")
    axes.set(xlabel=label, ylabel="share of blocks", xlim=(0, None), ylim=(0, 1.02))
    axes.legend(loc="lower right")
    figure.savefig(folder / "latency.svg")
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    loads = [parallel for parallel, values in seconds.items() if values]
    for percent, colour in ((50, "#1a7f4b"), (95, "#c0262d")):
        heights = [float(np.percentile(seconds[parallel], percent)) for parallel in loads]
        axes.plot(loads, heights, "o-", label=f"p{percent}", color=colour)
    axes.set(xlabel="calls at once", ylabel=label, xticks=loads, ylim=(0, None))
    axes.legend(loc="upper left")
    figure.savefig(folder / "latency-load.svg")


def compare(
    names: Sequence[str], labelled: Sequence[LabelledCall], model: str, path: Path | None, *, dialect_only: bool
) -> None:
    """Measure what platforms' dialects add, and calls as they send them."""
    played = [recordings.read(call.path) for call in labelled]
    rows: list[dict[str, object]] = []
    told: dict[str, list[Outcome]] = {}
    if not dialect_only:
        with TemporaryDirectory(prefix="huazha") as data:
            chosen = settings.load(
                None,
                {
                    "model": model,
                    "media_port": 0,
                    "console_port": 0,
                    "data": data,
                    "limits": {"rejoin_timeout": platforms.REJOIN},
                },
            )
            told = loops.run(as_platforms(chosen, labelled, (platforms.NATIVE, *names)))
    for name in (platforms.NATIVE, *names):
        cost = platforms.cost(name, played)
        row = {"platform": name, "message_ms_p50": cost.p50, "p99": cost.p99, "max": cost.most, "held_ms": cost.held}
        row["adds_ms"] = round(cost.added, 3)
        if name in told:
            wanted = ("violations", "blocked", "false", "block_p50", "block_p95", "block_max")
            row |= {key: value for key, value in summary(told[name]).items() if key in wanted}
        rows.append(row)
    show(rows)
    if path:
        path.write_text(
            json.dumps({"machine": machine.describe(), "platforms": rows}, indent=1) + "\n", encoding="utf-8"
        )


async def as_platforms(
    chosen: settings.Settings, labelled: Sequence[LabelledCall], names: Sequence[str]
) -> dict[str, list[Outcome]]:
    """Measure every call, one at a time, as each platform sends it."""
    recognizer = await asyncio.to_thread(service.load_recognizer, chosen)
    async with service.running(chosen, recognizer) as running:
        return {name: await platforms.run(running, labelled, name) for name in names}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__.splitlines()[0])
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--parallel", type=int, nargs="+", default=[1], help="calls at once (default: 1)")
    parser.add_argument("--repeat", type=int, default=1, help="runs over all calls (default: 1)")
    parser.add_argument("--model", default="base", help="as in huazha serve (default: base)")
    parser.add_argument(
        "--as",
        dest="platforms",
        nargs="+",
        choices=sorted(dialling.CALLERS),
        metavar="PLATFORM",
        help=f"instead, one call at a time as these platforms send it: {', '.join(sorted(dialling.CALLERS))}",
    )
    parser.add_argument("--dialect-only", action="store_true", help="with --as: only what the dialects add; no calls")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    parser.add_argument("--pictures", type=Path, help="folder for latency.svg and latency-load.svg")
    options = parser.parse_args()
    if options.dialect_only and not options.platforms:
        parser.error("--dialect-only goes with --as")
    labelled = calls.read(options.calls) * options.repeat
    if options.platforms:
        compare(options.platforms, labelled, options.model, options.json, dialect_only=options.dialect_only)
        return
    with TemporaryDirectory(prefix="huazha") as data:
        about = {"model": options.model, "media_port": 0, "console_port": 0, "data": data}
        # As many as are asked for, whatever the machine bears.
        chosen = settings.load(None, {**about, "limits": {"max_calls": max(options.parallel)}})
        told = loops.run(run_all(chosen, labelled, options.parallel))
    rows = []
    for parallel, (outcomes, cpu) in told.items():
        for language in (*calls.LANGUAGES, "all"):
            group = [outcome for outcome in outcomes if language in (outcome.language, "all")]
            if group:
                cost = round(cpu, 2) if language == "all" else None
                rows.append(
                    {"at once": parallel, "": language, **summary(group), "cpu": cost, "fired by": fired_by(group)}
                )
    show(rows)
    for parallel, (outcomes, _) in told.items():
        tell(parallel, outcomes)
    if options.json:
        figures: dict[str, object] = {"machine": machine.describe(), "summary": rows}
        figures["calls"] = {n: [asdict(outcome) for outcome in outcomes] for n, (outcomes, _) in told.items()}
        options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if options.pictures:
        draw({parallel: outcomes for parallel, (outcomes, _) in told.items()}, options.pictures)


if __name__ == "__main__":
    main()
