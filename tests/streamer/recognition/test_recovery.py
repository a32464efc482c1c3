"""A recogniser that hangs is replaced once, whoever waited for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Recognizer, Scoring, Window
from streamer.recognition.recovery import Recovery


class Idle:
    name = "idle"
    concurrency = 2

    def abilities(self, language: str) -> Abilities:
        return Abilities()

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        raise NotImplementedError

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        raise NotImplementedError

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        raise NotImplementedError


class Loader:
    """Makes recognisers, each when it is let go; counts them."""

    def __init__(self) -> None:
        self.loads = 0
        self.gate = threading.Event()

    def __call__(self) -> Recognizer:
        self.loads += 1
        assert self.gate.wait(20)
        return Idle()


async def test_two_batches_that_hang_at_once_load_one_recogniser() -> None:
    hung, loader, restarts = Idle(), Loader(), list[str]()
    recovery = Recovery(hung, loader, restarts.append, 20.0)
    threads = recovery.threads
    recovery.hangs(hung, threads, 30.0)
    recovery.hangs(hung, threads, 30.0)
    loader.gate.set()
    async with asyncio.timeout(20):
        await recovery.ready.wait()
    # Another batch may have been given to the old one's threads, and be given up only now.
    recovery.hangs(hung, threads, 30.0)
    assert recovery.ready.is_set()
    await asyncio.sleep(0)
    assert (loader.loads, len(restarts)) == (1, 1)
    assert recovery.recognizer is not hung
    await recovery.stop(1.0)


async def test_one_that_replaced_another_is_replaced_in_its_turn() -> None:
    hung, loader = Idle(), Loader()
    loader.gate.set()
    recovery = Recovery(hung, loader, lambda _: None, 20.0)
    for loads in (1, 2):
        recovery.hangs(recovery.recognizer, recovery.threads, 30.0)
        async with asyncio.timeout(20):
            await recovery.ready.wait()
        assert loader.loads == loads
    await recovery.stop(1.0)
