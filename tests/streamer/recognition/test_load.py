"""When something is given up, and when it is taken up again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.load import BOUNDS, SOON, Load, Relief, TwoLoads


def after(*waits: float) -> list[Relief]:
    """Let batches begin half a second apart; give the relief after each."""
    load, steps = Load(), list[Relief]()
    for number, wait in enumerate(waits, 1):
        load.waited(wait, number / 2)
        steps.append(load.relief)
    return steps


def test_nothing_is_given_up_while_turns_come_soon() -> None:
    assert set(after(*[0.5] * 20)) == {Relief.NOTHING}


def test_one_slow_batch_is_no_overload() -> None:
    assert set(after(0.1, 0.1, 2.0, 0.1, 0.1)) == {Relief.NOTHING}


def test_customers_are_given_up_before_new_calls() -> None:
    steps = after(*(0.1 * number for number in range(60)))
    assert sorted(steps) == steps
    assert set(steps) == set(Relief)


def test_what_was_given_up_is_taken_up_only_when_waits_are_short() -> None:
    bound = BOUNDS[Relief.CUSTOMERS]
    assert after(*[bound * 1.1] * 9, *[bound * 0.8] * 20)[-1] is Relief.CUSTOMERS
    assert after(*[bound * 1.1] * 9, *[bound * 0.3] * 20)[-1] is Relief.NOTHING


@given(st.lists(st.floats(0, 100), max_size=50))
def test_relief_never_outlasts_a_calm(waits: list[float]) -> None:
    assert after(*waits, *[0.0] * 40)[-1] is Relief.NOTHING


class TestLooksForTextAndForSounds:
    @given(st.booleans(), st.integers(1, 20))
    def test_do_not_hide_that_the_others_wait_too_long(self, sounds: bool, soon: int) -> None:
        load = TwoLoads()
        load.waited(10.0, 1.0, sounds=sounds)
        for number in range(soon):
            load.waited(0.0, 2.0 + number, sounds=not sounds)
            assert load.relief is Relief.NEW_CALLS
            assert not load.in_time

    @given(st.booleans())
    def test_that_nobody_waits_for_any_more_are_no_load(self, sounds: bool) -> None:
        load = TwoLoads()
        load.waited(10.0, 1.0, sounds=sounds)
        for number in range(10):
            load.waited(0.0, 2.0 + number, sounds=not sounds, others=False)
        assert load.relief is Relief.NOTHING
        assert load.in_time

    def test_are_the_load_that_either_would_be(self) -> None:
        text, sounds = TwoLoads(), TwoLoads()
        for number, wait in enumerate((0.1, SOON, 1.0, 2.0, 3.0), 1):
            text.waited(wait, float(number))
            sounds.waited(wait, float(number), sounds=True)
            assert (text.relief, text.in_time) == (sounds.relief, sounds.in_time)
