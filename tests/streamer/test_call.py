"""One call, with the recogniser's answers written by hand and the clock in hand."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detector import Detector
from detector.policy import ACTIONS, USUAL, Measure, OnBlind, Policy
from detector.types import Action, MatchKind, Status, Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from streamer.call import UNHEARD, Call, CallState
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.types import (
    AudioFrame,
    Blind,
    Block,
    CallStarted,
    Encoding,
    Gap,
    Order,
    Outgoing,
    Stopped,
    Transcript,
    Unblock,
    ViolationReport,
)

TABLE = compile_lexicon(
    parse(
        "lexicon: t\nlanguage: zh\nrules:\n"
        "  - {id: promise, category: c, severity: block, terms: [保本], allow: [保本是不可能]}\n"
        "  - {id: secret, category: c, severity: block, terms: [内部消息]}\n"
        "  - {id: pressure, category: c, severity: alert, terms: [最后一天]}\n"
        "  - {id: risk, category: c, severity: alert, terms: [投资有风险], required: {by: end}}\n",
        "t.yaml",
    ),
    "zh",
)


class AlwaysSpeech:
    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ones(len(frames), dtype=np.float32)


class Clock:
    """Stands still unless it is read: each reading is a millisecond later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def begin(*channels: str, policy: Policy = USUAL) -> Call:
    channels = channels or ("agent",)
    started = CallStarted("c-1", Encoding.PCM_S16LE, 16_000, channels, "zh")
    return Call(
        started,
        language="zh",
        detector=Detector(TABLE, ACTIONS, policy),
        speech_models={channel: AlwaysSpeech() for channel in channels},
        clock=Clock(),
        policy=policy,
    )


def speak(call: Call, seconds: float, channel: str = "agent") -> list[Window]:
    call.receive(AudioFrame(channel, 0, b"\1\0" * int(16_000 * seconds)))
    return windows(call)


def windows(call: Call, now: float = 100.0) -> list[Window]:
    return [window for turn in call.due(now) if (window := turn.cut(True)) is not None]


def words(text: str, start: float = 0.0) -> Hypothesis:
    return Hypothesis(tuple(Word(char, start + i * 0.2, start + (i + 1) * 0.2, 0.8) for i, char in enumerate(text)))


def hear(call: Call, window: Window, hypothesis: Hypothesis) -> list[Outgoing]:
    return [*call.heard(window, hypothesis), *call.reread()]


def signals(call: Call, window: Window, hypothesis: Hypothesis) -> list[Outgoing]:
    """Hear a window; give what comes of it but the text."""
    return [event for event in hear(call, window, hypothesis) if not isinstance(event, Transcript)]


def kinds(events: list[Outgoing]) -> list[type]:
    return [type(event) for event in events]


class TestAViolation:
    def test_is_signalled_before_it_is_reported_and_both_before_the_text(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        block, candidate, fired, *text = hear(call, window, words("我们保本的"))
        assert isinstance(block, Block)
        assert isinstance(candidate, ViolationReport)
        assert isinstance(fired, ViolationReport)
        assert [report.violation.status for report in (candidate, fired)] == [Status.CANDIDATE, Status.FIRED]
        assert kinds(text) == [Transcript]
        assert block.audio_received == pytest.approx(1.5)
        assert block.violation.end == pytest.approx(0.8)
        assert block.match_to_signal_ms == pytest.approx(1.0)

    def test_is_confirmed_when_its_text_is_agreed(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        hear(call, window, words("我们保本的"))
        (window,) = speak(call, 2.5)
        (confirmed,) = signals(call, window, words("我们保本的产品"))
        assert isinstance(confirmed, ViolationReport)
        assert confirmed.violation.status is Status.CONFIRMED

    def test_is_taken_back_when_its_text_turns_out_otherwise(self) -> None:
        call = begin()
        (window,) = speak(call, 1.5)
        hear(call, window, words("我们保本的"))
        for _ in range(2):
            (window,) = speak(call, 2.5)
            events = signals(call, window, words("我们确实的产品"))
        assert kinds(events) == [Unblock, ViolationReport]
        account = call.abandon("over")[-1]
        assert isinstance(account, Stopped)
        assert account.violations == 0

    def test_by_sound_waits_for_its_likelihood(self) -> None:
        call = begin()
        (window,) = speak(call, 2.0)
        (candidate,) = signals(call, window, words("我们宝本的产品"))
        assert isinstance(candidate, ViolationReport)
        (question,) = call.questions(now=50.0)
        assert question.texts == ("我们宝本的产品", "我们保本的产品")
        assert question.deadline < 50.0
        block, fired = call.scored(question, (-10.0, -10.5))
        assert isinstance(block, Block)
        assert isinstance(fired, ViolationReport)
        assert fired.violation.match is MatchKind.PHONETIC

    def test_by_sound_that_is_not_likely_is_given_up(self) -> None:
        call = begin()
        (window,) = speak(call, 2.0)
        hear(call, window, words("我们宝本的产品"))
        (question,) = call.questions(now=50.0)
        (report,) = call.scored(question, (-10.0, -40.0))
        assert isinstance(report, ViolationReport)
        assert report.violation.status is Status.RETRACTED

    def test_by_sound_that_can_not_be_weighed_is_left_to_people(self) -> None:
        call = begin()
        (window,) = speak(call, 2.0)
        hear(call, window, words("我们宝本的产品"))
        (question,) = call.questions(now=50.0)
        (report,) = call.unscored(question)
        assert isinstance(report, ViolationReport)
        assert (report.violation.status, report.violation.severity) == (Status.FIRED, "alert")

    def test_that_only_alerts_is_reported_without_a_signal(self) -> None:
        call = begin()
        (window,) = speak(call, 1.0)
        hear(call, window, words("最后一天"))
        (window,) = speak(call, 2.5)
        assert set(kinds(signals(call, window, words("最后一天")))) == {ViolationReport}


class TestTheText:
    def test_is_not_said_again_when_it_has_not_changed(self) -> None:
        call = begin()
        (window,) = speak(call, 1.0)
        (tentative,) = hear(call, window, words("您好"))
        assert tentative == Transcript("agent", "您好", False, 0.0, 0.4)
        (window,) = speak(call, 2.5)
        committed = hear(call, window, words("您好"))
        assert committed == [Transcript("agent", "您好", True, 0.0, 0.4)]
        (window,) = speak(call, 0.5)
        assert hear(call, window, words("您好")) == []

    def test_that_was_tentative_and_is_gone_is_taken_back(self) -> None:
        call = begin()
        (window,) = speak(call, 1.0)
        hear(call, window, words("您好"))
        (window,) = speak(call, 0.5)
        assert hear(call, window, Hypothesis(())) == [Transcript("agent", "", False, 0.0, 0.0)]

    def test_of_a_number_is_masked_and_its_audio_not_kept(self) -> None:
        call = begin()
        (window,) = speak(call, 2.5)
        shown = hear(call, window, words("卡号六二二二零二一"))
        assert shown == [Transcript("agent", "卡号＊＊＊＊＊＊＊", False, 0.0, 1.8)]
        told = []
        for _ in range(2):
            (window,) = speak(call, 2.5)
            events = hear(call, window, words("卡号六二二二零二一就这样吧"))
            told += [event for event in events if isinstance(event, Transcript) and event.committed]
        assert "".join(event.text for event in told) == "卡号＊＊＊＊＊＊＊就这样吧"
        spans = [span for hidden in call.hidden() for span in hidden.spans]
        assert (spans[0][0], spans[-1][1]) == pytest.approx((0.4, 1.8))
        assert call.hidden() == []

    def test_that_may_be_part_of_a_number_is_told_when_it_can_be_none(self) -> None:
        call = begin()
        (window,) = speak(call, 1.2)
        hear(call, window, words("尾号六二"))
        call.stop()
        (window,) = windows(call)
        *_, last, account = hear(call, window, words("尾号六二"))
        assert last == Transcript("agent", "六二", True, 0.4, 0.8)
        assert isinstance(account, Stopped)


class TestTheEnd:
    def test_waits_for_what_was_said_last_on_every_channel(self) -> None:
        call = begin("agent", "customer")
        (agent,) = speak(call, 1.0)
        (customer,) = speak(call, 2.0, "customer")
        assert call.stop() == []
        hear(call, agent, words("您好"))
        hear(call, customer, words("你好"))
        last = windows(call)
        assert [window.channel for window in last] == ["agent", "customer"]
        assert signals(call, last[0], words("您好投资有风险")) == []
        assert signals(call, last[1], words("你好")) == [Stopped(2.0, 0, (), 0.0)]
        assert call.state is CallState.OVER

    def test_of_a_silent_call_is_its_account(self) -> None:
        call = begin()
        (account,) = call.stop()
        assert isinstance(account, Stopped)
        assert [missing.rule_id for missing in account.missing] == ["risk"]

    def test_that_can_not_be_waited_for_is_blind(self) -> None:
        call = begin()
        speak(call, 3.0)
        call.stop()
        lost, account = call.abandon("recognition fell behind")
        assert lost == Blind("agent", 0.0, 3.0, "recognition fell behind")
        assert isinstance(account, Stopped)
        assert account.blind_seconds == pytest.approx(3.0)
        assert call.received == pytest.approx(3.0)
        assert call.monitored == pytest.approx(0.0)


class TestDeadlines:
    def test_the_last_look_is_wanted_at_once_and_others_by_the_next_one(self) -> None:
        call = begin()
        call.receive(AudioFrame("agent", 0, b"\1\0" * 16_000))
        (turn,) = call.due(now=100.0)
        assert turn.deadline == pytest.approx(100.2)
        window = turn.cut(True)
        assert window is not None
        hear(call, window, words("您好"))
        call.stop()
        (last,) = call.due(now=200.0)
        assert last.deadline == 200.0

    def test_agents_are_heard_before_customers(self) -> None:
        call = begin("customer", "agent")
        for channel in ("customer", "agent"):
            call.receive(AudioFrame(channel, 0, b"\1\0" * 16_000))
        customer, agent = call.due(now=100.0)
        assert agent.deadline < customer.deadline

    def test_a_window_holds_what_has_come_in_by_its_turn(self) -> None:
        call = begin()
        call.receive(AudioFrame("agent", 0, b"\1\0" * 16_000))
        (turn,) = call.due(now=100.0)
        call.receive(AudioFrame("agent", 16_000, b"\1\0" * 16_000))
        assert call.due(now=101.0) == []
        window = turn.cut(True)
        assert window is not None
        assert window.end == pytest.approx(2.0, abs=0.05)


class TestRelief:
    def test_gives_up_what_customers_say_a_second_at_a_time_and_says_so(self) -> None:
        call = begin("agent", "customer")
        for channel in ("agent", "customer"):
            call.receive(AudioFrame(channel, 0, b"\1\0" * 12_800))
        assert call.relieve() == []
        for channel in ("agent", "customer"):
            call.receive(AudioFrame(channel, 12_800, b"\1\0" * 6_400))
        (lost,) = call.relieve()
        assert isinstance(lost, Blind)
        assert (lost.channel, lost.reason) == ("customer", "overloaded")
        assert lost.end == pytest.approx(1.2)
        assert call.blind == pytest.approx(1.2)


class TestWhatIsLost:
    def test_is_blind_and_the_call_goes_on_after_it(self) -> None:
        call = begin()
        speak(call, 1.0)
        assert call.skip(Gap("agent", 8000, "discarded")) == [Blind("agent", 1.0, 1.5, "discarded")]
        assert (call.duration, call.blind) == (1.5, 0.5)
        speak(call, 1.0)
        assert call.duration == 2.5

    def test_ends_what_was_being_said(self) -> None:
        call = begin()
        call.receive(AudioFrame("agent", 0, b"\1\0" * 16_000))
        call.skip(Gap("agent", 48_000, "discarded"))
        (window,) = windows(call)
        assert window.final
        assert window.end < 2.0

    def test_takes_back_nothing_that_was_said_before_it(self) -> None:
        call = begin()
        block = block_of(call)
        assert kinds(call.skip(Gap("agent", 8000, "discarded"))) == [Blind]
        (window,) = windows(call)
        (confirmed,) = signals(call, window, words("我们保本的"))
        assert isinstance(confirmed, ViolationReport)
        assert (confirmed.violation.id, confirmed.violation.status) == (block.violation.id, Status.CONFIRMED)
        assert call.muted

    def test_completes_no_phrase_that_a_term_waited_for(self) -> None:
        call = begin()
        (window,) = speak(call, 1.0)
        assert Block not in kinds(hear(call, window, words("我们保本是")))
        call.skip(Gap("agent", 8000, "discarded"))
        (window,) = windows(call)
        assert Block in kinds(hear(call, window, words("我们保本是")))


class TestAPause:
    def test_ends_what_was_being_said_and_loses_nothing(self) -> None:
        call = begin()
        call.receive(AudioFrame("agent", 0, b"\1\0" * 16_000))
        assert call.pause(["agent"]) == []
        (window,) = windows(call)
        assert window.final
        assert (call.duration, call.blind) == (1.0, 0.0)

    def test_of_one_channel_is_none_of_the_other(self) -> None:
        call = begin("agent", "customer")
        for channel in ("agent", "customer"):
            call.receive(AudioFrame(channel, 0, b"\1\0" * 16_000))
        call.pause(["customer"])
        assert {window.channel: window.final for window in windows(call)} == {"agent": False, "customer": True}


class TestASocketThatJoins:
    def test_finds_what_was_lost_meanwhile_blind(self) -> None:
        call = begin()
        speak(call, 1.0)
        assert call.missing("agent", 3.0) == 32_000
        assert call.join(["agent"], 3.0) == [Blind("agent", 1.0, 3.0, "the connection was lost")]
        assert (call.duration, call.missing("agent", 3.0)) == (3.0, 0)

    def test_finds_nothing_lost_of_a_leg_that_was_not_there_yet(self) -> None:
        call = begin("agent", "customer")
        speak(call, 2.0)
        assert call.join(["customer"], 2.0) == []
        assert (call.received, call.blind) == (4.0, 0.0)

    def test_in_time_finds_nothing_lost(self) -> None:
        call = begin()
        speak(call, 1.0)
        assert call.join(["agent"], 0.9) == []
        assert call.duration == 1.0


def block_of(call: Call, text: str = "我们保本的") -> Block:
    (window,) = speak(call, 1.5)
    (block,) = [event for event in hear(call, window, words(text)) if isinstance(event, Block)]
    return block


class TestThePolicy:
    def test_says_what_a_block_does_rule_by_rule(self) -> None:
        policy = Policy(Measure(Action.HANGUP), {"secret": Measure(Action.WHISPER, sound="beep.wav")})
        for text, action in (("我们保本的", Action.HANGUP), ("这是内部消息", Action.WHISPER)):
            call = begin(policy=policy)
            assert block_of(call, text).action is action
            assert not call.muted
            assert call.lift == inf

    def test_leaves_a_mute_until_somebody_lifts_it(self) -> None:
        call = begin()
        block_of(call)
        assert call.muted
        assert call.lift == inf
        assert call.lifted(1e9) == []
        assert call.muted

    def test_lifts_a_mute_when_its_time_is_over_and_not_before(self) -> None:
        call = begin(policy=Policy(rules={"promise": Measure(seconds=5.0)}))
        block = block_of(call)
        assert 5.0 < call.lift < 5.1
        assert call.lifted(call.lift - 0.01) == []
        assert call.lifted(call.lift) == [Unblock(block.violation.id, "its time is over")]
        assert (call.muted, call.lift) == (False, inf)
        assert call.lifted(1e9) == []

    def test_lifts_nothing_twice_after_a_supervisor_did(self) -> None:
        call = begin(policy=Policy(Measure(seconds=5.0)))
        block = block_of(call)
        (order,) = call.order("unmute", "agent", None, "Li Na")
        assert order == Order("o-1", "unmute", "agent", block.violation.id, "Li Na")
        assert call.lifted(1e9) == []

    def test_lifts_a_supervisor_s_mute_by_no_clock(self) -> None:
        call = begin(policy=Policy(Measure(seconds=5.0)))
        call.order("mute", "agent", None, "Li Na")
        assert call.lifted(1e9) == []
        assert call.order("unmute", "agent", None, "Li Na") == [Order("o-2", "unmute", "agent", "o-1", "Li Na")]
        assert not call.muted

    def test_forgets_a_mute_that_is_taken_back(self) -> None:
        call = begin(policy=Policy(Measure(seconds=5.0)))
        block_of(call)
        for _ in range(2):
            (window,) = speak(call, 2.5)
            hear(call, window, words("我们确实的产品"))
        assert (call.muted, call.lift) == (False, inf)


class TestWhileNobodyListens:
    policy = Policy(on_blind=OnBlind.MUTE)

    def test_the_agent_is_muted_before_the_blind_spell_is_told(self) -> None:
        call = begin(policy=self.policy)
        order, blind = call.skip(Gap("agent", 8000, "discarded"))
        assert order == Order("o-1", "mute", "agent", None, "policy")
        assert isinstance(blind, Blind)
        assert call.muted

    def test_the_agent_is_muted_once(self) -> None:
        call = begin(policy=self.policy)
        call.skip(Gap("agent", 8000, "discarded"))
        assert kinds(call.skip(Gap("agent", 8000, "discarded"))) == [Blind]

    def test_and_somebody_does_again_the_mute_is_lifted(self) -> None:
        call = begin(policy=self.policy)
        call.skip(Gap("agent", 8000, "discarded"))
        (window,) = speak(call, 1.0)
        assert Unblock("o-1", "monitored again") in hear(call, window, words("您好"))
        assert not call.muted
        assert kinds(call.skip(Gap("agent", 8000, "discarded"))) == [Order, Blind]

    def test_what_the_customer_says_changes_nothing(self) -> None:
        call = begin("agent", "customer", policy=self.policy)
        assert kinds(call.skip(Gap("customer", 8000, "discarded"))) == [Blind]
        call.skip(Gap("agent", 8000, "discarded"))
        (window,) = speak(call, 1.0, "customer")
        assert Unblock not in kinds(hear(call, window, words("您好")))
        assert call.muted

    def test_a_muted_leg_that_says_nothing_is_heard_again_in_the_end(self) -> None:
        call = begin(policy=self.policy)
        call.skip(Gap("agent", 8000, "discarded"))
        assert UNHEARD < call.lift < UNHEARD + 0.1
        assert call.lifted(call.lift) == [Unblock("o-1", "its time is over")]
        assert kinds(call.skip(Gap("agent", 8000, "discarded"))) == [Order, Blind]

    def test_a_block_outlasts_the_blind_spell(self) -> None:
        call = begin(policy=self.policy)
        block_of(call)
        call.skip(Gap("agent", 8000, "discarded"))
        (window,) = speak(call, 1.0)
        hear(call, window, words("我们保本的"))
        assert call.muted

    def test_nor_can_recognise_the_agent_is_muted_too(self) -> None:
        call = begin(policy=self.policy)
        (window,) = speak(call, 1.0)
        assert call.failed(window) == []
        (window,) = speak(call, 1.0)
        assert kinds(call.failed(window)) == [Order, Blind]

    def test_and_a_connection_comes_again_the_agent_is_muted_too(self) -> None:
        call = begin(policy=self.policy)
        speak(call, 1.0)
        assert kinds(call.join(["agent"], 2.0)) == [Order, Blind]

    @pytest.mark.parametrize("on_blind", [OnBlind.ALERT, OnBlind.NOTHING])
    def test_nobody_is_muted_unless_the_policy_says_so(self, on_blind: OnBlind) -> None:
        call = begin(policy=Policy(on_blind=on_blind))
        assert kinds(call.skip(Gap("agent", 8000, "discarded"))) == [Blind]
        assert not call.muted
