"""Recognisers whose faults can be chosen, and where the bundled calls are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from detector.types import Word
from streamer.recognition.coverage import wordless
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window
from streamer.service import Service

DATA = Path(__file__).parent.parent / "streamer" / "data"

Running = Callable[..., AbstractAsyncContextManager[Service]]
"""Runs a service on free ports: `async with running(recognizer, **limits) as service`."""


def understood(window: Window, words: Sequence[Word] = ()) -> tuple[Word, ...]:
    """Give words of a window, and fillers where somebody speaks and none are: what gives no words is not monitored."""
    gaps = [
        (start + 0.5 * i, end)
        for start, end in wordless(window.speech, words)
        for i in range(int(2 * (end - start)) + 1)
    ]
    fillers = [Word("嗯", start, min(start + 0.5, end), 0.9) for start, end in gaps if start < end]
    return tuple(sorted([*words, *fillers], key=lambda word: word.start))


class FaultyRecognizer:
    """Hears nothing that matters, or fails, as it is told."""

    name = "faulty"
    concurrency = 2

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    def abilities(self, language: str) -> Abilities:
        return Abilities(max_batch=4, scores=True, word_times=True)

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        if self.broken:
            raise RuntimeError("no such luck")
        return [Hypothesis(understood(window)) for window in windows]

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        return [tuple(0.0 for _ in question.texts) for question in questions]

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        raise AssertionError("nobody asks what can't be done")


class Reciter(FaultyRecognizer):
    """Hears on every agent's channel one text, character by character.

    Args:
      start: seconds at which it begins.
      pace: seconds that a character takes.
    """

    def __init__(self, text: str, start: float = 0.4, pace: float = 0.1) -> None:
        super().__init__()
        times = (start + pace * i for i in range(len(text)))
        self._words = [Word(piece, at, at + pace, 0.9) for piece, at in zip(text, times, strict=True)]

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        return [Hypothesis(understood(window, self._within(window))) for window in windows]

    def _within(self, window: Window) -> tuple[Word, ...]:
        if window.channel != "agent":
            return ()
        return tuple(word for word in self._words if window.start <= word.start and word.end <= window.end)
