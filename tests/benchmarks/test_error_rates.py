"""How far heard text is from what was said."""

from __future__ import annotations

import pytest

from benchmarks.error_rates import Rates, error_rate, rates


def rate(said: str, heard: str, language: str) -> float:
    return error_rate([({"agent": said}, {"agent": heard})], language)


class TestErrorRate:
    @pytest.mark.parametrize(
        ("said", "heard", "expected"),
        [
            ("保本保收益", "保本保收益", 0.0),
            ("保本保收益", "保本包收益", 1 / 5),
            ("保本保收益", "保本收益", 1 / 5),
            ("保本", "不保本", 1 / 2),
            ("保本", "", 1.0),
            ("", "", 0.0),
        ],
    )
    def test_counts_characters_of_chinese(self, said: str, heard: str, expected: float) -> None:
        assert rate(said, heard, "zh") == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("said", "heard", "expected"),
        [
            ("a guaranteed return", "a guaranteed return", 0.0),
            ("a guaranteed return", "a guarantee return", 1 / 3),
            ("no risk at all", "no at all", 1 / 4),
            ("at all", "at all at all", 1.0),
            ("risk free", "", 1.0),
        ],
    )
    def test_counts_words_of_english(self, said: str, heard: str, expected: float) -> None:
        assert rate(said, heard, "en") == pytest.approx(expected)

    @pytest.mark.parametrize(
        ("said", "heard", "language"),
        [
            ("年化百分之六点五，下周截止。", "年化6.5%下周截止", "zh"),
            ("去年是百分之四点二", "去年是 4.2%", "zh"),
            ("我們承諾收益", "我们承诺收益", "zh"),
            ("Eight percent, you can't lose!", "8% you cannot lose", "en"),
            ("It is risk-free.", "it is risk free", "en"),
        ],
    )
    def test_is_none_for_another_way_of_writing(self, said: str, heard: str, language: str) -> None:
        assert rate(said, heard, language) == 0
        assert rate(heard, said, language) == 0

    def test_weighs_long_channels_more_than_short_ones(self) -> None:
        calls = [({"agent": "一二三四五六七八", "customer": "是的"}, {"agent": "一二三四五六七八", "customer": "不知"})]
        assert error_rate(calls, "zh") == pytest.approx(2 / 10)

    def test_takes_a_channel_that_was_not_heard_for_silent(self) -> None:
        assert error_rate([({"agent": "保本", "customer": "是的"}, {"agent": "保本"})], "zh") == pytest.approx(1 / 2)

    def test_of_no_calls_is_none(self) -> None:
        assert error_rate([], "zh") == 0


def test_the_stream_is_held_against_the_labels_and_against_the_whole_file() -> None:
    calls = [({"agent": "保本保收益"}, {"agent": "包本包收益"}, {"agent": "保本包收益"})]
    assert rates(calls, "zh") == Rates(stream=2 / 5, whole=1 / 5, apart=1 / 5)
    assert rates([], "en") == Rates(0, 0, 0)
