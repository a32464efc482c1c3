"""Recognisers on other machines: what they can't take is load, and that they are gone is told until they are back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from streamer.audio import SAMPLE_RATE
from streamer.errors import RecognisersBusy, RecognisersGone, RecognitionFailed
from streamer.recognition import load, recovery
from streamer.recognition.load import Relief
from streamer.recognition.recognizer import Hypothesis, Turn, Window
from streamer.recognition.scheduler import Scheduler
from tests.faults import FaultyRecognizer


class Elsewhere(FaultyRecognizer):
    """Takes windows as it is told: fails with `fault`, or says that each `waited`."""

    def __init__(self) -> None:
        super().__init__()
        self.fault: Exception | None = None
        self.waited = 0.0
        self.heard: list[Window] = []

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        self.heard += windows
        if self.fault is not None:
            raise self.fault
        return [Hypothesis((), waited=self.waited) for _ in windows]


def turn() -> Turn:
    return Turn("en", 0.0, lambda _: Window("c", "agent", 1, np.zeros(1600, np.float32), 0.0, "en"))


def seeking() -> list[asyncio.Task[None]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "seek recognisers"]


async def found() -> None:
    """Wait until recognisers are there again."""
    (task,) = seeking()
    await asyncio.wait_for(task, 10)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a second pass whenever somebody looks at the clock, so that each batch counts for much."""
    now = iter(range(1_000_000))
    monkeypatch.setattr("streamer.recognition.scheduler.time.monotonic", lambda: float(next(now)) / 4)


class TestLoad:
    @pytest.mark.usefixtures("hours")
    async def test_is_what_was_turned_away(self) -> None:
        recognizer, lost, reliefs = Elsewhere(), list[str](), list[Relief]()

        def note(reason: str) -> None:
            lost.append(reason)
            reliefs.append(running.relief)

        recognizer.fault = RecognisersBusy("full")
        async with Scheduler(recognizer, lost=note) as running:
            for _ in range(20):
                _, heard = await running.recognize(turn())
                assert isinstance(heard, RecognisersBusy)
            assert lost == ["recognisers overloaded"] * 20
            assert reliefs[-1] is Relief.NEW_CALLS
            # The machines are there; they have too much to do.
            assert running.trouble == ""

    @pytest.mark.usefixtures("hours")
    @pytest.mark.parametrize(
        ("waited", "relief"), [(0.1, Relief.NOTHING), (load.BOUNDS[Relief.NEW_CALLS] + 0.2, Relief.NEW_CALLS)]
    )
    async def test_is_what_windows_wait_there(self, waited: float, relief: Relief) -> None:
        recognizer, reliefs = Elsewhere(), list[Relief]()
        recognizer.waited = waited
        async with Scheduler(recognizer, observe=lambda _: reliefs.append(running.relief)) as running:
            for _ in range(20):
                await running.recognize(turn())
        assert reliefs[-1] is relief

    def test_is_a_third_turned_away(self) -> None:
        measured = load.Load()
        for number in range(1, 200):
            measured.waited(load.REFUSED if number % 3 == 0 else 0.0, number / 10)
        assert measured.relief is Relief.CUSTOMERS


class TestTrouble:
    async def test_lasts_until_they_can_be_reached_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recovery, "SEEK", 0.0)
        recognizer = Elsewhere()
        async with Scheduler(recognizer) as running:
            assert isinstance((await running.recognize(turn()))[1], Hypothesis)
            recognizer.fault = RecognisersGone("nobody at head:8000")
            window, heard = await running.recognize(turn())
            assert window is not None
            assert isinstance(heard, RecognisersGone)
            assert running.trouble == "recognisers out of reach: nobody at head:8000"
            recognizer.fault = None
            # Nobody calls: it is the scheduler that looks.
            await found()
            assert running.trouble == ""
            sought = recognizer.heard[-1]
            assert (sought.language, len(sought.audio), float(abs(sought.audio).max())) == ("en", SAMPLE_RATE, 0.0)
            assert isinstance((await running.recognize(turn()))[1], Hypothesis)
            assert running.alive

    async def test_ends_where_they_are_there_but_full(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recovery, "SEEK", 0.0)
        recognizer = Elsewhere()
        recognizer.fault = RecognisersGone("nobody")
        async with Scheduler(recognizer) as running:
            await running.recognize(turn())
            recognizer.fault = RecognisersBusy("full")
            await found()
            assert running.trouble == ""

    async def test_is_not_what_goes_wrong_with_a_window(self) -> None:
        recognizer = Elsewhere()
        recognizer.fault = RecognitionFailed("its workers die of it")
        async with Scheduler(recognizer) as running:
            _, heard = await running.recognize(turn())
            assert isinstance(heard, RecognitionFailed)
            assert (running.trouble, heard.reason) == ("", "recognition failed")

    async def test_leaves_nothing_behind_when_the_service_ends_in_it(self) -> None:
        recognizer = Elsewhere()
        recognizer.fault = RecognisersGone("nobody")
        async with Scheduler(recognizer) as running:
            await running.recognize(turn())
            assert len(seeking()) == 1
        assert seeking() == []
