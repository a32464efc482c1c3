"""Background work goes on whatever it raises, and what failed is counted and told."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer import supervision
from streamer.supervision import STEADY, WAITS, BackOff, Supervisor


class Kept:
    """A supervisor, what it told, and its clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[tuple[str, str, int]] = []
        self.counted: list[str] = []
        self.supervisor = Supervisor(
            lambda *told: self.told.append(told),
            lambda name, _trouble: self.counted.append(name),
            clock=lambda: self.now,
            waits=(0.0,),
        )


def failing(times: int, done: Callable[[], object], error: Exception) -> Callable[[], None]:
    """Give work that raises so many times, and is done then."""
    left = [times]

    def work() -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise error
        done()

    return work


async def test_work_that_raises_goes_on_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    kept, done = Kept(), asyncio.Event()
    work = failing(3, done.set, OSError(28, "OS file watch limit reached"))

    async def watch() -> None:
        work()
        await asyncio.Event().wait()

    task = kept.supervisor.task("media.lexicon", watch)
    await asyncio.wait_for(done.wait(), 20)
    assert kept.counted == ["media.lexicon"] * 3
    assert kept.told == [("media.lexicon", "OSError: [Errno 28] OS file watch limit reached", 1)]
    assert "OS file watch limit reached" in kept.supervisor.trouble
    assert caplog.records[0].exc_info is not None
    kept.now += STEADY
    kept.supervisor.look()
    assert kept.supervisor.trouble == ""
    assert kept.told[1:] == [("media.lexicon", "", 3)]
    task.cancel()


async def test_work_that_should_not_end_and_does_is_started_again() -> None:
    kept, begun = Kept(), asyncio.Semaphore(0)

    async def ends() -> None:
        begun.release()

    task = kept.supervisor.task("console.clips", ends)
    for _ in range(3):
        await asyncio.wait_for(begun.acquire(), 20)
    assert kept.told[0][:2] == ("console.clips", "it has ended")
    task.cancel()


async def test_work_that_is_done_once_it_has_ended_is_left_alone() -> None:
    kept = Kept()
    await asyncio.wait_for(kept.supervisor.task("console.calls", lambda: asyncio.sleep(0), once=True), 20)
    assert kept.counted == []


async def test_work_that_is_cancelled_is_not_started_again() -> None:
    kept = Kept()
    task = kept.supervisor.task("media.health", asyncio.Event().wait)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert kept.counted == []


def test_a_thread_that_raises_goes_on_until_it_is_done() -> None:
    kept, done = Kept(), threading.Event()
    work = failing(2, done.set, UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"))
    thread = kept.supervisor.thread("media.feed", work, threading.Event())
    thread.join(20)
    assert done.is_set()
    assert kept.counted == ["media.feed"] * 2
    assert [told[0] for told in kept.told] == ["media.feed"]


def test_a_thread_that_fails_while_everything_ends_is_not_started_again() -> None:
    kept, leaving, done = Kept(), threading.Event(), threading.Event()
    leaving.set()
    kept.supervisor.thread("media.feed", failing(1, done.set, OSError()), leaving).join(20)
    assert not done.is_set()


async def test_whoever_is_told_may_fail_too(caplog: pytest.LogCaptureFixture) -> None:
    def raises(*_: object) -> None:
        raise RuntimeError("nobody can be told")

    done = asyncio.Event()
    work = failing(1, done.set, ValueError())

    async def once() -> None:
        work()

    with caplog.at_level(logging.CRITICAL, supervision.__name__):
        task = Supervisor(raises, raises, waits=(0.0,)).task("media.tokens", once, once=True)
        await asyncio.wait_for(task, 20)
    assert done.is_set()


@given(st.lists(st.floats(0, STEADY / 2), max_size=20))
def test_the_oftener_it_fails_the_longer_it_waits_until_it_has_been_well(lasted: list[float]) -> None:
    back_off = BackOff()
    waits = [back_off.failed(seconds) for seconds in lasted]
    assert waits == [WAITS[min(number, len(WAITS) - 1)] for number in range(len(lasted))]
    assert back_off.failed(STEADY) == WAITS[0]
