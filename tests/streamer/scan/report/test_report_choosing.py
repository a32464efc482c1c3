"""Which violations a page has room for."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streamer.scan.report.choosing import SEVERITIES, Listed, chosen, numbered, rank
from streamer.scan.results import About
from tests.streamer.scan.invented import found, result

LISTS = st.lists(st.tuples(st.sampled_from(SEVERITIES), st.sampled_from("abc"), st.floats(0, 1)), max_size=40)


def listed(heard: list[tuple[str, str, float]]) -> list[Listed]:
    violations = tuple(
        found(f"v-{n}", severity=severity, rule_id=rule, confidence=confidence)
        for n, (severity, rule, confidence) in enumerate(heard)
    )
    return numbered([result(found=violations)])


def test_violations_are_numbered_by_severity_then_by_time() -> None:
    early, late = About("1", None, "2026-11-09T01:00:00Z"), About("2", None, "2026-11-10T01:00:00Z")
    mild, grave, second = found("v-1", severity="review"), found("v-2", start=3.0), found("v-3", start=9.0)
    calls = [result("b.wav", about=late, found=(grave,)), result("a.wav", about=early, found=(mild, second, grave))]
    names = [(one.number, one.call.file, one.found.violation_id) for one in numbered(calls)]
    assert names == [(1, "a.wav", "v-2"), (2, "a.wav", "v-3"), (3, "b.wav", "v-2"), (4, "a.wav", "v-1")]


class TestTheChosen:
    @given(LISTS, st.integers(0, 50))
    def test_are_as_many_as_may_be_and_the_gravest(self, heard: list[tuple[str, str, float]], most: int) -> None:
        everything = listed(heard)
        few = chosen(everything, most)
        assert len(few) == min(most, len(everything))
        left = [one for one in everything if one not in few]
        assert (
            not few
            or not left
            or max(rank(one.found.severity) for one in few) <= min(rank(one.found.severity) for one in left)
        )
        assert [one.number for one in few] == sorted(one.number for one in few)

    @given(LISTS, st.integers(0, 50))
    def test_are_of_all_rules_alike(self, heard: list[tuple[str, str, float]], most: int) -> None:
        everything = listed([("block", rule, confidence) for _, rule, confidence in heard])
        taken = Counter(one.found.rule_id for one in chosen(everything, most))
        all_of = Counter(one.found.rule_id for one in everything)
        most_of_one = max(taken.values(), default=0)
        assert all(taken[rule] >= min(count, most_of_one - 1) for rule, count in all_of.items())

    def test_are_the_surest_of_a_rule(self) -> None:
        few = chosen(listed([("block", "a", 0.7), ("block", "a", 0.99), ("block", "a", 0.8)]), 1)
        assert [one.found.confidence for one in few] == [0.99]
