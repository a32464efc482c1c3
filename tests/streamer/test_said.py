"""What was said in a call: kept while it goes on, and put before what a console that begins anew has heard itself."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from streamer.bus import Bus, CallName
from streamer.record.event import Event
from streamer.said import MOST, Said

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
LI = CallName("c0ffee", "c-1", "Li Na")


def transcript(cursor: int, text: str, channel: str = "agent", *, committed: bool = True) -> Event:
    fields = {"channel": channel, "text": text, "committed": committed, "start": float(cursor), "end": cursor + 1.0}
    return Event(cursor, "transcript", BEGAN, "c0ffee", "c-1", "Li Na", fields)


def heard(*events: Event, complete: bool = True) -> Said:
    said = Said(complete=complete)
    for event in events:
        said.take(event)
    return said


def texts(said: Said) -> list[str]:
    return [piece["text"] for piece in said.committed]


class TestListening:
    def test_settled_text_takes_the_place_of_what_was_tentative(self) -> None:
        said = heard(transcript(1, "您"), transcript(2, "好", committed=False), transcript(3, "好吗"))
        assert texts(said) == ["您", "好吗"]
        assert said.tentative == {}

    def test_the_other_channel_keeps_its_tentative_text(self) -> None:
        said = heard(transcript(1, "喂", "customer", committed=False), transcript(2, "您好"))
        assert said.tentative == {"customer": "喂"}

    def test_a_long_call_tells_that_its_beginning_is_gone(self) -> None:
        pieces = [transcript(n, str(n)) for n in range(MOST + 1)]
        assert heard(*pieces[:MOST]).complete
        said = heard(*pieces)
        assert not said.complete
        assert (len(texts(said)), texts(said)[0]) == (MOST, "1")


class TestPreceding:
    @given(st.integers(0, 12), st.integers(0, 12), st.booleans())
    def test_whoever_begins_anew_has_all_and_nothing_twice(self, began: int, told: int, complete: bool) -> None:
        events = [transcript(n, str(n)) for n in range(12)]
        whole = heard(*events[:told], complete=complete)
        anew = heard(*events[min(began, told) :], complete=False)
        anew.precede(whole.to_json())
        assert texts(anew) == [str(n) for n in range(12)]
        assert anew.complete is complete

    def test_what_is_newer_stays_tentative(self) -> None:
        before = heard(
            transcript(1, "我", committed=False),
            transcript(2, "喂", "customer", committed=False),
        )
        anew = heard(transcript(3, "我是", committed=False), complete=False)
        anew.precede(before.to_json())
        assert anew.tentative == {"agent": "我是", "customer": "喂"}

    def test_what_has_settled_meanwhile_is_tentative_no_more(self) -> None:
        before = heard(transcript(1, "我", committed=False))
        anew = heard(transcript(2, "我是小李"), complete=False)
        anew.precede(before.to_json())
        assert anew.tentative == {}


class TestBus:
    def test_remembers_what_is_said_until_the_call_ends(self) -> None:
        bus = Bus(lambda: 1.0)
        bus.tell("transcript", LI, transcript(0, "您好").fields)
        bus.take(0.0)
        assert [piece["text"] for _, piece in bus.said("c0ffee")["committed"]] == ["您好"]
        bus.tell("call.stopped", LI, {})
        assert bus.said("c0ffee")["committed"] == []

    def test_keeps_calls_apart(self) -> None:
        bus = Bus(lambda: 1.0)
        bus.tell("transcript", LI, transcript(0, "您好").fields)
        assert bus.said("another") == {"committed": [], "tentative": {}, "complete": True}
