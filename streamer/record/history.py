"""What happened, for whoever looks it up: calls and violations, newest first, page by page."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Engine, Select, Table, select
from sqlalchemy.engine import Row
from sqlalchemy.exc import SQLAlchemyError

from streamer.dialects.metadata import bounded, too_deep
from streamer.record import database
from streamer.record.event import written
from streamer.record.journal import JournalUnavailable
from streamer.record.schema import calls, journal, scans, violations

EVENTS = 2000
"""Events of one call that are given at most, the last ones."""
_PLACE = re.compile(r"(-?[0-9]{1,18})\.(-?[0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls: those that all that is given holds for.

    Attributes:
      live: whether it goes on, as far as the journal knows.
      start, end: when it began.
      source: `live`, heard while it was made; `scan`, a recording.
      scan: the one that it is from. Only where it is named are there calls whose recording was heard again since.
    """

    live: bool | None = None
    agent: str | None = None
    call_id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    source: str | None = None
    scan: str | None = None


@dataclass(frozen=True, slots=True)
class ViolationFilter:
    """Which violations: those that all that is given holds for.

    Attributes:
      verdict: as people judged; `none` for those that nobody has.
      q: somewhere in what was said, or in the term; without regard to case.
      start, end: when it was told; in a recording, when it was said.
      source, scan: of its call; of those whose recording was heard again since there are only those of a scan, or a
        call, that is named.
    """

    rule: str | None = None
    category: str | None = None
    severity: str | None = None
    status: str | None = None
    verdict: str | None = None
    agent: str | None = None
    call: str | None = None
    q: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    source: str | None = None
    scan: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Some of what was asked for; `next` asks for what follows, None where nothing does."""

    items: list[dict[str, Any]]
    next: str | None


class History:
    """Reads what the journal says, summed up. Safe to use from several threads; all of it may raise
    `JournalUnavailable`.

    Args:
      engine: as `database.open_` gives it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def calls(self, wanted: CallFilter, *, limit: int, before: str | None = None) -> Page:
        """Give calls, the newest first.

        Raises:
          ValueError: `before` is no page's `next`.
        """
        query = select(calls)
        if wanted.live is not None:
            query = query.where(calls.c.ended_at.is_(None) if wanted.live else calls.c.ended_at.is_not(None))
        if wanted.agent is not None:
            query = query.where(calls.c.agent == wanted.agent)
        if wanted.call_id is not None:
            query = query.where(calls.c.call_id == wanted.call_id)
        query = query.where(*from_source(calls, wanted.source, wanted.scan))
        if wanted.scan is None:
            query = query.where(counts(calls))
        query = _between(query, calls.c.started_at, wanted.start, wanted.end)
        return self._page(query, calls, "started_at", limit, before, _call)

    def call(self, name: str) -> dict[str, Any] | None:
        """Give a call with its events, if there is one."""
        found = self._rows(select(calls).where(calls.c.call == name))
        return {**_call(found[0]), "events": self._events(name)} if found else None

    def left_open(self, gateway: str) -> list[dict[str, Any]]:
        """Give a gateway's calls whose end nobody has told, with their events."""
        found = (_call(row) for row in self._rows(select(calls).where(calls.c.ended_at.is_(None))))
        return [{**call, "events": self._events(call["call"])} for call in found if call.get("gateway") == gateway]

    def violations(self, wanted: ViolationFilter, *, limit: int, before: str | None = None) -> Page:
        """Give violations that were fired, the newest first; mere candidates only where their status is asked for.

        Raises:
          ValueError: `before` is no page's `next`.
        """
        query = select(violations)
        if wanted.status is None:
            query = query.where(violations.c.fired)
        for name, value in (
            ("rule_id", wanted.rule),
            ("category", wanted.category),
            ("severity", wanted.severity),
            ("status", wanted.status),
            ("agent", wanted.agent),
            ("call", wanted.call),
        ):
            if value is not None:
                query = query.where(violations.c[name] == value)
        if wanted.verdict is not None:
            told = violations.c.verdict
            query = query.where(told.is_(None) if wanted.verdict == "none" else told == wanted.verdict)
        if wanted.q is not None:
            texts = (violations.c.text, violations.c.heard, violations.c.term)
            first, *others = (text.icontains(wanted.q, autoescape=True) for text in texts)
            for other in others:
                first |= other
            query = query.where(first)
        query = query.where(*from_source(violations, wanted.source, wanted.scan))
        if wanted.scan is None and wanted.call is None:
            query = query.where(counts(violations))
        query = _between(query, violations.c.at, wanted.start, wanted.end)
        return self._page(query, violations, "at", limit, before, _violation)

    def violation(self, call: str, violation_id: str) -> dict[str, Any] | None:
        """Give a violation with its events, if there is one."""
        here = (violations.c.call == call, violations.c.violation_id == violation_id)
        found = self._rows(select(violations).where(*here))
        return {**_violation(found[0]), "events": self._events(call, violation_id)} if found else None

    def without_evidence(self, call: str) -> frozenset[str] | None:
        """Name a call's violations of which no clip was ever kept; None where there is no such call."""
        if not self._rows(select(calls.c.call).where(calls.c.call == call)):
            return None
        query = select(violations.c.violation_id).where(violations.c.call == call, ~violations.c.evidence)
        return frozenset(row.violation_id for row in self._rows(query))

    def scans(self, *, limit: int, before: str | None = None) -> Page:
        """Give scans that have ended, the newest first.

        Raises:
          ValueError: `before` is no page's `next`.
        """
        return self._page(select(scans), scans, "began", limit, before, lambda row: json.loads(row.body))

    def access(self, *, limit: int, before: str | None = None) -> Page:
        """Give who came in, was refused, or was given a token, the newest first.

        Raises:
          ValueError: `before` is no page's `next`.
        """
        return self._about_no_call("access", limit, before)

    def refused(self, *, limit: int, before: str | None = None) -> Page:
        """Give the calls that were offered and not taken, the newest first.

        Raises:
          ValueError: `before` is no page's `next`.
        """
        return self._about_no_call("call.refused", limit, before)

    def _about_no_call(self, kind: str, limit: int, before: str | None) -> Page:
        # Those rows are about no call, which an index knows; of their type none does.
        query = select(journal).where(journal.c.call.is_(None), journal.c.type == kind)
        return self._page(query, journal, "at", limit, before, lambda row: json.loads(row.body))

    def _events(self, call: str, violation_id: str | None = None) -> list[dict[str, Any]]:
        query = select(journal.c.body).where(journal.c.call == call)
        if violation_id is not None:
            query = query.where(journal.c.violation_id == violation_id)
        last = self._rows(query.order_by(journal.c.position.desc()).limit(EVENTS))
        return [_told(row.body) for row in reversed(last)]

    def _page(self, query: Select[Any], table: Table, time: str, limit: int, before: str | None, shown: Any) -> Page:
        """Give a page by a column of times: what was told last may be of a recording that is years old."""
        at, position = table.c[time], table.c.position
        if before is not None:
            place = _PLACE.fullmatch(before)
            if place is None:
                raise ValueError("before must be the next of an earlier page")
            last_at, last_position = map(int, place.groups())
            query = query.where(at <= last_at, (at < last_at) | (position < last_position))
        found = self._rows(query.order_by(at.desc(), position.desc()).limit(limit + 1))
        last = found[limit - 1] if len(found) > limit else None
        following = None if last is None else f"{getattr(last, time)}.{last.position}"
        return Page([shown(row) for row in found[:limit]], following)

    def _rows(self, query: Select[Any]) -> Sequence[Row[Any]]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(database.reason(error)) from error


def from_source(table: Table, source: str | None, scan: str | None = None) -> list[ColumnElement[bool]]:
    """Give what holds for the calls, or violations, that are live or from a scan, or from that scan."""
    return [
        *([table.c.scan.is_(None) if source == "live" else table.c.scan.is_not(None)] if source is not None else []),
        *([table.c.scan == scan] if scan is not None else []),
    ]


def counts(table: Table) -> ColumnElement[bool]:
    """Give what holds for the calls, or violations, whose recording was not heard again since."""
    return table.c.superseded.is_not(True)


def _between(query: Select[Any], at: Any, start: datetime | None, end: datetime | None) -> Select[Any]:
    if start is not None:
        query = query.where(at >= round(start.timestamp() * 1000))
    if end is not None:
        query = query.where(at < round(end.timestamp() * 1000))
    return query


def _told(body: str) -> dict[str, Any]:
    """Read what an event told; metadata that were kept before they had bounds may be too deep to be given."""
    told: dict[str, Any] = json.loads(body)
    if isinstance(metadata := told.get("metadata"), dict) and too_deep(metadata):
        told["metadata"], _ = bounded(metadata)
    return told


def _call(row: Row[Any]) -> dict[str, Any]:
    told = _told(row.body)
    return {
        "call": row.call,
        "call_id": row.call_id,
        "agent": row.agent,
        **told,
        "started_at": _at(row.started_at),
        "ended_at": None if row.ended_at is None else _at(row.ended_at),
        "outcome": row.outcome,
        "duration": row.duration,
        "monitored": max(0.0, round(row.duration * len(told["channels"]) - row.blind, 3)),
        "blind": row.blind,
        "lag": 0.0,
        "muted": False,
        "violations": row.violations,
        "worst": row.worst,
        "metrics": None,
        "superseded": bool(row.superseded),
        **json.loads(row.missing),
    }


def _violation(row: Row[Any]) -> dict[str, Any]:
    block = None
    if row.block is not None:
        told = json.loads(row.block)
        block = {
            name: told.get(name) for name in ("action", "match_to_signal_ms", "audio_end", "audio_received", "by")
        } | {"outcome": row.outcome, "lifted": row.lifted}
    return {
        "call": row.call,
        "call_id": row.call_id,
        "agent": row.agent,
        "at": _at(row.at),
        **json.loads(row.body),
        "verdict": row.verdict,
        "verdict_by": row.verdict_by,
        "verdict_reason": row.verdict_reason,
        "block": block,
        "evidence": row.evidence,
        "superseded": bool(row.superseded),
    }


def _at(milliseconds: int) -> str:
    return written(datetime.fromtimestamp(milliseconds / 1000, UTC))
