"""One call's signals, carried out on its platform's control port in their order; nobody waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Set
from contextlib import suppress
from dataclasses import dataclass, field, replace

from detector.policy import Policy
from detector.types import Action
from streamer.control.mutes import Heard, MuteLedger
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.types import Block, Order, Unblock

log = logging.getLogger(__name__)

Signal = Block | Unblock | Order
AGENT, UNMUTE = "agent", "unmute"
AGAIN = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
"""Seconds before each further try of a mute, or an unmute, that failed; after the last, it is given up."""
REST = 15.0
"""Seconds that a call's end leaves for what was asked for and is yet to be carried out."""
INSIDE = "the control port failed inside Huazha; its log says why"
LEFT_UNDONE = "the call was over before it could be carried out"
GONE = "the leg is gone, and the mute with it"


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of a signal.

    Attributes:
      violation_id: that it was about, or the name of a supervisor's order.
      action: `mute`, `unmute`, `play`, ...
      channel: the leg that it was about.
      sent, took: seconds from the words reaching the detector until the request had left, and until the outcome was
        known; None where nothing was asked.
      attempt: 1, and more where it had failed before.
      names: what the platform calls the legs, as it was asked with.
    """

    violation_id: str
    action: str
    answer: Answer
    sent: float | None
    took: float | None
    channel: str = AGENT
    attempt: int = 1
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Retry:
    """What is to be tried again: of which signal, for which time, and at which second of `time.monotonic`."""

    name: str
    action: str
    attempt: int
    at: float


class Carrier:
    """Carries signals out for as long as `run` runs.

    A mute that failed is tried again while something asks for it, and an unmute while nothing does; a signal that
    comes meanwhile goes first. A mute that surely was not carried out is not lifted, and one whose leg is gone is over.

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
        self._at_work: Signal | None = None
        self._ledger = MuteLedger()
        self._retries: dict[str, _Retry] = {}
        self._told: Callable[[Carried], None] = lambda _: None

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
        return bool(self._ledger.silent)

    @property
    def muting(self) -> Mapping[str, str]:
        """What keeps a leg muted that is, or may be: violations and orders, each with its leg."""
        return self._ledger.holding

    @property
    def stuck(self) -> Mapping[str, float]:
        """The legs that could not be unmuted, each with the second of `time.monotonic` of the next try."""
        return {leg: self._retries[leg].at for leg in self._ledger.stuck() if leg in self._retries}

    @property
    def silenced(self) -> Set[str]:
        """Legs that are muted so that Huazha, too, hears nothing of them, by what the platform has answered."""
        return set() if self._port is None or self._port.hears_muted else self._ledger.silent

    def adopt(self, name: str, channel: str) -> None:
        """Take a mute over that somebody else had confirmed."""
        self._ledger.ask(name, channel)
        self._ledger.muted(channel, Answer(Outcome.CONFIRMED))

    async def gone(self, channel: str) -> bool:
        """Tell whether the platform says that a leg is not there any more."""
        try:
            return self._port is not None and await self._port.gone(self._target, channel)
        except Exception:
            log.exception("the control port failed")
            return False

    async def ready(self) -> Answer:
        """See whether blocks can be carried out."""
        if self._port is None:
            return Answer(Outcome.UNSUPPORTED, self._missing)
        return await _guarded(self._port.ready(self._target))

    def learn(self, names: Mapping[str, str], say: Callable[[str], Awaitable[bool]]) -> None:
        """Another socket brings the call: what it calls the legs is known now, and orders go there."""
        self._target = Target({**self._target.names, **names}, say)

    async def run(self, told: Callable[[Carried], None]) -> None:
        """Carry out what is asked for, for ever; whatever goes wrong with a signal is the failure of that alone.

        Args:
          told: told of each outcome.
        """
        self._told = told
        while True:
            signal, since = await self._next()
            self._at_work = signal
            try:
                self._tell(await self.carry(signal, since))
            except Exception:
                log.exception("the control port failed")
                self._tell(self._failed(*_meant(signal)))
            finally:
                self._at_work = None
                self._asked.task_done()

    async def rest(self, patience: float = REST) -> None:
        """Wait until all that was asked for has been carried out, or has failed; what is not by then, has."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._asked.join()
            return
        left = [] if self._at_work is None else [self._at_work]
        while not self._asked.empty():
            left.append(self._asked.get_nowait()[0])
            self._asked.task_done()
        for signal in left:
            name, action, channel = _meant(signal)
            if signal is self._at_work:
                self._note(action, channel, Answer(Outcome.FAILED, unsure=True))
            self._tell(Carried(name, action, Answer(Outcome.FAILED, LEFT_UNDONE, unsure=True), None, None, channel))

    async def carry(self, signal: Signal, since: float) -> Carried | None:
        """Carry a signal out, as `run` does with what is asked for; None where nothing has to be done for it."""
        name, action, channel = _meant(signal)
        if action == UNMUTE:
            leg = self._ledger.drop(name)
            channel = leg or channel
            if self._ledger.wanted(channel):
                # Something else keeps the leg muted.
                return None
            if isinstance(signal, Unblock) and (leg is None or self._ledger.standing(channel) is Heard.HEARD):
                # What is taken back was no mute, or came to nothing.
                self._retries.pop(channel, None)
                return None
        elif action == Action.MUTE:
            self._ledger.ask(name, channel)
        return await self._try(name, action, channel, since, lambda: self._ask(signal, action, channel))

    async def try_again(self, channel: str) -> Carried | None:
        """Try once more what failed of a leg's mute; None where that is not wanted any more."""
        retry, port, target, began = self._retries.pop(channel, None), self._port, self._target, time.monotonic()
        if retry is None or port is None:
            return None
        mute, standing = retry.action == Action.MUTE, self._ledger.standing(channel)
        if mute != self._ledger.wanted(channel) or standing is (Heard.MUTED if mute else Heard.HEARD):
            return None
        # Whoever interrupts this leaves it to the next try.
        self._retries[channel] = replace(retry, at=began + AGAIN[min(retry.attempt, len(AGAIN)) - 1])
        if await self.gone(channel):
            del self._retries[channel]
            answer = Answer(Outcome.CONFIRMED, GONE, answered=time.monotonic())
            self._ledger.unmuted(channel, answer)
            return None if mute else self._carried(retry.name, retry.action, channel, answer, began, retry.attempt)
        do = port.mute if mute else port.unmute
        return await self._try(retry.name, retry.action, channel, began, lambda: do(target, channel), retry.attempt)

    async def _try(
        self,
        name: str,
        action: str,
        channel: str,
        since: float,
        do: Callable[[], Awaitable[Answer]],
        attempt: int = 1,
    ) -> Carried:
        try:
            answer = await _guarded(do())
        except asyncio.CancelledError:
            self._note(action, channel, Answer(Outcome.FAILED, unsure=True))
            raise
        if action == UNMUTE and answer.outcome is Outcome.FAILED and await self.gone(channel):
            answer = replace(answer, outcome=Outcome.CONFIRMED, detail=GONE)
        return self._settled(name, action, channel, answer, since, attempt)

    def _failed(self, name: str, action: str, channel: str, attempt: int = 1) -> Carried:
        """Take it for failed: something in Huazha went wrong, and nobody knows how far the platform has come."""
        return self._settled(name, action, channel, Answer(Outcome.FAILED, INSIDE, unsure=True), 0.0, attempt)

    def _settled(self, name: str, action: str, channel: str, answer: Answer, since: float, attempt: int) -> Carried:
        """Note what came of a try, and when the next is due where it failed."""
        self._note(action, channel, answer)
        if action in {Action.MUTE, UNMUTE}:
            self._retries.pop(channel, None)
            if answer.outcome is Outcome.FAILED and attempt <= len(AGAIN):
                at = time.monotonic() + AGAIN[attempt - 1]
                self._retries[channel] = _Retry(name, action, attempt + 1, at)
        return self._carried(name, action, channel, answer, since, attempt)

    def _note(self, action: str, channel: str, answer: Answer) -> None:
        if action == Action.MUTE:
            self._ledger.muted(channel, answer)
        elif action == UNMUTE:
            self._ledger.unmuted(channel, answer)
        elif action == Action.HANGUP and answer.outcome is Outcome.CONFIRMED:
            self._ledger.end()
            self._retries.clear()

    def _carried(self, name: str, action: str, channel: str, answer: Answer, since: float, attempt: int) -> Carried:
        sent, took = (None if at is None else at - since for at in (answer.sent, answer.answered))
        return Carried(name, action, answer, sent, took, channel, attempt, self._target.names)

    async def _next(self) -> tuple[Signal, float]:
        """Wait for the next signal; until one comes, try again what failed."""
        if not self._retries:
            return await self._asked.get()
        signal = asyncio.ensure_future(self._asked.get())
        trying: asyncio.Task[None] | None = None
        try:
            while not signal.done():
                leg = min(self._retries, key=lambda one: self._retries[one].at, default=None)
                wait = None if leg is None else max(0.0, self._retries[leg].at - time.monotonic())
                await asyncio.wait([signal], timeout=wait)
                if leg is None or signal.done() or self._retries[leg].at > time.monotonic():
                    continue
                trying = asyncio.create_task(self._try_and_tell(leg))
                await asyncio.wait([signal, trying], return_when=asyncio.FIRST_COMPLETED)
            return signal.result()
        finally:
            signal.cancel()
            if trying is not None and not trying.done():
                trying.cancel()
                await asyncio.wait([trying])

    async def _try_and_tell(self, channel: str) -> None:
        retry = self._retries[channel]
        try:
            self._tell(await self.try_again(channel))
        except Exception:
            log.exception("the control port failed")
            self._tell(self._failed(retry.name, retry.action, channel, retry.attempt))

    def _tell(self, carried: Carried | None) -> None:
        if carried is not None:
            try:
                self._told(carried)
            except Exception:
                log.exception("what came of %s could not be told", carried.action)

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


async def _guarded(answer: Awaitable[Answer]) -> Answer:
    """Wait for a port's answer; whatever it raises is a failure of this request, and of nothing else."""
    try:
        return await answer
    except asyncio.CancelledError:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        # The port gave up something of its own.
        log.exception("the control port failed")
    except Exception:
        log.exception("the control port failed")
    # It may have been carried out before it failed.
    return Answer(Outcome.FAILED, INSIDE, unsure=True)


def _meant(signal: Signal) -> tuple[str, str, str]:
    """Give what a signal is about, what it wants done, and to which leg."""
    match signal:
        case Block(violation, action):
            return violation.id, action, violation.channel
        case Unblock(violation_id):
            return violation_id, UNMUTE, AGENT
        case Order(name, action, channel, violation_id):
            return violation_id or name, action, channel
