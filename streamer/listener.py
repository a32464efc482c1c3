"""Processes the audio of all calls in one thread, off the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from streamer.errors import InternalError
from streamer.front_end import Missing, Portion, Processed
from streamer.recognition.workers import Workers

log = logging.getLogger(__name__)

HOP = 0.06
"""Seconds between two looks at what has come in: what comes meanwhile is processed together.

It takes the voice activity's network 0.12 ms to score a frame alone and 0.08 ms to score one among others, of the same
channel or of many: its time goes into convolutions, so channels gain nothing by being stacked.
"""
HUNG = 5.0
"""Seconds that a look may take, a hundred times what it should."""


class Source(Protocol):
    """A call, as the listener sees it."""

    def portions(self) -> list[Portion]:
        """Hand out what has come in."""
        ...

    def processed(self, portions: Sequence[tuple[str, list[Processed]]]) -> None:
        """Take in channels' portions, processed."""
        ...

    def broken(self, error: Exception) -> None:
        """Its audio can't be processed any more."""
        ...


class Listener:
    """Takes what calls have received to a thread that processes it, and back.

    As an asynchronous context manager it starts its thread and stops it. A call that has received something is
    `notify`d of; its audio is processed at once when the thread rests, else `HOP` after the last look began. A call
    whose audio hangs the thread is told so, and the others go on with a thread of their own.

    Args:
      hung: seconds after which the thread is given up.
    """

    def __init__(self, hung: float = HUNG) -> None:
        self._hung = hung
        self._waiting: dict[Source, None] = {}
        self._wake = asyncio.Event()
        self._threads = Workers(1, "listen")
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._listen(), name="listener")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._threads.stop, self._hung)

    def notify(self, source: Source) -> None:
        """Process what a call has received, soon."""
        self._waiting[source] = None
        self._wake.set()

    async def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            self._wake.clear()
            began = loop.time()
            if await self._look():
                await asyncio.sleep(began + HOP - loop.time())

    async def _look(self) -> bool:
        """Process what has come in, if anything has; a call that is over by then is not held until the next look."""
        sources, self._waiting = [*self._waiting], {}
        work: list[tuple[Source, Portion]] = []
        for source in sources:
            try:
                work += [(source, portion) for portion in source.portions()]
            except Exception as error:
                _break(source, error)
        if work:
            await self._process(work)
        return bool(work)

    async def _process(self, work: list[tuple[Source, Portion]]) -> None:
        # The thread takes from the left, one by one: what it has not taken when it hangs, or fails, is still here.
        left, done = deque(work), list[list[Processed]]()
        running = asyncio.ensure_future(self._threads.run(_process, left, done))
        try:
            # Twice half the time: where the whole machine stood still, the thread has its turn before it is judged.
            for _ in range(2):
                await asyncio.wait([running], timeout=self._hung / 2)
        finally:
            running.cancel()
        error: BaseException | None = InternalError()
        if running.done():
            error = running.exception()
        else:
            log.error("audio has not been processed for %.0f s", self._hung)
            self._threads.abandon()
            self._threads = Workers(1, "listen")
        rest = _drained(left)
        taken, finished = work[: len(work) - len(rest)], [*done]
        _tell(taken, finished)
        if error is None:
            return
        # Of what the thread took, it was at the last; unless that came to its end just now.
        stuck = {source for source, _ in taken[len(finished) :]}
        for source in stuck:
            _break(source, error)
        if rest := [one for one in rest if one[0] not in stuck]:
            await self._process(rest)


def _drained(left: deque[tuple[Source, Portion]]) -> list[tuple[Source, Portion]]:
    """Take away what a thread may be taking from at this moment."""
    drained: list[tuple[Source, Portion]] = []
    with suppress(IndexError):
        while True:
            drained.append(left.popleft())
    return drained


def _tell(work: Sequence[tuple[Source, Portion]], done: Sequence[list[Processed]]) -> None:
    processed: dict[Source, list[tuple[str, list[Processed]]]] = {}
    for (source, portion), sounds in zip(work, done, strict=False):
        processed.setdefault(source, []).append((portion.channel, sounds))
        for error in [one.error for one in sounds if isinstance(one, Missing) and one.error is not None]:
            log.error("audio of a call could not be processed", exc_info=error)
    for source, portions in processed.items():
        try:
            source.processed(portions)
        except Exception as error:
            _break(source, error)


def _break(source: Source, error: BaseException) -> None:
    """Let a call fail: whatever is wrong with it, the others are listened to."""
    log.error("a call can't be listened to any more", exc_info=error)
    try:
        source.broken(error if isinstance(error, Exception) else InternalError())
    except Exception:
        log.exception("a call can't be told that its audio can't be processed")


def _process(left: deque[tuple[Source, Portion]], done: list[list[Processed]]) -> None:
    while left:
        _, portion = left.popleft()
        done.append(portion.process())
