"""What must never be stored or shown: however it is dictated, written, cut or revised."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.masking import CODE, HOLD, LONG, MASK, Masker, mask, mask_json
from detector.types import Word

_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPOKEN: dict[str, list[list[str]]] = {
    "zh": [list(signs) for signs in ("零〇洞", "一幺", "二", "三", "四", "五", "六", "七拐", "八", "九勾")],
    "en": [["zero", "oh"], *([word] for word in _WORDS)],
}
DIGIT = re.compile(r"[0-9〇零一二三四五六七八九幺洞拐勾]|\b(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)\b")


def words(text: str, language: str, length: float = 0.2) -> list[Word]:
    """Cut a text into words as the recogniser does: characters, or what begins with a space."""
    pieces = (
        re.findall(r"\s*[A-Za-z0-9]+\S*|\s*\S|\s+", text) if language == "en" else re.findall(r"\s*\d+\W*|.\W*", text)
    )
    assert "".join(pieces) == text
    return [Word(piece, i * length, (i + 1) * length) for i, piece in enumerate(pieces)]


def said(found: tuple[Word, ...] | list[Word]) -> str:
    return "".join(word.text for word in found)


@st.composite
def dictated(draw: st.DrawFn, language: str, least: int = LONG, most: int = 19) -> str:
    """Say a number in some way: written or spoken, with pauses, marks and fillers between."""
    fillers = ["", "", "", "，", "嗯，", "。", "那个"] if language == "zh" else ["", "", ",", ", um,", ". Okay,"]
    spoken, number = [], draw(st.lists(st.integers(0, 9), min_size=least, max_size=most))
    for digit in number:
        forms = [str(digit), *SPOKEN[language][digit]]
        spoken.append(draw(st.sampled_from(forms)) + draw(st.sampled_from(fillers)))
    return ("" if language == "zh" else " ").join(spoken)


sentences = {"zh": ("请您记一下", "就是这样"), "en": ("please take this down ", " that is it")}


@pytest.mark.parametrize("language", ["zh", "en"])
@given(data=st.data())
def test_no_long_number_survives_however_it_is_said(language: str, data: Any) -> None:
    number = data.draw(dictated(language))
    before, after = sentences[language]
    masked = mask(before + number + after)
    assert masked.startswith(before)
    assert masked.endswith(after)
    assert not DIGIT.search(masked[len(before) : len(masked) - len(after)])


@pytest.mark.parametrize("language", ["zh", "en"])
@given(data=st.data())
def test_any_cut_of_a_stream_gives_the_same(language: str, data: Any) -> None:
    before, after = sentences[language]
    text = before + data.draw(dictated(language, least=1)) + after + data.draw(st.sampled_from(["", before]))
    spoken = words(text, language)
    cuts = sorted({0, len(spoken), *data.draw(st.lists(st.integers(0, len(spoken)), max_size=8))})
    masker, told, spans = Masker(), list[Word](), list[tuple[float, float]]()
    for start, end in pairwise(cuts):
        piece = masker.push(spoken[start:end], spoken[end - 1].end)
        told += piece.words
        spans += piece.spans
    rest = masker.flush()
    told += rest.words
    spans += rest.spans
    assert said(told) == mask(text)
    assert [(word.start, word.end) for word in told] == [(word.start, word.end) for word in spoken]
    assert spans == [(m.start, m.end) for m in told if MASK in m.text]


@pytest.mark.parametrize("language", ["zh", "en"])
@given(data=st.data())
def test_text_that_may_yet_change_never_shows_a_long_number(language: str, data: Any) -> None:
    before, _ = sentences[language]
    spoken = words(before + data.draw(dictated(language)), language)
    first = len(words(before.rstrip(), language))
    for count in range(first, len(spoken) + 1):
        masker = Masker()
        committed = data.draw(st.integers(0, count))
        told = masker.push(spoken[:committed], 0.0).words
        shown = said(told + masker.tentative(spoken[committed:count]))
        assert len(DIGIT.findall(shown[len(before.rstrip()) :])) < CODE


@given(st.text(max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "一共三千五百元",
        "年化百分之四点二，近3年4.2%",
        "1000000元起购",
        "余额1,234,567.89",
        "生于2026-01-02",
        "二零二六年十一月二十四日上午10点30分",
        "请拨打95588，尾号6222",
        "分12期，每期350.5元",
        "验证码您千万别告诉任何人，我们的产品有3个月、6个月的",
        "the minimum is 10000000 dollars over twenty four months",
        "one of the two or three funds I own",
        "It pays 4.25 percent, due 2027/1/31",
    ],
)
def test_amounts_dates_rates_and_short_numbers_stay(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("验证码是1234", "验证码是＊＊＊＊"),
        ("把短信里的动态码念一下，三七二一九零", "把短信里的动态码念一下，＊＊＊＊＊＊"),
        ("the security code on the back is 482", "the security code on the back is ＊＊＊"),
        ("PIN: four eight two one", "PIN: ＊ ＊ ＊ ＊"),
        ("身份证11010519491231002X好的", "身份证＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊好的"),
        ("double five triple two oh one", "＊ ＊ ＊ ＊ ＊ ＊"),
        ("(415) 555-0123", "(＊＊＊) ＊＊＊-＊＊＊＊"),
    ],
)
def test_codes_and_identities_go(text: str, masked: str) -> None:
    assert mask(text) == masked


def test_what_may_go_on_is_held_back_until_it_does_not() -> None:
    masker = Masker()
    spoken = words("卡号是六二二二零二一二三就这样", "zh")
    assert said(masker.push(spoken[:7], 1.4).words) == "卡号是"
    assert masker.unclear == spoken[3].start
    assert said(masker.tentative(spoken[7:9])) == "＊＊＊＊＊＊"
    assert said(masker.push(spoken[7:], 9.0).words) == "＊＊＊＊＊＊＊＊＊就这样"
    assert masker.unclear is None


def test_it_is_not_held_back_for_ever() -> None:
    masker = Masker()
    spoken = words("尾号六二二二", "zh")
    assert said(masker.push(spoken, 1.2).words) == "尾号"
    assert masker.push([], spoken[-1].end + HOLD - 0.1).words == ()
    assert said(masker.push([], spoken[-1].end + HOLD + 0.1).words) == "六二二二"


def test_metadata_loses_what_is_beyond_doubt_and_nothing_else() -> None:
    metadata = {
        "13812345678": ["campaign-20261124", "4111 1111 1111 1111", 4111111111111111],
        "caller": {"tel": "+86 13812345678", "id": "11010519491231002X"},
        "order": "100200300400500",
    }
    assert mask_json(metadata) == {
        "13812345678": ["campaign-20261124", "＊＊＊＊ ＊＊＊＊ ＊＊＊＊ ＊＊＊＊", 4111111111111111],
        "caller": {"tel": "+＊＊ ＊＊＊＊＊＊＊＊＊＊＊", "id": "＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊"},
        "order": "100200300400500",
    }
