"""What came of a call's signals on its platform's control port: counted, told to supervisors, and logged."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from math import inf, isfinite
from typing import Any

from detector.masking import mask_json
from detector.types import Action
from streamer.control.carrier import UNMUTE, Carried
from streamer.control.mutes import DONE
from streamer.control.port import Answer, Outcome
from streamer.metrics import Metrics
from streamer.record.event import written
from streamer.reporter import Results

log = logging.getLogger(__name__)

UNDONE = frozenset({Outcome.UNSUPPORTED, Outcome.FAILED})
LEFT = (
    "the platform's audio has ended while the {leg} was muted, with nothing to lift that, and the platform does not say"
    " that the {leg}'s leg is gone: see whether it is muted there still"
)


class Outcomes:
    """Takes answers in.

    Args:
      call: the platform's name for it.
      platform: which one it is.
      lifts_at: second of the performance counter at which what a violation or an order muted is lifted; infinite for
        never.
    """

    def __init__(
        self,
        call: str,
        platform: str,
        metrics: Metrics,
        reporter: Results,
        lifts_at: Callable[[str], float] = lambda _: inf,
    ) -> None:
        self._lifts_at = lifts_at
        self._call = call
        self._platform = platform
        self._metrics = metrics
        self._reporter = reporter

    def ready(self, answer: Answer) -> None:
        """Say at once, as the call begins, if nothing could be done about it."""
        self._metrics.carried.labels(self._platform, "ready", answer.outcome).inc()
        if answer.outcome in UNDONE:
            log.warning("call %s could not be blocked: %s", self._call, answer.detail)
            self._reporter.uncontrolled(self._platform, answer.detail)

    def carried(self, carried: Carried) -> None:
        """Take in what came of a signal."""
        answer, platform = carried.answer, self._platform
        self._metrics.carried.labels(platform, carried.action, answer.outcome).inc()
        again = carried.attempt > 1
        if answer.outcome in UNDONE:
            # What fails again is the same block.
            self._metrics.undelivered.inc(not again)
            log.error("call %s: %s was not carried out: %s", self._call, carried.action, answer.detail)
        if again:
            log.warning("call %s: try %d of %s: %s", self._call, carried.attempt, carried.action, answer.outcome)
        elif carried.sent is not None:
            self._metrics.match_to_request.labels(platform).observe(carried.sent)
        if not again and carried.took is not None and answer.outcome is Outcome.CONFIRMED:
            self._metrics.match_to_confirmed.labels(platform).observe(carried.took)
        self._reporter.carried(
            carried.violation_id,
            carried.action,
            answer.outcome,
            answer.detail,
            sent=carried.sent,
            took=carried.took,
            more=self._more(carried),
        )

    def _more(self, carried: Carried) -> dict[str, Any]:
        """Say of a mute what a service after this one has to know to lift it, should this one die before."""
        more: dict[str, Any] = {"attempt": carried.attempt} if carried.attempt > 1 else {}
        if carried.action in {Action.MUTE, UNMUTE}:
            more["channel"] = carried.channel
        if carried.action == Action.MUTE and carried.answer.outcome in DONE:
            left = self._lifts_at(carried.violation_id) - time.perf_counter()
            until = written(datetime.fromtimestamp(time.time() + left, UTC)) if isfinite(left) else None
            # A name that holds somebody's number is not kept; who needs it is told that it is not known.
            names = {what: name for what, name in carried.names.items() if mask_json(name) == name}
            more |= {"until": until, "names": names}
        return more

    def left(self, name: str, channel: str) -> None:
        """A leg may be mute for good at the platform: nobody listens any more who would lift it.

        Args:
          name: the violation or the order that muted it.
        """
        log.warning("call %s is over for us, and its %s may still be mute", self._call, channel)
        detail = LEFT.format(leg=channel)
        more = {"channel": channel}
        self._reporter.carried(name, UNMUTE, Outcome.UNSUPPORTED, detail, sent=None, took=None, more=more)
