"""Where does the time go, from the end of a forbidden term to its block?

Streams labelled calls to a service in this process, as `benchmarks.latency` does, and writes down each piece of the
recogniser's work. One table tells what a look costs, stage by stage: at text, and at sound, where the head reads the
encoder's states and the lexicon is searched in what it reads. The other tells of the blocks, by what fired them, what
each waited for: one that sound was sure of waited for looks at sound, any other for looks at text.

    python -m benchmarks.stages CALLS [--parallel 1 4] [--model base] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from benchmarks import calls, machine
from benchmarks.calls import LabelledCall, Mark
from benchmarks.fired import Ear, Firings, watched
from benchmarks.streams import judge
from streamer import client, loops, recordings, service, settings
from streamer.client import Received
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window
from streamer.recognition.sounds.head import Head
from streamer.recognition.sounds.search import SoundSearch
from streamer.recognition.whisper import WhisperRecognizer

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")
MODEL_STAGES = ("encode", "generate", "align", "detect_language")
STAGES = ("features", *MODEL_STAGES, "head", "search")
SOUND = "a look at sound"
PARTS = ("wait for a look", "that look", "more looks, weighing", "signal", "in all")


@dataclass(frozen=True, slots=True)
class Piece:
    """A window that was heard, or a text that was weighed.

    Attributes:
      sound: whether it was the window's sound that was looked at.
      until: second of call audio up to which a window went; None where texts were weighed.
      began, ended: seconds of the monotonic clock.
    """

    call_id: str
    channel: str
    until: float | None
    began: float
    ended: float
    sound: bool = False


class Traced:
    """A recogniser that writes down what it does, within `timing`.

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
        heard, began, _ = self._measured(SOUND, self._whisper.hear, windows)
        # They are searched next, one after the other, on this thread.
        self._stages.unsearched = deque((window, began) for window in windows)
        return heard

    @contextmanager
    def timing(self) -> Iterator[None]:
        """Time heads and searches, too, whoever has them."""
        search = SoundSearch.__call__

        def searched(*arguments: Any, **named: Any) -> object:
            began = time.monotonic()
            found = search(*arguments, **named)
            ended = time.monotonic()
            window, heard = self._stages.unsearched.popleft()
            self.pieces.append(Piece(window.call_id, window.channel, window.end, heard, ended, sound=True))
            self.spent[SOUND]["search"].append(ended - began)
            return found

        with (
            patch.object(Head, "read", self._timed("head", Head.read)),
            patch.object(SoundSearch, "__call__", searched),
        ):
            yield

    def _measured(
        self, kind: str, function: Callable[[Sequence[Asked]], list[Answer]], batch: Sequence[Asked]
    ) -> tuple[list[Answer], float, float]:
        stages = self._stages.spent = dict.fromkeys(STAGES, 0.0)
        began = time.monotonic()
        answer = function(batch)
        ended = time.monotonic()
        stages |= {"other": ended - began - sum(stages.values())}
        for stage, seconds in stages.items():
            if (kind, stage) != (SOUND, "search"):
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


def parts(
    mark: Mark, latency: float, call_id: str, began: float, pieces: Sequence[Piece], *, sound: bool = False
) -> tuple[float, ...]:
    """Say what a block waited for, in seconds, as in `PARTS`.

    Args:
      latency: from the term's end to the block.
      began: second of the monotonic clock at which the call's first sample was sent.
      pieces: all that the recogniser did.
      sound: whether a look at sound fired it: then it waited for such looks, and for none at text.
    """
    ended = began + mark.end
    at = ended + latency
    about = call_id, mark.channel, sound
    own = [piece for piece in pieces if (piece.call_id, piece.channel, piece.sound) == about]
    holding = [piece for piece in own if piece.until is not None and piece.until >= mark.end]
    last = max((piece.ended for piece in own if piece.ended <= at), default=at)
    first = min(holding, key=lambda piece: piece.began, default=None)
    if first is None or first.ended > last:
        # It was known before it was quite spoken.
        return 0.0, 0.0, max(0.0, last - ended), at - last, latency
    return first.began - ended, first.ended - first.began, last - first.ended, at - last, latency


Told = tuple[str, tuple[float, ...]]
"""What a block was fired by, and its parts."""


async def run(
    traced: Traced, chosen: settings.Settings, labelled: Sequence[LabelledCall], parallel: int, firings: Firings
) -> list[Told]:
    """Stream the calls, `parallel` at a time; tell of each block."""
    turn = asyncio.Semaphore(parallel)
    told: list[Told] = []
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
                    outcome = judge(call, messages)
                    fired, latencies = firings.taken(call_id, outcome.named), outcome.latencies
                    for mark in call.marks:
                        if mark.violation and mark.term in latencies:
                            ear = fired[mark.term]
                            sound = ear == Ear.SOUND
                            waited = parts(mark, latencies[mark.term], call_id, began, traced.pieces, sound=sound)
                            told.append((ear, waited))
                progress.advance(bar)

            await asyncio.gather(*map(one, labelled))
    return told


def work_of(spent: dict[str, dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    """Give the mean seconds of each stage, by kind of work, and their sum."""
    stages = (*STAGES, "other")
    means = {
        kind: {stage: float(np.mean(one[stage])) if one[stage] else 0.0 for stage in stages}
        for kind, one in spent.items()
    }
    return {kind: {**one, "in all": sum(one.values())} for kind, one in means.items()}


def show_work(spent: dict[str, dict[str, list[float]]], parallel: int) -> None:
    """Print what a look costs, in milliseconds for each window, batched ones sharing."""
    table = Table("", "how many", *STAGES, "other", "in all", title=f"{parallel} at once: milliseconds, mean")
    for kind, stages in sorted(work_of(spent).items()):
        means = [f"{1000 * stages[stage]:.0f}" for stage in (*STAGES, "other", "in all")]
        table.add_row(kind, str(len(spent[kind]["other"])), *means)
    Console(width=130).print(table)


def show_blocks(told: Sequence[Told], parallel: int) -> None:
    """Print what blocks waited for: all of them, the slowest fourth, and those of each ear."""
    table = Table("", *PARTS, title=f"{parallel} at once: seconds from the term's end, mean")
    ordered = sorted((waited for _, waited in told), key=lambda one: one[-1])
    groups = [(f"all {len(ordered)}", ordered), ("slowest fourth", ordered[-(-3 * len(ordered) // 4) :])]
    by_ear = {ear: [waited for fired, waited in told if fired == ear] for ear in Ear}
    groups += [(f"{len(own)} fired by {ear}", own) for ear, own in by_ear.items() if own]
    for name, group in groups:
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
        with watched() as firings, traced.timing():
            told = loops.run(run(traced, chosen, labelled, parallel, firings))
        show_work(traced.spent, parallel)
        if told:
            show_blocks(told, parallel)
        blocks = [{"fired by": ear, **dict(zip(PARTS, waited, strict=True))} for ear, waited in told]
        figures[f"{parallel} at once"] = {"work": work_of(traced.spent), "blocks": blocks}
        if options.json:
            options.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    data.cleanup()


if __name__ == "__main__":
    main()
