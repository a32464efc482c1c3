"""The detector told of what the sound of speech holds, with text that comes later or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from detector.detector import Detector
from detector.types import Action, Decision, Denial, Reaction, Score, SoundHit, SoundLook, Status, TranscriptUpdate
from lexicon.compiler import Role, Use
from lexicon.types import Severity
from tests.detector.test_detector import detector, fired, words

RULES = ("principal", "risk-free", "high-yield", "sure", "then", "customer-asks", "recorded", "risk")


def spot(
    rule: str, phrase: str, end: float, confidence: float = 0.98, role: Role = Role.TERM, seconds: float | None = None
) -> SoundHit:
    start = end - (0.2 * len(phrase) if seconds is None else seconds)
    return SoundHit(Use(RULES.index(rule), role, phrase), start, end, -0.5, confidence, sure=confidence > 0.9)


def look(
    *hits: SoundHit, until: float, paused: bool = False, denials: tuple[Denial, ...] = (), start: float = 0.0
) -> SoundLook:
    return SoundLook("agent", hits, until, paused, denials, start)


def read(text: str, start: float = 0.0, *, final: bool = True) -> TranscriptUpdate:
    return TranscriptUpdate("agent", tuple(words(text, start)), (), final)


def statuses(reaction: Reaction) -> list[Status]:
    return [decision.violation.status for decision in reaction.decisions]


@pytest.fixture
def at() -> Detector:
    return detector()


class TestWhatIsSure:
    def test_blocks_before_there_is_any_text(self, at: Detector) -> None:
        (decision,) = fired(at.sounded(look(spot("risk-free", "无风险", 1.0), until=1.0, paused=True)))
        assert decision.action is Action.MUTE
        assert (decision.violation.rule_id, decision.violation.term) == ("risk-free", "无风险")

    def test_fires_once_however_often_it_is_looked_at(self, at: Detector) -> None:
        looks = [look(spot("risk-free", "怎么可能不保本", 2.0 + jitter), until=2.5) for jitter in (0.0, 0.04, -0.06)]
        assert [len(fired(at.sounded(one))) for one in looks] == [1, 0, 0]

    def test_fires_twice_when_it_is_said_twice(self, at: Detector) -> None:
        both = spot("risk-free", "无风险", 1.0), spot("risk-free", "无风险", 2.5)
        assert len(fired(at.sounded(look(*both, until=3.5)))) == 2
        assert at.violations == 2

    def test_is_confirmed_by_its_text(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6), until=1.5))
        assert statuses(at.update(read("无风险的"))) == [Status.CONFIRMED]

    def test_stands_where_no_words_were_heard(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 5.0), until=6.0))
        assert statuses(at.update(read("您好", start=8.0))) == [Status.CONFIRMED]

    def test_is_weighed_against_other_words_in_its_place(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6), until=1.5))
        (request,) = at.update(read("五分钟的")).requests
        assert (request.term, request.words[0].text) == ("无风险", "五")
        assert statuses(at.scored(Score(request.id, -10.0, -18.0))) == [Status.CONFIRMED]

    def test_is_taken_back_where_other_words_are_far_likelier(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6), until=1.5))
        (request,) = at.update(read("五分钟的")).requests
        (decision,) = at.scored(Score(request.id, -10.0, -50.0)).decisions
        assert (decision.violation.status, decision.undo) == (Status.RETRACTED, "not in the final text")

    def test_is_taken_back_once_however_often_it_is_looked_at_afterwards(self, at: Detector) -> None:
        said = look(spot("risk-free", "无风险", 0.6), until=1.5)
        at.sounded(said)
        (request,) = at.update(read("五分钟的")).requests
        at.scored(Score(request.id, -10.0, -50.0))
        assert not at.sounded(said).decisions

    def test_is_not_the_same_as_what_its_text_has_where_both_were_heard(self, at: Detector) -> None:
        both = spot("risk-free", "无风险", 0.6), spot("risk-free", "无风险", 2.4)
        assert len(fired(at.sounded(look(*both, until=3.5)))) == 2
        told = at.update(TranscriptUpdate("agent", tuple(words("五分钟")) + tuple(words("无风险", 1.8)), (), True))
        assert at.violations == 2
        assert not [decision for decision in told.decisions if decision.undo]

    def test_is_one_with_what_text_has_found(self, at: Detector) -> None:
        assert len(fired(at.update(read("无风险")))) == 1
        assert not at.sounded(look(spot("risk-free", "无风险", 0.6), until=1.5)).decisions

    @pytest.mark.parametrize("rule", ["customer-asks", "sure", "recorded"])
    def test_counts_for_nothing_where_its_rule_wants_more(self, at: Detector, rule: str) -> None:
        assert not at.sounded(look(spot(rule, "退钱退钱", 1.0), until=2.0)).decisions

    @pytest.mark.parametrize(
        ("rule", "term", "other", "end", "counts"),
        [
            ("sure", "绝对", "收益", 1.9, True),
            ("sure", "绝对", "收益", 0.5, True),
            ("sure", "绝对", "收益", 4.0, False),
            ("then", "马上", "买", 1.5, True),
            ("then", "马上", "买", 0.4, False),
        ],
    )
    def test_counts_beside_what_its_rule_wants(
        self, at: Detector, rule: str, term: str, other: str, end: float, counts: bool
    ) -> None:
        near = spot(rule, other, end, role=Role.NEAR)
        assert bool(fired(at.sounded(look(spot(rule, term, 1.0), near, until=5.0)))) is counts


class TestWhatLiesInAnAllowPhrase:
    def test_fires_nothing(self, at: Detector) -> None:
        allowed = spot("risk-free", "无风险利率", 1.4, role=Role.ALLOW)
        assert not at.sounded(look(spot("risk-free", "无风险", 1.0), allowed, until=2.0)).decisions

    def test_waits_for_what_would_follow(self, at: Detector) -> None:
        said = spot("risk-free", "无风险", 1.0)
        assert not fired(at.sounded(look(said, until=1.1)))
        assert len(fired(at.sounded(look(said, until=1.6)))) == 1

    def test_or_is_a_disclosure_that_was_heard_as_well_fires_nothing(self, at: Detector) -> None:
        disclosed = spot("risk", "投资有风险", 1.0)
        assert not at.sounded(look(spot("risk-free", "无风险", 1.0), disclosed, until=2.0)).decisions

    def test_counts_after_all_once_it_is_heard_to_its_end_and_the_allow_phrase_is_not(self, at: Detector) -> None:
        weak = replace(spot("risk-free", "无风险", 0.9, 0.1), score=-3.0)
        allowed = replace(spot("risk-free", "无风险利率", 1.2, role=Role.ALLOW), score=-3.5)
        assert not fired(at.sounded(look(weak, allowed, until=1.3)))
        reaction = at.sounded(look(spot("risk-free", "无风险", 1.0, 0.5), until=1.9))
        assert statuses(reaction) == [Status.CANDIDATE]
        assert len(fired(at.sounded(look(spot("risk-free", "无风险", 1.0), until=2.0)))) == 1

    def test_of_another_rule_changes_nothing(self, at: Detector) -> None:
        allowed = spot("principal", "不承诺保本", 1.4, role=Role.ALLOW)
        assert len(fired(at.sounded(look(spot("risk-free", "无风险", 1.0), allowed, until=2.0)))) == 1

    def test_is_taken_back_when_the_text_has_it(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6), until=2.0))
        (decision,) = at.update(read("无风险利率")).decisions
        assert decision.violation.status is Status.RETRACTED

    def test_stays_silent_where_a_look_has_lost_the_beginning_of_the_phrase(self, at: Detector) -> None:
        allowed = spot("principal", "不承诺保本", 1.4, role=Role.ALLOW)
        said = spot("principal", "保本", 1.4)
        assert not at.sounded(look(said, allowed, until=2.0)).decisions
        assert not at.sounded(look(said, until=4.0, start=0.9)).decisions
        again = spot("principal", "保本", 5.0)
        assert fired(at.sounded(look(again, until=6.0, start=3.0, paused=True)))

    def test_is_for_its_text_to_take_back_when_the_rest_is_heard_after_it_was_fired(self, at: Detector) -> None:
        assert fired(at.sounded(look(spot("risk-free", "无风险", 0.6), until=0.6, paused=True)))
        allowed = spot("risk-free", "无风险利率", 1.0, role=Role.ALLOW)
        assert not at.sounded(look(spot("risk-free", "无风险", 0.6), allowed, until=2.0)).decisions
        (decision,) = at.update(read("无风险利率")).decisions
        assert (decision.violation.status, decision.undo is None) == (Status.RETRACTED, False)

    def test_or_may_be_as_its_text_has_the_beginning_of_one_waits_for_the_rest(self, at: Detector) -> None:
        said = spot("risk-free", "无风险", 0.6)
        at.update(TranscriptUpdate("agent", (), tuple(words("无风险利")), until=1.0))
        assert not fired(at.sounded(look(said, until=1.15)))
        assert len(fired(at.sounded(look(said, until=1.25)))) == 1

    def test_or_would_be_but_for_what_its_text_goes_on_with_waits_no_longer(self, at: Detector) -> None:
        at.update(TranscriptUpdate("agent", (), tuple(words("五分钟的")), until=1.0))
        assert len(fired(at.sounded(look(spot("risk-free", "无风险", 0.6), until=1.12)))) == 1

    def test_is_none_over_a_pause(self, at: Detector) -> None:
        said = spot("risk-free", "无风险", 4.0)
        halves = spot("risk-free", "无风险利率", 4.4, role=Role.ALLOW, seconds=2.5)
        assert len(fired(at.sounded(look(said, halves, until=5.0)))) == 1

    def test_and_is_not_sure_is_not_weighed_while_its_text_may_go_on(self, at: Detector) -> None:
        at.sounded(look(spot("principal", "保本", 0.4, 0.5), until=1.0))
        reaction = at.update(TranscriptUpdate("agent", (), tuple(words("保本是不")), until=1.0))
        assert not fired(reaction)
        assert not reaction.requests
        assert statuses(at.update(read("保本是不可能的"))) == [Status.RETRACTED]


class TestWhatMayBeDenied:
    CUE = (Denial(0.0, 0.4),)

    def test_waits_for_its_text(self, at: Detector) -> None:
        said = spot("risk-free", "无风险", 1.2)
        assert not fired(at.sounded(look(said, until=2.0, denials=self.CUE)))
        (decision,) = fired(at.update(read("我们不是无风险的", start=0.0)))
        assert decision.action is None

    def test_is_not_where_a_single_syllable_is_further_off(self, at: Detector) -> None:
        said = spot("risk-free", "无风险", 1.6)
        assert fired(at.sounded(look(said, until=2.5, denials=(Denial(0.2, 0.4, short=True),))))

    def test_waits_where_a_look_has_lost_what_may_deny_it(self, at: Detector) -> None:
        said = spot("risk-free", "无风险", 1.2)
        at.sounded(look(said, until=2.0, denials=self.CUE))
        assert not fired(at.sounded(look(said, until=3.6, start=0.6)))

    def test_is_denied_by_text_that_has_something_else_in_its_place(self, at: Detector) -> None:
        at.sounded(look(spot("high-yield", "无风险", 1.0, 0.5), until=1.5))
        (request,) = at.update(read("不是五分钟")).requests
        (decision,) = at.scored(Score(request.id, -10.0, -10.0)).decisions
        assert (decision.action, decision.violation.severity) == (None, Severity.ALERT)

    def test_is_denied_by_such_text_after_it_has_blocked(self, at: Detector) -> None:
        (decision,) = fired(at.sounded(look(spot("risk-free", "无风险", 1.0), until=1.6)))
        assert decision.action is Action.MUTE
        (request,) = at.update(read("不是五分钟")).requests
        denied, confirmed = at.scored(Score(request.id, -10.0, -11.0)).decisions
        assert (denied.undo, denied.violation.severity) == ("denied by what follows", Severity.ALERT)
        assert confirmed.violation.status is Status.CONFIRMED

    def test_blocks_where_the_text_denies_nothing(self, at: Detector) -> None:
        said = spot("risk-free", "无风险", 1.2)
        at.sounded(look(said, until=2.0, denials=self.CUE))
        (decision,) = fired(at.update(read("我们就是无风险的", start=0.0)))
        assert decision.action is Action.MUTE

    def test_is_denied_by_text_that_is_there(self, at: Detector) -> None:
        at.update(TranscriptUpdate("agent", (), tuple(words("我们不是无风险的")), until=1.6))
        said = spot("high-yield", "无风险", 1.4)
        decisions: list[Decision] = fired(at.sounded(look(said, until=2.0)))
        assert all(decision.action is not Action.MUTE for decision in decisions)


class TestWhatIsNotSure:
    def test_waits_for_its_text(self, at: Detector) -> None:
        reaction = at.sounded(look(spot("risk-free", "无风险", 0.6, 0.5), until=2.0))
        assert statuses(reaction) == [Status.CANDIDATE]
        assert at.expects("agent", 0.0)

    def test_fires_when_the_text_leaves_room_for_it(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6, 0.5), until=2.0))
        (request,) = at.update(read("五分钟")).requests
        assert len(fired(at.scored(Score(request.id, -10.0, -12.0)))) == 1

    def test_is_given_up_when_the_text_is_far_likelier(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6, 0.5), until=2.0))
        (request,) = at.update(read("五分钟")).requests
        assert statuses(at.scored(Score(request.id, -10.0, -40.0))) == [Status.RETRACTED]

    def test_is_worth_no_more_than_its_sound_where_the_text_is_a_little_likelier(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6, 0.1), until=2.0))
        (request,) = at.update(read("五分钟")).requests
        (decision,) = at.scored(Score(request.id, -10.0, -15.0)).decisions
        assert decision.action is None
        assert decision.violation.severity is not Severity.BLOCK

    def test_is_given_up_where_nobody_spoke(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6, 0.5), until=2.0))
        assert statuses(at.update(read("您好", start=8.0))) == [Status.RETRACTED]

    def test_is_given_up_where_the_text_has_it_in_an_allow_phrase(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6, 0.5), until=2.0))
        reaction = at.update(read("无风险利率"))
        assert statuses(reaction) == [Status.RETRACTED]
        assert not reaction.requests

    def test_is_not_given_up_by_text_of_what_was_said_before_it(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 4.6, 0.5), until=6.0))
        assert not at.update(TranscriptUpdate("agent", tuple(words("您好")), (), final=True, until=2.0)).decisions
        assert at.update(read("五分钟", start=4.0)).requests

    def test_fires_when_a_later_look_is_sure(self, at: Detector) -> None:
        at.sounded(look(spot("risk-free", "无风险", 0.6, 0.5), until=1.2))
        assert len(fired(at.sounded(look(spot("risk-free", "无风险", 0.6, 0.97), until=1.4)))) == 1
