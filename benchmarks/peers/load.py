"""Clips, so many at a time, through one peer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.peers.clips import Clip
from benchmarks.peers.peer import Peer, Shown
from benchmarks.peers.scoring import Found, judge

STAGGER = 0.7
"""Seconds between the beginnings of streams: calls don't begin together either."""
WARM_AFTER = 2.0
"""Seconds of silence after the clip that warms up."""


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a number of streams at once.

    Attributes:
      cpu: seconds of processor time that the peer took for a second of audio, the silence after clips included.
    """

    streams: int
    found: tuple[Found, ...]
    cpu: float


async def measure(peer: Peer, clips: Sequence[Clip], warm: Clip, streams: int, tell: Callable[[], None]) -> Load:
    """Start a peer, warm it with a clip through each stream, measure every clip, and stop it.

    Args:
      tell: called at each clip that is done.

    Raises:
      PeerFailed: it did not begin, or broke off.
    """
    try:
        await peer.start(streams)
        await _together(_run(peer, replace(warm, after=WARM_AFTER)) for _ in range(streams))
        running = _Running(peer, clips, streams, tell)
        before = peer.cpu()
        await _together(running.keep_up(number * STAGGER) for number in range(streams))
        return Load(streams, tuple(running.found), (peer.cpu() - before) / running.heard)
    finally:
        await peer.stop()


class _Running:
    """Streams every clip once and, until the last is done, some again: there are as many streams all the while.

    Attributes:
      heard: seconds of audio that were sent, in all streams together.
    """

    def __init__(self, peer: Peer, clips: Sequence[Clip], streams: int, tell: Callable[[], None]) -> None:
        self.found: list[Found] = []
        self.heard = 0.0
        self._peer = peer
        self._waiting = deque(clips)
        self._again = itertools.cycle(clips)
        self._left = len(clips)
        self._over = asyncio.Event()
        self._tell = tell

    async def keep_up(self, pause: float) -> None:
        """Be one of the streams, from `pause` seconds on."""
        await asyncio.sleep(pause)
        while not self._over.is_set():
            began = time.monotonic()
            if self._waiting:
                await self._count(self._waiting.popleft())
            else:
                await self._unless_over(_run(self._peer, next(self._again)))
            self.heard += time.monotonic() - began

    async def _count(self, clip: Clip) -> None:
        shown = await _run(self._peer, clip)
        self.found.append(judge(clip.name, clip.mark.term, clip.mark.end, shown))
        self._tell()
        self._left -= 1
        if not self._left:
            self._over.set()

    async def _unless_over(self, running: Coroutine[Any, Any, object]) -> None:
        task, over = asyncio.create_task(running), asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()
        finally:
            task.cancel()
            over.cancel()
            await asyncio.gather(task, over, return_exceptions=True)


async def _run(peer: Peer, clip: Clip) -> list[Shown]:
    async with aclosing(peer.stream(clip)) as everything:
        return [shown async for shown in everything]


async def _together(running: Iterable[Coroutine[Any, Any, object]]) -> None:
    """Run all; when one fails, end the others before its error goes on."""
    tasks = [asyncio.create_task(one) for one in running]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
