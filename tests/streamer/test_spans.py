"""Sets of seconds: each counts once, whatever the order in which spans are added."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streamer.spans import Span, Spans

PAIRS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12)


def seconds(spans: list[Span]) -> set[int]:
    return {second for start, end in spans for second in range(int(start), int(end))}


def of(pairs: list[tuple[int, int]]) -> Spans:
    spans = Spans()
    for start, end in pairs:
        spans.add(start, end)
    return spans


@given(PAIRS)
def test_a_second_is_counted_once_and_given_when_it_is_new(pairs: list[tuple[int, int]]) -> None:
    spans, known = Spans(), set[int]()
    for start, end in pairs:
        fresh = spans.add(start, end)
        assert seconds(fresh) == seconds([(start, end)]) - known
        assert sum(b - a for a, b in fresh) == len(seconds(fresh))
        known |= seconds([(start, end)])
    assert spans.total == len(known)
    assert seconds([*spans]) == known
    assert spans.end == max(known, default=-1) + 1


@given(PAIRS)
def test_spans_are_disjoint_and_in_order(pairs: list[tuple[int, int]]) -> None:
    bounds = [bound for span in of(pairs) for bound in span]
    assert bounds == sorted(bounds)
    assert len(set(bounds)) == len(bounds)


@given(PAIRS, PAIRS)
def test_what_two_sets_have_in_common_is_counted(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    assert of(one).within(of(other)) == len(seconds([*of(one)]) & seconds([*of(other)]))
