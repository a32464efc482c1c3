"""When the sound of a channel is looked at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.sounds.planner import LookOptions, LookPlanner

OPTIONS = LookOptions()


def planner(*, received: float = 0.0) -> LookPlanner:
    planner = LookPlanner()
    planner.audio_received(received)
    return planner


def test_looks_at_the_beginning_of_a_call_before_speech_is_noticed() -> None:
    at = planner(received=0.2)
    look = at.next()
    assert look is not None
    assert (look.start, look.end, look.paused) == (0.0, 0.2, False)


def test_looks_at_nothing_while_nobody_speaks() -> None:
    at = planner(received=20.0)
    assert not at.due
    assert at.next() is None


def test_looks_every_hop_at_the_last_seconds() -> None:
    at = planner(received=20.0)
    at.speech_started()
    first = at.next()
    assert first is not None
    assert (first.start, first.end) == (20.0 - OPTIONS.longest, 20.0)
    at.landed()
    at.audio_received(20.0 + OPTIONS.hop / 2)
    assert not at.due
    at.audio_received(20.0 + OPTIONS.hop)
    assert at.due


def test_is_never_in_flight_twice() -> None:
    at = planner(received=20.0)
    at.speech_started()
    at.next()
    at.audio_received(25.0)
    assert not at.due
    at.landed()
    assert at.due


def test_looks_once_more_when_nobody_speaks_any_more() -> None:
    at = planner(received=20.0)
    at.speech_started()
    at.next()
    at.landed()
    at.speech_ended(20.0)
    at.audio_received(20.1)
    assert not at.due
    at.audio_received(20.5)
    look = at.next()
    assert look is not None
    assert (look.end, look.paused) == (20.0 + OPTIONS.tail, True)
    at.landed()
    at.audio_received(60.0)
    assert not at.due


@given(st.lists(st.tuples(st.floats(0.02, 1.0), st.sampled_from(["on", "off", ""])), max_size=60))
def test_whatever_is_said_is_looked_at(steps: list[tuple[float, str]]) -> None:
    at, now, speaking = LookPlanner(), 0.0, False
    said: list[float] = []
    seen: list[tuple[float, float]] = []
    for seconds, change in [*steps, (0.02, "off"), (1.0, "")]:
        if change == "on" and not speaking:
            at.speech_started()
        if change == "off" and speaking:
            at.speech_ended(now)
        speaking = change == "on" or (speaking and change != "off")
        now += seconds
        if speaking:
            said.append(now)
        at.audio_received(now)
        if (look := at.next()) is not None:
            seen.append((look.start, look.end))
            at.landed()
    assert all(end - start <= OPTIONS.longest + 1e-9 for start, end in seen)
    assert all(any(start <= moment <= end + OPTIONS.hop for start, end in seen) for moment in said)
