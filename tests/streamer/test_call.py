"""One call, with the recogniser's answers written by hand and the clock in hand."""

from __future__ import annotations

import tracemalloc

import pytest

from detector.types import MatchKind, Status
from streamer.call import CallState
from streamer.recognition.recognizer import Hypothesis
from streamer.types import (
    AudioFrame,
    Blind,
    Block,
    Stopped,
    Transcript,
    Unblock,
    ViolationReport,
)
from tests.streamer.calls_in_hand import begin, hear, kinds, process, receive, signals, speak, stop, windows, words


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
            assert Unblock not in kinds(signals(call, window, words("我们确实的产品")))
        (question,) = call.questions(0.0)
        assert (question.heard, question.instead) == (("我们确实的产品",), ("我们保本的产品",))
        assert kinds(call.scored(question, (-1.0, -90.0))) == [Unblock, ViolationReport]
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
        # What nobody has heard yet may hold another.
        (hidden,) = call.hidden()
        assert hidden.spans == ()
        assert hidden.unclear == pytest.approx(2.6)

    def test_that_may_be_part_of_a_number_is_told_when_it_can_be_none(self) -> None:
        call = begin()
        (window,) = speak(call, 1.2)
        hear(call, window, words("尾号六二"))
        stop(call)
        (window,) = windows(call)
        *_, last, account = hear(call, window, words("尾号六二"))
        assert last == Transcript("agent", "六二", True, 0.4, 0.8)
        assert isinstance(account, Stopped)


class TestTheEnd:
    def test_waits_for_audio_that_has_not_been_processed(self) -> None:
        call = begin()
        call.receive(AudioFrame("agent", 0, b"\1\0" * 16_000))
        (first,) = call.portions()
        call.receive(AudioFrame("agent", 16_000, b"\1\0" * 16_000))
        call.stop()
        assert call.take("agent", first.process()) == []
        process(call)
        (window,) = windows(call)
        block, *_, account = hear(call, window, words("我们保本的产品好"))
        assert isinstance(block, Block)
        assert isinstance(account, Stopped)
        assert (account.duration, account.blind_seconds) == (2.0, 0.0)

    def test_once_abandoned_takes_in_no_more(self) -> None:
        call = begin()
        call.receive(AudioFrame("agent", 0, b"\1\0" * 16_000))
        (portion,) = call.portions()
        blind, account = call.abandon("the call broke off")
        assert blind == Blind("agent", 0.0, 1.0, "the call broke off")
        assert isinstance(account, Stopped)
        assert call.take("agent", portion.process()) == []

    def test_waits_for_what_was_said_last_on_every_channel(self) -> None:
        call = begin("agent", "customer")
        (agent,) = speak(call, 1.0)
        (customer,) = speak(call, 2.0, "customer")
        assert stop(call) == []
        hear(call, agent, words("您好"))
        hear(call, customer, words("你好"))
        last = windows(call)
        assert [window.channel for window in last] == ["agent", "customer"]
        assert signals(call, last[0], words("您好投资有风险")) == []
        (account,) = signals(call, last[1], words("你好我在听的"))
        assert isinstance(account, Stopped)
        assert (account.duration, account.violations, account.missing, account.blind_seconds) == (2.0, 0, (), 0.0)
        assert call.state is CallState.OVER

    def test_of_a_silent_call_is_its_account(self) -> None:
        call = begin()
        (account,) = stop(call)
        assert isinstance(account, Stopped)
        assert [missing.rule_id for missing in account.missing] == ["risk"]

    def test_that_can_not_be_waited_for_is_blind(self) -> None:
        call = begin()
        speak(call, 3.0)
        stop(call)
        lost, account = call.abandon("recognition fell behind")
        assert lost == Blind("agent", 0.0, 3.0, "recognition fell behind")
        assert isinstance(account, Stopped)
        assert account.blind_seconds == pytest.approx(3.0)
        assert call.received == pytest.approx(3.0)
        assert call.monitored == pytest.approx(0.0)

    def test_lets_go_of_the_audio_and_keeps_the_account(self) -> None:
        tracemalloc.start()
        try:
            call = begin()
            speak(call, 10.0)
            call.abandon("over")
            accounts, held = call.legs.accounts, tracemalloc.get_traced_memory()[0]
            call.release()
            # Thirty seconds at 16 kHz, four bytes each.
            assert held - tracemalloc.get_traced_memory()[0] > 1_900_000
        finally:
            tracemalloc.stop()
        assert call.legs.accounts == accounts
        assert call.duration == 10.0


class TestDeadlines:
    def test_the_last_look_is_wanted_at_once_and_others_by_the_next_one(self) -> None:
        call = begin()
        receive(call, AudioFrame("agent", 0, b"\1\0" * 16_000))
        (turn,) = call.due(now=100.0)
        assert turn.deadline == pytest.approx(100.2)
        window = turn.cut(True)
        assert window is not None
        hear(call, window, words("您好"))
        stop(call)
        (last,) = call.due(now=200.0)
        assert last.deadline == 200.0

    def test_agents_are_heard_before_customers(self) -> None:
        call = begin("customer", "agent")
        for channel in ("customer", "agent"):
            receive(call, AudioFrame(channel, 0, b"\1\0" * 16_000))
        customer, agent = call.due(now=100.0)
        assert agent.deadline < customer.deadline

    def test_a_window_holds_what_has_come_in_by_its_turn(self) -> None:
        call = begin()
        receive(call, AudioFrame("agent", 0, b"\1\0" * 16_000))
        (turn,) = call.due(now=100.0)
        receive(call, AudioFrame("agent", 16_000, b"\1\0" * 16_000))
        assert call.due(now=101.0) == []
        window = turn.cut(True)
        assert window is not None
        assert window.end == pytest.approx(2.0, abs=0.05)


class TestRelief:
    def test_gives_up_what_customers_say_a_second_at_a_time_and_says_so(self) -> None:
        call = begin("agent", "customer")
        for channel in ("agent", "customer"):
            receive(call, AudioFrame(channel, 0, b"\1\0" * 12_800))
        assert call.relieve() == []
        for channel in ("agent", "customer"):
            receive(call, AudioFrame(channel, 12_800, b"\1\0" * 6_400))
        (lost,) = call.relieve()
        assert isinstance(lost, Blind)
        assert (lost.channel, lost.reason) == ("customer", "overloaded")
        assert lost.end == pytest.approx(1.2)
        assert call.blind == pytest.approx(1.2)
