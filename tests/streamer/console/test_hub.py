"""The feed's heart: nobody misses an event that is kept, and nobody who is slow costs the others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.console.hub import MOST_CALLS, Hub, Listener
from streamer.console.live import REMEMBERED
from streamer.record.event import Event

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
STARTED: dict[str, Any] = {
    "language": "zh",
    "channels": ["agent"],
    "metadata": {},
    "model": "base",
    "lexicon_version": "1",
}


def event(cursor: int, kind: str, call: str = "c0ffee", after: float = 0.0, **fields: Any) -> Event:
    return Event(cursor, kind, BEGAN + timedelta(seconds=after), call, "c-1", "Li Na", fields)


def transcript(cursor: int, text: str, *, committed: bool = True, call: str = "c0ffee") -> Event:
    return event(cursor, "transcript", call, channel="agent", text=text, committed=committed, start=0.0, end=1.0)


def violation(cursor: int, status: str, name: str = "v-1", severity: str = "alert") -> Event:
    return event(cursor, "violation", violation_id=name, status=status, severity=severity)


def listener(hub: Hub, most: int = 1000) -> Listener:
    one = Listener(lambda: None, lambda: None, most)
    hub.join(one)
    return one


def cursors(messages: list[str]) -> list[int]:
    return [json.loads(message)["cursor"] for message in messages]


class TestListening:
    def test_everybody_hears_everything_in_order(self) -> None:
        hub = Hub()
        one, other = listener(hub), listener(hub)
        for cursor in (1, 2, 5):
            hub.publish(event(cursor, "blind"))
        assert cursors(one.take()) == cursors(other.take()) == [1, 2, 5]

    def test_whoever_has_gone_hears_no_more(self) -> None:
        hub = Hub()
        one = listener(hub)
        hub.part(one)
        hub.publish(event(1, "blind"))
        assert one.take() == []

    def test_a_transcript_is_for_those_who_follow_the_call(self) -> None:
        hub = Hub()
        one, other = listener(hub), listener(hub)
        assert one.follow("c0ffee")
        hub.publish(transcript(1, "您好"))
        assert (cursors(one.take()), other.take()) == ([1], [])
        one.leave("c0ffee")
        hub.publish(transcript(2, "您好"))
        assert one.take() == []

    def test_so_many_calls_can_be_followed_and_no_more(self) -> None:
        one = listener(Hub())
        assert all(one.follow(f"call-{n}") for n in range(MOST_CALLS))
        assert one.follow("call-0")
        assert not one.follow("one more")

    def test_whoever_is_too_slow_is_cut_off_and_nobody_else(self) -> None:
        hub = Hub()
        slow, quick = listener(hub, 2), listener(hub)
        for cursor in range(1, 5):
            hub.publish(event(cursor, "blind"))
        assert slow.too_slow
        assert slow.take() == []
        assert cursors(quick.take()) == [1, 2, 3, 4]

    def test_one_is_woken_for_what_waits_and_for_being_cut_off(self) -> None:
        woken: list[str] = []
        one, hub = Listener(lambda: woken.append("more"), lambda: woken.append("cut off"), 1), Hub()
        hub.join(one)
        for cursor in (1, 2, 3):
            hub.publish(event(cursor, "blind"))
        assert woken == ["more", "cut off"]


class TestComingBack:
    @given(st.lists(st.sampled_from(["violation", "blind", "call.state"]), max_size=40), st.data())
    def test_what_is_kept_comes_again_from_memory_or_from_the_journal(self, kinds: list[str], data: Any) -> None:
        hub, journal, kept = Hub(remembered=5), list[int](), list[int]()
        for cursor, kind in enumerate(kinds, 1):
            told = violation(cursor, "fired") if kind == "violation" else event(cursor, kind)
            hub.publish(told)
            if told.kept:
                kept.append(cursor)
            if data.draw(st.booleans()):
                journal = list(kept)
                hub.journalled(cursor)
        after = data.draw(st.integers(0, len(kinds)))
        recent = hub.since(after)
        if recent is None:
            old = [cursor for cursor in journal if after < cursor <= hub.remembers_from]
            again = hub.since(hub.remembers_from)
            assert again is not None
            found = old + cursors(again)
        else:
            found = cursors(recent)
        assert found == [cursor for cursor in kept if cursor > after]

    def test_what_is_not_in_the_journal_yet_is_not_forgotten(self) -> None:
        hub = Hub(remembered=2)
        for cursor in range(1, 10):
            hub.publish(event(cursor, "blind"))
        assert hub.remembers_from == 0
        hub.journalled(5)
        assert hub.remembers_from == 5

    def test_a_hub_begins_where_the_journal_ends(self) -> None:
        hub = Hub(7)
        hub.publish(event(7, "blind"))
        assert hub.since(7) == []
        assert hub.since(6) is None


class TestLiveCalls:
    def test_a_call_is_there_while_it_goes_on(self) -> None:
        hub = Hub()
        hub.publish(event(1, "call.started", **STARTED))
        (item,) = hub.calls.items()
        assert (item["call"], item["call_id"], item["agent"], item["language"]) == ("c0ffee", "c-1", "Li Na", "zh")
        assert (item["started_at"], item["violations"], item["worst"]) == ("2026-01-02T00:00:00.000Z", 0, None)
        hub.publish(event(2, "call.state", duration=3.0, monitored=2.0, blind=0.0, lag=0.4, muted=True))
        assert hub.calls.items()[0]["muted"]
        hub.publish(event(3, "call.stopped", outcome="completed"))
        assert hub.calls.items() == []
        assert hub.calls.item("c0ffee") is None

    @pytest.mark.parametrize(
        ("steps", "count", "worst"),
        [
            ([("v-1", "candidate", "block")], 0, None),
            ([("v-1", "fired", "alert"), ("v-1", "confirmed", "alert")], 1, "alert"),
            ([("v-1", "fired", "block"), ("v-2", "fired", "review")], 2, "block"),
            ([("v-1", "fired", "block"), ("v-2", "fired", "alert"), ("v-1", "retracted", "block")], 1, "alert"),
        ],
    )
    def test_violations_are_counted_and_the_worst_is_named(
        self, steps: list[tuple[str, str, str]], count: int, worst: str | None
    ) -> None:
        hub = Hub()
        hub.publish(event(1, "call.started", **STARTED))
        for cursor, (name, status, severity) in enumerate(steps, 2):
            hub.publish(violation(cursor, status, name, severity))
        (item,) = hub.calls.items()
        assert (item["violations"], item["worst"]) == (count, worst)

    def test_whoever_comes_late_is_told_what_was_said(self) -> None:
        hub = Hub()
        hub.publish(event(1, "call.started", **STARTED))
        hub.publish(transcript(2, "您好", committed=False))
        hub.publish(transcript(3, "您好"))
        hub.publish(transcript(4, "这个产品", committed=False))
        snapshot = hub.calls.snapshot("c0ffee")
        assert [one["text"] for one in snapshot["committed"]] == ["您好"]
        assert snapshot["tentative"] == {"agent": "这个产品"}

    def test_the_text_of_an_ended_call_is_forgotten_in_time(self) -> None:
        hub = Hub()
        hub.publish(event(1, "call.started", **STARTED))
        hub.publish(transcript(2, "您好"))
        hub.publish(event(3, "call.stopped", after=1.0))
        hub.publish(event(4, "call.started", "other", after=REMEMBERED, **STARTED))
        assert hub.calls.snapshot("c0ffee")["committed"]
        hub.publish(event(5, "call.started", "third", after=REMEMBERED + 2, **STARTED))
        assert hub.calls.snapshot("c0ffee")["committed"] == []
