"""A call's events: what supervisors are told of what the platform was."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from detector.types import Action, MatchKind, Missing, Status, Violation
from streamer.record.chronicle import AROUND, Chronicle
from streamer.types import (
    Blind,
    Block,
    CallStarted,
    Encoding,
    Order,
    Outgoing,
    Started,
    Stopped,
    Transcript,
    Unblock,
    ViolationReport,
)

VIOLATION = Violation(
    id="v-1",
    status=Status.FIRED,
    rule_id="promise-principal",
    category="guarantee",
    severity="block",
    term="保本",
    heard="宝本",
    match=MatchKind.PHONETIC,
    confidence=0.9,
    channel="agent",
    start=3.00004,
    end=3.5,
    say_instead="理财有风险",
)


def chronicle() -> Chronicle:
    started = CallStarted("c-1", Encoding.MULAW, 8000, ("agent", "customer"))
    return Chronicle(started, Started("bank@1", "base"), language="zh", metadata={"campaign": "spring"}, gateway="g-1")


def note(one: Chronicle, event: Outgoing, *, delivered: bool = True) -> list[tuple[str, dict[str, Any]]]:
    return one.note(event, delivered=delivered, took=0.0012)


def said(one: Chronicle, text: str, *, committed: bool = True, channel: str = "agent") -> None:
    note(one, Transcript(channel, text, committed, 0.0, 1.0))


def around(one: Chronicle) -> str:
    ((_, fields),) = note(one, ViolationReport(VIOLATION))
    assert isinstance(fields["text"], str)
    return fields["text"]


def test_begins_with_what_the_call_is_and_what_hears_it() -> None:
    assert chronicle().begin() == (
        "call.started",
        {
            "gateway": "g-1",
            "platform": "native",
            "language": "zh",
            "channels": ["agent", "customer"],
            "metadata": {"campaign": "spring"},
            "model": "base",
            "lexicon_version": "bank@1",
        },
    )


def test_a_violation_stands_with_what_was_said_around_it_and_the_rules_of_the_day() -> None:
    one = chronicle()
    said(one, "这个产品")
    said(one, "不是的", channel="customer")
    said(one, "宝本", committed=False)
    ((kind, fields),) = note(one, ViolationReport(VIOLATION))
    assert kind == "violation"
    assert fields["text"] == "这个产品宝本"
    assert (fields["start"], fields["say_instead"], fields["lexicon_version"]) == (3.0, "理财有风险", "bank@1")


def test_the_text_around_is_bounded_and_a_tentative_one_is_replaced() -> None:
    one = chronicle()
    said(one, "甲" * 300)
    said(one, "乙", committed=False)
    said(one, "丙", committed=False)
    assert around(one) == "甲" * AROUND + "丙"
    said(one, "丁")
    assert around(one) == "甲" * (AROUND - 1) + "丁"


def test_english_words_stay_apart() -> None:
    one = chronicle()
    said(one, "This is")
    said(one, "risk free", committed=False)
    assert around(one) == "This is risk free"


def test_a_block_stands_with_how_it_was_taken() -> None:
    (kind, block), (result, outcome) = note(chronicle(), Block(VIOLATION, Action.MUTE, 3.9, 0.4))
    assert (kind, result) == ("block", "block.result")
    assert (block["by"], block["audio_end"], block["audio_received"]) == ("policy", 3.5, 3.9)
    assert outcome == {
        "violation_id": "v-1",
        "action": "mute",
        "outcome": "delivered",
        "detail": "",
        "took_ms": 1.2,
        "sent_ms": None,
    }


def test_a_block_that_a_control_port_carries_out_has_no_outcome_yet() -> None:
    ((kind, _),) = chronicle().note(Block(VIOLATION, Action.MUTE, 3.9, 0.4), delivered=None, took=0.0)
    assert kind == "block"


def test_a_block_that_the_platform_did_not_take_says_so() -> None:
    *_, (_, outcome) = note(chronicle(), Block(VIOLATION, Action.MUTE, 3.9, 0.4), delivered=False)
    assert outcome["outcome"] == "undelivered"
    assert outcome["detail"]


def test_an_order_is_told_by_its_outcome_alone() -> None:
    ((kind, fields),) = note(chronicle(), Order("o-1", "hangup", "agent", None, "Li Na"))
    assert (kind, fields["action"], fields["violation_id"]) == ("block.result", "hangup", "o-1")


def test_an_order_that_lifts_a_block_says_who_gave_it() -> None:
    ((kind, fields),) = note(chronicle(), Order("o-2", "unmute", "agent", "v-1", "Li Na"))
    assert (kind, fields["violation_id"], fields["by"]) == ("unblock", "v-1", "Li Na")


def test_blind_spells_and_lifted_blocks_are_told() -> None:
    one = chronicle()
    assert note(one, Blind("agent", 1.0, 2.5, "overloaded")) == [
        ("blind", {"channel": "agent", "from": 1.0, "to": 2.5, "reason": "overloaded", "alert": True})
    ]
    assert note(one, Unblock("v-1", "not said")) == [
        ("unblock", {"violation_id": "v-1", "reason": "not said", "by": "policy"})
    ]


def test_ends_with_the_call_s_own_account() -> None:
    one = chronicle()
    missing = Missing("risk-disclosure", "disclosure", "alert", ("投资有风险",), None)
    assert note(one, Stopped(12.34567, 1, (missing,), 0.5)) == []
    kind, fields = one.end("completed", duration=0.0, blind=0.0)
    assert kind == "call.stopped"
    assert (fields["outcome"], fields["duration"], fields["blind_seconds"]) == ("completed", 12.346, 0.5)
    assert [one["rule_id"] for one in fields["missing"]] == ["risk-disclosure"]


def test_ends_with_what_is_known_where_the_call_broke_off() -> None:
    kind, fields = chronicle().end("failed", duration=7.0, blind=2.0)
    assert (kind, fields["outcome"], fields["duration"], fields["blind_seconds"]) == (
        "call.stopped",
        "failed",
        7.0,
        2.0,
    )


def test_each_step_of_a_violation_is_told() -> None:
    one = chronicle()
    steps = [note(one, ViolationReport(replace(VIOLATION, status=status))) for status in Status]
    assert [fields["status"] for ((_, fields),) in steps] == list(Status)
