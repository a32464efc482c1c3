"""Events into the journal: in order, once, over every trouble, with time in the test's hand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from streamer.console import keeper as keeper_module
from streamer.console.keeper import BATCH, WAITS, Keeper
from streamer.record.event import Event
from streamer.record.journal import EventRefused, JournalUnavailable


def event(cursor: int) -> Event:
    return Event(cursor, "blind", datetime(2026, 1, 2, tzinfo=UTC), "c0ffee", "c-1", None, {})


class Paper:
    """Where a test's keeper writes.

    Args:
      failures: attempts that fail before one succeeds.
      unwritable: cursors that are refused for ever.
    """

    def __init__(self, failures: int = 0, unwritable: frozenset[int] = frozenset()) -> None:
        self.written: list[int] = []
        self.batches: list[int] = []
        self.kept: list[int] = []
        self.said: list[str] = []
        self.waited: list[float] = []
        self.well_again = asyncio.Event()
        self._failures = failures
        self._unwritable = unwritable
        self.keeper = Keeper(self._append, kept=self.kept.append, durable=self._durable, wait=self._wait)

    async def finish(self) -> None:
        self.keeper.close()
        await self.keeper.run()

    def _append(self, events: Sequence[Event]) -> None:
        if self._failures:
            self._failures -= 1
            raise JournalUnavailable("no space left")
        if self._unwritable & {one.cursor for one in events}:
            raise EventRefused("too long")
        self.batches.append(len(events))
        self.written += [one.cursor for one in events]

    async def _durable(self, trouble: str) -> None:
        self.said.append(trouble)
        if not trouble:
            self.well_again.set()

    async def _wait(self, seconds: float) -> None:
        self.waited.append(seconds)


async def test_writes_in_order_and_in_batches() -> None:
    paper = Paper()
    for cursor in range(BATCH + 10):
        paper.keeper.put(event(cursor))
    await paper.finish()
    assert paper.written == list(range(BATCH + 10))
    assert paper.batches == [BATCH, 10]
    assert paper.kept == [BATCH - 1, BATCH + 9]
    assert paper.said == []


async def test_tries_again_for_as_long_as_it_takes_and_says_so_once() -> None:
    paper = Paper(failures=9)
    running = asyncio.create_task(paper.keeper.run())
    paper.keeper.put(event(1))
    paper.keeper.put(event(2))
    await paper.well_again.wait()
    await paper.finish()
    await running
    assert paper.written == [1, 2]
    assert paper.waited == [*WAITS, *[WAITS[-1]] * (9 - len(WAITS))]
    assert [bool(trouble) for trouble in paper.said] == [True, False]
    assert "no space left" in paper.said[0]
    assert not paper.keeper.degraded


async def test_ends_although_the_journal_is_gone() -> None:
    paper = Paper(failures=100)
    paper.keeper.put(event(1))
    await paper.finish()
    assert paper.written == []
    assert paper.keeper.degraded
    assert paper.keeper.waiting == 1


async def test_an_event_that_no_journal_takes_holds_up_no_other() -> None:
    paper = Paper(unwritable=frozenset({3, 7}))
    for cursor in range(10):
        paper.keeper.put(event(cursor))
    await paper.finish()
    assert paper.written == [0, 1, 2, 4, 5, 6, 8, 9]
    assert paper.keeper.lost == 2
    # Only for as long as it takes to find them.
    for cursor in range(10, 40):
        paper.keeper.put(event(cursor))
    await paper.finish()
    assert paper.batches[-1] == 30


async def test_an_event_of_which_nobody_can_make_anything_is_lost_alone(caplog: pytest.LogCaptureFixture) -> None:
    written: list[int] = []

    def append(events: Sequence[Event]) -> None:
        written.extend([one.cursor for one in events if one.fields["seconds"] > 0])

    async def durable(_: str) -> None:
        raise AssertionError("the journal is well")

    keeper = Keeper(append, kept=lambda _: None, durable=durable)
    for cursor, fields in ((1, {"seconds": 1}), (2, {}), (3, {"seconds": 1})):
        keeper.put(replace(event(cursor), fields=fields))
    keeper.close()
    await keeper.run()
    assert written == [1, 3]
    assert keeper.lost == 1
    assert "event 2 can't be written, ever: KeyError('seconds')" in caplog.text


async def test_what_is_too_much_to_wait_is_counted_as_lost() -> None:
    paper = Paper()
    for cursor in range(keeper_module.MOST + 5):
        paper.keeper.put(event(cursor))
    assert (paper.keeper.waiting, paper.keeper.lost) == (keeper_module.MOST, 5)
