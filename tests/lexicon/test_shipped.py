"""The lexicons that ship: every term fires in a sentence, and no look-alike is blocked."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

import lexicon
from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Decision, TranscriptUpdate
from lexicon.compiler import Table, compile_lexicon
from lexicon.loader import load, shipped
from lexicon.normalize import fold
from lexicon.types import Rule, Severity
from streamer.recognition.words import TimedToken, to_words

LEXICON = load(shipped())
TABLES = {language: compile_lexicon(LEXICON, language) for language in ("zh", "en")}
BLOCKING = [rule for rule in LEXICON.rules if rule.severity is Severity.BLOCK]
LOOKALIKES = Path(lexicon.__file__).parent / "data" / "LOOKALIKES.tsv"
BUT = {"zh": "，不过", "en": ", but "}
CARRIERS = {"zh": "我跟您说{}的", "en": "Look {} okay"}


def decide(table: Table, sentence: str) -> list[Decision]:
    words = to_words([TimedToken(sentence, 0.0, 10.0, 1.0)], 0.0, 10.0)
    return list(Detector(table, ACTIONS).update(TranscriptUpdate("agent", words, (), True)).decisions)


def lookalikes() -> list[tuple[str, str]]:
    with LOOKALIKES.open(encoding="utf-8", newline="") as file:
        return [(row["language"], row["sentence"]) for row in csv.DictReader(file, delimiter="\t")]


@pytest.mark.parametrize("rule", BLOCKING, ids=lambda rule: rule.id)
class TestARuleThatBlocks:
    def test_does_so_for_every_one_of_its_terms(self, rule: Rule) -> None:
        for term in rule.terms:
            decisions = decide(TABLES[rule.language], CARRIERS[rule.language].format(term))
            assert any(decision.violation.severity == "block" for decision in decisions), term

    def test_does_so_for_a_term_that_follows_an_allow_phrase(self, rule: Rule) -> None:
        for phrase in rule.allow:
            sentence = CARRIERS[rule.language].format(f"{phrase}{BUT[rule.language]}{rule.terms[0]}")
            assert any(decision.action for decision in decide(TABLES[rule.language], sentence)), sentence

    def test_says_what_to_say_instead_and_where_it_comes_from(self, rule: Rule) -> None:
        assert rule.say_instead
        assert rule.source
        assert not any(decision.action for decision in decide(TABLES[rule.language], rule.say_instead))


@pytest.mark.parametrize("rule", LEXICON.rules, ids=lambda rule: rule.id)
def test_every_allow_phrase_holds_a_term(rule: Rule) -> None:
    terms = [fold(term, rule.language).text for term in rule.terms]
    for phrase in rule.allow:
        assert any(term in fold(phrase, rule.language).text for term in terms), phrase


@pytest.mark.parametrize(("language", "sentence"), lookalikes())
def test_no_look_alike_is_blocked(language: str, sentence: str) -> None:
    assert [d.violation.term for d in decide(TABLES[language], sentence) if d.action is not None] == []


@pytest.mark.parametrize("rule", LEXICON.rules, ids=lambda rule: rule.id)
def test_no_allow_phrase_of_any_rule_is_blocked_by_another(rule: Rule) -> None:
    for phrase in rule.allow:
        decisions = decide(TABLES[rule.language], phrase)
        assert [d.violation.term for d in decisions if d.action is not None] == [], phrase
