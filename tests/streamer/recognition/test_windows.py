"""When another look is due, beside the plain hop: sooner for a term on somebody's lips, and at a pause."""

from __future__ import annotations

import pytest

from streamer.recognition.windows import Plan, WindowPlanner


def looked_at(until: float) -> WindowPlanner:
    """Give a planner whose channel has spoken since 0 s, and was heard up to `until`."""
    planner = WindowPlanner()
    planner.speech_started(0.0)
    planner.audio_received(until)
    assert planner.next() == Plan(0.0, until, final=False, settles=0.0, fresh=True, speech=(0.0, until))
    planner.settled(0.0)
    return planner


@pytest.mark.parametrize(("eager", "due"), [(False, False), (True, True)])
def test_a_term_on_somebodys_lips_is_worth_a_look_sooner(eager: bool, due: bool) -> None:
    planner = looked_at(2.0)
    planner.expect(eager)
    planner.audio_received(2.15)
    assert planner.due is due
    planner.audio_received(2.2)
    assert planner.due


def test_a_pause_is_worth_a_look_once_it_has_lasted() -> None:
    planner = looked_at(2.0)
    planner.audio_received(2.1, quiet=2.0)
    assert not planner.due
    planner.audio_received(2.16, quiet=2.0)
    plan = planner.next()
    assert plan is not None
    assert plan.paused
    assert not plan.final
    planner.settled(0.0)
    planner.audio_received(2.26, quiet=2.0)
    assert not planner.due


def test_speech_that_goes_on_has_not_paused() -> None:
    planner = looked_at(2.0)
    planner.audio_received(2.3)
    plan = planner.next()
    assert plan is not None
    assert not plan.paused


def test_speech_that_has_ended_has_not_only_paused() -> None:
    planner = looked_at(2.0)
    planner.audio_received(2.6, quiet=2.1)
    planner.speech_ended(2.1)
    plan = planner.next()
    assert plan is not None
    assert (plan.final, plan.paused) == (True, False)


def test_speech_that_is_noticed_a_second_late_is_still_heard_from_before_its_start() -> None:
    planner = WindowPlanner()
    planner.audio_received(10.0)
    let_go = planner.needed
    planner.speech_started(9.0)
    plan = planner.next()
    assert plan is not None
    assert plan.start == pytest.approx(8.7)
    assert let_go <= plan.start
