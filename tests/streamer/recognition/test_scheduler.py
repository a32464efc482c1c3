"""Order, batches and faults of the shared recogniser. The recogniser here waits to be let go, so no time passes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from detector.types import Word
from streamer.audio import SAMPLE_RATE
from streamer.errors import RecognisersBusy, RecognitionFailed
from streamer.recognition import recovery
from streamer.recognition.load import Relief
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, SoundTurn, Turn, Window
from streamer.recognition.scheduler import Batch, Scheduler, patience
from tests.heads import about

Looked = tuple[Window | None, Hypothesis | RecognitionFailed | None]


class GatedRecognizer:
    """Writes down each batch, and answers when `gate` is open."""

    name = "gated"

    def __init__(self, *, concurrency: int = 1, max_batch: int = 4, bad: frozenset[str] = frozenset()) -> None:
        self.concurrency = concurrency
        self._abilities = Abilities(max_batch, scores=True, word_times=True, sounds=about())
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

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        self.batches.append([f"~{window.call_id}" for window in windows])
        self.begun.release()
        assert self.gate.wait(10)
        if self._bad & {window.call_id for window in windows}:
            raise RuntimeError("cannot")
        return [Heard(np.zeros((len(window.call_id), 2), np.float32), 0.0, 0.02) for window in windows]


def turn(call: str, deadline: float = 0.0, language: str = "zh", *, thorough: bool = True) -> Turn:
    def cut(in_time: bool) -> Window:
        return Window(call, "agent", 1, np.zeros(1600, np.float32), 0.0, language, thorough and in_time)

    return Turn(language, deadline, cut, thorough)


def sounds(call: str, deadline: float = 0.0, language: str = "zh") -> SoundTurn[int]:
    """Ask for the sounds of a window; the search gives how many frames there are: letters of the call's name."""
    window = Window(call, "agent", 1, np.zeros(1600, np.float32), 0.0, language)
    return SoundTurn(language, deadline, lambda: window, lambda heard: len(heard.posteriors))


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
        assert [heard.words[0].text for _, heard in answers if isinstance(heard, Hypothesis)] == [
            f"c{i}" for i in range(20)
        ]
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

    @pytest.mark.parametrize(("waiting", "longest"), [(6, 3), (5, 3), (2, 1)])
    async def test_leave_their_share_to_the_other_workers(self, waiting: int, longest: int) -> None:
        recognizer = GatedRecognizer(concurrency=2, max_batch=8)
        async with Scheduler(recognizer) as scheduler:
            tasks = await submit(scheduler, turn("a"), turn("b"))
            for _ in range(2):
                await asyncio.to_thread(recognizer.begun.acquire)
            tasks += await submit(scheduler, *(turn(f"c{i}") for i in range(waiting)))
            recognizer.gate.set()
            await asyncio.gather(*tasks)
        assert max(map(len, recognizer.batches)) == longest

    async def test_are_of_looks_that_are_all_thorough_or_all_not(self) -> None:
        recognizer = GatedRecognizer()
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer)]
            tasks += await submit(
                scheduler,
                turn("agent1", 1),
                turn("customer1", 2, thorough=False),
                turn("agent2", 3),
                turn("customer2", 4, thorough=False),
            )
            recognizer.gate.set()
            await asyncio.gather(*tasks)
        assert recognizer.batches == [["first"], ["agent1", "agent2"], ["customer1", "customer2"]]

    async def test_go_by_what_a_window_is_and_not_by_what_was_announced(self) -> None:
        recognizer = GatedRecognizer()
        hasty = replace(turn("customer", thorough=False), thorough=True)
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer)]
            tasks += await submit(scheduler, turn("agent1"), hasty, turn("agent2"))
            recognizer.gate.set()
            answers = await asyncio.gather(*tasks)
        assert recognizer.batches == [["first"], ["agent1", "agent2"], ["customer"]]
        assert all(isinstance(heard, Hypothesis) for _, heard in answers)

    async def test_hold_thorough_looks_and_others_where_there_is_no_time_for_either(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("streamer.recognition.load.SOON", 0.0)
        recognizer = GatedRecognizer()
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer)]
            tasks += await submit(scheduler, turn("agent"), turn("customer", thorough=False))
            recognizer.gate.set()
            await asyncio.gather(*tasks)
        assert recognizer.batches == [["first"], ["agent", "customer"]]

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


class TestSounds:
    async def test_are_searched_off_the_event_loop_and_what_was_found_comes_back(self) -> None:
        threads = list[str]()

        def search(heard: Heard) -> int:
            threads.append(threading.current_thread().name)
            return len(heard.posteriors)

        recognizer, told = GatedRecognizer(), list[Batch]()
        recognizer.gate.set()
        async with Scheduler(recognizer, observe=told.append) as scheduler:
            window, found = await scheduler.hear(replace(sounds("abc"), search=search))
        assert window is not None
        assert (window.call_id, found) == ("abc", 3)
        assert threads == ["recognise 0"]
        assert [batch.audio for batch in told] == [pytest.approx(0.1)]

    async def test_of_several_calls_are_heard_together_but_never_with_looks(self) -> None:
        recognizer = GatedRecognizer()
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer), *await submit(scheduler, turn("text", 3.0))]
            asked = [sounds("a", 1.0), sounds("bb", 2.0), sounds("cc", 4.0), sounds("en", 5.0, "en")]
            heard = [asyncio.create_task(scheduler.hear(one)) for one in asked]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            recognizer.gate.set()
            found = [found for _, found in await asyncio.gather(*heard)]
            await asyncio.gather(*tasks)
        assert recognizer.batches == [["first"], ["~a", "~bb", "~cc"], ["text"], ["~en"]]
        assert found == [1, 2, 2, 2]

    async def test_of_a_window_that_is_no_more_are_not_heard(self) -> None:
        recognizer = GatedRecognizer()
        async with Scheduler(recognizer) as scheduler:
            assert await scheduler.hear(replace(sounds("a"), cut=lambda: None)) == (None, None)
        assert recognizer.batches == []

    async def test_that_fail_cost_no_other_call_anything(self) -> None:
        recognizer, lost = GatedRecognizer(bad=frozenset({"bad"})), list[str]()

        def search(heard: Heard) -> int:
            raise IndexError("no such class")

        def cut() -> Window:
            raise IndexError("samples 3 to 9 are not within 5 to 12")

        async with Scheduler(recognizer, lost=lost.append) as scheduler:
            first = await occupied(scheduler, recognizer)
            asked = [sounds("good"), sounds("bad"), replace(sounds("odd"), search=search), sounds("fine")]
            heard = [asyncio.create_task(scheduler.hear(one)) for one in (replace(sounds("gone"), cut=cut), *asked)]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            recognizer.gate.set()
            await first
            gone, *others = await asyncio.gather(*heard, return_exceptions=True)
            assert scheduler.alive
            assert scheduler.trouble == ""
        assert isinstance(gone, IndexError)
        assert [None if isinstance(one, BaseException) else one[1] for one in others] == [4, None, None, 4]
        assert lost == ["recognition failed"] * 2

    @pytest.mark.parametrize("answers", [[], [None], [Hypothesis(())]], ids=["none", "other", "words"])
    async def test_of_a_recogniser_that_answers_something_else_are_lost(self, answers: list[Heard]) -> None:
        class Odd(GatedRecognizer):
            def hear(self, windows: Sequence[Window]) -> list[Heard]:
                return answers

        async with Scheduler(Odd()) as scheduler:
            window, found = await scheduler.hear(sounds("odd"))
            assert window is not None
            assert found is None

    async def test_that_hang_are_given_up_and_the_recogniser_is_replaced(self) -> None:
        hangs, works = GatedRecognizer(), GatedRecognizer()
        works.gate.set()
        async with Scheduler(hangs, replace=lambda: works, hung=0.1) as scheduler:
            assert (await scheduler.hear(sounds("lost")))[1] is None
            assert (await scheduler.hear(sounds("again")))[1] == 5
            assert scheduler.recognizer is works
            hangs.gate.set()

    async def test_are_not_asked_for_where_they_are_not_heard(self) -> None:
        class Deaf(GatedRecognizer):
            def abilities(self, language: str) -> Abilities:
                return Abilities()

        recognizer = Deaf()
        async with Scheduler(recognizer) as scheduler:
            with pytest.raises(RecognitionFailed, match="gated hears no sounds"):
                await scheduler.hear(sounds("a"))
        assert recognizer.batches == []

    async def test_that_come_late_are_load_until_nobody_waits_for_any(self, monkeypatch: pytest.MonkeyPatch) -> None:
        recognizer, reliefs, now = GatedRecognizer(), list[Relief](), 1000.0
        monkeypatch.setattr("time.monotonic", lambda: now)
        async with Scheduler(recognizer, observe=lambda _: reliefs.append(scheduler.relief)) as scheduler:
            first = await occupied(scheduler, recognizer)
            late = asyncio.create_task(scheduler.hear(sounds("late")))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            now += 10.0
            recognizer.gate.set()
            await asyncio.gather(first, late)
            now += 10.0
            await scheduler.recognize(turn("text"))
        assert reliefs == [Relief.NOTHING, Relief.NEW_CALLS, Relief.NOTHING]

    async def test_that_come_late_are_load_although_a_look_came_soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        recognizer, reliefs, now = GatedRecognizer(max_batch=1), list[Relief](), 1000.0
        searching, searched = threading.Event(), threading.Event()

        def search(_: Heard) -> bool:
            searching.set()
            return searched.wait(10)

        monkeypatch.setattr("time.monotonic", lambda: now)
        async with Scheduler(recognizer, observe=lambda _: reliefs.append(scheduler.relief)) as scheduler:
            first = await occupied(scheduler, recognizer)
            late = asyncio.create_task(scheduler.hear(replace(sounds("late"), search=search)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            now += 10.0
            recognizer.gate.set()
            assert await asyncio.to_thread(searching.wait, 10)
            now += 10.0
            next_one = asyncio.create_task(scheduler.hear(sounds("next", 9.0)))
            tasks = [first, *await submit(scheduler, turn("text", 5.0))]
            searched.set()
            await asyncio.gather(late, next_one, *tasks)
        assert recognizer.batches == [["first"], ["~late"], ["text"], ["~next"]]
        assert reliefs[:3] == [Relief.NOTHING, Relief.NEW_CALLS, Relief.NEW_CALLS]


class TestFaults:
    async def test_of_a_recogniser_that_hangs_fail_its_batch_and_replace_it(self) -> None:
        hangs, works = GatedRecognizer(), GatedRecognizer()
        works.gate.set()
        async with Scheduler(hangs, replace=lambda: works, hung=0.1) as scheduler:
            window, heard = await scheduler.recognize(turn("lost"))
            assert window is not None
            assert isinstance(heard, RecognitionFailed)
            _, heard = await scheduler.recognize(turn("again"))
            assert isinstance(heard, Hypothesis)
            assert scheduler.recognizer is works
            assert scheduler.alive
            hangs.gate.set()

    async def test_of_a_recogniser_that_has_much_to_hear_are_none_for_as_long_as_it_may_take(self) -> None:
        def long(in_time: bool) -> Window:
            return Window("long", "agent", 1, np.zeros(SAMPLE_RATE * 30, np.float32), 0.0, "zh", in_time)

        recognizer = GatedRecognizer(concurrency=2, max_batch=1)
        # Both wait until the short one was given up.
        async with Scheduler(recognizer, hung=0.1, lost=lambda _: recognizer.gate.set()) as scheduler:
            tasks = await submit(scheduler, Turn("zh", 0.0, long), turn("short"))
            (_, heard), (_, given_up) = await asyncio.gather(*tasks)
        assert isinstance(heard, Hypothesis)
        assert isinstance(given_up, RecognitionFailed)

    @pytest.mark.parametrize(("audio", "seconds"), [(0.0, 30.0), (15.0, 30.0), (40.0, 80.0), (3600.0, 120.0)])
    def test_are_told_the_later_the_more_there_is_to_hear(self, audio: float, seconds: float) -> None:
        assert patience(audio) == seconds

    async def test_of_two_windows_are_told_to_each_by_its_own_reason(self) -> None:
        class Divided(GatedRecognizer):
            def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
                if [window.call_id for window in windows] == ["busy"]:
                    raise RecognisersBusy("full")
                raise RuntimeError("cannot")

        async with Scheduler(Divided()) as scheduler:
            tasks = await submit(scheduler, turn("busy"), turn("bad"))
            answers = await asyncio.gather(*tasks)
        assert [heard.reason for _, heard in answers if isinstance(heard, RecognitionFailed)] == [
            "recognisers overloaded",
            "recognition failed",
        ]

    async def test_of_a_recogniser_that_hangs_are_answered_once_however_late_it_answers(self) -> None:
        hangs, works, lost = GatedRecognizer(), GatedRecognizer(), list[str]()
        works.gate.set()
        async with Scheduler(hangs, replace=lambda: works, hung=0.1, lost=lost.append) as scheduler:
            tasks = await submit(scheduler, turn("a"), turn("b"))
            answers = await asyncio.gather(*tasks)
            hangs.gate.set()
            assert isinstance((await scheduler.recognize(turn("again")))[1], Hypothesis)
            assert scheduler.age == 0.0
        assert [type(heard) for _, heard in answers] == [RecognitionFailed] * 2
        assert lost == ["recognition failed"] * 2

    async def test_of_what_should_replace_a_hung_recogniser_leave_it_another_chance(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recovery, "SOONEST", 60.0)
        hangs, restarts = GatedRecognizer(), list[str]()

        def replace() -> GatedRecognizer:
            raise MemoryError("cannot allocate 1.5 GB")

        async with Scheduler(hangs, replace=replace, hung=0.1, restarted=restarts.append) as scheduler:
            assert isinstance((await scheduler.recognize(turn("lost")))[1], RecognitionFailed)
            hangs.gate.set()
            _, heard = await scheduler.recognize(turn("again"))
            assert isinstance(heard, Hypothesis)
            assert scheduler.trouble == ""
            assert restarts == ["model"]

    async def test_of_what_should_replace_a_hung_recogniser_are_told_and_it_is_tried_again(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(recovery, "SOONEST", 0.0)
        hangs, works, troubles = GatedRecognizer(), GatedRecognizer(), list[str]()
        works.gate.set()
        attempts = 0

        def replace() -> GatedRecognizer:
            nonlocal attempts
            attempts += 1
            troubles.append(scheduler.trouble)
            if attempts < 3:
                raise MemoryError("cannot allocate 1.5 GB")
            return works

        async with Scheduler(hangs, replace=replace, hung=0.1) as scheduler:
            assert isinstance((await scheduler.recognize(turn("lost")))[1], RecognitionFailed)
            (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "replace recogniser"]
            await asyncio.wait_for(task, 10)
            assert scheduler.recognizer is works
            assert scheduler.trouble == ""
            assert isinstance((await scheduler.recognize(turn("again")))[1], Hypothesis)
            hangs.gate.set()
        told = "the recogniser hung, and no other can be loaded: cannot allocate 1.5 GB"
        assert troubles == ["", told, told]

    async def test_of_one_call_are_its_own(self) -> None:
        def cut(_: bool) -> Window:
            raise IndexError("samples 3 to 9 are not within 5 to 12")

        recognizer = GatedRecognizer()
        async with Scheduler(recognizer) as scheduler:
            tasks = [await occupied(scheduler, recognizer)]
            tasks += await submit(scheduler, turn("good"), Turn("zh", 0.0, cut), turn("fine"))
            recognizer.gate.set()
            answers = await asyncio.gather(*tasks, return_exceptions=True)
            assert scheduler.alive
        assert isinstance(answers[2], IndexError)
        assert recognizer.batches == [["first"], ["good", "fine"]]

    async def test_of_whoever_counts_cost_no_window(self) -> None:
        def fails(_: object) -> None:
            raise RuntimeError("the counter is full")

        recognizer = GatedRecognizer(bad=frozenset({"bad"}))
        recognizer.gate.set()
        async with Scheduler(recognizer, observe=fails, lost=fails) as scheduler:
            assert isinstance((await scheduler.recognize(turn("bad")))[1], RecognitionFailed)
            assert isinstance((await scheduler.recognize(turn("good")))[1], Hypothesis)
            assert scheduler.trouble == ""

    @pytest.mark.parametrize("answers", [[], [None], [Hypothesis(()), Hypothesis(())]], ids=["none", "other", "more"])
    async def test_of_a_recogniser_that_answers_something_else_fail_the_window(self, answers: list[Hypothesis]) -> None:
        class Odd(GatedRecognizer):
            def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
                return answers if windows[0].call_id == "odd" else [Hypothesis(())]

        async with Scheduler(Odd()) as scheduler:
            assert isinstance((await scheduler.recognize(turn("odd")))[1], RecognitionFailed)
            assert isinstance((await scheduler.recognize(turn("good")))[1], Hypothesis)
            assert scheduler.trouble == ""

    async def test_of_a_recogniser_that_weighs_something_else_are_told_to_whoever_asked(self) -> None:
        question = Scoring("c", "agent", "v-1", np.zeros(1600, np.float32), "zh", ("保本",), ("报本",), 0.0)
        async with Scheduler(GatedRecognizer()) as scheduler:
            with pytest.raises(RecognitionFailed):
                await scheduler.score(question)
            assert scheduler.trouble == ""

    async def test_of_a_recogniser_that_does_not_say_what_it_can_do_leave_it_the_least(self) -> None:
        class Mute(GatedRecognizer):
            def abilities(self, language: str) -> Abilities:
                raise RuntimeError("nothing known")

        recognizer = Mute()
        recognizer.gate.set()
        question = Scoring("c", "agent", "v-1", np.zeros(1600, np.float32), "zh", ("保本",), ("报本",), 0.0)
        async with Scheduler(recognizer) as scheduler:
            await asyncio.gather(*await submit(scheduler, turn("a"), turn("b")))
            with pytest.raises(RecognitionFailed):
                await scheduler.score(question)
        assert recognizer.batches == [["a"], ["b"]]

    async def test_of_a_recogniser_that_gives_up_waiting_are_no_hanging(self) -> None:
        class Impatient(GatedRecognizer):
            def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
                raise TimeoutError("no answer in 5 s")

        restarts = list[str]()
        async with Scheduler(Impatient(), replace=GatedRecognizer, restarted=restarts.append) as scheduler:
            assert isinstance((await scheduler.recognize(turn("a")))[1], RecognitionFailed)
        assert restarts == []

    async def test_of_our_own_end_no_worker_unseen(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recovery, "SOONEST", 0.0)
        restarts, troubles = list[str](), list[str]()

        class Fragile(GatedRecognizer):
            fails = 0

            @property
            def concurrency(self) -> int:
                self.fails -= 1
                if self.fails in (0, 1):
                    troubles.append(scheduler.trouble)
                    raise RuntimeError("no idea")
                return 1

            @concurrency.setter
            def concurrency(self, _: int) -> None: ...

        recognizer = Fragile()
        recognizer.gate.set()
        async with Scheduler(recognizer, restarted=restarts.append) as scheduler:
            recognizer.fails = 2
            assert isinstance((await scheduler.recognize(turn("a")))[1], Hypothesis)
            assert scheduler.alive
            assert scheduler.trouble == ""
        assert restarts == ["worker", "worker"]
        assert troubles == ["", "recognition fails: RuntimeError('no idea')"]

    async def test_of_a_recogniser_that_still_hangs_hold_up_no_end(self) -> None:
        hangs = GatedRecognizer()
        async with Scheduler(hangs, hung=0.01) as scheduler:
            _, heard = await scheduler.recognize(turn("lost"))
            assert isinstance(heard, RecognitionFailed)
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
        assert [isinstance(heard, Hypothesis) for _, heard in answers] == [True, True, False, True]

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
