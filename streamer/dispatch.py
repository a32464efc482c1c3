"""One call's outgoing queue: each event to every socket and, right behind it, to supervisors, in one order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from detector.types import Status
from streamer.metrics import Metrics
from streamer.reporter import Reporter
from streamer.sending import Delivery, Recipient, SendQueue
from streamer.types import Block, CallStarted, Order, Outgoing, Started, Transcript, ViolationReport

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Sent:
    """An event on its way.

    Attributes:
      carried: whether the platform's control port carries it out.
      began: second of the performance counter at which it was put on its way.
      heard: the same of the words that it answers.
      deliveries: its message to each socket.
    """

    event: Outgoing
    carried: bool
    began: float
    heard: float | None
    deliveries: Sequence[asyncio.Future[Delivery]]

    @property
    def arrived(self) -> bool:
        """Whether it is known of every socket whether it took the message."""
        return all(one.done() for one in self.deliveries)

    @property
    def took(self) -> float:
        """Seconds until the last of the sockets that took it by now had taken it."""
        return max((one.result().at for one in self.deliveries if one.done()), default=self.began) - self.began


class Dispatch:
    """Sends a call's events. Nobody waits for a socket: not the call, nor its control port, nor another socket.

    Supervisors are told of an event once the sockets have had their turn, and in the order in which it came. Where a
    socket is slow, they are told of a signal at once, and what came of it when that is known.

    Args:
      started: how the call was announced.
      patience: seconds that a socket which leaves, or the call's end, has for what still waits.
    """

    def __init__(self, started: CallStarted, patience: float, metrics: Metrics, reporter: Reporter) -> None:
        self._call = started.call_id
        self._transcripts = started.transcripts
        self._patience = patience
        self._metrics = metrics
        self._reporter = reporter
        self._queues: dict[Recipient, SendQueue] = {}
        self._untold: deque[_Sent] = deque()
        self._slow: list[_Sent] = []

    def join(self, socket: Recipient, greeting: Started) -> None:
        """Send to a socket, too, from here on; the first that it gets is the greeting."""
        self._queues[socket] = SendQueue(socket, self._metrics.dropped.inc)
        self._queues[socket].put(greeting)

    async def leave(self, socket: Recipient) -> None:
        """Send a socket what waits for it, and nothing any more."""
        queue = self._queues.pop(socket, None)
        if queue is not None:
            await queue.close(self._patience)

    async def close(self) -> None:
        """Send all that waits, and nothing any more; returns when supervisors are told of it, too."""
        await asyncio.gather(*map(self.leave, [*self._queues]))
        self.tell_all()

    def tell_all(self) -> None:
        """Tell supervisors of all that they are yet to be told of, at once."""
        while self._untold:
            self._report()
        self._report_slow()

    def send(self, event: Outgoing, heard: float | None, *, carried: bool) -> list[asyncio.Future[Delivery]]:
        """Put an event on its way.

        Args:
          heard: second of the performance counter at which the words came that it answers.
          carried: whether the platform's control port carries it out; its sockets are told of it all the same.

        Returns:
          What is to come of the message to each socket.
        """
        began = time.perf_counter()
        wanted = self._transcripts or not isinstance(event, Transcript)
        deliveries = [queue.put(event) for queue in self._queues.values()] if wanted else []
        self._untold.append(_Sent(event, carried, began, heard, deliveries))
        # After the sockets' turn: what supervisors are told holds up no block.
        asyncio.get_running_loop().call_soon(self._report)
        return deliveries

    def _report(self) -> None:
        """Tell of the next event; one a turn, so that none is told before its sockets had theirs."""
        if self._untold:
            try:
                self._report_one(self._untold.popleft())
            except Exception:
                # The events behind it are no less worth telling.
                log.exception("call %s: an event could not be told", self._call)

    def _report_one(self, sent: _Sent) -> None:
        event = sent.event
        if isinstance(event, ViolationReport) and event.violation.status is Status.FIRED:
            self._metrics.count_violation(event.violation)
        if sent.carried or not isinstance(event, Block | Order):
            self._observe(sent)
            self._reporter.told(event, delivered=None, took=sent.took)
        elif sent.arrived:
            self._count(sent)
            self._reporter.told(event, delivered=taken(sent.deliveries), took=sent.took)
        else:
            self._slow.append(sent)
            for one in sent.deliveries:
                one.add_done_callback(lambda _: self._report_slow())
            self._reporter.told(event, delivered=None, took=sent.took)

    def _report_slow(self) -> None:
        """Tell what came of signals that slow sockets have taken by now."""
        slow, self._slow = self._slow, []
        for sent in slow:
            event = sent.event
            if not sent.arrived:
                self._slow.append(sent)
            elif isinstance(event, Block | Order):
                self._count(sent)
                name = event.violation.id if isinstance(event, Block) else event.violation_id or event.id
                self._reporter.delivered(name, event.action, taken=taken(sent.deliveries), took=sent.took)

    def _count(self, sent: _Sent) -> None:
        if taken(sent.deliveries):
            self._observe(sent)
        elif isinstance(sent.event, Block):
            self._metrics.undelivered.inc()
            rule = sent.event.violation.rule_id
            log.error("call %s: the platform did not take the block for %s", self._call, rule)

    def _observe(self, sent: _Sent) -> None:
        if isinstance(sent.event, Block) and sent.heard is not None:
            self._metrics.match_to_signal.observe(sent.began + sent.took - sent.heard)


def taken(deliveries: Iterable[asyncio.Future[Delivery]]) -> bool:
    """Whether the platform took a message on every socket that has a word for it; false where there is no socket."""
    results = [one.result().taken if one.done() else False for one in deliveries]
    return bool(results) and False not in results
