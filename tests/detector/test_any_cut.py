"""However speech is cut and whatever is guessed before it is agreed, the same is found; held against a naive search."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Score, Status, TranscriptUpdate, Violation
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from lexicon.normalize import fold
from tests.detector.test_detector import detector, fired, words

phrase_soup = st.lists(
    st.sampled_from(
        [
            "保本",
            "保本保收益",
            "不承诺",
            "是不可能",
            "无风险",
            "利率",
            "高收益",
            "怎么可能不",
            "绝对",
            "赚",
            "的",
            "嗯",
            "，",
            "好",
            "投资有风险",
        ]
    ),
    max_size=25,
).map("".join)


class TestAnyCut:
    @given(phrase_soup, st.data())
    @settings(max_examples=150)
    def test_of_the_text_ends_in_the_same_violations(self, text: str, data: st.DataObject) -> None:
        spoken = tuple(words(text))
        whole = outcome([TranscriptUpdate("agent", spoken, (), True)])
        cuts = sorted(data.draw(st.sets(st.integers(0, len(spoken)), max_size=10)) | {0, len(spoken)})
        cut = outcome(
            TranscriptUpdate("agent", spoken[start:end], (), end == len(spoken)) for start, end in pairwise(cuts)
        )
        assert_same_speech(whole, cut)

    @given(phrase_soup, st.data())
    @settings(max_examples=150)
    def test_of_the_text_and_any_guesses_before_end_in_the_same_violations(
        self, text: str, data: st.DataObject
    ) -> None:
        spoken = tuple(words(text))
        whole = outcome([TranscriptUpdate("agent", spoken, (), True)])
        cuts = sorted(data.draw(st.sets(st.integers(0, len(spoken)), max_size=6)) | {0, len(spoken)})
        updates = []
        for start, end in pairwise(cuts):
            guess = tuple(words(data.draw(phrase_soup)[:12], 0.2 * end))
            guess = () if end == len(spoken) else guess
            heard = (*spoken[start:end], *guess)
            until = heard[-1].end + data.draw(st.sampled_from([0.0, 0.5])) if heard else 0.0
            updates.append(TranscriptUpdate("agent", spoken[start:end], guess, False, until))
        updates.append(TranscriptUpdate("agent", (), (), True))
        assert_same_speech(whole, outcome(updates))

    @given(phrase_soup)
    @settings(max_examples=150)
    def test_never_reports_the_same_words_twice_for_a_rule(self, text: str) -> None:
        at = detector()
        spans: dict[str, list[tuple[float, float]]] = {}
        for word in words(text):
            for decision in fired(at.update(TranscriptUpdate("agent", (word,), (), False))):
                found = decision.violation
                for start, end in spans.setdefault(found.rule_id, []):
                    assert found.start >= end or found.end <= start
                spans[found.rule_id].append((found.start, found.end))


def outcome(updates: Iterable[TranscriptUpdate]) -> list[Violation]:
    """Tell a detector, which is answered that nothing by sound is likely; give what it is left with."""
    at, last = detector(), dict[str, Violation]()
    for update in updates:
        reaction = at.update(update)
        told = list(reaction.decisions)
        for request in reaction.requests:
            told += at.scored(Score(request.id, 0.0, -1000.0)).decisions
        last |= {decision.violation.id: decision.violation for decision in told}
    return [v for v in last.values() if v.status in (Status.FIRED, Status.CONFIRMED)]


def assert_same_speech(one: list[Violation], other: list[Violation]) -> None:
    """Both hold the same words, as severely; a rule may stand for another's that is no more severe."""
    severities = ["block", "alert", "review"]
    for these, those in ((one, other), (other, one)):
        for a in these:
            overlapping = [b for b in those if a.start < b.end and b.start < a.end]
            assert overlapping, a
            assert min(severities.index(b.severity) for b in overlapping) <= severities.index(a.severity), a


class TestAgainstANaiveSearch:
    @given(phrase_soup)
    @settings(max_examples=150)
    def test_a_rule_without_conditions_is_found_wherever_its_text_is(self, text: str) -> None:
        plain = parse(
            "lexicon: plain\nlanguage: zh\nrules: [{id: a, category: a, severity: block, terms: [保本, 收益无]}]",
            "plain.yaml",
        )
        at = Detector(compile_lexicon(plain, "zh"), ACTIONS)
        found = {d.violation.start for d in fired(at.update(TranscriptUpdate("agent", tuple(words(text)), (), True)))}
        folded = fold("".join(word.text for word in words(text)), "zh").text
        expected = sum(folded.startswith(term, i) for term in ("保本", "收益无") for i in range(len(folded)))
        assert len(found) == expected
