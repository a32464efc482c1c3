"""Calls by day, week or month."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.scan.report.days import COLUMNS, DAYS, WEEKS, moment, trend
from streamer.scan.results import About, Scanned
from tests.streamer.scan.invented import found, result

SHANGHAI = timezone(timedelta(hours=8))


def call(started_at: str, violations: int = 0) -> Scanned:
    return result(about=About("1", None, started_at), found=tuple(found(f"v-{n}") for n in range(violations)))


class TestATrend:
    def test_has_a_column_for_a_day_without_calls(self) -> None:
        one = trend(
            [call("2026-11-09T01:00:00Z", 2), call("2026-11-09T02:00:00Z", 1), call("2026-11-11T01:00:00Z")], UTC
        )
        assert one.step == "days"
        assert [(column.first.day, column.calls, column.violations.get("block", 0)) for column in one.columns] == [
            (9, 2, 3),
            (10, 0, 0),
            (11, 1, 0),
        ]

    def test_has_the_days_of_its_zone(self) -> None:
        late = [call("2026-11-09T17:30:00Z")]
        assert trend(late, UTC).first == date(2026, 11, 9)
        assert trend(late, SHANGHAI).first == date(2026, 11, 10)

    def test_counts_calls_without_a_date_apart(self) -> None:
        one = trend([call("yesterday"), call(""), call("2026-11-09T01:00:00Z")], UTC)
        assert (one.unknown, sum(column.calls for column in one.columns)) == (2, 1)
        assert trend([call("yesterday")], UTC).columns == ()

    @pytest.mark.parametrize(
        ("days", "step"), [(DAYS, "days"), (DAYS + 1, "weeks"), (WEEKS, "weeks"), (WEEKS + 1, "months")]
    )
    def test_of_many_days_is_by_week_and_of_more_by_month(self, days: int, step: str) -> None:
        last = datetime(2026, 11, 20, tzinfo=UTC)
        one = trend([call((last - timedelta(days=days - 1)).isoformat()), call(last.isoformat())], UTC)
        assert one.step == step
        assert sum(column.calls for column in one.columns) == 2
        if step != "days":
            assert all(
                column.first.weekday() == 0 if step == "weeks" else column.first.day == 1 for column in one.columns
            )

    @given(st.lists(st.datetimes(timezones=st.just(UTC)), min_size=1, max_size=8))
    def test_whatever_dates_recordings_have_is_no_longer_than_a_page(self, moments: list[datetime]) -> None:
        one = trend([call(at.isoformat()) for at in moments], UTC)
        assert 1 <= len(one.columns) <= COLUMNS
        starts = [column.first for column in one.columns]
        assert starts == sorted(set(starts))
        assert starts[-1] <= max(moments).date()


class TestAMoment:
    def test_is_a_call_s_own_and_the_seconds_since(self) -> None:
        at = moment("2026-11-09T01:00:00.000Z", 67.5, SHANGHAI)
        assert at is not None
        assert at.isoformat() == "2026-11-09T09:01:07.500000+08:00"

    @pytest.mark.parametrize("started_at", ["", "soon", "2026-13-01", "9999-12-31T23:59:59Z"])
    def test_is_not_known_where_the_call_s_is_not(self, started_at: str) -> None:
        assert moment(started_at, 86_400.0, SHANGHAI) is None
