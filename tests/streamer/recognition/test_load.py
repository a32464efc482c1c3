"""When something is given up, and when it is taken up again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.recognition.load import BOUNDS, Load, Relief


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
