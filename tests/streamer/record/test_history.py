"""Calls and violations looked up, on both databases: newest first by their own time, page by page, live or scanned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter
from sqlalchemy import Engine

from streamer.record.event import Event, written
from streamer.record.history import CallFilter, History, Page, ViolationFilter
from streamer.record.journal import Journal
from tests.stories import STARTED, STOPPED, VIOLATION

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def live(engine: Engine, cursor: int, ago: timedelta, name: str) -> None:
    """Let a call be made, so long ago."""
    at = NOW - ago
    told = [("call.started", STARTED), ("violation", VIOLATION), ("call.stopped", STOPPED)]
    Journal(engine).append(
        [Event(cursor + n, kind, at, name, f"p-{name}", "Li", fields) for n, (kind, fields) in enumerate(told)]
    )


def scanned(engine: Engine, ago: timedelta, name: str, scan: str = "s-1") -> None:
    """Let a recording of a call that was made so long ago be scanned now."""
    at, of = written(NOW - ago), {"scan": scan}
    told: list[tuple[str, dict[str, Any]]] = [
        ("call.started", {**STARTED, **of, "started_at": at}),
        ("violation", {**VIOLATION, **of, "status": "confirmed", "said_at": at, "file": "a.wav"}),
        ("call.stopped", {**STOPPED, "ended_at": at}),
    ]
    Journal(engine).file([Event(0, kind, NOW, name, f"p-{name}", "Li", fields) for kind, fields in told])


def names(page: Page) -> list[str]:
    return [item["call"] for item in page.items]


def days(number: float) -> timedelta:
    return timedelta(days=number)


@pytest.fixture
def history(engine: Engine) -> History:
    """Calls of which the oldest were written down last."""
    live(engine, 100, days(3), "live-3")
    live(engine, 200, days(1), "live-1")
    scanned(engine, days(2), "scan-2")
    scanned(engine, days(40), "scan-40", "s-2")
    live(engine, 300, days(0), "live-0")
    return History(engine)


def test_metadata_of_before_there_were_bounds_are_given_as_deep_as_can_be(engine: Engine) -> None:
    metadata: dict[str, Any] = {}
    for _ in range(400):
        metadata = {"a": metadata}
    fields = {**STARTED, "metadata": {"agent": "Li", "x": metadata}}
    Journal(engine).append([Event(1, "call.started", NOW, "deep", "p-1", "Li", fields)])
    history = History(engine)
    (call,) = history.calls(CallFilter(), limit=9).items
    assert (call["metadata"]["agent"], call["metadata"]["_cut"]) == ("Li", ["depth"])
    found = history.call("deep")
    assert found is not None
    TypeAdapter(dict[str, Any]).dump_json(found)


class TestOrder:
    def test_is_that_of_the_calls_however_late_they_were_scanned(self, history: History) -> None:
        expected = ["live-0", "live-1", "scan-2", "live-3", "scan-40"]
        assert names(history.calls(CallFilter(), limit=9)) == expected
        assert names(history.violations(ViolationFilter(), limit=9)) == expected

    def test_goes_on_from_page_to_page(self, history: History, engine: Engine) -> None:
        # Four that began in the same millisecond.
        for name in ("a", "b", "c", "d"):
            scanned(engine, days(2), name)
        found: list[str] = []
        following: str | None = None
        while True:
            page = history.violations(ViolationFilter(), limit=2, before=following)
            found += names(page)
            if (following := page.next) is None:
                break
        assert found == ["live-0", "live-1", "d", "c", "b", "a", "scan-2", "live-3", "scan-40"]

    @pytest.mark.parametrize("before", ["x", "1", "1.", "1.2.3", "1.²", " 1.2", "1.2\n", "1.9999999999999999999"])
    def test_goes_on_from_no_page_that_never_was(self, history: History, before: str) -> None:
        with pytest.raises(ValueError, match="next of an earlier page"):
            history.calls(CallFilter(), limit=2, before=before)


class TestSource:
    @pytest.mark.parametrize(
        ("wanted", "expected"),
        [
            ({"source": "live"}, ["live-0", "live-1", "live-3"]),
            ({"source": "scan"}, ["scan-2", "scan-40"]),
            ({"scan": "s-2"}, ["scan-40"]),
            ({"scan": "s-2", "source": "live"}, []),
            ({"source": "scan", "start": NOW - days(30)}, ["scan-2"]),
            ({"start": NOW - days(41), "end": NOW - days(2)}, ["live-3", "scan-40"]),
        ],
    )
    def test_tells_them_apart(self, history: History, wanted: dict[str, Any], expected: list[str]) -> None:
        assert names(history.calls(CallFilter(**wanted), limit=9)) == expected
        assert names(history.violations(ViolationFilter(**wanted), limit=9)) == expected

    def test_stands_with_each(self, history: History) -> None:
        call, violation = history.call("scan-2"), history.violation("scan-2", "v-1")
        assert call is not None
        assert violation is not None
        at = written(NOW - days(2))
        assert (call["scan"], call["started_at"], call["ended_at"]) == ("s-1", at, at)
        assert (violation["scan"], violation["file"], violation["at"]) == ("s-1", "a.wav", at)


def test_violations_without_a_clip_are_named(history: History, engine: Engine) -> None:
    assert history.without_evidence("scan-2") == frozenset({"v-1"})
    Journal(engine).file([Event(0, "evidence", NOW, "scan-2", "p", "Li", {"violation_id": "v-1"})])
    assert history.without_evidence("scan-2") == frozenset()
    assert history.without_evidence("never was") is None


def test_scans_come_newest_first_and_page_by_page(engine: Engine) -> None:
    for number in (2, 1, 3):
        fields = {"scan": f"s-{number}", "began": written(NOW - days(number)), "paths": ["rec"]}
        Journal(engine).file([Event(0, "scan", NOW, fields=fields)])
    history = History(engine)
    first = history.scans(limit=2)
    second = history.scans(limit=2, before=first.next)
    assert [item["scan"] for page in (first, second) for item in page.items] == ["s-1", "s-2", "s-3"]
    assert (second.next, first.items[0]["paths"]) == (None, ["rec"])
