"""Terms that sound like what was written."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.nearmiss import align, find
from lexicon.normalize import fold
from lexicon.sound_index import SoundIndex
from lexicon.sounds import Sounds, sounds_of


def sounds(language: str) -> Sounds:
    known = sounds_of(language)
    assert known is not None
    return known


ZH, EN = sounds("zh"), sounds("en")
TERMS = ["保本", "零风险", "稳赚不赔", "承诺收益", "转到我的个人账户", "随时可以全额退"]


@pytest.mark.parametrize(
    ("heard", "term"),
    [
        ("这是宝笨的", "保本"),
        ("买这个是临风显", "零风险"),
        ("文状不赔的", "稳赚不赔"),
        ("可以长诺收益吗", "承诺收益"),
        ("请转到我的个人帐户", "转到我的个人账户"),
        ("而且些可以全革退的", "随时可以全额退"),
    ],
)
def test_survive_homophones_and_their_neighbours(heard: str, term: str) -> None:
    index = SoundIndex(ZH, TERMS)
    assert term in [TERMS[miss.term] for miss in find(index, heard)]


@pytest.mark.parametrize("heard", ["保证金", "低风险的产品", "今天天气不错", "", "abc"])
def test_are_not_met_by_other_words(heard: str) -> None:
    assert find(SoundIndex(ZH, TERMS), heard) == []


def test_that_are_still_being_spoken_are_left_to_be() -> None:
    index = SoundIndex(ZH, ["转到我的个人账户"])
    assert find(index, "请转到我的个人账") == []
    assert len(find(index, "请转到我的个人账", final=True)) == 1


def test_may_be_further_off_where_there_is_no_other_look() -> None:
    index = SoundIndex(ZH, ["跟存款一样"])
    assert find(index, "更深宽意啊立即还更高") == []
    (miss,) = find(index, "更深宽意啊立即还更高", once=True)
    assert (miss.start, miss.end, miss.loose) == (0, 5, True)


@pytest.mark.parametrize(
    ("heard", "loose"), [("跟存款一样", False), ("跟存款一养", False), ("更存款一羊", False), ("跟存款一里", True)]
)
def test_end_loosely_where_the_last_syllable_is_quite_another(heard: str, loose: bool) -> None:
    (miss,) = find(SoundIndex(ZH, ["跟存款一样"]), f"这款{heard}高")
    assert miss.loose is loose


def test_english_is_met_by_its_consonants() -> None:
    terms = [fold(term, "en").text for term in ("guaranteed return", "we will have you arrested")]
    index = SoundIndex(EN, terms)
    for heard, wanted in (("a guarantee return of eight", 0), ("today we will have your rest do you", 1)):
        text = fold(heard, "en").text
        (miss,) = [miss for miss in find(index, text) if miss.term == wanted]
        assert text[miss.start : miss.end].strip() in heard


@given(st.text("保本证稳赚文状不赔的零临风险显", max_size=30))
@settings(max_examples=150)
def test_are_found_wherever_a_search_of_every_place_finds_them_sound_for_sound(text: str) -> None:
    index = SoundIndex(ZH, TERMS)
    heard = ZH.encode(text)[0]
    found = {(miss.term, miss.start) for miss in find(index, text, final=True)}
    for number, term in enumerate(index.codes):
        for start in range(len(heard) - len(term) + 1):
            cost, first, last, _ = align(ZH.distances, term, heard[start : start + len(term)])
            same = (heard[start : start + len(term)] == term).all()
            if same:
                assert (cost, first, last - first) == (0.0, 0, len(term))
                assert (number, start) in found
