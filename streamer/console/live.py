"""The calls that go on, and what was said in them, from their events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from streamer.record.event import Event, written
from streamer.said import Said

REMEMBERED = 300.0
"""Seconds for which an ended call's text is kept."""
SEVERITIES = ("review", "alert", "block")


@dataclass(slots=True)
class _Call:
    item: dict[str, Any]
    said: Said = field(default_factory=Said)
    fired: dict[str, str] = field(default_factory=dict)
    ended: float | None = None


class LiveCalls:
    """What the feed greets with: calls as `GET /v1/calls` has them, and their text so far."""

    def __init__(self) -> None:
        self._calls: dict[str, _Call] = {}

    def take(self, event: Event) -> None:
        """Take in an event, in the order of the feed."""
        if event.call is None:
            return
        if event.type == "call.started":
            self._forget(event.at.timestamp())
            self._calls[event.call] = _Call(_item(event))
        elif (call := self._calls.get(event.call)) is not None:
            _apply(call, event)

    def take_up(self, events: Iterable[Event]) -> None:
        """Take in what the journal knows of a call, unless it is known already; it doesn't know what was said."""
        known = set(self._calls)
        for event in events:
            if event.call not in known:
                self.take(event)
                if event.type == "call.started" and event.call is not None:
                    self._calls[event.call].said.complete = False

    def recall(self, name: str, said: Mapping[str, Any]) -> None:
        """Take in what was said in a call before it was taken up, as `Said.to_json` gives it."""
        if (call := self._calls.get(name)) is not None and not call.said.complete:
            call.said.precede(said)

    def items(self) -> list[dict[str, Any]]:
        """Give the calls that go on, the longest first."""
        return [dict(call.item) for call in self._calls.values() if call.ended is None]

    def item(self, name: str) -> dict[str, Any] | None:
        """Give a call, if it goes on."""
        call = self._calls.get(name)
        return dict(call.item) if call is not None and call.ended is None else None

    def snapshot(self, name: str) -> dict[str, Any]:
        """Give what was said in a call so far, as far as it is still known."""
        call = self._calls.get(name)
        said = Said(complete=False) if call is None else call.said
        return {
            "type": "transcript.snapshot",
            "call": name,
            "committed": said.committed,
            "tentative": dict(said.tentative),
            "complete": said.complete,
        }

    def _forget(self, now: float) -> None:
        """Forget the calls that ended long ago."""
        old = [name for name, call in self._calls.items() if call.ended is not None and call.ended < now - REMEMBERED]
        for name in old:
            del self._calls[name]


def _item(event: Event) -> dict[str, Any]:
    return {
        "call": event.call,
        "call_id": event.call_id,
        "agent": event.agent,
        **event.fields,
        "started_at": written(event.at),
        "ended_at": None,
        "outcome": None,
        "duration": 0.0,
        "monitored": 0.0,
        "blind": 0.0,
        "lag": 0.0,
        "muted": False,
        "violations": 0,
        "worst": None,
        "missing": [],
        "metrics": None,
    }


def _apply(call: _Call, event: Event) -> None:
    fields = event.fields
    match event.type:
        case "call.state":
            call.item |= fields
        case "transcript":
            call.said.take(event)
        case "violation":
            _judge(call, fields["violation_id"], fields["status"], fields["severity"])
        case "call.stopped":
            call.ended = event.at.timestamp()


def _judge(call: _Call, violation_id: str, status: str, severity: str) -> None:
    if status == "fired":
        call.fired[violation_id] = severity
    elif status == "retracted":
        call.fired.pop(violation_id, None)
    call.item["violations"] = len(call.fired)
    call.item["worst"] = max(call.fired.values(), key=SEVERITIES.index, default=None)
