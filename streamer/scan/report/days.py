"""Calls by the day on which they were made; by week or month where there are many days. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal

from streamer.scan.results import Scanned

DAYS, WEEKS = 31, 183
"""Days that are shown one by one, and week by week, at most."""
COLUMNS = 60
"""Months beyond this many are left out, the oldest first: a recording with a wrong date must not draw out the chart."""

Step = Literal["days", "weeks", "months"]


@dataclass(frozen=True, slots=True)
class Column:
    """Calls of a day, a week or a month.

    Attributes:
      first: its first day.
      violations: by severity.
    """

    first: date
    calls: int
    violations: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Trend:
    """Columns without gaps, the oldest first; `unknown` is the number of calls without a date."""

    step: Step
    columns: tuple[Column, ...]
    first: date | None
    last: date | None
    unknown: int


def moment(started_at: str, seconds: float, zone: tzinfo | None) -> datetime | None:
    """Give the time of something in a call, or None where the call's is not known.

    Args:
      started_at: as RFC 3339 has it.
      seconds: from the call's start.
    """
    try:
        return (datetime.fromisoformat(started_at) + timedelta(seconds=seconds)).astimezone(zone)
    except (ValueError, OverflowError):
        return None


def trend(calls: Iterable[Scanned], zone: tzinfo | None) -> Trend:
    """Count calls and violations by day."""
    made: Counter[date] = Counter()
    heard: dict[date, Counter[str]] = {}
    unknown = 0
    for call in calls:
        at = moment(call.about.started_at, 0.0, zone)
        if at is None:
            unknown += 1
            continue
        made[at.date()] += 1
        heard.setdefault(at.date(), Counter()).update(found.severity for found in call.found)
    if not made:
        return Trend("days", (), None, None, unknown)
    first, last = min(made), max(made)
    step = _step((last - first).days + 1)
    columns: dict[date, tuple[int, Counter[str]]] = {start: (0, Counter()) for start in _starts(first, last, step)}
    for day, count in made.items():
        start = _start(day, step)
        if start in columns:
            calls_then, violations = columns[start]
            columns[start] = (calls_then + count, violations + heard[day])
    return Trend(step, tuple(Column(day, *counts) for day, counts in columns.items()), first, last, unknown)


def _step(days: int) -> Step:
    if days <= DAYS:
        return "days"
    return "weeks" if days <= WEEKS else "months"


def _start(day: date, step: Step) -> date:
    if step == "days":
        return day
    return day - timedelta(days=day.weekday()) if step == "weeks" else day.replace(day=1)


def _starts(first: date, last: date, step: Step) -> list[date]:
    """List the first days of all columns, the oldest first."""
    starts: list[date] = []
    start = _start(last, step)
    while start >= _start(first, step) and len(starts) < COLUMNS:
        starts.append(start)
        if start.toordinal() < DAYS:
            break
        start = _start(start - timedelta(days=1), step)
    return starts[::-1]
