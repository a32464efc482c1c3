"""Folding: what becomes the same, what stays apart, and the way back to the raw text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lexicon.normalize import fold

languages = st.sampled_from(["zh", "en"])


@pytest.mark.parametrize(
    "text", ["保本，保收益", "保 本，保收益！", "保本保收益嗯", "嗯，保本啊保收益", "保本保收益。", "保本保收益"]
)
def test_chinese_loses_spaces_punctuation_and_fillers(text: str) -> None:
    assert fold(text, "zh").text == "保本保收益"


def test_traditional_full_width_and_upper_case_are_unified() -> None:
    assert fold("零風險ＡＰＰ，臺灣", "zh").text == fold("零风险app台湾", "zh").text


def test_repeats_are_kept() -> None:
    assert fold("保保本本", "zh").text == "保保本本"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Risk-free!", "risk free"),
        ("you can't lose", "You CANNOT lose"),
        ("you can’t lose", "you can not lose"),
        ("we'll cover", "we will cover"),
        ("I'm calling", "i am calling"),
        ("don't, tell", "do not tell"),
    ],
)
def test_english_spellings_of_the_same_words_are_one(one: str, other: str) -> None:
    assert fold(one, "en").text == fold(other, "en").text


def test_english_words_have_a_space_on_both_sides() -> None:
    assert fold("risk-free", "en").text == " risk free "
    assert fold("risk-free", "en").text not in fold("brisk freedom", "en").text
    assert fold("american not", "en").text == " american not "


@given(st.text(), languages)
def test_folding_twice_changes_nothing(text: str, language: str) -> None:
    once = fold(text, language).text
    assert fold(once, language).text == once


@given(st.text(min_size=1), languages)
def test_offsets_lead_back_in_order(text: str, language: str) -> None:
    folded = fold(text, language)
    assert len(folded.offsets) == len(folded.text)
    assert list(folded.offsets) == sorted(folded.offsets)
    assert all(0 <= offset < len(text) for offset in folded.offsets)


@given(st.text("保本不承诺收益，。 嗯ＡＢ", max_size=30), st.data())
def test_a_folded_span_leads_back_to_raw_text_that_folds_to_it(text: str, data: st.DataObject) -> None:
    folded = fold(text, "zh")
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))
    raw_start, raw_end = folded.raw_span(start, end)
    assert fold(text[raw_start:raw_end], "zh").text == folded.text[start:end]


def test_an_english_span_leads_back_to_its_words_without_the_spaces_around() -> None:
    text = "it is Risk-Free, they say"
    folded = fold(text, "en")
    start = folded.text.index(" risk free ")
    raw_start, raw_end = folded.raw_span(start, start + len(" risk free "))
    assert text[raw_start:raw_end] == "Risk-Free"
