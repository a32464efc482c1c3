"""One call on one socket: the edge where time and sockets meet the pure `Call`."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from detector.types import Status
from streamer.call import Call, CallState
from streamer.dialects.events import Failed, Incoming
from streamer.errors import InternalError, ProtocolError, RecognitionFailed, StartTimeout, TooFast
from streamer.limits import TokenBucket
from streamer.metrics import Metrics
from streamer.recognition.load import Relief
from streamer.recognition.recognizer import Scoring, Turn
from streamer.recognition.scheduler import Scheduler
from streamer.reporter import Reporter
from streamer.settings import Limits
from streamer.types import (
    AudioFrame,
    Block,
    CallStarted,
    CallStopped,
    Outgoing,
    SignIn,
    Started,
    Stopped,
    Transcript,
    ViolationReport,
)

log = logging.getLogger(__name__)


class Dialect(Protocol):
    """A platform's protocol, as a machine without sockets: messages in, events out, and back."""

    def receive_text(self, message: str) -> list[Incoming]: ...

    def receive_binary(self, message: bytes) -> list[Incoming]: ...

    def connection_lost(self) -> list[Incoming]: ...

    def send(self, event: Outgoing) -> str: ...

    def send_error(self, error: ProtocolError) -> str: ...


@dataclass(frozen=True, slots=True)
class Answered:
    """A call that has begun, what the platform is told of it, and who tells supervisors."""

    call: Call
    greeting: Started
    reporter: Reporter


class Answering(Protocol):
    """Who takes calls."""

    metrics: Metrics
    scheduler: Scheduler
    limits: Limits

    def answer(self, started: CallStarted, session: Session) -> Answered:
        """Begin a call, or raise the `ProtocolError` that refuses it."""
        ...

    def hung_up(self, call: Call, reporter: Reporter, outcome: str) -> None:
        """A call that was answered is over."""
        ...


class Session:
    """Listens to one socket until its call is over. Whatever goes wrong in it ends this call alone.

    Args:
      connection: the platform's socket, its handshake done.
      dialect: the platform's protocol.
      service: answers the call.
      token: that the socket was asked for with.
    """

    def __init__(
        self, connection: ServerConnection, dialect: Dialect, service: Answering, token: str | None = None
    ) -> None:
        self.token = token
        self._connection = connection
        self._dialect = dialect
        self._service = service
        self._metrics = service.metrics
        self._limits = service.limits
        self._messages = TokenBucket(self._limits.message_rate, self._limits.message_burst)
        self._audio = TokenBucket(self._limits.audio_rate, self._limits.audio_burst)
        self._call: Call | None = None
        self._windows = asyncio.TaskGroup()
        self._pending: set[asyncio.Task[None]] = set()
        self._format: CallStarted
        self._reporter: Reporter
        self._lag = 0.0
        self._over = asyncio.Event()
        self._counted: tuple[float, ...] = (0.0, 0.0, 0.0)

    async def run(self) -> None:
        """Take the call from its first message to its last."""
        outcome, refusal = "failed", None
        try:
            async with self._windows:
                await self._listen()
                await self._drain()
            outcome = "completed"
        except* ProtocolError as refusals:
            outcome, refusal = "refused", _first(refusals)
        except* Exception as crash:
            refusal = InternalError()
            log.error("call %s failed", self._id, exc_info=crash)
        finally:
            self._end(outcome)
        if refusal is not None:
            await self._refuse(refusal)
        await self._connection.close()

    @property
    def address(self) -> str:
        """Where the platform is."""
        return address(self._connection)

    async def order(self, action: str, channel: str, violation_id: str | None, by: str) -> bool:
        """Ask the platform for what a supervisor wants; tell whether it took the message."""
        if self._call is None or self._call.state is CallState.OVER:
            return False
        return await self._send(self._call.order(action, channel, violation_id, by))

    async def _listen(self) -> None:
        """Take messages until the platform has said stop or gone.

        Raises:
          ProtocolError: the platform broke the protocol, or the call can't be taken.
        """
        try:
            async with asyncio.timeout(self._limits.start_timeout) as handshake:
                async for message in self._connection:
                    await self._receive(message)
                    if self._call is not None:
                        handshake.reschedule(None)
                        if self._call.state is not CallState.LISTENING:
                            return
                    # One message a turn: a burst on this socket holds up no other.
                    await asyncio.sleep(0)
        except TimeoutError:
            raise StartTimeout(self._limits.start_timeout) from None
        except ConnectionClosed:
            log.warning("call %s: the connection broke off", self._id)
        for event in self._dialect.connection_lost():
            await self._take(event, time.monotonic())

    async def _receive(self, message: str | bytes) -> None:
        now = time.monotonic()
        if not self._messages.take(1, now):
            raise TooFast("messages", self._limits.message_rate)
        if isinstance(message, str):
            events = self._dialect.receive_text(message)
        else:
            events = self._dialect.receive_binary(message)
        for event in events:
            await self._take(event, now)

    async def _take(self, event: Incoming, now: float) -> None:
        match event:
            case SignIn(token):
                self.token = token
            case CallStarted():
                answered = self._service.answer(event, self)
                self._call, self._reporter, self._format = answered.call, answered.reporter, event
                await self._send([answered.greeting])
            case AudioFrame() if self._call is not None:
                if not self._audio.take(self._seconds(event), now):
                    raise TooFast("seconds of audio", self._limits.audio_rate)
                await self._send(self._call.receive(event))
                self._reporter.receive(event)
                self._reporter.state(self._call, self._lag, now)
            case CallStopped() if self._call is not None:
                await self._send(self._call.stop())
            case Failed(error):
                raise error
        await self._relieve()
        self._count()
        self._submit()

    def _seconds(self, frame: AudioFrame) -> float:
        """Tell the length of call audio that a frame adds, all channels counted once."""
        samples = len(frame.payload) / self._format.encoding.width
        return samples / self._format.sample_rate / len(self._format.channels)

    async def _relieve(self) -> None:
        if self._call is not None and self._service.scheduler.relief >= Relief.CUSTOMERS:
            await self._send(self._call.relieve())

    def _submit(self) -> None:
        if self._call is not None and self._call.state is not CallState.OVER:
            now = time.monotonic()
            work = [self._recognize(self._call, turn) for turn in self._call.due(now)]
            work += [self._score(self._call, question) for question in self._call.questions(now)]
            for one in work:
                task = self._windows.create_task(one)
                self._pending.add(task)
                task.add_done_callback(self._pending.discard)

    async def _recognize(self, call: Call, turn: Turn) -> None:
        window, hypothesis = await self._service.scheduler.recognize(turn)
        if window is None:
            return
        if hypothesis is None:
            await self._send(call.failed(window))
        else:
            self._lag = call.lag(window)
            heard = time.perf_counter()
            await self._send(call.heard(window, hypothesis), heard)
            await self._send(call.reread(), time.perf_counter())
            self._metrics.lag.observe(self._lag)
            self._reporter.hide(call.hidden())
        self._count()
        self._submit()

    async def _score(self, call: Call, question: Scoring) -> None:
        try:
            if not len(question.audio):
                raise RecognitionFailed("what was said is not held any more")
            likelihoods = await self._service.scheduler.score(question)
        except RecognitionFailed:
            await self._send(call.unscored(question))
        else:
            weighed = time.perf_counter()
            await self._send(call.scored(question, likelihoods), weighed)
        self._submit()

    async def _drain(self) -> None:
        """Wait until what was said last is recognised, too."""
        if self._call is None:
            return
        try:
            async with asyncio.timeout(self._limits.drain_timeout):
                await self._over.wait()
        except TimeoutError:
            for task in self._pending:
                task.cancel()
            await self._send(self._call.abandon("recognition fell behind"))

    async def _send(self, events: list[Outgoing], heard: float | None = None) -> bool:
        """Tell the platform, in order, and then supervisors.

        Args:
          heard: seconds of the performance counter at which the words came that the events answer.

        Returns:
          whether the platform took everything.
        """
        complete = True
        for event in events:
            began = time.perf_counter()
            # The platform is sent the text only where it wants it.
            unwanted = isinstance(event, Transcript) and not self._format.transcripts
            delivered = unwanted or await self._deliver(self._dialect.send(event))
            complete = complete and delivered
            match event:
                case Block():
                    if not delivered:
                        self._metrics.undelivered.inc()
                        log.error(
                            "call %s: the platform did not take the block for %s",
                            self._id,
                            event.violation.rule_id,
                        )
                    elif heard is not None:
                        self._metrics.match_to_signal.observe(time.perf_counter() - heard)
                case ViolationReport(violation) if violation.status is Status.FIRED:
                    self._metrics.count_violation(violation)
                case Stopped():
                    self._over.set()
            self._reporter.told(event, delivered=delivered, took=time.perf_counter() - began)
        return complete

    async def _deliver(self, message: str) -> bool:
        try:
            async with asyncio.timeout(self._limits.send_timeout):
                await self._connection.send(message)
        except ConnectionClosed:
            return False
        except TimeoutError:
            # A platform that reads nothing can't be blocked, nor told so.
            self._connection.transport.abort()
            return False
        return True

    async def _refuse(self, error: ProtocolError) -> None:
        log.warning("call %s refused: %s", self._id, error)
        await self._deliver(self._dialect.send_error(error))
        await self._connection.close(error.close_code, error.code)

    @property
    def _id(self) -> str:
        return self._call.id if self._call is not None else "(not begun)"

    def _count(self) -> None:
        """Bring the counters up to what the call has received, monitored and lost."""
        if self._call is None:
            return
        now = (self._call.received, self._call.monitored, self._call.blind)
        counters = (self._metrics.received, self._metrics.monitored, self._metrics.blind)
        for counter, before, after in zip(counters, self._counted, now, strict=True):
            counter.inc(max(0.0, after - before))
        self._counted = tuple(map(max, self._counted, now))

    def _end(self, outcome: str) -> None:
        if self._call is None:
            return
        if self._call.state is not CallState.OVER:
            self._call.abandon("the call broke off")
        self._count()
        self._service.hung_up(self._call, self._reporter, outcome)
        self._metrics.calls.labels(outcome).inc()


def address(connection: ServerConnection) -> str:
    """Tell a peer's address, without its port."""
    # A transport forgets it when it closes.
    return str((connection.remote_address or ("gone",))[0])


def _first(group: BaseExceptionGroup[ProtocolError]) -> ProtocolError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
