"""The matcher finds every phrase of a table wherever it stands, by a search that can't be wrong."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.matcher import scan
from lexicon.compiler import Role, compile_lexicon
from lexicon.normalize import fold
from lexicon.types import Lexicon, Near, Rule, Severity

# Few letters, so that phrases overlap, nest and repeat.
LETTERS = {"zh": "保本收益，嗯", "en": "ab c'-"}
languages = st.sampled_from(sorted(LETTERS))


@st.composite
def lexicons(draw: st.DrawFn, language: str) -> Lexicon:
    phrase = st.text(LETTERS[language], min_size=1, max_size=5).filter(lambda one: fold(one, language).text.strip())
    phrases = st.lists(phrase, min_size=1, max_size=4).map(tuple)
    rules = [
        Rule(
            str(number),
            "category",
            Severity.BLOCK,
            draw(phrases),
            language,
            allow=draw(phrases),
            near=Near(draw(phrases), within=3),
        )
        for number in range(draw(st.integers(1, 3)))
    ]
    return Lexicon("random", "random@0", tuple(rules))


@given(st.data(), languages)
@settings(max_examples=200)
def test_every_phrase_is_found_in_every_role_wherever_it_stands(data: st.DataObject, language: str) -> None:
    lexicon = data.draw(lexicons(language))
    text = fold(data.draw(st.text(LETTERS[language], max_size=40)), language).text
    expected = {
        (number, role, start, start + len(phrase))
        for number, rule in enumerate(lexicon.rules)
        for role, group in (
            (Role.TERM, rule.terms),
            (Role.ALLOW, rule.allow),
            (Role.NEAR, rule.near.any if rule.near else ()),
        )
        for phrase in (fold(raw, language).text for raw in group)
        for start in range(len(text))
        if text.startswith(phrase, start)
    }
    hits = scan(compile_lexicon(lexicon, language), text)
    found = [
        (hit.use.rule, hit.use.role, hit.start, hit.end)
        for group in (hits.terms, hits.allowed, hits.near)
        for hit in group
    ]
    assert sorted(found) == sorted(expected)
