"""A recording that another scan hears again, with other rules or another model: as it was heard last, it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from streamer.record import database
from streamer.record.event import Event
from streamer.record.history import CallFilter, History, ViolationFilter
from streamer.record.journal import Journal
from streamer.record.statistics import Statistics
from streamer.scan.journaling import Archive, name_of, recording_of
from streamer.scan.results import Found
from streamer.settings import Settings
from tests.streamer.scan.invented import KEY, NOW, found, result


@pytest.fixture
def again(archive: Archive, chosen: Settings) -> str:
    """A recording that was heard before, with what people said of that; gives its name of then."""
    archive.keep(result(), [])
    judged = {"by": "Wang", "reason": "heard it"}
    review = {**judged, "violation_id": "v-1", "verdict": "true"}
    engine = database.open_(chosen.journal)
    Journal(engine).file([Event(0, "review", NOW, name_of(result()), "0001", "Li Na", review)])
    engine.dispose()
    with Archive.open(chosen, clock=NOW.timestamp) as later:
        later.keep(result(key=replace(KEY, lexicon_version="bank-2"), found=(moved(),), undisclosed=()), [])
    return name_of(result())


def moved() -> Found:
    """What was found the first time, as another model places it."""
    return found("v-9", start=12.8, end=13.4)


def test_it_counts_once(again: str, chosen: Settings, history: History) -> None:
    (call,) = history.calls(CallFilter(), limit=9).items
    assert (call["lexicon_version"], call["superseded"], call["violations"]) == ("bank-2", False, 1)
    assert [one["violation_id"] for one in history.violations(ViolationFilter(), limit=9).items] == ["v-9"]
    engine = database.open_(chosen.journal)
    summed = Statistics(engine).of(None, None, "UTC")
    engine.dispose()
    assert [(row["rule_id"], row["fired"]) for row in summed["by_rule"]] == [("promise", 1)]
    assert summed["coverage"]["received"] == 120.0


def test_what_the_first_scan_found_is_still_there(again: str, archive: Archive, history: History) -> None:
    (call,) = history.calls(CallFilter(scan=archive.scan), limit=9).items
    assert (call["call"], call["superseded"]) == (again, True)
    for wanted in (ViolationFilter(scan=archive.scan), ViolationFilter(call=again)):
        items = history.violations(wanted, limit=9).items
        assert [(one["violation_id"], one["superseded"]) for one in items] == [("v-2", True), ("v-1", True)]


def test_what_was_judged_is_judged(again: str, history: History, chosen: Settings) -> None:
    """The same rule in the same place of the same recording; not what was found nowhere before."""
    (violation,) = history.violations(ViolationFilter(), limit=9).items
    assert [violation[name] for name in ("verdict", "verdict_by", "verdict_reason")] == ["true", "Wang", "heard it"]
    elsewhere: list[dict[str, Any]] = [
        {"channel": "customer"},
        {"start": 13.5, "end": 14.0},
        {"rule_id": "absolute"},
    ]
    for number, other in enumerate(elsewhere):
        key = replace(KEY, lexicon_version=f"other-{number}")
        with Archive.open(chosen, clock=NOW.timestamp) as later:
            later.keep(result(key=key, found=(found(**other),)), [])
        (violation,) = history.violations(ViolationFilter(), limit=9).items
        assert violation["verdict"] is None, other


def test_it_is_known_by_its_content_and_its_name() -> None:
    assert recording_of(result(key=replace(KEY, sha256="1" * 64))) != recording_of(result())
    assert recording_of(result("rec/2.wav")) != recording_of(result())
    assert recording_of(result("s3://calls/0001.wav", key=replace(KEY, model="large"))) == recording_of(result())
