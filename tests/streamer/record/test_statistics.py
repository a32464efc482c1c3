"""Sums, on both databases, against a plain count of what was told."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, create_engine

from streamer.record.event import Event, written
from streamer.record.journal import Journal, JournalUnavailable
from streamer.record.statistics import BOUNDS, Statistics

YEAR = datetime(2026, 1, 1, tzinfo=UTC)
RULES = {"promise": "block", "absolute": "alert", "tone": "review", "rate": "block"}
ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]
EMPTY = {
    "by_rule": [],
    "by_day": [],
    "precision": [],
    "blocks": {
        "count": 0,
        "undelivered": 0,
        "p50": None,
        "p95": None,
        "histogram": [[bound, 0] for bound in (*BOUNDS, None)],
    },
    "coverage": {"received": 0.0, "monitored": 0.0, "blind": 0.0},
}


@dataclass
class Violation:
    """What is told of one."""

    name: str
    at: datetime
    rule: str
    statuses: tuple[str, ...]
    late: float | None
    outcome: str | None
    verdict: str | None

    @property
    def fired(self) -> bool:
        return not {"fired", "confirmed"}.isdisjoint(self.statuses)


@dataclass
class Call:
    """What is told of one."""

    name: str
    at: datetime
    channels: list[str]
    over: bool
    duration: float
    blind: float
    violations: list[Violation] = field(default_factory=list)
    scan: str | None = None
    recording: str | None = None


def story(seed: int, count: int) -> list[Call]:
    """Make up calls of a year."""
    one = random.Random(seed)
    numbers = itertools.count(1)
    return [_call(one, f"c{next(numbers)}", numbers) for _ in range(count)]


def _call(one: random.Random, name: str, numbers: Iterator[int]) -> Call:
    at = YEAR + timedelta(seconds=one.randrange(365 * 86_400))
    scan = one.choice([None, None, "s-1", "s-2"])
    channels = one.choice([["agent"], ["agent", "customer"], ["customer", "agent"]])
    call = Call(name, at, channels, one.random() < 0.8, round(one.uniform(1, 600), 3), round(one.uniform(0, 9), 3))
    call.scan = scan
    if scan is not None:
        call.recording = one.choice([None, "r-1", "r-2", "r-3"])
    for _ in range(one.randrange(6)):
        statuses = one.choice(
            [
                ("candidate",),
                ("candidate", "retracted"),
                ("candidate", "fired"),
                ("fired", "confirmed"),
                ("candidate", "fired", "retracted"),
                ("candidate", "confirmed"),
            ]
        )
        late = None if "fired" not in statuses else round(one.choice([0.1, 0.65, 2.0, 12.5, one.uniform(0, 3)]), 3)
        late = late if scan is None else None
        outcome = None if late is None else one.choice(["delivered", "delivered", "undelivered", None])
        verdict = one.choice([None, "acknowledged", "true", "false"])
        moment = at + timedelta(seconds=one.uniform(0, 3000), milliseconds=1)
        moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        found = Violation(f"v{next(numbers)}", moment, one.choice(list(RULES)), statuses, late, outcome, verdict)
        call.violations.append(found)
    return call


def write(engine: Engine, told: list[Call]) -> None:
    """Put what is told into the journal."""
    cursors = itertools.count(1)

    def event(call: Call, kind: str, at: datetime, **fields: Any) -> Event:
        # What is told of a recording is told long after.
        named = {"call.started": "started_at", "violation": "said_at"}.get(kind)
        if call.scan is None or named is None:
            return Event(next(cursors), kind, at, call.name, "id", None, fields)
        fields |= {"scan": call.scan, named: written(at)}
        return Event(next(cursors), kind, YEAR + timedelta(days=1000), call.name, "id", None, fields)

    events = []
    for call in told:
        about = {"language": "zh", "metadata": {"a": "\0"}, "model": "base", "lexicon_version": "1"}
        if call.recording is not None:
            about["recording"] = call.recording
        events.append(event(call, "call.started", call.at, channels=call.channels, **about))
        for one in call.violations:
            rest = dict.fromkeys(["category", "term", "heard", "text"], "保本")
            for number, status in enumerate(one.statuses):
                at = one.at + timedelta(seconds=number)
                fields = {"violation_id": one.name, "status": status, "rule_id": one.rule, "severity": RULES[one.rule]}
                place = {"channel": one.name, "start": 1.0, "end": 2.0}
                events.append(event(call, "violation", at, **fields, **place, **rest))
            which = {"violation_id": one.name}
            if one.late is not None:
                events.append(
                    event(call, "block", one.at, **which, action="mute", audio_end=0.0, audio_received=one.late)
                )
            if one.outcome is not None:
                events.append(event(call, "block.result", one.at, **which, action="mute", outcome=one.outcome))
            if one.verdict is not None:
                events.append(event(call, "review", one.at, **which, verdict=one.verdict, reason="", by="Wang"))
        if call.over:
            end = call.at + timedelta(hours=1)
            summed = {"blind_seconds": call.blind, "duration": call.duration}
            events.append(event(call, "call.stopped", end, outcome="completed", missing=[], **summed))
    Journal(engine).append(events)


def counted(
    told: list[Call], start: datetime | None, end: datetime | None, zone: str, source: str | None = None
) -> dict[str, Any]:
    """Sum up in the plainest way."""
    last = {call.recording: call for call in told}
    told = [call for call in told if call.recording is None or call is last[call.recording]]
    told = [call for call in told if source in {None, "live" if call.scan is None else "scan"}]

    def within(at: datetime) -> bool:
        return (start is None or at >= start) and (end is None or at < end)

    found = [one for call in told for one in call.violations if within(one.at)]
    fired = [one for one in found if one.fired]
    by_rule = []
    for rule, severity in RULES.items():
        of = [one for one in fired if one.rule == rule]
        verdicts = Counter(one.verdict for one in of)
        retracted = sum(one.statuses[-1] == "retracted" for one in of)
        row = {"fired": len(of), "retracted": retracted, "true": verdicts["true"], "false": verdicts["false"]}
        judged = verdicts["true"] + verdicts["false"]
        precision = {"precision": pytest.approx(verdicts["true"] / judged) if judged else None}
        by_rule += [{"rule_id": rule, "severity": severity, **row, **precision}] if of else []
    days = Counter((one.at.astimezone(ZoneInfo(zone)).date(), RULES[one.rule]) for one in fired)
    late = sorted(one.late for one in found if one.late is not None)
    bars = Counter(next((bound for bound in BOUNDS if one <= bound), None) for one in late)
    over = [call for call in told if call.over and within(call.at)]
    received = sum(call.duration * len(call.channels) for call in over)
    blind = sum(call.blind for call in over)
    return {
        "by_rule": sorted(by_rule, key=lambda row: (-row["fired"], row["rule_id"])),
        "by_day": [
            {"day": day.isoformat(), **{severity: days[day, severity] for severity in ("block", "alert", "review")}}
            for day in _all_days({day for day, _ in days})
        ],
        "precision": _by_week(fired, zone),
        "blocks": {
            "count": len(late),
            "undelivered": sum(one.outcome == "undelivered" for one in found),
            "p50": _percentile(late, 0.5),
            "p95": _percentile(late, 0.95),
            "histogram": [[bound, bars[bound]] for bound in (*BOUNDS, None)],
        },
        "coverage": {
            "received": pytest.approx(received, abs=0.001),
            "monitored": pytest.approx(received - blind, abs=0.001),
            "blind": pytest.approx(blind, abs=0.001),
        },
    }


def _by_week(fired: list[Violation], zone: str) -> list[dict[str, Any]]:
    """Count verdicts by the calendar of ISO 8601."""
    judged = [one for one in fired if one.verdict in {"true", "false"}]
    weeks = Counter((*one.at.astimezone(ZoneInfo(zone)).isocalendar()[:2], one.rule, one.verdict) for one in judged)
    return [
        {
            "week": date.fromisocalendar(year, week, 1).isoformat(),
            "rule_id": rule,
            **{verdict: weeks[year, week, rule, verdict] for verdict in ("true", "false")},
        }
        for year, week, rule in sorted({where[:3] for where in weeks})
    ]


def _all_days(some: set[date]) -> list[date]:
    if not some:
        return []
    return [min(some) + timedelta(days=number) for number in range((max(some) - min(some)).days + 1)]


def _percentile(values: list[float], share: float) -> float | None:
    """Give the least value that no less than a share is not above."""
    return next((one for one in values if sum(other <= one for other in values) >= share * len(values)), None)


@pytest.mark.parametrize("seed", range(4))
def test_sums_are_those_of_a_plain_count(engine: Engine, seed: int) -> None:
    told = story(seed, 60)
    write(engine, told)
    statistics = Statistics(engine)
    middle = YEAR + timedelta(days=180)
    spans = [(None, None), (middle, None), (None, middle), (middle, middle + timedelta(days=60)), (middle, YEAR)]
    for (start, end), zone in itertools.product(spans, ZONES):
        assert statistics.of(start, end, zone) == counted(told, start, end, zone)
    for source in ("live", "scan"):
        assert statistics.of(middle, None, "UTC", source) == counted(told, middle, None, "UTC", source)


def test_nothing_sums_up_to_nothing(engine: Engine) -> None:
    assert Statistics(engine).of(None, None, "UTC") == EMPTY


def test_a_day_begins_when_it_does_there_though_clocks_are_put_forward(engine: Engine) -> None:
    # Clocks go from 02:00 to 03:00 in New York on 8 March 2026: that day begins at 05:00 UTC, the next at 04:00.
    moments = [datetime(2026, 3, 8, 4, 59, 59), datetime(2026, 3, 8, 5), datetime(2026, 3, 9, 3, 59, 59, 999_000)]  # noqa: DTZ001 - the zone follows
    found = [
        Violation(f"v{n}", at.replace(tzinfo=UTC), "tone", ("fired",), None, None, None)
        for n, at in enumerate([*moments, datetime(2026, 3, 11, 4, tzinfo=UTC)])
    ]
    write(engine, [Call("c0ffee", YEAR, ["agent"], False, 0.0, 0.0, found)])
    days = Statistics(engine).of(None, None, "America/New_York")["by_day"]
    assert [(day["day"], day["review"]) for day in days] == [
        ("2026-03-07", 1),
        ("2026-03-08", 2),
        ("2026-03-09", 0),
        ("2026-03-10", 0),
        ("2026-03-11", 1),
    ]


def test_a_span_holds_its_first_moment_and_not_its_last(engine: Engine) -> None:
    begin, end = YEAR, YEAR + timedelta(milliseconds=1)
    found = [Violation(f"v{at}", at, "tone", ("fired",), None, None, None) for at in (begin, end)]
    for number, one in enumerate(found):
        one.name = f"v{number}"
    write(engine, [Call("c0ffee", begin, ["agent"], True, 5.0, 1.0, found)])
    summed = Statistics(engine).of(begin, end, "UTC")
    assert summed["by_rule"][0]["fired"] == 1
    assert summed["coverage"]["received"] == 5.0
    assert Statistics(engine).of(end, None, "UTC")["coverage"]["received"] == 0.0


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "/etc/passwd", "America", "a" * 5000, "\0"])
def test_a_zone_that_there_is_none_is_said(engine: Engine, zone: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        Statistics(engine).of(None, None, zone)


def test_a_database_that_is_gone_is_said() -> None:
    with pytest.raises(JournalUnavailable):
        Statistics(create_engine("sqlite:////nowhere/journal.db")).of(None, None, "UTC")
