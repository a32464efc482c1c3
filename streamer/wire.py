"""What is told of a call, as JSON has it: on the platform's socket, and on the alert feed. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from streamer.errors import ProtocolError
from streamer.types import Blind, Block, Order, Outgoing, Started, Stopped, Transcript, Unblock, ViolationReport


def kind(event: Outgoing) -> str:
    """Give the message's type."""
    match event:
        case ViolationReport():
            return "violation"
        case Order(action=action):
            return "unblock" if action == "unmute" else "block"
        case _:
            return type(event).__name__.lower()


def mistake(error: ProtocolError) -> dict[str, Any]:
    """Give what is said of a peer's mistake."""
    return {"code": error.code, "message": error.message, "field": error.field}


def fields(event: Outgoing) -> dict[str, Any]:
    """Give what the message says."""
    match event:
        case Started() | Transcript() | Unblock():
            return _rounded(asdict(event))
        case ViolationReport(v):
            return {
                "violation_id": v.id,
                "status": v.status,
                "rule_id": v.rule_id,
                "category": v.category,
                "severity": v.severity,
                "term": v.term,
                "heard": v.heard,
                "match": v.match,
                "confidence": v.confidence,
                "channel": v.channel,
                **_rounded({"start": v.start, "end": v.end}),
            }
        case Block(v, action, received, delay):
            return {
                "violation_id": v.id,
                "action": action,
                "channel": v.channel,
                "rule_id": v.rule_id,
                "term": v.term,
                **_rounded({"audio_end": v.end, "audio_received": received, "match_to_signal_ms": delay}),
                "say_instead": v.say_instead,
            }
        case Order():
            return _ordered(event)
        case Blind(channel, start, end, reason):
            return {"channel": channel, **_rounded({"from": start, "to": end}), "reason": reason}
        case Stopped(duration, violations, missing, blind, metrics, legs):
            return {
                **_rounded({"duration": duration}),
                "violations": violations,
                "missing": [asdict(disclosure) for disclosure in missing],
                **_rounded({"blind_seconds": blind}),
                "legs": {name: _rounded(asdict(account)) for name, account in legs.items()},
                "metrics": None if metrics is None else metrics.to_json(),
            }


def _ordered(order: Order) -> dict[str, Any]:
    named = {"violation_id": order.violation_id or order.id}
    if order.action == "unmute":
        return {**named, "reason": "lifted by a supervisor", "by": order.by}
    return {**named, "action": order.action, "channel": order.channel, "by": order.by}


def _rounded(fields: dict[str, Any]) -> dict[str, Any]:
    """Round seconds and milliseconds to three digits: a sample at 8 kHz is an eighth of a millisecond."""
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in fields.items()}
