"""What is found, held against what people said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.calls import LabelledCall, Mark
from benchmarks.phrases import Found, Judged, Rate, Share, curve, false_rates, judge, length, shares

RULES = {"临界值": "p-1", "账户顺差": "p-2", "从今年": "p-3", "总体来看": "p-4"}
CALL = LabelledCall(
    Path("set/a.wav"),
    "zh",
    36.0,
    (Mark(True, "临界值", "agent", 5.0), Mark(True, "账户顺差", "agent", 9.0)),
    {"agent": "有一个临界值，经常性账户顺差，从今年", "customer": ""},
    "read",
    "S1",
)
FOUND = Found("a.wav", "p-1", "临界值", "agent", 4.2, 5.1, True, 0.9, at=5.6)


def judged(*found: Found, labelled: Sequence[LabelledCall] = (CALL,)) -> Judged:
    return judge(labelled, found, RULES)


def blocked(one: Judged) -> list[str]:
    return [phrase.term for phrase in one.phrases if phrase.blocked]


class TestJudging:
    def test_a_block_of_its_rule_when_it_was_said_meets_a_phrase(self) -> None:
        one = judged(FOUND)
        assert blocked(one) == ["临界值"]
        assert [phrase.late for phrase in one.phrases] == [pytest.approx(0.6), None]
        assert (one.right, one.false, one.unmarked) == ((FOUND,), (), ())

    def test_an_alert_meets_none_but_says_how_sure_it_was(self) -> None:
        one = judged(replace(FOUND, blocked=False, confidence=0.5, at=None))
        assert blocked(one) == []
        assert [phrase.confidence for phrase in one.phrases] == [0.5, None]
        assert one.false == ()

    @pytest.mark.parametrize(
        "other",
        [
            replace(FOUND, rule="p-9"),
            replace(FOUND, channel="customer"),
            replace(FOUND, start=20.0, end=21.0),
            replace(FOUND, start=1.0, end=2.0),
        ],
        ids=["rule", "channel", "late", "early"],
    )
    def test_of_another_rule_channel_or_time_it_does_not(self, other: Found) -> None:
        assert blocked(judged(other)) == []

    def test_what_nobody_said_is_false_even_where_another_phrase_was_said(self) -> None:
        nobodys = replace(FOUND, rule="p-4", term="总体来看")
        assert judged(nobodys).false == (nobodys,)
        assert judged(replace(nobodys, blocked=False)).falsely_blocked == ()

    def test_what_was_said_on_the_other_channel_is_false(self) -> None:
        assert len(judged(replace(FOUND, channel="customer")).falsely_blocked) == 1

    def test_what_was_said_though_not_marked_is_neither(self) -> None:
        unmarked = replace(FOUND, rule="p-3", term="从今年", start=12.0, end=13.0)
        one = judged(unmarked)
        assert (one.unmarked, one.false, blocked(one)) == ((unmarked,), (), [])

    def test_of_two_blocks_the_first_is_how_late_it_was(self) -> None:
        assert judged(FOUND, replace(FOUND, at=5.2)).phrases[0].late == pytest.approx(0.2)

    def test_each_recording_has_its_own(self) -> None:
        other = replace(CALL, path=Path("set/b.wav"), style="talk")
        one = judged(FOUND, labelled=[CALL, other])
        assert {name: (share.some, share.of) for name, share in shares(one.phrases).items()} == {
            "all": (1, 4),
            "read": (1, 2),
            "talk": (0, 2),
            "3": (1, 2),
            "4": (0, 2),
        }
        assert one.term_hours == pytest.approx(4 * 72 / 3600)

    def test_a_phrase_without_a_rule_is_a_mistake(self) -> None:
        with pytest.raises(KeyError):
            judge([CALL], [], {})

    def test_phrases_are_as_long_as_their_syllables_or_words(self) -> None:
        assert length("保本，保收益", "zh") == 5
        assert length("risk free", "en") == 2


class TestIntervals:
    @pytest.mark.parametrize(
        ("share", "bounds"),
        [(Share(8, 10), (0.4902, 0.9433)), (Share(0, 10), (0.0, 0.2775)), (Share(10, 10), (0.7225, 1.0))],
    )
    def test_of_shares_are_wilsons(self, share: Share, bounds: tuple[float, float]) -> None:
        assert share.bounds == pytest.approx(bounds, abs=1e-4)

    @given(st.integers(0, 300), st.integers(0, 300))
    def test_hold_the_share(self, some: int, others: int) -> None:
        share = Share(some, some + others)
        low, high = share.bounds
        assert 0 <= low <= high <= 1
        if share.of:
            assert low - 1e-12 <= share.value <= high + 1e-12

    @given(st.integers(0, 50))
    def test_of_rates_are_those_of_shares_of_very_many(self, times: int) -> None:
        chances = 10**7
        assert Rate(times, chances).bounds == pytest.approx(Share(times, chances).bounds, rel=1e-3, abs=1e-12)

    def test_of_nothing_know_nothing(self) -> None:
        assert Share(0, 0).bounds == (0.0, 1.0)
        assert Rate(0, 0.0).value == 0.0


class TestFalse:
    def test_is_counted_by_phrases_said_and_by_what_was_listened_for(self) -> None:
        rates = false_rates(judged(FOUND, replace(FOUND, rule="p-4", term="总体来看")))
        assert [rate.value for rate in rates.values()] == pytest.approx([500.0, 25.0])

    def test_falls_as_more_is_missed(self) -> None:
        nobodys = replace(FOUND, rule="p-4", term="总体来看", confidence=0.7)
        second = replace(FOUND, rule="p-2", term="账户顺差", start=8.0, end=9.0, blocked=False, confidence=0.5)
        points = [*curve(judged(FOUND, nobodys, second))]
        assert points == [
            (0.9, 0.5, 0.0),
            (0.7, 0.5, pytest.approx(25.0)),
            (0.5, 0.0, pytest.approx(25.0)),
        ]
