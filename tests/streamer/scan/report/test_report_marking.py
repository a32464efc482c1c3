"""Where in its text a term stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.scan.report.marking import AROUND, measured, parted


class TestATerm:
    @pytest.mark.parametrize(
        ("text", "language", "heard", "term", "parts"),
        [
            ("这款产品宝本的", "zh", "宝本", "保本", ("这款产品", "宝本", "的")),
            ("这款产品保本的", "zh", "宝本", "保本", ("这款产品", "保本", "的")),
            ("收益 很 稳，放心", "zh", "收益很稳", "收益很稳", ("", "收益 很 稳", "，放心")),
            (
                "It is completely Risk-Free, sir.",
                "en",
                "risk free",
                "risk free",
                ("It is completely ", "Risk-Free", ", sir."),
            ),
            ("asterisk freedom", "en", "risk free", "risk free", ("asterisk freedom", "", "")),
            ("什么也没有", "zh", "保本", "保本", ("什么也没有", "", "")),
            ("", "zh", "", "", ("", "", "")),
        ],
    )
    def test_is_found_as_it_was_heard(
        self, text: str, language: str, heard: str, term: str, parts: tuple[str, str, str]
    ) -> None:
        assert parted(text, language, heard, term) == parts

    def test_is_the_one_in_the_middle_of_several(self) -> None:
        assert parted("不保本，我说保本，不保本", "zh", "保本", "保本") == ("不保本，我说", "保本", "，不保本")

    @given(st.text(max_size=AROUND), st.text(max_size=8), st.sampled_from(["zh", "en"]))
    def test_leaves_the_text_as_it_was(self, text: str, heard: str, language: str) -> None:
        assert "".join(parted(text, language, heard, "保本")) == text

    def test_in_a_long_text_has_only_so_much_around_it(self) -> None:
        before, marked, after = parted("好" * 5000 + "保本" + "的" * 5000, "zh", "保本", "保本")
        assert (before, marked, after) == ("…" + "好" * AROUND, "保本", "的" * AROUND + "…")
        assert len(parted("好" * 5000, "zh", "保本", "保本")[0]) == AROUND + 1


def test_what_is_heard_word_for_word_and_is_not_the_term_was_measured() -> None:
    assert measured("exact", "en", "23.4 s", "silence over 20 s")
    assert not measured("exact", "zh", "保 本", "保本")
    assert not measured("phonetic", "zh", "宝本", "保本")
