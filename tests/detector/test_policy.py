"""What a block does, by rule, as the detector decides it."""

from __future__ import annotations

import pytest

from detector.detector import Detector
from detector.policy import ACTIONS, USUAL, Measure, Policy
from detector.types import Action, Decision, Score, Status, TranscriptUpdate, Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from lexicon.types import Severity

LEXICON = """
lexicon: t
language: zh
rules:
  - {id: principal, category: c, severity: block, terms: [保本], allow: [保本是不可能]}
  - {id: insider, category: c, severity: block, terms: [内部消息]}
  - {id: pressure, category: c, severity: alert, terms: [最后一天]}
"""
TABLE = compile_lexicon(parse(LEXICON, "t.yaml"), "zh")


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(char, i * 0.2, (i + 1) * 0.2, 0.9) for i, char in enumerate(text))


def fired(policy: Policy | None, text: str) -> Decision:
    reaction = Detector(TABLE, ACTIONS, policy).update(TranscriptUpdate("agent", words(text), final=True))
    (decision,) = [one for one in reaction.decisions if one.violation.status is Status.FIRED]
    return decision


def test_a_rule_has_the_measure_of_its_own_and_any_other_the_usual_one() -> None:
    own = Measure(Action.TRANSFER, to="8001")
    policy = Policy(Measure(Action.HANGUP), {"insider": own})
    assert policy.of("insider") is own
    assert policy.of("principal") == Measure(Action.HANGUP)
    assert USUAL.of("principal") == Measure(Action.MUTE)


@pytest.mark.parametrize("action", list(Action))
def test_a_block_does_what_its_rule_s_measure_says(action: Action) -> None:
    policy = Policy(Measure(Action.MUTE), {"insider": Measure(action)})
    assert fired(policy, "这是内部消息").action is action
    assert fired(policy, "我们保本的").action is Action.MUTE


def test_without_a_policy_a_block_does_what_its_severity_says() -> None:
    assert fired(None, "我们保本的").action is ACTIONS[Severity.BLOCK]


@pytest.mark.parametrize("policy", [None, Policy(Measure(Action.HANGUP), {"pressure": Measure(Action.HANGUP)})])
def test_what_only_alerts_asks_the_platform_for_nothing(policy: Policy | None) -> None:
    assert fired(policy, "最后一天了").action is None


def test_a_block_that_does_something_else_is_taken_back_just_as_well() -> None:
    detector = Detector(TABLE, ACTIONS, Policy(Measure(Action.WHISPER, sound="stop.wav")))
    first = detector.update(TranscriptUpdate("agent", (), words("我们保本的")))
    assert [one.action for one in first.decisions if one.action] == [Action.WHISPER]
    (request,) = detector.update(TranscriptUpdate("agent", words("我们确实的"), (), final=True)).requests
    last = detector.scored(Score(request.id, -1.0, -900.0))
    assert [one.violation.status for one in last.decisions if one.undo] == [Status.RETRACTED]
