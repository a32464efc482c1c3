"""The detector, from words to decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.detector import Detector
from detector.hearing import Hearing
from detector.policy import ACTIONS
from detector.types import (
    Action,
    Decision,
    Reaction,
    Score,
    Status,
    TranscriptUpdate,
    Word,
)
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from streamer.recognition.words import is_ideographic

ZH = """
lexicon: zh-test
language: zh
rules:
  - {id: principal, category: guarantee, severity: block, terms: [保本, 保本保收益],
     allow: [不承诺保本, 保本是不可能], say_instead: 理财有风险。}
  - {id: risk-free, category: riskfree, severity: block, terms: [无风险, 怎么可能不保本], allow: [无风险利率]}
  - {id: high-yield, category: yield, severity: alert, terms: [高收益无风险]}
  - {id: sure, category: absolute, severity: alert, terms: [绝对], near: {any: [收益, 赚], within: 4}}
  - {id: then, category: absolute, severity: review, terms: [马上], near: {any: [买], within: 3, ordered: true}}
  - {id: customer-asks, category: ask, severity: review, channel: customer, terms: [退钱]}
  - {id: recorded, category: disclosure, severity: alert, required: {within: 10}, terms: [通话会录音]}
  - {id: risk, category: disclosure, severity: alert, required: {by: end}, terms: [投资有风险, 理财非存款]}
"""
EN = """
lexicon: en-test
language: en
rules:
  - {id: risk-free, category: riskfree, severity: block, terms: [risk free], allow: [not risk free, risk-free rate]}
  - {id: guarantee, category: guarantee, severity: block, terms: [guaranteed return, you cannot lose]}
"""


def words(text: str, start: float = 0.0) -> list[Word]:
    """Cut text as the recogniser does: a character, or a word with its space; 0.2 s each."""
    pieces: list[str] = []
    for char in text:
        if (
            pieces
            and not (char == " " or is_ideographic(char))
            and not (char.isalnum() and is_ideographic(pieces[-1][0]))
        ):
            pieces[-1] += char
        else:
            pieces.append(char)
    return [Word(piece, start + i * 0.2, start + (i + 1) * 0.2, 0.9) for i, piece in enumerate(pieces)]


def detector(lexicon: str = ZH, language: str = "zh") -> Detector:
    return Detector(compile_lexicon(parse(lexicon, "test.yaml"), language), ACTIONS)


def said(
    text: str, *, at: Detector | None = None, final: bool = True, channel: str = "agent", start: float = 0.0
) -> list[Decision]:
    return fired((at or detector()).update(TranscriptUpdate(channel, tuple(words(text, start)), (), final)))


def before(text: str, start: float) -> tuple[Word, ...]:
    """What is said later on, after what a look begins with."""
    return (*words("那么", 4.0), *words(text, start))


def fired(reaction: Reaction) -> list[Decision]:
    return [decision for decision in reaction.decisions if decision.violation.status is Status.FIRED]


def rules(decisions: list[Decision]) -> list[str]:
    return [decision.violation.rule_id for decision in decisions]


def english(text: str, *, final: bool = True) -> list[str]:
    return rules(said(text, at=detector(EN, "en"), final=final))


class TestATermThatIsSpoken:
    def test_fires_once_with_all_that_is_known_of_it(self) -> None:
        (decision,) = said("我们保、本，放心")
        violation = decision.violation
        assert decision.action is Action.MUTE
        assert (violation.id, violation.rule_id, violation.category, violation.severity) == (
            "v-1",
            "principal",
            "guarantee",
            "block",
        )
        assert (violation.term, violation.channel, violation.say_instead) == ("保本", "agent", "理财有风险。")
        assert (violation.start, violation.end) == pytest.approx((0.4, 0.8))
        assert violation.confidence == pytest.approx(0.9)

    def test_is_quoted_as_it_was_heard(self) -> None:
        assert said("我们保、本，放心")[0].violation.heard == "保、本"

    def test_may_come_in_two_updates(self) -> None:
        at = detector()
        assert said("我们保", at=at, final=False) == []
        assert rules(said("本的", at=at, final=False)) == ["principal"]

    def test_fires_again_when_it_is_said_again(self) -> None:
        at = detector()
        assert rules(said("保本的，真的保本的", at=at)) == ["principal", "principal"]
        assert rules(said("保本的", at=at, start=9.0)) == ["principal"]
        assert at.violations == 3

    def test_is_no_concern_on_a_channel_that_its_rule_is_not_about(self) -> None:
        assert said("保本的", channel="customer") == []
        assert rules(said("我要退钱", channel="customer")) == ["customer-asks"]

    def test_does_not_run_from_one_channel_into_the_other(self) -> None:
        at = detector()
        assert said("保", at=at, final=False) == []
        assert said("本", at=at, channel="customer") == []

    def test_only_alerts_when_its_rule_asks_for_no_more(self) -> None:
        assert said("绝对能赚")[0].action is None

    def test_in_tentative_text_fires_when_its_words_are_sure(self) -> None:
        update = TranscriptUpdate("agent", (), tuple(words("我们保本的")), False)
        assert rules(fired(detector().update(update))) == ["principal"]

    def test_in_doubtful_tentative_text_waits(self) -> None:
        doubtful = tuple(replace(word, probability=0.3) for word in words("我们保本的"))
        assert fired(detector().update(TranscriptUpdate("agent", (), doubtful, False))) == []


class TestEnglish:
    def test_matches_whole_words_however_they_are_spelled(self) -> None:
        assert english("It is Risk-Free, really") == ["risk-free"]
        assert english("You can't lose") == english("you can not lose") == ["guarantee"]
        assert english("brisk freedom") == []

    def test_knows_benign_phrases_and_waits_for_them(self) -> None:
        assert english("it is not risk free") == []
        assert english("the risk-free rate", final=False) == []
        assert english("it is risk free", final=False) == []
        assert english("it is risk free", final=True) == ["risk-free"]


class TestAllowPhrases:
    @pytest.mark.parametrize("text", ["我们不承诺保本", "保本是不可能的", "无风险利率是百分之二"])
    def test_silence_a_term_inside_them(self, text: str) -> None:
        assert said(text) == []

    def test_hold_a_term_only_while_they_may_still_come(self) -> None:
        at = detector()
        assert said("这个无风险", at=at, final=False) == []
        assert said("利", at=at, final=False) == []
        assert rules(said("息", at=at, final=False)) == ["risk-free"]

    def test_that_come_late_still_silence(self) -> None:
        at = detector()
        assert said("这个无风险", at=at, final=False) == []
        assert said("利率", at=at, final=False) == []
        assert said("很低", at=at, final=True) == []

    def test_let_go_when_speech_pauses(self) -> None:
        at = detector()
        assert said("这个无风险", at=at, final=False) == []
        assert rules(said("", at=at, final=True)) == ["risk-free"]

    @pytest.mark.parametrize(("silence", "rule"), [(0.3, []), (0.5, ["risk-free"])])
    @pytest.mark.parametrize("agreed", [False, True])
    def test_hold_a_term_no_longer_than_they_would_take_to_go_on(
        self, silence: float, rule: list[str], agreed: bool
    ) -> None:
        heard = tuple(words("这个无风险"))
        committed, tentative = (heard, ()) if agreed else ((), heard)
        look = TranscriptUpdate("agent", committed, tentative, False, heard[-1].end + silence)
        reaction = detector().update(look)
        assert rules(fired(reaction)) == rule

    def test_let_go_of_an_agreed_term_when_what_seems_to_follow_is_none(self) -> None:
        at = detector()
        guess = TranscriptUpdate("agent", tuple(words("这个无风险")), tuple(words("的产品", 1.0)), False, 1.6)
        assert rules(fired(at.update(guess))) == ["risk-free"]
        (taken,) = at.update(TranscriptUpdate("agent", tuple(words("利率很低", 1.0)), (), True)).decisions
        assert (taken.violation.status, taken.undo is not None) == (Status.RETRACTED, True)

    def test_hold_an_agreed_term_that_they_only_seem_to_follow(self) -> None:
        at = detector()
        guess = TranscriptUpdate("agent", tuple(words("这个无风险")), tuple(words("利率", 1.0)), False, 1.4)
        assert at.update(guess).decisions == ()
        assert rules(said("的产品", at=at, start=1.0)) == ["risk-free"]

    def test_make_no_other_term_wait(self) -> None:
        assert rules(said("承诺收益保本保收益", final=False)) == ["principal"]

    def test_give_way_to_a_longer_forbidden_phrase(self) -> None:
        assert rules(said("怎么可能不保本呢")) == ["risk-free"]

    def test_silence_nothing_beside_them(self) -> None:
        assert rules(said("不承诺保本，但是保本的")) == ["principal"]

    def test_out_of_sight_stay_in_force(self) -> None:
        at = detector()
        assert said("我们不承诺保本", at=at, final=False) == []
        for _ in range(200):
            assert said("啦", at=at, final=False) == []


class TestOneEventForOneViolation:
    def test_a_longer_term_of_the_same_rule_adds_nothing(self) -> None:
        at = detector()
        assert rules(said("保本", at=at, final=True)) == ["principal"]
        assert said("保收益", at=at, final=True) == []

    def test_the_longest_stands_for_all_that_come_together(self) -> None:
        assert [decision.violation.term for decision in said("保本保收益")] == ["保本保收益"]

    def test_a_milder_rule_never_swallows_a_severe_one(self) -> None:
        (decision,) = said("高收益无风险的")
        assert (decision.violation.rule_id, decision.action) == ("risk-free", Action.MUTE)


class TestOneUtteranceThatReadingsPlaceApart:
    """Beside a pause, a look once placed 内部消息 in the second before the pause, and it was blocked twice."""

    def looks(self, *texts: tuple[str, float]) -> list[list[str]]:
        one = detector()
        updates = [TranscriptUpdate("agent", tentative=before(text, start)) for text, start in texts]
        return [rules(fired(one.update(update))) for update in updates]

    def test_fires_once(self) -> None:
        assert self.looks(("保本的", 9.8), ("保本的", 7.6), ("保本的", 9.8)) == [["principal"], [], []]

    def test_fires_twice_where_a_reading_has_it_twice(self) -> None:
        assert self.looks(("保本的", 9.8), ("保本的真的保本的", 9.8)) == [["principal"], ["principal"]]

    def test_fires_again_long_after_what_is_agreed(self) -> None:
        one = detector()
        assert rules(said("保本的" + "好" * 100, at=one, start=1.0, final=False)) == ["principal"]
        again = one.update(TranscriptUpdate("agent", tentative=tuple(words("真的保本的", 22.0))))
        assert rules(fired(again)) == ["principal"]

    def test_fires_for_each_term_of_its_rule(self) -> None:
        assert self.looks(("无风险的", 9.8), ("怎么可能不保本的", 12.0)) == [["risk-free"], ["risk-free"]]

    def test_is_weighed_once_where_only_another_reading_has_it(self) -> None:
        one = detector()
        one.update(TranscriptUpdate("agent", tentative=before("保本的", 9.8)))
        update = TranscriptUpdate("agent", tentative=before("报本子", 9.8), alternatives=(before("保本的", 7.6),))
        one.update(update)
        assert one.reread(update) == Reaction()


class TestBySound:
    def test_what_was_not_clear_blocks_when_it_is_agreed(self) -> None:
        at = detector()
        reaction = at.update(TranscriptUpdate("agent", (), tuple(words("这个宝本的产品")), False))
        (request,) = reaction.requests
        (decision,) = at.scored(Score(request.id, 0.0, -4.8)).decisions
        assert (decision.violation.severity, decision.action) == ("alert", None)
        agreed = fired(at.update(TranscriptUpdate("agent", tuple(words("这个保本的产品")), (), False)))
        assert [(decision.violation.severity, decision.action) for decision in agreed] == [("block", Action.MUTE)]
        assert at.violations == 1

    def test_what_was_fired_stands_while_its_words_wait_for_an_allow_phrase(self) -> None:
        at = detector()
        (request,) = at.update(TranscriptUpdate("agent", (), tuple(words("这个宝本的产品")), False)).requests
        assert fired(at.scored(Score(request.id, 0.0, 0.0)))
        later = (*words("这个"), Word("保", 0.4, 0.7), Word("本", 0.7, 1.2))
        assert at.update(TranscriptUpdate("agent", later, (), False)).decisions == ()
        (decision,) = at.update(TranscriptUpdate("agent", tuple(words("的产品", 1.2)), (), True)).decisions
        assert (decision.violation.id, decision.violation.status) == ("v-1", Status.CONFIRMED)

    def test_what_was_fired_is_taken_back_when_an_allow_phrase_comes_of_it(self) -> None:
        at = detector()
        (request,) = at.update(TranscriptUpdate("agent", (), tuple(words("这个宝本的产品")), False)).requests
        assert fired(at.scored(Score(request.id, 0.0, 0.0)))
        at.update(TranscriptUpdate("agent", tuple(words("这个保本")), (), False))
        decisions = at.update(TranscriptUpdate("agent", tuple(words("是不可能的", 0.8)), (), True)).decisions
        assert [(d.violation.id, d.violation.status, d.undo is not None) for d in decisions] == [
            ("v-1", Status.RETRACTED, True)
        ]

    def test_an_answer_that_comes_late_changes_nothing(self) -> None:
        at = detector()
        (request,) = at.update(TranscriptUpdate("agent", (), tuple(words("这个宝本的产品")), False)).requests
        at.update(TranscriptUpdate("agent", tuple(words("这个保本的产品")), (), False))
        assert at.scored(Score(request.id, 0.0, 0.0)).decisions == ()

    def test_what_was_taken_back_is_not_fired_by_an_answer_that_was_still_under_way(self) -> None:
        at = detector()
        rough, better = (
            TranscriptUpdate("agent", (), tuple(words(one)), False) for one in ("跑喷泡收益", "宝本宝收益")
        )
        (request,) = at.update(rough).requests
        (decision,) = at.scored(Score(request.id, 0.0, -12.0)).decisions
        assert (decision.violation.status, decision.violation.severity) == (Status.FIRED, "alert")
        (request,) = at.update(better).requests
        (decision,) = at.update(TranscriptUpdate("agent", (), (), True)).decisions
        assert decision.violation.status is Status.RETRACTED
        assert at.scored(Score(request.id, 0.0, 0.0)).decisions == ()
        assert at.violations == 0

    def test_what_may_not_have_been_spoken_to_its_end_is_asked_about_again_when_it_has(self) -> None:
        at = detector()
        (early,) = at.update(TranscriptUpdate("agent", (), tuple(words("这个宝本")), False, until=0.9)).requests
        assert early.early
        # This would do for a term that was spoken to its end, and is too little for one that may go on otherwise.
        assert at.scored(Score(early.id, 0.0, -2.6)).decisions == ()
        (again,) = at.update(TranscriptUpdate("agent", (), tuple(words("这个宝本")), False, until=1.2)).requests
        assert not again.early
        (decision,) = at.scored(Score(again.id, 0.0, -2.6)).decisions
        assert (decision.violation.status, decision.action) == (Status.FIRED, Action.MUTE)

    @pytest.mark.parametrize("term", ["投资有风线", "有风线", "有风险吧"])
    def test_what_lies_in_a_disclosure_is_none(self, term: str) -> None:
        lexicon = f"""
lexicon: test
language: zh
rules:
  - {{id: risk, category: disclosure, severity: alert, required: {{by: end}}, terms: [投资有风险]}}
  - {{id: sounds-like-it, category: test, severity: block, terms: [{term}]}}
"""
        at = hearing(lexicon)
        for text in ("今天投资有风险的", "好" * 100):
            found = at.take(TranscriptUpdate("agent", tuple(words(text)), (), True))
            assert [one.rule.id for one in found if one.rule.required is None] == []


class TestWhatAgreedTextDoesNotHold:
    """保本的 was fired on tentative text, and other words were agreed on."""

    def fire(self) -> Detector:
        at = detector()
        assert rules(fired(at.update(TranscriptUpdate("agent", (), tuple(words("这个保本的产品")), False))))
        return at

    def agree(self, at: Detector, *spoken: Word, final: bool = True) -> Reaction:
        return at.update(TranscriptUpdate("agent", spoken, (), final))

    @pytest.mark.parametrize(("likelihood", "status"), [(-2.0, Status.CONFIRMED), (-900.0, Status.RETRACTED)])
    def test_is_weighed_before_it_is_taken_back(self, likelihood: float, status: Status) -> None:
        at = self.fire()
        reaction = self.agree(at, *words("这个稳妥的产品"))
        assert reaction.decisions == ()
        (request,) = reaction.requests
        assert (*request.heard, *request.instead) == ("这个稳妥的产品", "这个保本的产品")
        (decision,) = at.scored(Score(request.id, -1.0, likelihood)).decisions
        assert (decision.violation.status, decision.undo is not None) == (status, status is Status.RETRACTED)
        assert at.violations == (status is Status.CONFIRMED)

    def test_stays_where_nobody_can_weigh_it(self) -> None:
        at = self.fire()
        (request,) = self.agree(at, *words("这个稳妥的产品")).requests
        (decision,) = at.unscored(request.id).decisions
        assert (decision.violation.status, decision.undo) == (Status.CONFIRMED, None)

    def test_is_taken_back_at_once_where_nothing_was_said(self) -> None:
        (decision,) = self.agree(self.fire(), *words("喂")).decisions
        assert (decision.violation.status, decision.undo is not None) == (Status.RETRACTED, True)

    def test_is_taken_back_at_once_where_an_allow_phrase_was(self) -> None:
        (decision,) = self.agree(self.fire(), *words("不承诺保本的")).decisions
        assert (decision.violation.status, decision.undo is not None) == (Status.RETRACTED, True)

    def test_is_not_missed_before_what_follows_it_is_agreed(self) -> None:
        at = self.fire()
        placed_otherwise = (Word("这", 0.0, 0.2), Word("个", 0.2, 0.9))
        assert self.agree(at, *placed_otherwise, final=False) == Reaction()
        (request,) = self.agree(at, *words("稳妥的产品", 0.9), final=False).requests
        assert request.term == "保本"

    def test_is_the_same_where_it_is_placed_a_second_later(self) -> None:
        at = self.fire()
        reaction = self.agree(at, *words("这个"), *words("保本的产品", 1.4))
        assert [(d.violation.id, d.violation.status, d.undo) for d in reaction.decisions] == [
            ("v-1", Status.CONFIRMED, None)
        ]
        assert reaction.decisions[0].violation.start == pytest.approx(1.4)
        assert (reaction.requests, at.violations) == ((), 1)

    def test_is_another_where_it_was_said_again_much_later(self) -> None:
        at = self.fire()
        reaction = self.agree(at, *words("这个稳妥的产品"), *words("保本的产品", 9.0))
        assert [d.violation.id for d in fired(reaction)] == ["v-2"]
        assert [request.id for request in reaction.requests] == ["v-1"]


class TestWhatIsOutOfSight:
    def test_stays_as_it_was_heard_last(self) -> None:
        at = Detector(compile_lexicon(parse(ZH, "test.yaml"), "zh"), ACTIONS, once=True)
        (request,) = at.update(TranscriptUpdate("agent", tuple(words("这个宝本的产品" + "好" * 60)), (), True)).requests
        assert fired(at.scored(Score(request.id, 0.0, 0.0)))
        reaction = at.update(TranscriptUpdate("agent", tuple(words("好" * 60, 15.0)), (), True))
        assert [(d.violation.status, d.undo) for d in reaction.decisions] == [(Status.CONFIRMED, None)]
        assert at.violations == 1

    def test_is_given_up_where_it_was_never_decided(self) -> None:
        at = detector()
        (request,) = at.update(TranscriptUpdate("agent", (), tuple(words("这个宝本")), False, until=0.9)).requests
        at.scored(Score(request.id, 0.0, -2.6))
        assert at.expects("agent", 0.0)
        said("好" * 400, at=at, start=1.0)
        assert not at.expects("agent", 0.0)


class TestNear:
    def test_counts_on_either_side(self) -> None:
        assert rules(said("绝对可以赚")) == rules(said("收益是绝对的")) == ["sure"]

    def test_does_not_count_further_away(self) -> None:
        assert said("绝对不是我说的那样赚") == []

    def test_may_arrive_after_the_term(self) -> None:
        at = detector()
        assert said("绝对", at=at, final=False) == []
        assert rules(said("能赚", at=at, final=False)) == ["sure"]

    def test_counts_only_after_the_term_when_ordered(self) -> None:
        assert rules(said("马上就买")) == ["then"]
        assert said("买了马上走") == []


class TestDisclosures:
    def test_that_were_not_made_are_missing(self) -> None:
        assert [missing.rule_id for missing in detector().finish()] == ["recorded", "risk"]

    def test_are_made_by_any_of_their_terms(self) -> None:
        at = detector()
        assert said("本次通话会录音，理财非存款", at=at) == []
        assert at.finish() == []
        assert at.violations == 0

    def test_made_too_late_are_missing(self) -> None:
        at = detector()
        said("通话会录音，投资有风险", at=at, start=60.0)
        assert [missing.rule_id for missing in at.finish()] == ["recorded"]


class TestCost:
    def test_a_long_call_is_forgotten_as_it_goes(self) -> None:
        at = hearing()
        for i in range(3000):
            at.take(TranscriptUpdate("agent", tuple(words("好的没问题", i))))
        assert len(at.words) < 200

    def test_fillers_without_end_are_forgotten_too(self) -> None:
        at = hearing()
        for _ in range(50):
            at.take(TranscriptUpdate("agent", tuple(words("嗯" * 500))))
        assert len(at.words) <= 2500

    def test_a_word_of_a_megabyte_is_cut_to_what_a_phrase_can_hold(self) -> None:
        at = hearing(EN, "en")
        at.take(TranscriptUpdate("agent", (Word("a" * 1_000_000, 0, 1),)))
        assert sum(len(word.text) for word in at.words) < 1000


def hearing(lexicon: str = ZH, language: str = "zh") -> Hearing:
    return Hearing(compile_lexicon(parse(lexicon, "test.yaml"), language), "agent")
