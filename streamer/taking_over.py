"""Mutes that a service left which died: whoever starts after it lifts them, or says that they may still be there."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from math import inf

from detector.policy import Policy
from streamer.bus import Bus, CallName
from streamer.control.carrier import Carrier
from streamer.control.port import Port, Target
from streamer.errors import HuazhaError
from streamer.lifting import Aftermath
from streamer.metrics import Metrics
from streamer.outcomes import Outcomes
from streamer.record.standing import StandingMute
from streamer.reporter import Results
from streamer.types import Unblock

log = logging.getLogger(__name__)

LOOKED_BACK = timedelta(days=2)
"""How old a call may be whose mutes are looked for."""
WAITS = (1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before the journal is asked again that could not be read, the last one over and over."""


class LeftMute:
    """What is due of one mute, as `Call` has it of all its own.

    Args:
      now: second of the performance counter.
      clock: the same moment in seconds since 1970.
    """

    def __init__(self, mute: StandingMute, now: float, clock: float) -> None:
        self.id = mute.call_id
        # Nothing asks for it any more, but it was not lifted: that is due.
        asked = mute.asked or {mute.last: datetime.fromtimestamp(clock, UTC)}
        self._due = {name: inf if at is None else now + at.timestamp() - clock for name, at in asked.items()}

    @property
    def names(self) -> Sequence[str]:
        """What asked for it."""
        return [*self._due]

    @property
    def lift(self) -> float:
        """Second of the performance counter at which it is to be lifted; infinite for never."""
        return min(self._due.values(), default=inf)

    def lifts_at(self, name: str) -> float:
        """Give when the time of one of those that asked for it is over."""
        return self._due.get(name, inf)

    def lifted(self, now: float) -> list[Unblock]:
        """Lift what is due."""
        over = [name for name, at in self._due.items() if at <= now]
        for name in over:
            del self._due[name]
        return [Unblock(name, "its time is over") for name in over]


async def find(
    read: Callable[[datetime], Sequence[StandingMute]], take_over: Callable[[Sequence[StandingMute]], None]
) -> None:
    """Look for such mutes until the journal can be read, and hand them on.

    Args:
      read: reads those of the calls that began since then; called in a thread, raises `HuazhaError` where it can't.
    """
    waits = iter(WAITS)
    while True:
        try:
            left = await asyncio.to_thread(read, datetime.now(UTC) - LOOKED_BACK)
        except HuazhaError as error:
            log.error("it can't be told who was left mute by a service before this one: %s", error)
            await asyncio.sleep(next(waits, WAITS[-1]))
        else:
            take_over(left)
            return


async def see_to(
    mute: StandingMute,
    port: Port | None,
    policy: Policy,
    bus: Bus,
    metrics: Metrics,
    held: Callable[[], bool],
    stopping: asyncio.Event,
) -> None:
    """Lift one mute when its time is over, or tell of it where it has none and its leg is still there.

    Args:
      held: whether the call came again, and has muted somebody by itself.
      stopping: set once this service stops.
    """
    log.warning("call %s: its %s was left mute by a service before this one", mute.call_id, mute.channel)
    left = LeftMute(mute, time.perf_counter(), time.time())
    results = Results(bus, CallName(mute.call, mute.call_id, mute.agent))
    outcomes = Outcomes(mute.call_id, mute.platform, metrics, results)
    carrier = Carrier(port, Target(mute.names, _nobody), policy, f"no control port of {mute.platform} is set")
    for name in left.names:
        carrier.adopt(name, mute.channel)
    try:
        await Aftermath(left, carrier, outcomes, results, held).run(stopping)
    except Exception:
        log.exception("call %s: what was left mute could not be seen to", mute.call_id)


async def _nobody(message: str) -> bool:
    """Say something where there is no socket any more."""
    return False
