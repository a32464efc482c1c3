"""One call's signals, carried out on its platform's control port in their order; nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Set
from dataclasses import dataclass

from detector.policy import Policy
from detector.types import Action
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.types import Block, Order, Unblock

log = logging.getLogger(__name__)

Signal = Block | Unblock | Order
AGENT, UNMUTE = "agent", "unmute"


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of a signal.

    Attributes:
      violation_id: that it was about, or the name of a supervisor's order.
      action: `mute`, `unmute`, `play`, ...
      sent, took: seconds from the words reaching the detector until the request had left, and until the outcome was
        known; None where nothing was asked.
    """

    violation_id: str
    action: str
    answer: Answer
    sent: float | None
    took: float | None


class Carrier:
    """Carries signals out for as long as `run` runs.

    Args:
      port: the platform's; None where its settings don't have what it needs.
      target: the call.
      policy: what blocks do.
      missing: what to say where there is no port.
    """

    def __init__(self, port: Port | None, target: Target, policy: Policy, missing: str) -> None:
        self._port = port
        self._target = target
        self._policy = policy
        self._missing = missing
        self._asked: asyncio.Queue[tuple[Signal, float]] = asyncio.Queue()
        self._muted: dict[str, str] = {}
        self._silent: set[str] = set()

    def ask(self, signal: Signal, since: float) -> None:
        """Have a signal carried out, after those before it.

        Args:
          since: second of `time.monotonic` at which the words came that it answers.
        """
        self._asked.put_nowait((signal, since))

    @property
    def able(self) -> bool:
        """Whether the platform can be asked for anything."""
        return self._port is not None

    @property
    def muted(self) -> bool:
        """Whether a leg is muted, by what the platform has answered."""
        return bool(self._silent)

    @property
    def muting(self) -> Mapping[str, str]:
        """What keeps a leg muted, by what the platform has answered: violations and orders, each with its leg."""
        return {name: leg for name, leg in self._muted.items() if leg in self._silent}

    @property
    def silenced(self) -> Set[str]:
        """Legs that are muted so that Huazha, too, hears nothing of them, by what the platform has answered."""
        return set() if self._port is None or self._port.hears_muted else set(self.muting.values())

    async def gone(self, channel: str) -> bool:
        """Tell whether the platform says that a leg is not there any more."""
        try:
            return self._port is not None and await self._port.gone(self._target, channel)
        except Exception:
            log.exception("the control port failed")
            return False

    async def ready(self) -> Answer:
        """See whether blocks can be carried out."""
        return await self._port.ready(self._target) if self._port else Answer(Outcome.UNSUPPORTED, self._missing)

    def learn(self, names: Mapping[str, str], say: Callable[[str], Awaitable[bool]]) -> None:
        """Another socket brings the call: what it calls the legs is known now, and orders go there."""
        self._target = Target({**self._target.names, **names}, say)

    async def run(self, told: Callable[[Carried], None]) -> None:
        """Carry out what is asked for, for ever.

        Args:
          told: told of each outcome.
        """
        while True:
            signal, since = await self._asked.get()
            try:
                carried = await self.carry(signal, since)
                if carried is not None:
                    told(carried)
            finally:
                self._asked.task_done()

    async def rest(self) -> None:
        """Wait until all that was asked for has been carried out, or has failed."""
        await self._asked.join()

    async def carry(self, signal: Signal, since: float) -> Carried | None:
        """Carry a signal out, as `run` does with what is asked for; None where nothing has to be done for it."""
        name, action, channel = _meant(signal)
        if action == UNMUTE:
            muted = self._muted.pop(name, None)
            channel = muted or channel
            if channel in self._muted.values() or (muted is None and isinstance(signal, Unblock)):
                # Something else keeps the leg muted, or what is taken back was no mute.
                return None
        elif action == Action.MUTE:
            self._muted[name] = channel
        try:
            answer = await self._ask(signal, action, channel)
        except Exception:
            log.exception("the control port failed")
            answer = Answer(Outcome.FAILED, "the control port failed inside Huazha; its log says why")
        if answer.outcome in {Outcome.ACCEPTED, Outcome.CONFIRMED}:
            if action == Action.MUTE:
                self._silent.add(channel)
            elif action == UNMUTE:
                self._silent.discard(channel)
        sent, took = (None if at is None else at - since for at in (answer.sent, answer.answered))
        return Carried(name, action, answer, sent, took)

    async def _ask(self, signal: Signal, action: str, channel: str) -> Answer:
        port, target = self._port, self._target
        if port is None:
            return Answer(Outcome.UNSUPPORTED, self._missing)
        measure = self._policy.of(signal.violation.rule_id) if isinstance(signal, Block) else self._policy.usual
        needed: Mapping[str, tuple[str, str]] = {
            Action.PLAY: ("sound", measure.sound),
            Action.WHISPER: ("sound", measure.sound),
            Action.TRANSFER: ("to", measure.to),
        }
        if action in needed and not needed[action][1]:
            return unsupported(action, f"[policy] has no {needed[action][0]}")
        ways: Mapping[str, Callable[[], Awaitable[Answer]]] = {
            Action.MUTE: lambda: port.mute(target, channel),
            UNMUTE: lambda: port.unmute(target, channel),
            Action.HANGUP: lambda: port.hangup(target),
            Action.PLAY: lambda: port.play(target, measure.sound),
            Action.WHISPER: lambda: port.whisper(target, channel, measure.sound),
            Action.TRANSFER: lambda: port.transfer(target, measure.to),
        }
        way = ways.get(action)
        # Supervisors are told of every block: where that is all it does, it is done.
        return Answer(Outcome.CONFIRMED) if way is None else await way()


def _meant(signal: Signal) -> tuple[str, str, str]:
    """Give what a signal is about, what it wants done, and to which leg."""
    match signal:
        case Block(violation, action):
            return violation.id, action, violation.channel
        case Unblock(violation_id):
            return violation_id, UNMUTE, AGENT
        case Order(name, action, channel, violation_id):
            return violation_id or name, action, channel
