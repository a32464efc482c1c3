"""Events into the journal, after everything else: in batches, again and again while the database is gone."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from streamer.record.event import Event
from streamer.record.journal import EventRefused, JournalUnavailable

log = logging.getLogger(__name__)

BATCH = 500
"""Events written at once at most."""
MOST = 50_000
"""Events that wait at most, as many as the media plane keeps."""
WAITS = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts, the last one over and over."""


class Keeper:
    """Writes what is to be kept.

    Args:
      append: writes events; called in a thread.
      kept: told the cursor up to which all is written.
      durable: told why what happens is not being written, and with an empty string when it is again.
      wait: sleeps.
    """

    def __init__(
        self,
        append: Callable[[Sequence[Event]], None],
        *,
        kept: Callable[[int], None],
        durable: Callable[[str], Awaitable[None]],
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._append = append
        self._kept = kept
        self._durable = durable
        self._wait = wait
        self._waiting: deque[Event] = deque()
        self._more = asyncio.Event()
        self._failures = 0
        self._one_by_one = 0
        self._closed = False
        self.lost = 0

    @property
    def degraded(self) -> bool:
        """Whether what happens is not being written at present."""
        return self._failures > 0

    @property
    def waiting(self) -> int:
        """Events that are yet to be written."""
        return len(self._waiting)

    def put(self, event: Event) -> None:
        """Have an event written."""
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            self.lost += 1
        self._waiting.append(event)
        self._more.set()

    def close(self) -> None:
        """Nothing more will come: `run` ends when all is written, or can't be."""
        self._closed = True
        self._more.set()

    async def run(self) -> None:
        """Write, until closed."""
        while True:
            await self._more.wait()
            self._more.clear()
            while self._waiting:
                if not await self._write() and self._closed:
                    log.error("%d events were not written: the journal can't be had", len(self._waiting))
                    return
            if self._closed:
                return

    async def _write(self) -> bool:
        """Write a batch; tell whether it is written."""
        size = 1 if self._one_by_one else BATCH
        batch = [self._waiting.popleft() for _ in range(min(size, len(self._waiting)))]
        try:
            await asyncio.to_thread(self._append, batch)
        except JournalUnavailable as error:
            self._waiting.extendleft(reversed(batch))
            self._failures += 1
            if self._failures == 1:
                log.error("the journal can't be written, %s; calls are heard and blocked all the same", error)
                await self._durable(f"the journal can't be written: {error}")
            await self._wait(WAITS[min(self._failures, len(WAITS)) - 1])
            return False
        except Exception as error:
            # Refused by the database, or not even brought to it: what is wrong with an event is wrong with it alone.
            if len(batch) > 1:
                # One of them will never be written; the others must not wait for it.
                self._one_by_one = len(batch)
                self._waiting.extendleft(reversed(batch))
                return True
            self.lost += 1
            why = str(error) if isinstance(error, EventRefused) else repr(error)
            log.error("event %d can't be written, ever: %s", batch[0].cursor, why)
        self._one_by_one = max(0, self._one_by_one - len(batch))
        self._kept(batch[-1].cursor)
        if self._failures:
            self._failures = 0
            log.warning("the journal is being written again")
            await self._durable("")
        return True
