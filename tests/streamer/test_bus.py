"""Events get numbers that only grow, and wait until they are kept."""

from __future__ import annotations

import json
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streamer import bus as bus_module
from streamer.bus import CLIPS, TRIES, Bus, CallName, ClipTaken, Taken
from streamer.link import Frame
from streamer.record.clips import Clip
from streamer.record.event import Event

CALL = CallName("c0ffee", "c-1", "Li Na")


def taken(bus: Bus) -> list[str]:
    """Take what waits, and give it by type."""
    return [_name(one) for one in bus.take(0)]


def _name(one: Taken) -> str:
    match one:
        case Event(type=kind):
            return kind
        case ClipTaken(clip=clip):
            return clip.violation_id
        case Frame(what):
            return what


# The clock is between 2**50 and 2**51 microseconds: what is not after it proves nothing.
@example(steps=[0.0], before=2**51)
@given(st.lists(st.floats(-5, 5), min_size=1, max_size=30), st.integers(0, 2**51))
def test_cursors_grow_whatever_the_clock_does(steps: list[float], before: int) -> None:
    now = [1_700_000_000.0]
    bus = Bus(lambda: now[0])
    bus.go_on_after(before)
    cursors = []
    for step in steps:
        now[0] += step
        cursors.append(bus.tell("access").cursor)
    assert cursors == sorted(set(cursors))
    assert cursors[0] > before


def test_an_event_names_its_call() -> None:
    event = Bus(lambda: 1_700_000_000.1239).tell("blind", CALL, {"channel": "agent"})
    assert event.to_json() == {
        "type": "blind",
        "at": "2023-11-14T22:13:20.123Z",
        "cursor": 1_700_000_000_123_900,
        "call": "c0ffee",
        "call_id": "c-1",
        "agent": "Li Na",
        "channel": "agent",
    }


def test_what_was_taken_and_not_kept_comes_again_in_its_order() -> None:
    bus = Bus(lambda: 1.0)
    first = bus.tell("violation", CALL)
    bus.tell("block", CALL)
    bus.tell("service", CALL)
    assert taken(bus) == ["violation", "block", "service"]
    bus.acknowledge(first.cursor)
    bus.tell("unblock", CALL)
    bus.again()
    assert taken(bus) == ["block", "unblock"]


def test_answers_go_among_the_events_and_never_again() -> None:
    bus = Bus(lambda: 1.0)
    bus.tell("violation", CALL)
    bus.pass_on(Frame("answer"))
    assert taken(bus) == ["violation", "answer"]
    bus.again()
    assert taken(bus) == ["violation"]


def test_what_is_only_shown_gives_way_and_what_is_lost_is_counted() -> None:
    bus = Bus(lambda: 1.0, most=3)
    for kind in ("call.state", "violation", "service", "block", "unblock"):
        bus.tell(kind, CALL)
    assert taken(bus) == ["violation", "block", "unblock"]
    assert bus.lost == 0
    bus.tell("blind", CALL)
    assert bus.lost == 1
    bus.again()
    assert taken(bus) == ["block", "unblock", "blind"]


def test_nobody_waits_for_a_bus_that_is_closed() -> None:
    bus = Bus(lambda: 1.0)
    bus.close()
    assert bus.take(60.0) == []


class Naive(Bus):
    """What gives way is looked for among all that waits, one after the other."""

    def _drop(self) -> None:
        for number, one in self._waiting.items():
            if isinstance(one, Event) and not one.kept:
                del self._waiting[number]
                self._passing.remove(number)
                return
        super()._drop()


_STEPS = st.one_of(
    st.sampled_from(["call.state", "service", "violation", "block", "clip", "answer", "take", "again"]),
    st.integers(0, 30),
)


@given(st.lists(_STEPS, max_size=60))
def test_what_gives_way_is_what_a_look_at_everything_would_find(steps: list[str | int]) -> None:
    buses = [kind(lambda: 1.0, most=5) for kind in (Bus, Naive)]
    seen: list[list[object]] = [[], []]
    for step in steps:
        for bus, found in zip(buses, seen, strict=True):
            match step:
                case int():
                    bus.acknowledge(1_000_000 + step)
                case "take":
                    found.append(taken(bus))
                case "again":
                    bus.again()
                case "clip":
                    bus.keep(CALL, Clip("v-1", 0.0, "mulaw", 8000, {}, {}))
                case "answer":
                    bus.pass_on(Frame("answer"))
                case kind:
                    bus.tell(kind, CALL)
            found.append(bus.lost)
    assert seen[0] == seen[1]
    assert taken(buses[0]) == taken(buses[1])


def test_a_full_bus_looks_at_no_more_than_what_gives_way() -> None:
    class Counted(Event):
        looks = 0

        @property
        def kept(self) -> bool:
            Counted.looks += 1
            return True

    bus = Bus(lambda: 1.0, most=1000)
    for _ in range(1000):
        bus.tell("violation", CALL)
    bus.acknowledge(0)
    with patch.object(bus_module, "Event", Counted):
        bus.tell("violation", CALL)
    assert Counted.looks < 10
    assert bus.lost == 1


@pytest.mark.parametrize("text", ["\ud800", "\udcff.wav", "a\0b"])
def test_what_can_not_be_encoded_is_replaced_as_it_comes_in(text: str) -> None:
    about = CallName("c0ffee", text, text)
    event = Bus(lambda: 1.0).tell("block.result", about, {"detail": text, "more": {text: [text, float("nan")]}})
    body = json.dumps(event.to_json(), ensure_ascii=False, allow_nan=False).encode()
    assert "\N{REPLACEMENT CHARACTER}".encode() in body
    assert b"\0" not in body


def test_what_is_not_acknowledged_in_time_is_given_once_to_be_spooled() -> None:
    now = [100.0]
    bus = Bus(lambda: now[0])
    first = bus.tell("violation", CALL)
    bus.tell("call.state", CALL)
    now[0] += 1.0
    second = bus.tell("block", CALL)
    assert bus.overdue(2.0) == []
    now[0] += 1.0
    assert bus.overdue(2.0) == [first, second]
    assert bus.overdue(0.0) == []
    third = bus.tell("unblock", CALL)
    assert bus.overdue(0.0) == [third]
    fourth = bus.tell("blind", CALL)
    bus.acknowledge(fourth.cursor)
    assert bus.overdue(0.0) == []


def test_what_had_to_give_way_while_it_could_not_be_spooled_waits_nowhere_any_more() -> None:
    bus = Bus(lambda: 100.0, most=3)
    told = [bus.tell("violation", CALL) for _ in range(3)]
    for _ in range(4):
        unwritten = bus.overdue(0.0)
        told.append(bus.tell("violation", CALL))
        bus.not_spooled(unwritten)
        told.append(bus.tell("violation", CALL))
    assert bus.lost == 8
    assert bus.overdue(0.0) == bus.take(0.0) == told[-3:]


def test_what_an_earlier_service_spooled_comes_first_and_numbers_go_on_after_it() -> None:
    earlier = Bus(lambda: 200.0)
    spooled = [earlier.tell("violation", CALL), earlier.tell("block", CALL)]
    bus = Bus(lambda: 100.0)
    bus.restore(spooled)
    now = bus.tell("unblock", CALL)
    assert taken(bus) == ["violation", "block", "unblock"]
    assert now.cursor > spooled[-1].cursor
    assert bus.overdue(0.0) == [now]


def clip(violation_id: str) -> Clip:
    return Clip(violation_id, 0.0, "mulaw", 8000, {"agent": b"x"}, {})


class TestAClip:
    def test_waits_again_when_the_console_dies_until_it_is_told_what_became_of_it(self) -> None:
        bus = Bus(lambda: 1_700_000_000.0)
        for name in ("v-1", "v-2"):
            bus.keep(CALL, clip(name))
        assert taken(bus) == ["v-1", "v-2"]
        bus.tell("evidence", CALL, {"violation_id": "v-1", "sha256": "0"})
        taken(bus)
        bus.again()
        assert taken(bus) == ["evidence", "v-2"]

    def test_of_which_the_console_dies_again_and_again_is_given_up_and_told(self) -> None:
        bus = Bus(lambda: 1_700_000_000.0)
        bus.keep(CALL, clip("v-1"))
        for _ in range(TRIES):
            assert taken(bus) == ["v-1"]
            bus.again()
        (told,) = bus.take(0)
        assert isinstance(told, Event)
        assert (told.type, told.call, told.fields["sha256"]) == ("evidence", "c0ffee", None)
        assert "died 3 times" in told.fields["detail"]
        bus.again()
        assert taken(bus) == ["evidence"]

    def test_too_many_give_up_the_oldest_and_say_so(self) -> None:
        bus = Bus(lambda: 1_700_000_000.0)
        for number in range(CLIPS + 1):
            bus.keep(CALL, clip(f"v-{number}"))
        found = bus.take(0)
        assert [one.clip.violation_id for one in found if isinstance(one, ClipTaken)] == [
            f"v-{number}" for number in range(1, CLIPS + 1)
        ]
        (told,) = (one for one in found if isinstance(one, Event))
        assert (told.fields["violation_id"], told.fields["bytes"]) == ("v-0", 0)


def test_calls_that_are_ending_are_those_whose_end_is_not_known_to_be_kept() -> None:
    bus = Bus(lambda: 1_700_000_000.0)
    other = CallName("f00d", "c-2", None)
    ended = bus.tell("call.stopped", CALL)
    bus.take(0)
    bus.tell("call.stopped", other)
    assert sorted(bus.ending) == ["c0ffee", "f00d"]
    bus.acknowledge(ended.cursor)
    assert bus.ending == ["f00d"]
