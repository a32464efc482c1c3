"""Order, batches and faults of the shared recogniser. The recogniser here waits to be let go, so no time passes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
import pytest

from detector.types import Word
from streamer.recognition.load import Relief
from streamer.recognition.recognizer import Abilities, Hypothesis, Scoring, Turn, Window
from streamer.recognition.scheduler import Batch, Scheduler

Looked = tuple[Window | None, Hypothesis | None]


class GatedRecognizer:
    """Writes down each batch, and answers when `gate` is open."""

    name = "gated"

    def __init__(self, *, concurrency: int = 1, max_batch: int = 4, bad: frozenset[str] = frozenset()) -> None:
        self.concurrency = concurrency
        self._abilities = Abilities(max_batch, scores=True, word_times=True)
        self.batches: list[list[str]] = []
        self.begun = threading.Semaphore(0)
        self.gate = threading.Event()
        self._bad = bad

    def abilities(self, language: str) -> Abilities:
        return self._abilities

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        self.batches.append([window.call_id for window in windows])
        self.begun.release()
        assert self.gate.wait(10)
        if self._bad & {window.call_id for window in windows}:
            raise RuntimeError("cannot")
        return [Hypothesis((Word(window.call_id, 0, 1),)) for window in windows]

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        self.batches.append([f"{question.request_id}?" for question in questions])
        return [(0.0,) for _ in questions]


def turn(call: str, deadline: float = 0.0, language: str = "zh") -> Turn:
    return Turn(language, deadline, lambda _: Window(call, "agent", 1, np.zeros(1600, np.float32), 0.0, language))


async def submit(scheduler: Scheduler, *turns: Turn) -> list[asyncio.Task[Looked]]:
    tasks = [asyncio.create_task(scheduler.recognize(one)) for one in turns]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def occupied(scheduler: Scheduler, recognizer: GatedRecognizer) -> asyncio.Task[Looked]:
    """Give the only worker something to do."""
    (first,) = await submit(scheduler, turn("first"))
    await asyncio.to_thread(recognizer.begun.acquire)
    return first


class TestOrder:
    async def test_is_by_deadline_whoever_came_first(self) -> None:
        recognizer = GatedRecognizer(max_batch=1)
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer)]
            tasks += await submit(scheduler, turn("late", 9.0), turn("soon", 1.0), turn("middle", 5.0))
            recognizer.gate.set()
            await asyncio.gather(*tasks)
        assert recognizer.batches == [["first"], ["soon"], ["middle"], ["late"]]

    async def test_answers_each_with_its_own(self) -> None:
        recognizer = GatedRecognizer()
        recognizer.gate.set()
        async with Scheduler(recognizer) as scheduler:
            tasks = await submit(scheduler, *(turn(f"c{i}") for i in range(20)))
            answers = await asyncio.gather(*tasks)
        assert [heard.words[0].text for _, heard in answers if heard] == [f"c{i}" for i in range(20)]
        assert [window.call_id for window, _ in answers if window] == [f"c{i}" for i in range(20)]


class TestBatches:
    async def test_are_of_one_language_and_no_longer_than_is_good(self) -> None:
        recognizer = GatedRecognizer(max_batch=2)
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer)]
            tasks += await submit(scheduler, turn("zh1", 1), turn("en1", 2, "en"), turn("zh2", 3), turn("zh3", 4))
            recognizer.gate.set()
            await asyncio.gather(*tasks)
        assert recognizer.batches == [["first"], ["zh1", "zh2"], ["en1"], ["zh3"]]

    async def test_leave_their_share_to_the_other_workers(self) -> None:
        recognizer = GatedRecognizer(concurrency=2, max_batch=8)
        async with Scheduler(recognizer) as scheduler:
            tasks = await submit(scheduler, turn("a"), turn("b"))
            for _ in range(2):
                await asyncio.to_thread(recognizer.begun.acquire)
            tasks += await submit(scheduler, *(turn(f"c{i}") for i in range(6)))
            recognizer.gate.set()
            await asyncio.gather(*tasks)
        assert max(map(len, recognizer.batches)) == 3

    async def test_are_told_of(self) -> None:
        recognizer, told = GatedRecognizer(), list[Batch]()
        recognizer.gate.set()
        async with Scheduler(recognizer, observe=told.append) as scheduler:
            await scheduler.recognize(turn("a"))
        assert [batch.audio for batch in told] == [pytest.approx(0.1)]

    async def test_hold_what_has_been_said_by_their_turn_and_not_what_had_when_it_was_asked_for(self) -> None:
        recognizer, said = GatedRecognizer(), [0]
        late = Turn("zh", 0.0, lambda _: Window(f"c{said[0]}", "agent", 1, np.zeros(1600, np.float32), 0.0, "zh"))
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer), *await submit(scheduler, late)]
            said[0] = 7
            recognizer.gate.set()
            await asyncio.gather(*tasks)
        assert recognizer.batches == [["first"], ["c7"]]

    async def test_leave_out_turns_for_which_nothing_is_left_to_do(self) -> None:
        recognizer = GatedRecognizer()
        recognizer.gate.set()
        async with Scheduler(recognizer) as scheduler:
            assert await scheduler.recognize(Turn("zh", 0.0, lambda _: None)) == (None, None)
        assert recognizer.batches == []


class TestFaults:
    async def test_of_a_recogniser_that_hangs_fail_its_batch_and_replace_it(self) -> None:
        hangs, works = GatedRecognizer(), GatedRecognizer()
        works.gate.set()
        async with Scheduler(hangs, replace=lambda: works, hung=0.01) as scheduler:
            window, heard = await scheduler.recognize(turn("lost"))
            assert window is not None
            assert heard is None
            assert scheduler.recognizer is works
            _, heard = await scheduler.recognize(turn("again"))
            assert heard is not None
            assert scheduler.alive
            hangs.gate.set()

    async def test_of_a_recogniser_that_still_hangs_hold_up_no_end(self) -> None:
        hangs = GatedRecognizer()
        async with Scheduler(hangs, hung=0.01) as scheduler:
            _, heard = await scheduler.recognize(turn("lost"))
            assert heard is None
        left = [thread for thread in threading.enumerate() if thread.name.startswith("recognise ")]
        assert all(thread.daemon for thread in left)
        hangs.gate.set()

    async def test_of_calls_that_are_all_gone_leave_room_for_others(self, monkeypatch: pytest.MonkeyPatch) -> None:
        recognizer, reliefs = GatedRecognizer(), list[Relief]()
        now = 1000.0
        monkeypatch.setattr("time.monotonic", lambda: now)
        async with Scheduler(recognizer, observe=lambda _: reliefs.append(scheduler.relief)) as scheduler:
            first = await occupied(scheduler, recognizer)
            late = await submit(scheduler, turn("late"))
            now += 10.0
            recognizer.gate.set()
            await asyncio.gather(first, *late)
            assert [*reliefs, scheduler.relief] == [Relief.NOTHING, Relief.NEW_CALLS, Relief.NOTHING]

    async def test_of_one_window_cost_no_other_in_its_batch(self) -> None:
        recognizer = GatedRecognizer(bad=frozenset({"bad"}))
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer)]
            tasks += await submit(scheduler, turn("good"), turn("bad"), turn("fine"))
            recognizer.gate.set()
            answers = await asyncio.gather(*tasks)
            assert scheduler.alive
        assert [heard is not None for _, heard in answers] == [True, True, False, True]

    async def test_of_a_call_that_is_gone_are_not_waited_for(self) -> None:
        recognizer = GatedRecognizer()
        async with Scheduler(recognizer) as scheduler:
            first = await occupied(scheduler, recognizer)
            gone, stays = await submit(scheduler, turn("gone"), turn("stays"))
            gone.cancel()
            recognizer.gate.set()
            await asyncio.gather(first, stays)
        assert recognizer.batches == [["first"], ["stays"]]

    async def test_show_in_age_and_life(self) -> None:
        recognizer = GatedRecognizer()
        scheduler = Scheduler(recognizer)
        assert not scheduler.alive
        async with scheduler:
            assert (scheduler.alive, scheduler.age) == (True, 0.0)
            first = await occupied(scheduler, recognizer)
            assert scheduler.age > 0
            recognizer.gate.set()
            await first
            assert scheduler.age == 0.0
        assert not scheduler.alive
