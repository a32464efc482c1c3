"""Events survive being written and read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.record.event import Event, read, written

moments = st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)).map(  # noqa: DTZ001 - the zone follows
    lambda at: at.replace(microsecond=at.microsecond // 1000 * 1000, tzinfo=UTC)
)
about = st.none() | st.text(min_size=1, max_size=20)
fields = st.dictionaries(st.sampled_from(["rule_id", "text", "from"]), st.text() | st.integers() | st.none())


@given(st.integers(1, 2**53), moments, st.text(min_size=1), about, fields)
def test_an_event_comes_back_as_it_was(
    cursor: int, at: datetime, call: str, agent: str | None, rest: dict[str, object]
) -> None:
    event = Event(cursor, "violation", at, call, "c-1", agent, rest)
    assert Event.from_json(event.to_json()) == event


def test_an_event_about_no_call_names_none() -> None:
    assert Event(1, "access", datetime(2026, 1, 2, tzinfo=UTC)).to_json() == {
        "type": "access",
        "at": "2026-01-02T00:00:00.000Z",
        "cursor": 1,
    }


def test_times_are_utc_wherever_they_were_told() -> None:
    assert written(datetime(2026, 1, 2, 8, tzinfo=timezone(timedelta(hours=8)))) == "2026-01-02T00:00:00.000Z"


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(ValueError, match="time zone"):
        read("2026-01-02T00:00:00")
