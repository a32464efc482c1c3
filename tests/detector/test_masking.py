"""What must never be stored or shown: however it is dictated, written, cut or revised."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
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
        "13812345678": ["campaign-20261124", "4111 1111 1111 1111", 1732431000000],
        "caller": {"tel": "+86 13812345678", "id": "11010519491231002X"},
        "order": "100200300400500",
    }
    assert mask_json(metadata) == {
        "13812345678": ["campaign-20261124", "＊＊＊＊ ＊＊＊＊ ＊＊＊＊ ＊＊＊＊", 1732431000000],
        "caller": {"tel": "+＊＊ ＊＊＊＊＊＊＊＊＊＊＊", "id": "＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊＊"},
        "order": "100200300400500",
    }


MUST_GO = [
    "6222021234567890美元账户",
    "6222021234567890元",
    "卡号6222021234567890，余额",
    "一二三四五六七八九元",
    "六二二二然后零二一二然后三四五六然后七八九零",
    "六二二二点零二一二点三四五六",
    "零二一杠六二三四五六七八",
    "六二二二，后面是零二一二，接着三四五六",
    "六二二二空格零二一二空格三四五六",
    "六二二二横杠零二一二减号三四五六",
    "壹叁捌壹贰叁肆伍陆柒捌",
    "壹參捌壹貳參肆伍陸柒捌",
    "１３８１２３４５６７８",
    "一三八〇〇一三八〇〇〇",
    "电话021-62345678",
    "请打400-820-8820",
    "+44 20 7946 0958",
    "+852 2345 6789",
    "0086 138 1234 5678",
    "后三位是三八五",
    "背面末三位385",
    "末四位是6222",
    "有效期零九二七",
    "有效期是09/27",
    "CVV是123",
    "four one one one forty five thirty two",
    "six two two two then oh two one two",
    "six two two two dash nought two one two dash three four",
    "double four triple seven nought nine",
    "forty-five thirty-two sixty-one nineteen oh seven",
    "my card is 4111 then 1111 dot 1111 space 1111",
    "the last four digits are forty five thirty two",
    "the cvv2 is 123",
    "expiry date is zero nine two seven",
    "valid thru 09/27",
    "123456789 dollars",
    "身份证后六位是一二三四五六",
    "the last six digits are 1 2 3 4 5 6",
]
MAY_STAY = [
    "1,234,567,890 元",
    "1,234,567,890.50",
    "98765432元",
    "3500万元",
    "12345678人次",
    "一共三千五百万元",
    "第一点、第二点、第三点",
    "上午10点30分到11点30分",
    "先存3个月，然后6个月，然后12个月",
    "年化三点二五，近三年四点一",
    "有效期365天",
    "有效期至2027年12月31日",
    "有效期2027-09-30",
    "验证码120秒内有效",
    "请拨打95588",
    "尾号6222的卡",
    "2026年11月28日",
    "一号二号三号",
    "转1再转2",
    "二十五万三千",
    "twenty, thirty, forty percent",
    "ten twenty thirty or forty thousand",
    "forty five thousand dollars",
    "twenty five million three hundred thousand",
    "in nineteen ninety nine",
    "three point two five percent then four",
    "the bond expires in 2027",
    "valid until 31 December",
    "a one-time fee of 100 dollars",
    "12 to 24 months, then 36",
    "four or five times a year",
    "the password has 3 to 6 characters",
    "1234567 yuan",
    "12,345,678 pounds",
    "chapter two, section one point four",
    "call us on 95588",
]


@pytest.mark.parametrize("text", MUST_GO)
def test_numbers_of_people_go_whatever_stands_between_and_after_them(text: str) -> None:
    masked = mask(text)
    assert MASK in masked
    left = re.sub(r"[后末背面]*[三四]位|last four|cvv2", "", masked)
    assert not re.search(r"\d{3}|[〇零一二三四五六七八九壹贰叁肆伍陆柒捌玖貳參陸１-９]{2}", left)


@pytest.mark.parametrize("text", MAY_STAY)
def test_what_is_no_number_of_a_person_stays(text: str) -> None:
    assert mask(text) == text


@pytest.mark.parametrize("text", MUST_GO + MAY_STAY)
@given(data=st.data())
@settings(max_examples=15)
def test_the_table_is_the_same_in_any_cut(text: str, data: Any) -> None:
    language = "en" if text.isascii() else "zh"
    spoken = words(text, language)
    cuts = sorted({0, len(spoken), *data.draw(st.lists(st.integers(0, len(spoken)), max_size=6))})
    masker, told = Masker(), list[Word]()
    for start, end in pairwise(cuts):
        told += masker.push(spoken[start:end], spoken[end - 1].end).words
    assert said([*told, *masker.flush().words]) == mask(text)


@given(st.integers(10**8, 10**19), st.sampled_from(["元", "美元账户", "元人民币", " dollars", "万", "人民币", "%"]))
def test_nothing_of_nine_digits_is_an_amount_without_separators(number: int, unit: str) -> None:
    assert not re.search(r"\d", mask(f"余额{number}{unit}"))


@given(st.integers(1, 10**12), st.sampled_from(["元", "美元", " dollars"]))
def test_with_separators_it_is_one(number: int, unit: str) -> None:
    text = f"{number:,}{unit}"
    assert mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "+44 20 7946 0958",
        "+4420794609 58",
        "+852 2345 6789",
        "0044 20 7946 0958",
        "00852-23456789",
        "400-820-8820",
        "400 8208820",
        "021-62345678",
        "(021)62345678",
        "0755 26001234",
        "02162345678",
        "138-1234-5678",
        "8613812345678",
        "tel:+8613812345678",
        "sip:13812345678@pbx.example",
        "rec_13812345678_20261128.wav",
        "(415) 555-0123",
        "415.555.0123",
        "6222021234567894",
    ],
)
def test_metadata_loses_numbers_in_any_form(text: str) -> None:
    masked = str(mask_json({"note": text})["note"])
    assert MASK in masked
    assert not re.search(r"\d{5}", masked.replace("20261128", ""))


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-28T09:30:00+08:00",
        "20261128-093000-0001",
        "CA13812345678abcdef0123456789abcdef",
        "b1946ac92492d2347c6235b4d2611184",
        "550e8400-e29b-41d4-a716-446655440000",
        "100200300400500",
        "192.168.100.200:5060",
        "v1.2.3",
        "1042",
        1732431000,
        1732431000000,
        1732431000000000,
        3.14159265,
        100200300,
        True,
        None,
    ],
)
def test_ids_times_and_addresses_stay(value: Any) -> None:
    assert mask_json({"note": value}) == {"note": value}


@pytest.mark.parametrize("value", [10**400, -(10**400), 1e308, float("inf"), float("-inf")])
def test_a_number_beyond_all_bounds_is_only_a_number(value: float) -> None:
    assert mask_json({"note": value}) == {"note": value}


@pytest.mark.parametrize("value", [13812345678, 13812345678.0, 6222021234567894, 4111111111111111])
def test_numbers_of_json_are_numbers_too(value: float) -> None:
    (masked,) = mask_json([value])
    assert set(masked) == {MASK}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "from",
            "To",
            "ANI",
            "dnis",
            "caller",
            "Callee",
            "from_number",
            "callerId",
            "customer_phone",
            "mobile",
            "MSISDN",
        ),
        *(
            "id_card",
            "idCard",
            "bank-card-no",
            "account_number",
            "主叫",
            "被叫号码",
            "客户手机",
            "身份证号",
            "银行卡号",
        ),
    ],
)
@pytest.mark.parametrize("value", ["100200300", 100200300, ["100200300"], {"number": "100200300", "x": 100200300}])
def test_a_field_that_says_what_it_holds_is_masked(name: str, value: Any) -> None:
    assert not re.search(r"\d", str(mask_json({name: value})[name]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("to", "95588"),
        ("caller", "Li Na"),
        ("order_from", "100200300"),
        ("campaign", "100200300"),
        ("card_type", "2026"),
    ],
)
def test_what_no_name_gives_away_stays(name: str, value: str) -> None:
    assert mask_json({name: value}) == {name: value}
