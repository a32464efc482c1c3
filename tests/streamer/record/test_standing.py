"""Which mutes stand, by what the journal says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from streamer.errors import HuazhaError
from streamer.record.event import Event
from streamer.record.journal import Journal, JournalUnavailable
from streamer.record.standing import StandingMute, replay, standing
from streamer.taking_over import WAITS, LeftMute, find
from tests.stories import STARTED

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
UNTIL = "2026-11-24T12:00:30.000Z"
NAMES = {"call": "CA1", "agent": "CA2"}


def told(kind: str, call: str = "c0", **fields: Any) -> Event:
    return Event(1, kind, NOW, call, "c-1", "Li Na", fields)


def mute(name: str = "v-1", *, call: str = "c0", channel: str = "agent", until: str | None = UNTIL) -> Event:
    about = {"violation_id": name, "action": "mute", "outcome": "confirmed", "channel": channel}
    return told("block.result", call, **about, until=until, names=NAMES)


def unmute(outcome: str = "confirmed", name: str = "v-1", channel: str = "agent", call: str = "c0") -> Event:
    return told("block.result", call, violation_id=name, action="unmute", outcome=outcome, channel=channel)


def unblock(name: str = "v-1", call: str = "c0") -> Event:
    return told("unblock", call, violation_id=name, reason="its time is over", by="policy")


def left(*events: Event) -> list[tuple[str, str, list[str]]]:
    return [(one.call, one.channel, [*one.asked]) for one in replay(("twilio", event) for event in events)]


class TestAMuteStands:
    def test_that_was_confirmed(self) -> None:
        (one,) = replay([("twilio", mute())])
        assert one == StandingMute(
            "c0", "c-1", "Li Na", "twilio", "agent", NAMES, {"v-1": NOW + timedelta(seconds=30)}, "v-1"
        )

    def test_whose_unmute_failed(self) -> None:
        assert left(mute(), unblock(), unmute("failed")) == [("c0", "agent", [])]

    def test_that_was_taken_back_and_nobody_knows_whether_it_was_lifted(self) -> None:
        assert left(mute(), unblock()) == [("c0", "agent", [])]

    def test_as_long_as_something_asks_for_it(self) -> None:
        assert left(mute("v-1"), mute("o-1", until=None), unblock("v-1")) == [("c0", "agent", ["o-1"])]

    def test_on_the_other_leg_and_in_the_other_call(self) -> None:
        events = (mute(), mute("v-2", channel="customer"), mute("v-1", call="c1"), unblock(), unmute())
        assert left(*events) == [("c0", "customer", ["v-2"]), ("c1", "agent", ["v-1"])]


class TestAMuteDoesNotStand:
    @pytest.mark.parametrize(
        "end",
        [
            unmute(),
            unmute("accepted"),
            # Supervisors know.
            unmute("unsupported"),
            told("block.result", violation_id="o-1", action="hangup", outcome="confirmed"),
        ],
    )
    def test_after(self, end: Event) -> None:
        assert left(mute(), end) == []

    def test_that_was_refused_or_is_carried_out_by_the_call_s_socket(self) -> None:
        refused = told("block.result", violation_id="v-1", action="mute", outcome="failed", channel="agent")
        delivered = told("block.result", violation_id="v-1", action="mute", outcome="delivered")
        assert left(refused, delivered) == []


@given(st.lists(st.sampled_from([mute(), mute("v-2"), unblock(), unblock("v-2"), unmute(), unmute("failed")])))
def test_a_leg_stands_from_its_first_mute_to_its_unmute(events: list[Event]) -> None:
    stands = False
    for event in events:
        if event.fields.get("action") == "mute":
            stands = True
        elif event.fields.get("outcome") == "confirmed":
            stands = False
    assert bool(left(*events)) == stands


def test_a_gateway_finds_its_own_in_the_journal(engine: Engine) -> None:
    journal, cursor = Journal(engine), 0
    for call, gateway in (("c0", "g-1"), ("c1", "g-2"), ("c2", "g-1")):
        for event in (told("call.started", call, **{**STARTED, "gateway": gateway}), mute(call=call)):
            cursor += 1
            journal.append([Event(cursor, event.type, event.at, call, "c-1", "Li Na", event.fields)])
    journal.append([Event(cursor + 1, "block.result", NOW, "c2", "c-1", None, unmute().fields)])
    day = timedelta(days=1)
    assert [one.call for one in standing(engine, "g-1", NOW - day)] == ["c0"]
    assert standing(engine, "g-1", NOW + day) == []


class TestWhatIsDue:
    def test_has_the_time_that_is_left(self) -> None:
        (one,) = replay([("twilio", mute())])
        due = LeftMute(one, 100.0, NOW.timestamp() + 10.0)
        assert (due.lift, due.lifts_at("v-1")) == (120.0, 120.0)
        assert due.lifted(119.0) == []
        assert [unblock.violation_id for unblock in due.lifted(120.0)] == ["v-1"]

    def test_is_at_once_where_its_time_was_over_or_it_was_taken_back(self) -> None:
        for events in ([mute()], [mute(until=None), unblock()]):
            (one,) = replay(("twilio", event) for event in events)
            due = LeftMute(one, 100.0, NOW.timestamp() + 3600.0)
            assert [unblock.violation_id for unblock in due.lifted(100.0)] == ["v-1"]

    def test_is_never_where_it_has_no_time(self) -> None:
        (one,) = replay([("twilio", mute(until=None))])
        assert LeftMute(one, 100.0, NOW.timestamp()).lift == float("inf")


async def test_a_journal_that_can_not_be_read_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamer.taking_over.WAITS", (0.0,) * len(WAITS))
    (one,) = replay([("twilio", mute())])
    answers: Sequence[HuazhaError | list[StandingMute]] = [JournalUnavailable("gone")] * 8 + [[one]]

    coming = iter(answers)

    def read(since: datetime) -> list[StandingMute]:
        answer = next(coming)
        if isinstance(answer, HuazhaError):
            raise answer
        return answer

    found: list[StandingMute] = []
    await find(read, found.extend)
    assert found == [one]
