"""Sums over what happened: violations by rule and by day, how late blocks came, and how much was heard at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Engine, Integer, func, literal_column, select
from sqlalchemy.exc import SQLAlchemyError

from streamer.record import database
from streamer.record.history import counts, from_source
from streamer.record.journal import JournalUnavailable
from streamer.record.projection import SEVERITIES
from streamer.record.schema import calls, violations

BOUNDS = (*(tenths / 10 for tenths in range(1, 16)), 2.0, 3.0, 5.0, 10.0)
"""Seconds up to which the histogram's bars go; one more has what is over the last."""
NOT_CARRIED_OUT = ("undelivered", "unsupported", "failed")
"""What came of a block, where the agent went on talking."""
QUARTER = 900
"""Seconds of a quarter of an hour: days begin with one in every time zone."""
_CHANNELS = '{"channels":'
# Few databases know time zones alike, but all can count quarters of an hour.
_QUARTERS = violations.c.at // literal_column(str(QUARTER * 1000), Integer)


class Statistics:
    """Sums up. Safe to use from several threads.

    Args:
      engine: as `database.open_` gives it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, start: datetime | None, end: datetime | None, zone: str, source: str | None = None) -> dict[str, Any]:
        """Sum up violations that were told, and calls that began, from `start` on and before `end`.

        Violations count where they were fired, whether or not they were taken back later; calls once they are over.
        Those of recordings count when they were said, and when the call was made; of a recording that was heard more
        than once, as it was heard last.

        Args:
          zone: whose days count, as the IANA names it.
          source: `live`, calls as they were made; `scan`, recordings; None: both.

        Returns:
          What `GET /v1/stats` answers; days without a gap from the first to the last on which there is a violation.

        Raises:
          ValueError: there is no such zone.
          JournalUnavailable: the database can't be had.
        """
        days = _zone(zone)
        told, began = _between(violations.c.at, start, end), _between(calls.c.started_at, start, end)
        told += [*from_source(violations, source), counts(violations)]
        began += [*from_source(calls, source), counts(calls)]
        fired, ended = [violations.c.fired, *told], [calls.c.ended_at.is_not(None), *began]
        return {
            "by_rule": self._by_rule(fired),
            "by_day": self._by_day(fired, days),
            "precision": self._precision(fired, days),
            "blocks": self._blocks([violations.c.late.is_not(None), *told]),
            "coverage": self._coverage(ended),
        }

    def _by_rule(self, which: Sequence[ColumnElement[bool]]) -> list[dict[str, Any]]:
        rule, verdict = violations.c, violations.c.verdict
        query = (
            select(
                rule.rule_id,
                rule.severity,
                func.count().label("fired"),
                func.count().filter(rule.status == "retracted").label("retracted"),
                func.count().filter(verdict == "true").label("true"),
                func.count().filter(verdict == "false").label("false"),
            )
            .where(*which)
            .group_by(rule.rule_id, rule.severity)
            .order_by(func.count().desc(), rule.rule_id, rule.severity)
        )
        rows = (dict(row._mapping) for row in self._rows(query))
        return [{**row, "precision": _share(row["true"], row["false"])} for row in rows]

    def _by_day(self, which: Sequence[ColumnElement[bool]], zone: ZoneInfo) -> list[dict[str, Any]]:
        severity = violations.c.severity
        query = select(_QUARTERS, severity, func.count()).where(*which).group_by(_QUARTERS, severity)
        days: dict[date, dict[str, int]] = {}
        for number, grade, count in self._rows(query):
            days.setdefault(_day(number, zone), dict.fromkeys(reversed(SEVERITIES), 0))[grade] += count
        if not days:
            return []
        first, last = min(days), max(days)
        nothing = dict.fromkeys(reversed(SEVERITIES), 0)
        every = (first + timedelta(days=number) for number in range((last - first).days + 1))
        return [{"day": day.isoformat(), **days.get(day, nothing)} for day in every]

    def _precision(self, which: Sequence[ColumnElement[bool]], zone: ZoneInfo) -> list[dict[str, Any]]:
        """Count what people judged, by the week in which it was said and by rule; weeks begin on Mondays."""
        rule, verdict = violations.c.rule_id, violations.c.verdict
        judged = [*which, verdict.in_(["true", "false"])]
        query = select(_QUARTERS, rule, verdict, func.count()).where(*judged).group_by(_QUARTERS, rule, verdict)
        weeks: dict[tuple[date, str], dict[str, int]] = {}
        for number, name, given, count in self._rows(query):
            day = _day(number, zone)
            monday = day - timedelta(days=day.weekday())
            weeks.setdefault((monday, name), {"true": 0, "false": 0})[given] += count
        return [{"week": week.isoformat(), "rule_id": name, **weeks[week, name]} for week, name in sorted(weeks)]

    def _blocks(self, which: Sequence[ColumnElement[bool]]) -> dict[str, Any]:
        late = violations.c.late
        undelivered = func.count().filter(violations.c.outcome.in_(NOT_CARRIED_OUT))
        up_to = [func.count().filter(late <= bound) for bound in BOUNDS]
        (counts,) = self._rows(select(func.count(), undelivered, *up_to).where(*which))
        count, undelivered_count, *sums = counts
        bars = [here - before for before, here in zip([0, *sums], [*sums, count], strict=True)]
        ordered = select(late).where(*which).order_by(late)
        return {
            "count": count,
            "undelivered": undelivered_count,
            "p50": self._percentile(ordered, count, 50),
            "p95": self._percentile(ordered, count, 95),
            "histogram": [[bound, bar] for bound, bar in zip([*BOUNDS, None], bars, strict=True)],
        }

    def _percentile(self, ordered: Any, count: int, percent: int) -> float | None:
        """Give the least value that so many percent are not above (the nearest rank)."""
        if count == 0:
            return None
        rank = -(-count * percent // 100)
        ((value,),) = self._rows(ordered.offset(rank - 1).limit(1))
        return round(float(value), 3)

    def _coverage(self, which: Sequence[ColumnElement[bool]]) -> dict[str, float]:
        # A call's text begins with its channels: its members are sorted by name.
        text = func.substr(calls.c.body, literal_column("1"), literal_column("64"))
        query = select(text, func.sum(calls.c.duration), func.sum(calls.c.blind)).where(*which).group_by(text)
        received = blind = 0.0
        for beginning, duration, unheard in self._rows(query):
            channels, _ = json.JSONDecoder().raw_decode(beginning, len(_CHANNELS))
            received += duration * len(channels)
            blind += unheard
        return {"received": round(received, 3), "monitored": round(received - blind, 3), "blind": round(blind, 3)}

    def _rows(self, query: Any) -> Sequence[Any]:
        try:
            with self._engine.connect() as connection:
                return connection.execute(query).all()
        except (SQLAlchemyError, OSError) as error:
            raise JournalUnavailable(database.reason(error)) from error


def _day(quarter: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(quarter * QUARTER, zone).date()


def _share(right: int, wrong: int) -> float | None:
    """Give the share of what was judged that is right; None where nothing was."""
    return right / (right + wrong) if right + wrong else None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; Asia/Shanghai is one") from None


def _between(at: ColumnElement[int], start: datetime | None, end: datetime | None) -> list[ColumnElement[bool]]:
    return [
        *([at >= round(start.timestamp() * 1000)] if start is not None else []),
        *([at < round(end.timestamp() * 1000)] if end is not None else []),
    ]
