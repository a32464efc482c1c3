"""What the journal says, summed up: calls and violations as they stand, for whoever searches them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, insert, select, update

from streamer.record.chain import canonical
from streamer.record.event import Event, read
from streamer.record.schema import calls, journal, scans, violations

SEVERITIES = ("review", "alert", "block")


def milliseconds(event: Event) -> int:
    """Give an event's time as it is stored: cut to the millisecond, as its text has it."""
    return round(event.at.replace(microsecond=event.at.microsecond // 1000 * 1000).timestamp() * 1000)


def project(connection: Connection, event: Event, position: int) -> None:
    """Bring calls and violations up to an event; events come in the order of the journal, each with its position."""
    fields = event.fields
    match event.type:
        case "call.started":
            connection.execute(insert(calls), _call(event, position))
            _supersede(connection, event)
        case "call.stopped":
            ended = {
                "ended_at": _moment(event, "ended_at"),
                "outcome": fields["outcome"],
                "duration": fields["duration"],
                "blind": fields["blind_seconds"],
                # An event of before calls were measured has no metrics.
                "missing": canonical({"missing": fields["missing"], "metrics": fields.get("metrics")}),
            }
            connection.execute(update(calls).where(calls.c.call == event.call).values(ended))
        case "violation":
            _violation(connection, event, position)
        case "block":
            late = fields["audio_received"] - fields["audio_end"]
            _set(connection, event, action=fields["action"], late=late, block=canonical(fields), lifted=False)
        case "block.result" if fields["action"] != "unmute":
            _set(connection, event, outcome=fields["outcome"])
        case "unblock":
            _set(connection, event, lifted=True)
        case "review":
            judged = {"verdict": fields["verdict"], "verdict_by": fields["by"], "verdict_reason": fields["reason"]}
            _set(connection, event, **judged)
        case "evidence":
            # None where it says why there is no clip.
            _set(connection, event, evidence=fields.get("sha256", "") is not None)
        case "scan":
            connection.execute(insert(scans), _scan(event, position))


def _call(event: Event, position: int) -> dict[str, Any]:
    return {
        "call": event.call,
        "position": position,
        "call_id": event.call_id,
        "agent": event.agent,
        "started_at": _moment(event, "started_at"),
        "duration": 0.0,
        "blind": 0.0,
        "violations": 0,
        "body": canonical(event.fields),
        "missing": canonical({"missing": []}),
        "scan": event.fields.get("scan"),
        "recording": event.fields.get("recording"),
        "superseded": False,
    }


def _supersede(connection: Connection, event: Event) -> None:
    """Of the calls of one recording, the last counts."""
    recording = event.fields.get("recording")
    if recording is None:
        return
    before = select(calls.c.call).where(calls.c.recording == recording, calls.c.call != event.call)
    names = connection.scalars(before).all()
    for table in (calls, violations):
        connection.execute(update(table).where(table.c.call.in_(names)).values(superseded=True))


def _scan(event: Event, position: int) -> dict[str, Any]:
    began = _moment(event, "began")
    return {"scan": event.fields["scan"], "position": position, "began": began, "body": canonical(event.fields)}


def _moment(event: Event, name: str) -> int:
    """Give when it was, in milliseconds: an event that tells of a recording says so in a field of its own."""
    told = event.fields.get(name)
    return milliseconds(event) if told is None else round(read(told).timestamp() * 1000)


def _violation(connection: Connection, event: Event, position: int) -> None:
    fields = event.fields
    now = {
        **{name: fields[name] for name in ("rule_id", "category", "severity", "status", "term", "heard", "text")},
        "body": canonical(fields),
    }
    if fields["status"] in {"fired", "confirmed"}:
        now["fired"] = True
    changed = connection.execute(update(violations).where(_is(event)).values(now))
    if not changed.rowcount:
        first = {
            "call": event.call,
            "violation_id": fields["violation_id"],
            "position": position,
            "at": _moment(event, "said_at"),
            "call_id": event.call_id,
            "agent": event.agent,
            "fired": False,
            "lifted": False,
            "evidence": False,
            "scan": fields.get("scan"),
            "superseded": False,
            **_judged_before(connection, event),
        }
        connection.execute(insert(violations), first | now)
        _catch_up(connection, event, position)
    _count(connection, event)


def _judged_before(connection: Connection, event: Event) -> dict[str, Any]:
    """Give what people said of the same violation when the same recording was heard before: it sounds as it did."""
    fields = event.fields
    if fields.get("scan") is None:
        return {}
    recording = select(calls.c.recording).where(calls.c.call == event.call).scalar_subquery()
    query = (
        select(violations)
        .join(calls, calls.c.call == violations.c.call)
        .where(calls.c.recording == recording, violations.c.rule_id == fields["rule_id"])
        .where(violations.c.verdict.is_not(None))
        .order_by(violations.c.position.desc())
    )
    for row in connection.execute(query).all():
        told = json.loads(row.body)
        if told["channel"] == fields["channel"] and told["start"] < fields["end"] and fields["start"] < told["end"]:
            return {name: getattr(row, name) for name in ("verdict", "verdict_by", "verdict_reason")}
    return {}


def _catch_up(connection: Connection, event: Event, position: int) -> None:
    """Take in what was done about a violation before it was told of: a signal goes out before its report."""
    before = (
        select(journal.c.body)
        .where(journal.c.call == event.call, journal.c.violation_id == event.fields["violation_id"])
        .where(journal.c.type != "violation")
        .order_by(journal.c.position)
    )
    for body in connection.scalars(before).all():
        project(connection, Event.from_json(json.loads(body)), position)


def _count(connection: Connection, event: Event) -> None:
    """Sum up a call's violations: those that were fired, and stand."""
    standing = select(violations.c.severity).where(
        violations.c.call == event.call, violations.c.fired, violations.c.status != "retracted"
    )
    severities = list(connection.scalars(standing))
    worst = max(severities, key=SEVERITIES.index, default=None)
    summed = {"violations": len(severities), "worst": worst}
    connection.execute(update(calls).where(calls.c.call == event.call).values(summed))


def _set(connection: Connection, event: Event, **values: Any) -> None:
    connection.execute(update(violations).where(_is(event)).values(values))


def _is(event: Event) -> ColumnElement[bool]:
    return and_(violations.c.call == event.call, violations.c.violation_id == event.fields["violation_id"])
