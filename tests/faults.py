"""Recognisers whose faults can be chosen, and where the bundled calls are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from detector.types import Word
from streamer.recognition.recognizer import Abilities, Hypothesis, Scoring, Window
from streamer.service import Service

DATA = Path(__file__).parent.parent / "streamer" / "data"

Running = Callable[..., AbstractAsyncContextManager[Service]]
"""Runs a service on free ports: `async with running(recognizer, **limits) as service`."""


class FaultyRecognizer:
    """Hears nothing, or fails, as it is told."""

    name = "faulty"
    concurrency = 2

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken

    def abilities(self, language: str) -> Abilities:
        return Abilities(max_batch=4, scores=True, word_times=True)

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        if self.broken:
            raise RuntimeError("no such luck")
        return [Hypothesis(()) for _ in windows]

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        return [tuple(0.0 for _ in question.texts) for question in questions]


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
        return [Hypothesis(self._within(window)) for window in windows]

    def _within(self, window: Window) -> tuple[Word, ...]:
        if window.channel != "agent":
            return ()
        return tuple(word for word in self._words if window.start <= word.start and word.end <= window.end)
