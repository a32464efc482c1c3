"""What came of a call's signals on its platform's control port: counted, told to supervisors, and logged."""

from __future__ import annotations

import logging

from streamer.control.carrier import Carried
from streamer.control.port import Answer, Outcome
from streamer.metrics import Metrics
from streamer.reporter import Reporter

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
    """

    def __init__(self, call: str, platform: str, metrics: Metrics, reporter: Reporter) -> None:
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
            attempt=carried.attempt,
        )

    def left(self, name: str, channel: str) -> None:
        """A leg may be mute for good at the platform: nobody listens any more who would lift it.

        Args:
          name: the violation or the order that muted it.
        """
        log.warning("call %s is over for us, and its %s may still be mute", self._call, channel)
        detail = LEFT.format(leg=channel)
        self._reporter.carried(name, "unmute", Outcome.UNSUPPORTED, detail, sent=None, took=None)
