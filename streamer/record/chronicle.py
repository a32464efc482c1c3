"""A call in the words of the alert feed: what the platform is told becomes events. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streamer import wire
from streamer.call import CUSTOMER, POLICY
from streamer.types import (
    Blind,
    Block,
    CallStarted,
    Order,
    Outgoing,
    Started,
    Stopped,
    Transcript,
    Unblock,
    ViolationReport,
)

AROUND = 80
"""Characters of what was said before that stand with a violation."""

Told = tuple[str, dict[str, Any]]
"""An event's type and its own fields, as `docs/feed.md` has them."""


class Chronicle:
    """Tells one call's events.

    Args:
      started: how the platform announced the call.
      metadata: of the call, with what must not be kept masked.
      greeting: what the call is answered with.
      language: the one that is recognised.
      gateway: the service that listens.
      alerts: whether supervisors are to be called when something was not monitored.
    """

    def __init__(
        self,
        started: CallStarted,
        greeting: Started,
        *,
        language: str,
        metadata: Mapping[str, Any],
        gateway: str,
        alerts: bool = True,
    ) -> None:
        self._alerts = alerts
        self._started = started
        self._greeting = greeting
        self._language = language
        self._metadata = metadata
        self._gateway = gateway
        self._said = dict.fromkeys(started.channels, "")
        self._saying = dict.fromkeys(started.channels, "")
        self._summary: Stopped | None = None

    def begin(self) -> Told:
        """Tell of the call's start."""
        return "call.started", {
            "gateway": self._gateway,
            "platform": self._started.platform,
            "language": self._language,
            "channels": list(self._started.channels),
            "metadata": dict(self._metadata),
            "model": self._greeting.model,
            "lexicon_version": self._greeting.lexicon_version,
        }

    def note(self, event: Outgoing, *, delivered: bool | None, took: float) -> list[Told]:
        """Tell of what the platform was told.

        Args:
          delivered: whether it took the message; None where that is not known yet, or its control port is asked.
          took: seconds until it had.
        """
        told = wire.fields(event)
        match event:
            case Transcript():
                self._hear(event)
            case ViolationReport(violation):
                told["say_instead"] = violation.say_instead
                told["text"] = self._said[violation.channel] + self._saying[violation.channel]
                told["lexicon_version"] = self._greeting.lexicon_version
            case Block() | Unblock():
                told["by"] = POLICY
            case Blind():
                told["alert"] = self._alerts and event.channel != CUSTOMER
            case Stopped():
                self._summary = event
                return []
        # Whoever took a supervisor's order has told of it; that it lifts a block follows from it.
        ordered = isinstance(event, Order) and event.action != "unmute"
        events = [] if ordered else [(wire.kind(event), told)]
        if "action" in told and delivered is not None:
            events.append(delivery(told["violation_id"], told["action"], taken=delivered, took=took))
        return events

    def end(self, outcome: str, *, duration: float, blind: float) -> Told:
        """Tell of the call's end, by the account that it gave of itself or, where it gave none, by what is known."""
        summary = self._summary or Stopped(duration, 0, (), blind)
        return "call.stopped", {"outcome": outcome, **wire.fields(summary)}

    def _hear(self, event: Transcript) -> None:
        channel = event.channel
        if event.committed:
            self._said[channel] = _joined(self._said[channel], event.text)[-AROUND:]
            self._saying[channel] = ""
        else:
            self._saying[channel] = _joined(self._said[channel], event.text)[len(self._said[channel]) :]


def delivery(violation_id: str, action: str, *, taken: bool, took: float) -> Told:
    """Tell whether the platform took a signal on the call's socket."""
    outcome, detail = ("delivered", "") if taken else ("undelivered", "the platform did not take the message")
    return result(violation_id, action, outcome, detail, took=took)


def result(
    violation_id: str, action: str, outcome: str, detail: str, *, took: float | None, sent: float | None = None
) -> Told:
    """Tell what came of a signal.

    Args:
      took: seconds until that was known, where the platform was asked at all.
      sent: seconds until the request had left, where there was one.
    """
    return "block.result", {
        "violation_id": violation_id,
        "action": action,
        "outcome": outcome,
        "detail": detail,
        "took_ms": None if took is None else round(took * 1000, 3),
        "sent_ms": None if sent is None else round(sent * 1000, 3),
    }


def _joined(said: str, more: str) -> str:
    """Join texts as they are written: English words with a space between them."""
    spaced = said and more and said[-1].isascii() and more[0].isascii() and more[0].isalnum()
    return f"{said} {more}" if spaced else said + more
