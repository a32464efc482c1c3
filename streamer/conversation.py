"""One call, on whatever sockets it comes in: the edge where time and sockets meet the pure `Call`."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from typing import Protocol

from detector.types import SoundLook
from streamer.call import Call, CallState
from streamer.control.carrier import REST, Carrier
from streamer.dispatch import Dispatch, taken
from streamer.errors import InternalError, ProtocolError, RecognitionFailed
from streamer.front_end import Portion, Processed
from streamer.lifting import Aftermath, Timer
from streamer.listener import Listener
from streamer.metrics import Metrics
from streamer.outcomes import Outcomes
from streamer.recognition.load import Relief
from streamer.recognition.recognizer import Scoring, SoundTurn, Turn
from streamer.recognition.scheduler import Scheduler
from streamer.reporter import Reporter
from streamer.sending import Delivery
from streamer.settings import Limits
from streamer.types import (
    AudioFrame,
    Block,
    CallStarted,
    Gap,
    Order,
    Outgoing,
    Remark,
    Started,
    Stopped,
    Unblock,
)

log = logging.getLogger(__name__)

STILL = 1.0
"""Seconds after which a displaced socket counts as one that still sends: before that, it may be what was on its way."""
LOOK = 0.5
"""Seconds between two looks at a call's clock."""


class Socket(Protocol):
    """A socket that brings a call, as its conversation sees it.

    Attributes:
      address: of its peer.
    """

    address: str

    async def tell(self, event: Outgoing) -> bool | None:
        """Say something to the platform: whether it took it; None where it has no word for that."""
        ...

    async def say(self, message: str) -> bool:
        """Send a message as it is; whether the platform took it."""
        ...

    async def refuse(self, error: ProtocolError) -> None:
        """Say that the call can't go on, and close."""
        ...


class Engine(Protocol):
    """What conversations share."""

    metrics: Metrics
    scheduler: Scheduler
    listener: Listener
    limits: Limits

    @property
    def max_queue_age(self) -> float:
        """Seconds that a window may wait for the recogniser before its channel counts as not monitored."""
        ...


class Conversation:
    """Listens to one call until it is over. Whatever goes wrong in it ends this call alone.

    Sockets `join` it and `leave` it; between the last that left and the next that joins, it waits for
    `Limits.rejoin_timeout` where the platform may connect again. Where two bring the same channel, the later one does:
    the earlier may be dead already, and nobody has noticed.

    Args:
      started: how the call was announced.
      carrier: carries blocks out where the platform's socket does not; None where it does.
      owner: the credentials that the call was begun with.
    """

    def __init__(
        self,
        engine: Engine,
        started: CallStarted,
        call: Call,
        greeting: Started,
        reporter: Reporter,
        carrier: Carrier | None,
        owner: str = "",
    ) -> None:
        self.owner = owner
        self.started = started
        self.call = call
        self.reporter = reporter
        self.outcome = "failed"
        self._reason = InternalError.code
        self._engine = engine
        self._greeting = greeting
        self._carrier = carrier
        self._metrics = engine.metrics
        self._sockets: dict[Socket, tuple[str, ...]] = {}
        # By which other it was displaced, and the second of `time.monotonic` at which.
        self._displaced: dict[Socket, tuple[Socket, float]] = {}
        self._out = Dispatch(started, engine.limits.send_timeout, engine.metrics, reporter)
        self._stopped = True
        self._lost = False
        # When the last socket was closed in order, without a word whether the call is over: it may come again.
        self._closed_at: float | None = None
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._closed = asyncio.Event()
        self._windows = asyncio.TaskGroup()
        self._pending: set[asyncio.Task[None]] = set()
        self._timer = Timer(self._lift)
        self._outcomes = Outcomes(started.call_id, started.platform, engine.metrics, reporter, call.lifts_at)
        self._lag = 0.0
        self._remarked: set[str] = set()
        self._counted: tuple[float, ...] = (0.0, 0.0, 0.0)

    @property
    def listening(self) -> bool:
        """Whether sockets may still join."""
        return self.call.state is CallState.LISTENING and not self._closed.is_set()

    async def run(self) -> None:
        """Take the call from its first socket to its end."""
        refusal: ProtocolError | None = None
        carrying = [] if self._carrier is None else [asyncio.create_task(self._carrier.run(self._outcomes.carried))]
        # A short call may be over before a port that can't be reached has been given up: it is told all the same.
        readying = [] if self._carrier is None else [asyncio.create_task(self._make_ready(self._carrier))]
        try:
            try:
                await self._take_to_its_end()
            except* Exception as crash:
                refusal = InternalError()
                log.error("call %s failed", self.call.id, exc_info=crash)
                # What waits for its sockets goes first: of what follows, only supervisors are told.
                await self._out.close()
                self._abandon()
            if self._carrier is not None:
                await asyncio.wait(readying, timeout=REST)
                await self._carrier.rest()
            if refusal is None and self.outcome != "refused":
                self.outcome, self._reason = ("connection_lost", "connection_lost") if self._lost else ("completed", "")
        finally:
            for task in (*carrying, *readying):
                task.cancel()
            await self._out.close()
            self._end()
        if refusal is not None:
            for socket in [*self._sockets]:
                await socket.refuse(refusal)

    async def _take_to_its_end(self) -> None:
        """Listen until no socket brings the call, and recognise the rest."""
        async with self._windows:
            self._pend(self._watch())
            await self._listen()
            if self.call.state is CallState.LISTENING:
                self.call.stop(self._closed_at)
                self._keep_in_place()
            await self._drain()

    async def aftermath(self, stopping: asyncio.Event, held: Callable[[], bool]) -> None:
        """Once it has `run`, see to what it leaves muted; see `Aftermath`."""
        if self._carrier is not None:
            await Aftermath(self.call, self._carrier, self._outcomes, self.reporter, held).run(stopping)

    @property
    def muted(self) -> bool:
        """Whether somebody is muted, by what the platform has answered where it does."""
        # That a mute was asked for is no mute yet where a control port carries it out.
        return self.call.muted if self._carrier is None else self._carrier.muted

    def is_named(self, started: CallStarted) -> bool:
        """Whether a socket says that it brings this call."""
        return (started.platform, started.call_id) == (self.started.platform, self.started.call_id)

    def is_of(self, started: CallStarted) -> bool:
        """Whether a socket that brings this brings this call, and in its form."""
        same = self.is_named(started)
        form = (started.encoding, started.sample_rate) == (self.started.encoding, self.started.sample_rate)
        return same and form and set(started.channels) <= set(self.started.channels)

    async def join(self, socket: Socket, started: CallStarted, now: float) -> None:
        """A socket brings the call, or some of its channels.

        Args:
          now: second of `time.monotonic`.
        """
        if self._carrier is not None:
            self._carrier.learn(started.names, socket.say)
        for channel in started.channels:
            if (displaced := self._bringer(channel)) is not None:
                self._displaced[displaced] = socket, now
        self._sockets[socket] = started.channels
        self._out.join(socket, self._greeting)
        self._stopped = self._lost = False
        self._closed_at = None
        self.call.legs.joined(started.channels)
        self._changed.set()

    async def leave(self, socket: Socket, *, stopped: bool, abruptly: bool = True) -> None:
        """A socket brings no more: the platform said so (`stopped`), or it is gone. Returns when all is told.

        Only what `stopped` says is the end; after a loss, the platform may come again. Where it doesn't, a socket that
        was closed in order was the end, on platforms that say nothing more, and one that broke off (`abruptly`) wasn't.
        """
        if socket not in self._sockets:
            return
        last = len(self._sockets) == 1
        self._leave(socket, ended=stopped, abruptly=abruptly)
        self._lost = last and not stopped and abruptly
        self._closed_at = time.perf_counter() if last and not stopped and not abruptly else None
        if not last or (self.started.joins and not stopped):
            del self._sockets[socket]
            self._displaced.pop(socket, None)
            self._changed.set()
            await self._out.leave(socket)
            return
        self.hang_up()
        await self._closed.wait()

    async def refused(self, socket: Socket, reason: str) -> None:
        """A socket broke the protocol: if no other brings the call, it ends here, unheard.

        Args:
          reason: the error's code.
        """
        self._leave(socket, ended=False)
        self._sockets.pop(socket, None)
        await self._out.leave(socket)
        if not self._sockets and self.call.state is not CallState.OVER:
            self.outcome, self._reason = "refused", reason
            self._abandon()
            self._over.set()
            self.hang_up()
            await self._closed.wait()

    def _leave(self, socket: Socket, *, ended: bool, abruptly: bool = True) -> None:
        """Tell the call of the channels that no socket brings once this one is gone."""
        others = {name for one, channels in self._sockets.items() if one is not socket for name in channels}
        if self.call.state is CallState.LISTENING:
            self.call.legs.left(
                [name for name in self._sockets.get(socket, ()) if name not in others], ended=ended, abruptly=abruptly
            )
            self._keep_in_place()

    def hang_up(self) -> None:
        """Listen no more; what was said last is still recognised."""
        self._stopped = True
        self._changed.set()

    async def receive(self, socket: Socket, frame: AudioFrame, now: float) -> None:
        """Take in audio."""
        if self.call.state is not CallState.LISTENING or not self._brings(socket, frame.channel):
            self._note_displaced(socket, frame.channel, now)
            return
        self.call.receive(frame)
        self._keep_in_place()
        self.reporter.receive(frame)

    async def skip(self, socket: Socket, gap: Gap) -> None:
        """Samples are lost."""
        if self.call.state is CallState.LISTENING and self._brings(socket, gap.channel):
            self.call.skip(gap)
            self.reporter.skip(gap.channel, gap.samples)
            self._engine.listener.notify(self)

    async def pause(self, socket: Socket, *, on: bool) -> None:
        """The platform lets nobody hear what a socket brings for a while (`on`), or lets it be heard again."""
        brought = [channel for channel in self._sockets.get(socket, ()) if self._brings(socket, channel)]
        if self.call.state is CallState.LISTENING:
            self.call.legs.pause(brought, on=on)
            self._keep_in_place()

    @property
    def late(self) -> float:
        """Seconds of audio that are missing by the clock, so that as much may come at once."""
        return self.call.legs.late

    @property
    def _muted_legs(self) -> set[str]:
        if self._carrier is not None:
            return set(self._carrier.silenced)
        return self.call.muted_legs

    async def _watch(self) -> None:
        """Look at the clock now and then, for as long as the call is listened to: what doesn't come tells nothing."""
        while self.call.state is CallState.LISTENING:
            await asyncio.sleep(LOOK)
            if self._closed_at is not None:
                continue
            self.call.legs.mute(self._muted_legs)
            self._tell(self.call.watch(self._engine.max_queue_age))
            self._keep_in_place()
            if self.reporter.state(self.call, self._lag, time.monotonic(), muted=self.muted):
                self._count()

    def _keep_in_place(self) -> None:
        """Leave the same gaps in evidence as in the call, and have them processed."""
        for name, samples in self.call.legs.skipped():
            self.reporter.skip(name, samples)
        self._engine.listener.notify(self)

    def portions(self) -> list[Portion]:
        """Hand out what has come in, to be processed."""
        return self.call.portions()

    def processed(self, portions: Sequence[tuple[str, list[Processed]]]) -> None:
        """Take in what was made of it."""
        if self.call.state is CallState.OVER:
            return
        try:
            self._take(portions)
        except Exception as error:
            self.broken(error)

    def broken(self, error: Exception) -> None:
        """What comes in can't be processed any more: the call fails."""
        if self.call.state is not CallState.OVER:
            self._pend(_fail(error))

    async def order(self, action: str, channel: str, violation_id: str | None, by: str) -> bool:
        """Ask the platform for what a supervisor wants; tell whether it took the message."""
        if self.call.state is CallState.OVER:
            return False
        deliveries = self._tell(self.call.order(action, channel, violation_id, by))
        if self._carrier is not None:
            return self._carrier.able
        if deliveries:
            await asyncio.wait(deliveries, timeout=self._engine.limits.send_timeout)
        return taken(deliveries)

    def remark(self, remark: Remark) -> None:
        """Tell, once for each reason, of something odd in spite of which the call is listened to."""
        if remark.reason not in self._remarked:
            self._remarked.add(remark.reason)
            log.warning("call %s: %s", self.call.id, remark.detail)
            self.reporter.remark(remark)

    def _brings(self, socket: Socket, channel: str) -> bool:
        """Whether a channel comes from this socket: the latest of those that bring it."""
        return self._bringer(channel) is socket

    def _bringer(self, channel: str) -> Socket | None:
        # Asked for every frame.
        for socket in reversed(self._sockets):
            if channel in self._sockets[socket]:
                return socket
        return None

    def _note_displaced(self, socket: Socket, channel: str, now: float) -> None:
        """Tell supervisors, once, of a socket that goes on sending what is taken from another one since."""
        by, since = self._displaced.get(socket, (None, now))
        if by is not None and now - since >= STILL:
            del self._displaced[socket]
            self._metrics.displaced.inc()
            log.warning(
                "call %s: its %s comes from %s now, and %s still sends it",
                self.call.id,
                channel,
                by.address,
                socket.address,
            )
            self.reporter.displaced(channel, by.address, socket.address)

    async def _listen(self) -> None:
        """Wait until no socket brings the call, nor will."""
        while not (self._stopped and self._changed.is_set()):
            self._changed.clear()
            patience = None if self._sockets else self._engine.limits.rejoin_timeout
            try:
                async with asyncio.timeout(patience):
                    await self._changed.wait()
            except TimeoutError:
                return

    def _take(self, portions: Sequence[tuple[str, list[Processed]]]) -> None:
        for channel, processed in portions:
            self._tell(self.call.take(channel, processed))
        if self._engine.scheduler.relief >= Relief.CUSTOMERS:
            self._tell(self.call.relieve())
        if self.reporter.state(self.call, self._lag, time.monotonic(), muted=self.muted):
            self._count()
        self._submit()

    def _submit(self) -> None:
        if self.call.state is not CallState.OVER:
            now = time.monotonic()
            for turn in self.call.due(now):
                self._pend(self._recognize(turn))
            for channel, look in self.call.listens(now).items():
                self._pend(self._look(channel, look))
            for question in self.call.questions(now):
                self._pend(self._score(question))

    def _pend(self, work: Coroutine[object, object, None]) -> None:
        try:
            task = self._windows.create_task(work)
        except RuntimeError:
            # The call has failed, and takes no more work.
            work.close()
            return
        self._pending.add(task)
        task.add_done_callback(self._pending.discard)

    async def _recognize(self, turn: Turn) -> None:
        call = self.call
        window, heard = await self._engine.scheduler.recognize(turn)
        if window is None or heard is None:
            return
        if isinstance(heard, RecognitionFailed):
            self._tell(call.failed(window, heard.reason))
        else:
            self._lag = call.lag(window)
            came = time.perf_counter()
            self._tell(call.heard(window, heard), came)
            self._tell(call.reread(), time.perf_counter())
            self._metrics.lag.observe(self._lag)
            self.reporter.hide(call.hidden())
        self._count()
        self._submit()

    async def _look(self, channel: str, turn: SoundTurn[SoundLook]) -> None:
        look: SoundLook | None = None
        # Where it fails only this look is lost: the next one, and the text, hear the same seconds.
        with suppress(RecognitionFailed):
            _, look = await self._engine.scheduler.hear(turn)
        heard = time.perf_counter()
        self._tell(self.call.looked(channel, look), heard)
        self._submit()

    async def _score(self, question: Scoring) -> None:
        try:
            if not len(question.audio):
                raise RecognitionFailed("what was said is not held any more")
            likelihoods = await self._engine.scheduler.score(question)
        except RecognitionFailed:
            self._tell(self.call.unscored(question))
        else:
            weighed = time.perf_counter()
            self._tell(self.call.scored(question, likelihoods), weighed)
        self._submit()

    async def _drain(self) -> None:
        """Wait until what was said last is recognised, too."""
        try:
            async with asyncio.timeout(self._engine.limits.drain_timeout):
                await self._over.wait()
        except TimeoutError:
            self._tell(self.call.abandon("recognition fell behind"))
        for task in self._pending:
            task.cancel()

    async def _make_ready(self, carrier: Carrier) -> None:
        self._outcomes.ready(await carrier.ready())

    def _tell(self, events: Sequence[Outgoing], heard: float | None = None) -> list[asyncio.Future[Delivery]]:
        """Put events on their way to the platform and, right behind them, to supervisors. Waits for nobody.

        Args:
          heard: seconds of the performance counter at which the words came that the events answer.

        Returns:
          What is to come of each message.
        """
        deliveries: list[asyncio.Future[Delivery]] = []
        self.reporter.miss(events)
        for event in events:
            carrier = self._carrier if isinstance(event, Block | Unblock | Order) else None
            if carrier is not None and isinstance(event, Block | Unblock | Order):
                carrier.ask(event, time.monotonic() - (0.0 if heard is None else time.perf_counter() - heard))
            deliveries += self._out.send(event, heard, carried=carrier is not None)
            if isinstance(event, Stopped):
                self._over.set()
        if events:
            self._timer.set(self.call.lift)
        return deliveries

    def _lift(self) -> None:
        # A call that is over takes no more work; what is muted then, `aftermath` sees to.
        if self.call.state is not CallState.OVER:
            self._pend(self._send_lifted())

    async def _send_lifted(self) -> None:
        self._tell([*self.call.lifted(time.perf_counter())])

    def _count(self) -> None:
        """Bring the counters up to what the call has received, monitored and lost."""
        now = (self.call.received, self.call.monitored, self.call.blind)
        counters = (self._metrics.received, self._metrics.monitored, self._metrics.blind)
        for counter, before, after in zip(counters, self._counted, now, strict=True):
            counter.inc(max(0.0, after - before))
        self._counted = tuple(map(max, self._counted, now))

    def _abandon(self) -> None:
        """Listen no more, and tell what was not heard; a call in disorder may not even be able to."""
        if self.call.state is not CallState.OVER:
            try:
                self._tell(self.call.abandon("the call broke off"))
            except Exception:
                log.exception("call %s can't tell what was not heard of it", self.call.id)

    def _end(self) -> None:
        self._timer.cancel()
        self._abandon()
        self._out.tell_all()
        self._count()
        self._metrics.calls.labels(self.outcome, self._reason).inc()
        self.call.release()
        self._closed.set()


async def _fail(error: Exception) -> None:
    raise error
