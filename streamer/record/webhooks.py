"""Webhooks: what waits in the outbox is posted, by each endpoint's own pace, until it is taken or a day is over."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import TypeVar

import httpx
from sqlalchemy import Engine

from streamer.record import addresses
from streamer.record.event import Event
from streamer.record.journal import JournalUnavailable
from streamer.record.outbox import Outbox, Waiting
from streamer.record.posting import Poster, Resolve, transport
from streamer.record.standard_webhooks import pause
from streamer.settings import Webhook

log = logging.getLogger(__name__)

TIMEOUT = 10.0
"""Seconds in which an endpoint must take an event."""
AT_ONCE = 8
"""Events posted side by side to one endpoint."""
LOOK = 60.0
"""Seconds after which the outbox is looked into, even if nobody said that there is something."""
GONE = 5.0
"""Seconds between attempts while the database can't be had."""
COUNT = 10.0
"""Seconds between two counts of what waits, where that is much."""

T = TypeVar("T")
Clock = Callable[[], float]
Wait = Callable[[float], Awaitable[None]]


class Sender:
    """Posts what the journal puts into the outbox.

    An event is sent at least once: its row goes only when it was taken. Each endpoint has a queue of its own, so that
    one that is dead delays no other. Gateways that share a database share its outbox; see `Outbox`.

    Args:
      engine: as `database.open_` gives it.
      endpoints: each with a url of its own.
      gateway: who sends.
      clock: gives seconds since 1970.
      wait: sleeps.
      resolve: gives the addresses of a host; called in a thread.
      timeout: seconds in which an endpoint must take an event.
    """

    def __init__(
        self,
        engine: Engine,
        endpoints: Sequence[Webhook],
        *,
        gateway: str = "",
        clock: Clock = time.time,
        wait: Wait = asyncio.sleep,
        resolve: Resolve = addresses.resolve,
        timeout: float = TIMEOUT,
    ) -> None:
        self._endpoints = tuple(endpoints)
        # One thread for the database and one for names to each endpoint: neither can hold up anybody else.
        self._threads = ThreadPoolExecutor(2 * len(self._endpoints) + 1, thread_name_prefix="webhooks")
        self._database = _Database(self._threads, wait)
        self._outbox = Outbox(engine, gateway)
        self._clock = clock
        self._queues = [_Queue(one, self._outbox, self._database, clock, wait) for one in self._endpoints]
        self._resolve = resolve
        self._timeout = timeout

    @property
    def waiting(self) -> int:
        """Events that are yet to be taken; where they are many, as of some seconds ago."""
        return sum(queue.waiting for queue in self._queues)

    @property
    def failed(self) -> int:
        """Attempts that came to nothing, so far."""
        return sum(queue.failed for queue in self._queues)

    @property
    def given_up(self) -> int:
        """Events that are not tried any more, so far."""
        return sum(queue.given_up for queue in self._queues)

    def wanted(self, event: Event) -> list[str]:
        """Name the endpoints that want a kept event, by their urls."""
        return [one.url for one in self._endpoints if not one.types or event.type in one.types]

    def wake(self) -> None:
        """Look into the outbox now: there is something new."""
        for queue in self._queues:
            queue.woken.set()

    async def run(self) -> None:
        """Send until cancelled; without endpoints, until what waited for earlier ones is dropped.

        When it raises, it may be run again.
        """
        again = False
        try:
            await self._database.do(self._outbox.resume)
            urls = [one.url for one in self._endpoints]
            dropped = await self._database.do(partial(self._outbox.keep_only, urls, self._clock()))
            if dropped:
                log.warning("%d webhooks are not sent: their endpoints are no longer in the settings", dropped)
            if not self._endpoints:
                return
            async with transport() as network, asyncio.TaskGroup() as sending:
                for queue in self._queues:
                    poster = Poster(queue.endpoint, network, self._threads, self._resolve, self._timeout)
                    sending.create_task(queue.run(poster))
        except Exception:
            again = True
            raise
        finally:
            if not again:
                self._threads.shutdown(wait=False, cancel_futures=True)


class _Database:
    """The database, which may be gone for a while."""

    def __init__(self, threads: Executor, wait: Wait) -> None:
        self._threads = threads
        self._wait = wait
        self._gone = False

    async def do(self, work: Callable[[], T]) -> T:
        """Do something in a thread, as soon as the database can be had."""
        while True:
            try:
                done = await asyncio.get_running_loop().run_in_executor(self._threads, work)
            except JournalUnavailable as error:
                if not self._gone:
                    log.error("webhooks wait: the database can't be had, %s", error)
                self._gone = True
                await self._wait(GONE)
            else:
                self._gone = False
                return done


class _Queue:
    """What one endpoint is still to take."""

    def __init__(self, endpoint: Webhook, outbox: Outbox, database: _Database, clock: Clock, wait: Wait) -> None:
        self.endpoint = endpoint
        self.woken = asyncio.Event()
        self.waiting = self.failed = self.given_up = 0
        self._outbox = outbox
        self._database = database
        self._clock = clock
        self._wait = wait
        self._counted = 0.0
        self._failing = False
        url = httpx.URL(endpoint.url)
        # What follows the host may be as secret as a password.
        self._name = f"{url.scheme}://{url.netloc.decode('ascii')}"

    async def run(self, poster: Poster) -> None:
        """Send what is due, for ever."""
        while True:
            self.woken.clear()
            now = _milliseconds(self._clock())
            held, due_at = await self._database.do(partial(self._hold, now))
            await self._count(due_at is not None)
            if held:
                troubles = await poster.post(held, self._clock())
                await self._settle(held, troubles)
            else:
                # What was due may have gone to another gateway meanwhile: then there is a new first one to look for.
                await self._rest(LOOK if due_at is None else min(LOOK, max(0.0, (due_at - now) / 1000)))

    def _hold(self, now: int) -> tuple[list[Waiting], int | None]:
        """Take hold of what is due; give that, and when the first was due. Nobody has to wait where nothing is."""
        due_at = self._outbox.next_due(self.endpoint.url)
        if due_at is None or due_at > now:
            return [], due_at
        return self._outbox.hold(self.endpoint.url, AT_ONCE, now), due_at

    async def _count(self, some: bool) -> None:
        if not some:
            self.waiting = 0
        elif self.waiting < AT_ONCE or abs(self._clock() - self._counted) >= COUNT:
            self._counted = self._clock()
            self.waiting = await self._database.do(partial(self._outbox.count, self.endpoint.url))

    async def _settle(self, events: Sequence[Waiting], troubles: Sequence[str | None]) -> None:
        """Write down what became of attempts; until that is done, nothing more is sent."""
        taken, later = list[int](), dict[int, int | None]()
        self._tell(next(filter(None, troubles), None))
        for event, trouble in zip(events, troubles, strict=True):
            if trouble is None:
                taken.append(event.number)
                continue
            self.failed += 1
            seconds = pause(event.attempts + 1)
            later[event.number] = None if seconds is None else _milliseconds(self._clock() + seconds)
            if seconds is None:
                self.given_up += 1
                log.error("event %d was given up for the webhook at %s: %s", event.cursor, self._name, trouble)
        await self._database.do(partial(self._outbox.settle, taken, later))

    def _tell(self, trouble: str | None) -> None:
        """Say when the endpoint begins to fail, and when it is well again."""
        if trouble is not None and not self._failing:
            log.warning("the webhook at %s took nothing: %s; it is tried again", self._name, trouble)
        elif trouble is None and self._failing:
            log.warning("the webhook at %s takes events again", self._name)
        self._failing = trouble is not None

    async def _rest(self, seconds: float) -> None:
        """Wait so long, or until woken."""
        either = [asyncio.ensure_future(self._wait(seconds)), asyncio.ensure_future(self.woken.wait())]
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in either:
                one.cancel()


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
