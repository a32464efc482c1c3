"""The token bucket."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.limits import TokenBucket


def test_a_burst_is_allowed_and_then_only_the_rate() -> None:
    bucket = TokenBucket(rate=2, burst=10)
    assert bucket.take(10, now=100)
    assert not bucket.take(1, now=100)
    assert bucket.take(1, now=100.5)
    assert not bucket.take(1, now=100.6)


@given(
    st.floats(0.1, 10),
    st.floats(1, 20),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 25)), max_size=50),
)
def test_no_stretch_of_time_lets_more_through_than_burst_and_rate(
    rate: float, burst: float, steps: list[tuple[float, float]]
) -> None:
    bucket, now, taken = TokenBucket(rate, burst), 50.0, 0.0
    for pause, amount in steps:
        now += pause
        taken += amount if bucket.take(amount, now) else 0
        assert taken <= burst + rate * (now - 50.0) + 1e-6
