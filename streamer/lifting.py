"""Mutes are lifted when their time is over, be the call over for us by then or not."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf, isfinite
from typing import Protocol

from streamer.control.carrier import GONE, Carried, Carrier
from streamer.control.port import Outcome
from streamer.outcomes import Outcomes
from streamer.reporter import Results
from streamer.types import Unblock

log = logging.getLogger(__name__)

LOOKS = (0.0, 1.0, 4.0)
"""Seconds to wait before each look whether a leg is gone: a platform may end the stream before the call."""


class Timer:
    """Calls back when the next mute is to be lifted.

    Args:
      lift: called then.
    """

    def __init__(self, lift: Callable[[], None]) -> None:
        self._lift = lift
        self._handle: asyncio.TimerHandle | None = None

    def set(self, at: float) -> None:
        """Change when that is: second of the performance counter; infinite for never."""
        self.cancel()
        if isfinite(at):
            wait = max(0.0, at - time.perf_counter())
            self._handle = asyncio.get_running_loop().call_later(wait, self._lift)

    def cancel(self) -> None:
        """Call back no more."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


class Muting(Protocol):
    """A call, as far as its mutes go; seconds are of the performance counter."""

    @property
    def id(self) -> str:
        """The platform's name for it."""
        ...

    @property
    def lift(self) -> float:
        """When the next mute is to be lifted; infinite when none is."""
        ...

    def lifts_at(self, name: str) -> float:
        """Give when what a violation or an order muted is to be lifted; infinite when nothing is set."""
        ...

    def lifted(self, now: float) -> list[Unblock]:
        """Lift the mutes whose time is over."""
        ...


class Aftermath:
    """What is left to do about a call's mutes once nobody listens to it any more.

    Its stream may have been lost, or stopped, while the call goes on at the platform; an agent who sits in one
    conference all day would be mute for the next customer. So a mute with a time is lifted when that is over, and
    supervisors are told of one without, unless the platform says that the leg is gone, and the mute with it.

    Args:
      call: that is over, or was abandoned, as far as its mutes go.
      carrier: whose `run` has ended.
      held: whether the call came back as another, which has muted somebody by itself, and will lift that.
    """

    def __init__(
        self, call: Muting, carrier: Carrier, outcomes: Outcomes, reporter: Results, held: Callable[[], bool]
    ) -> None:
        self._call = call
        self._carrier = carrier
        self._outcomes = outcomes
        self._reporter = reporter
        self._held = held

    async def run(self, stopping: asyncio.Event) -> None:
        """See to every mute; returns when none is left.

        Args:
          stopping: set once the service stops: nothing waits for its time then.
        """
        # As the platform has answered, not as it was asked.
        endless = {leg: name for name, leg in self._carrier.muting.items() if self._call.lifts_at(name) == inf}
        for still, name in endless.items():
            if not await self._gone_soon(still, stopping):
                self._outcomes.left(name, still)
        for stuck in self._carrier.stuck:
            if not await self._gone_soon(stuck, stopping):
                await self._try_again(stuck)
        while isfinite(at := self._call.lift):
            await _until(stopping, at)
            for unblock in self._call.lifted(at):
                leg = self._carrier.muting.get(unblock.violation_id)
                if leg is None or leg in endless or self._held() or await self._carrier.gone(leg):
                    continue
                carried = await self._carrier.carry(unblock, time.monotonic())
                if carried and await self._is_over(carried, leg, stopping):
                    log.info("call %s: its %s is gone, and the mute with it", self._call.id, leg)
                    continue
                self._reporter.lifted(unblock)
                if carried is not None:
                    self._outcomes.carried(carried)
        while self._carrier.stuck and not stopping.is_set():
            stuck, at = min(self._carrier.stuck.items(), key=lambda one: one[1])
            await _until(stopping, time.perf_counter() + at - time.monotonic())
            await self._try_again(stuck)

    async def _try_again(self, leg: str) -> None:
        carried = None if self._held() else await self._carrier.try_again(leg)
        if carried is not None and carried.answer.detail != GONE:
            self._outcomes.carried(carried)

    async def _is_over(self, carried: Carried, leg: str, stopping: asyncio.Event) -> bool:
        """Whether an unmute had nothing to do, since the leg went: then nobody need be told."""
        if carried.answer.outcome is Outcome.FAILED:
            return await self._gone_soon(leg, stopping)
        return carried.answer.detail == GONE

    async def _gone_soon(self, leg: str, stopping: asyncio.Event) -> bool:
        for wait in LOOKS:
            await _until(stopping, time.perf_counter() + wait)
            if await self._carrier.gone(leg):
                return True
            if stopping.is_set():
                break
        return False


async def _until(stopping: asyncio.Event, at: float) -> None:
    """Wait for a second of the performance counter, or until the service stops."""
    with suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, at - time.perf_counter())):
            await stopping.wait()
