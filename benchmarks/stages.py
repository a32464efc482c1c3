"""Where does the time go, from the end of a forbidden term to its block?

Streams labelled calls to a service in this process, as `benchmarks.latency` does, and writes down each piece of the
recogniser's work. One table tells what a look costs, stage by stage; the other, of the blocks, what each waited for.

    python -m benchmarks.stages CALLS [--parallel 1 4] [--model base] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import calls, machine
from benchmarks.calls import LabelledCall, Mark
from benchmarks.streams import judge
from streamer import client, loops, recordings, service, settings
from streamer.client import Received
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window
from streamer.recognition.whisper import WhisperRecognizer

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
MODEL_STAGES = ("encode", "generate", "align", "detect_language")
STAGES = ("features", *MODEL_STAGES)
PARTS = ("wait for a look", "that look", "more looks, weighing", "signal", "in all")


@dataclass(frozen=True, slots=True)
class Piece:
    """A window that was heard, or a text that was weighed.

    Attributes:
      until: second of call audio up to which a window went; None where texts were weighed.
      began, ended: seconds of the monotonic clock.
    """

    call_id: str
    channel: str
    until: float | None
    began: float
    ended: float


class Traced:
    """A recogniser that writes down what it does.

    Attributes:
      pieces: in the order of their ends.
      spent: seconds of each stage, for each window or question, by kind of work.
    """

    def __init__(self, whisper: WhisperRecognizer) -> None:
        self.name = whisper.name
        self.concurrency = whisper.concurrency
        self.pieces: list[Piece] = []
        self.spent: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self._whisper = whisper
        self._stages = threading.local()
        for language in calls.LANGUAGES:
            # The service has no use for stages, so the recogniser shows none: they are timed from within.
            engine = whisper.engine(language)
            engine.features = self._timed("features", engine.features)  # type: ignore[method-assign]
            engine.model = _Proxy(
                engine.model, {name: self._timed(name, getattr(engine.model, name)) for name in MODEL_STAGES}
            )

    def abilities(self, language: str) -> Abilities:
        return self._whisper.abilities(language)

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        thorough = all(window.thorough for window in windows)
        heard, began, ended = self._measured(
            "a thorough look" if thorough else "a hurried look", self._whisper.recognize, windows
        )
        self.pieces += [Piece(one.call_id, one.channel, one.end, began, ended) for one in windows]
        return heard

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        weighed, began, ended = self._measured("weighing", self._whisper.score, questions)
        self.pieces += [Piece(one.call_id, one.channel, None, began, ended) for one in questions]
        return weighed

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        return self._measured("sounds", self._whisper.hear, windows)[0]

    def _measured(
        self, kind: str, function: Callable[[Sequence[Asked]], list[Answer]], batch: Sequence[Asked]
    ) -> tuple[list[Answer], float, float]:
        stages = self._stages.spent = dict.fromkeys(STAGES, 0.0)
        began = time.monotonic()
        answer = function(batch)
        ended = time.monotonic()
        stages |= {"other": ended - began - sum(stages.values()), "in all": ended - began}
        for stage, seconds in stages.items():
            self.spent[kind][stage] += [seconds / len(batch)] * len(batch)
        return answer, began, ended

    def _timed(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def timed(*arguments: object, **named: object) -> object:
            began = time.monotonic()
            answer = function(*arguments, **named)
            self._stages.spent[stage] += time.monotonic() - began
            return answer

        return timed


class _Proxy:
    """A model, but for some of its methods."""

    def __init__(self, model: object, methods: dict[str, Callable[..., Any]]) -> None:
        self._model = model
        self.__dict__.update(methods)

    def __getattr__(self, name: str) -> object:
        return getattr(self._model, name)


def parts(mark: Mark, latency: float, call_id: str, began: float, pieces: Sequence[Piece]) -> tuple[float, ...]:
    """Say what a block waited for, in seconds, as in `PARTS`.

    Args:
      latency: from the term's end to the block.
      began: second of the monotonic clock at which the call's first sample was sent.
      pieces: all that the recogniser did.
    """
    ended = began + mark.end
    at = ended + latency
    own = [piece for piece in pieces if piece.call_id == call_id and piece.channel == mark.channel]
    holding = [piece for piece in own if piece.until is not None and piece.until >= mark.end]
    last = max((piece.ended for piece in own if piece.ended <= at), default=at)
    first = min(holding, key=lambda piece: piece.began, default=None)
    if first is None or first.ended > last:
        # It was known before it was quite spoken.
        return 0.0, 0.0, max(0.0, last - ended), at - last, latency
    return first.began - ended, first.ended - first.began, last - first.ended, at - last, latency


async def run(
    traced: Traced, chosen: settings.Settings, labelled: Sequence[LabelledCall], parallel: int
) -> list[tuple[float, ...]]:
    """Stream the calls, `parallel` at a time; give each block's parts."""
    turn = asyncio.Semaphore(parallel)
    told: list[tuple[float, ...]] = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(f"Streaming, {parallel} at once", total=len(labelled))
        async with service.running(chosen, traced) as running:

            async def one(call: LabelledCall) -> None:
                async with turn:
                    messages: list[Received] = []
                    began = 0.0
                    call_id = f"{call.path.stem}-{parallel}"
                    played = client.play(
                        recordings.read(call.path), running.media.url, call_id=call_id, language=call.language
                    )
                    async for received in played:
                        began = time.monotonic() - received.at
                        messages.append(received)
                    latencies = judge(call, messages).latencies
                    told.extend(
                        parts(mark, latencies[mark.term], call_id, began, traced.pieces)
                        for mark in call.marks
                        if mark.violation and mark.term in latencies
                    )
                progress.advance(bar)

            await asyncio.gather(*map(one, labelled))
    return told


def show_work(spent: dict[str, dict[str, list[float]]], parallel: int) -> None:
    """Print what a look costs, in milliseconds for each window, batched ones sharing."""
    table = Table("", "how many", *STAGES, "other", "in all", title=f"{parallel} at once: milliseconds, mean")
    for kind, stages in sorted(spent.items()):
        means = [f"{1000 * float(np.mean(stages[stage])):.0f}" for stage in (*STAGES, "other", "in all")]
        table.add_row(kind, str(len(stages["in all"])), *means)
    Console(width=130).print(table)


def show_blocks(told: Sequence[tuple[float, ...]], parallel: int) -> None:
    """Print what blocks waited for: all of them, and the slowest fourth."""
    table = Table("", *PARTS, title=f"{parallel} at once: seconds from the term's end, mean")
    ordered = sorted(told, key=lambda one: one[-1])
    for name, group in ((f"all {len(ordered)}", ordered), ("slowest fourth", ordered[-(-3 * len(ordered) // 4) :])):
        table.add_row(name, *(f"{float(np.mean([one[i] for one in group])):.2f}" for i in range(len(PARTS))))
    Console(width=130).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.stages", description=__doc__.splitlines()[0])
    parser.add_argument("calls", type=Path, help="folder with zh/labels.json and en/labels.json")
    parser.add_argument("--parallel", type=int, nargs="+", default=[1], help="calls at once (default: 1)")
    parser.add_argument("--model", default="base", help="as in huazha serve (default: base)")
    parser.add_argument("--json", type=Path, help="where to write the figures as well")
    options = parser.parse_args()
    data = TemporaryDirectory(prefix="huazha")
    chosen = settings.load(None, {"model": options.model, "media_port": 0, "console_port": 0, "data": data.name})
    recognizer = service.load_recognizer(chosen)
    assert isinstance(recognizer, WhisperRecognizer)
    labelled = calls.read(options.calls)
    print(machine.line())
    traced = Traced(recognizer)
    figures: dict[str, object] = {"machine": machine.describe()}
    for parallel in options.parallel:
        traced.pieces.clear()
        traced.spent.clear()
        told = loops.run(run(traced, chosen, labelled, parallel))
        show_work(traced.spent, parallel)
        if told:
            show_blocks(told, parallel)
        work = {kind: {name: float(np.mean(s)) for name, s in one.items()} for kind, one in traced.spent.items()}
        blocks = [dict(zip(PARTS, one, strict=True)) for one in told]
        figures[f"{parallel} at once"] = {"work": work, "blocks": blocks}
        if options.json:
            options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    data.cleanup()


if __name__ == "__main__":
    main()
