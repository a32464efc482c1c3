"""Events get numbers that only grow, and wait until they are kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.bus import Bus, CallName, ClipTaken, Taken
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


def test_a_clip_goes_the_same_way_once() -> None:
    bus = Bus(lambda: 1.0)
    bus.keep(CALL, Clip("v-1", 0.0, "mulaw", 8000, {}, {}))
    assert taken(bus) == ["v-1"]
    bus.again()
    assert taken(bus) == []


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
