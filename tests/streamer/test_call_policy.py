"""What a call does about lost audio, pauses, sockets that join it, and its policy."""

from __future__ import annotations

from math import inf

import pytest

from detector.policy import Measure, OnBlind, Policy
from detector.types import Action, Status
from streamer.call import UNHEARD, Call
from streamer.types import (
    AudioFrame,
    Blind,
    Block,
    Gap,
    Order,
    Unblock,
    ViolationReport,
)
from tests.streamer.calls_in_hand import (
    Clock,
    begin,
    hear,
    kinds,
    pause,
    receive,
    signals,
    skip,
    speak,
    watch,
    windows,
    words,
)


class TestWhatIsLost:
    def test_is_blind_and_the_call_goes_on_after_it(self) -> None:
        call = begin()
        speak(call, 1.0)
        assert skip(call, Gap("agent", 8000, "discarded")) == [Blind("agent", 1.0, 1.5, "discarded")]
        assert (call.duration, call.blind) == (1.5, 0.5)
        speak(call, 1.0)
        assert call.duration == 2.5

    def test_ends_what_was_being_said(self) -> None:
        call = begin()
        receive(call, AudioFrame("agent", 0, b"\1\0" * 16_000))
        skip(call, Gap("agent", 48_000, "discarded"))
        (window,) = windows(call)
        assert window.final
        assert window.end < 2.0

    def test_takes_back_nothing_that_was_said_before_it(self) -> None:
        call = begin()
        block = block_of(call)
        assert kinds(skip(call, Gap("agent", 8000, "discarded"))) == [Blind]
        (window,) = windows(call)
        (confirmed,) = signals(call, window, words("我们保本的"))
        assert isinstance(confirmed, ViolationReport)
        assert (confirmed.violation.id, confirmed.violation.status) == (block.violation.id, Status.CONFIRMED)
        assert call.muted

    def test_completes_no_phrase_that_a_term_waited_for(self) -> None:
        call = begin()
        (window,) = speak(call, 1.0)
        assert Block not in kinds(hear(call, window, words("我们保本是")))
        skip(call, Gap("agent", 8000, "discarded"))
        (window,) = windows(call)
        assert Block in kinds(hear(call, window, words("我们保本是")))


class TestAPause:
    def test_ends_what_was_being_said_and_loses_nothing(self) -> None:
        call = begin()
        receive(call, AudioFrame("agent", 0, b"\1\0" * 16_000))
        assert pause(call, ["agent"]) == []
        (window,) = windows(call)
        assert window.final
        assert (call.duration, call.blind) == (1.0, 0.0)

    def test_of_one_channel_is_none_of_the_other(self) -> None:
        call = begin("agent", "customer")
        for channel in ("agent", "customer"):
            receive(call, AudioFrame(channel, 0, b"\1\0" * 16_000))
        pause(call, ["customer"])
        assert {window.channel: window.final for window in windows(call)} == {"agent": False, "customer": True}


class TestASocketThatJoins:
    def test_finds_what_was_lost_meanwhile_blind(self) -> None:
        clock = Clock()
        call = begin(clock=clock)
        call.legs.joined(["agent"])
        speak(call, 1.0)
        call.legs.left(["agent"], ended=False)
        clock.now += 2.0
        call.legs.joined(["agent"])
        (blind,) = [event for event in receive(call, frame(1.0)) if isinstance(event, Blind)]
        assert (blind.channel, blind.reason) == ("agent", "the connection was lost")
        assert [blind.start, blind.end] == pytest.approx([1.0, 3.0], abs=0.02)
        assert call.duration == pytest.approx(blind.end + 1.0)

    def test_finds_nothing_lost_of_a_customer_who_was_not_there_yet(self) -> None:
        clock = Clock()
        call = begin("agent", "customer", clock=clock, joins=True)
        call.legs.joined(["agent"])
        clock.now += 20.0
        call.legs.joined(["customer"])
        assert Blind not in kinds(receive(call, frame(1.0, "customer")))
        assert call.legs.accounts["customer"].silent == pytest.approx(21.0, abs=0.02)

    def test_in_time_finds_nothing_lost(self) -> None:
        call = begin()
        call.legs.joined(["agent"])
        speak(call, 1.0)
        call.legs.joined(["agent"])
        assert Blind not in kinds(receive(call, frame(1.0)))
        assert call.duration == 2.0


def frame(seconds: float, channel: str = "agent") -> AudioFrame:
    return AudioFrame(channel, 0, b"\1\0" * int(16_000 * seconds))


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
        (question,) = call.questions(0.0)
        call.scored(question, (-1.0, -90.0))
        assert (call.muted, call.lift) == (False, inf)


class TestWhileNobodyListens:
    policy = Policy(on_blind=OnBlind.MUTE)

    def test_the_agent_is_muted_before_the_blind_spell_is_told(self) -> None:
        call = begin(policy=self.policy)
        order, blind = skip(call, Gap("agent", 8000, "discarded"))
        assert order == Order("o-1", "mute", "agent", None, "policy")
        assert isinstance(blind, Blind)
        assert call.muted

    def test_the_agent_is_muted_once(self) -> None:
        call = begin(policy=self.policy)
        skip(call, Gap("agent", 8000, "discarded"))
        assert kinds(skip(call, Gap("agent", 8000, "discarded"))) == [Blind]

    def test_and_somebody_does_again_the_mute_is_lifted(self) -> None:
        call = begin(policy=self.policy)
        skip(call, Gap("agent", 8000, "discarded"))
        (window,) = speak(call, 1.0)
        assert Unblock("o-1", "monitored again") in hear(call, window, words("您好"))
        assert not call.muted
        assert kinds(skip(call, Gap("agent", 8000, "discarded"))) == [Order, Blind]

    def test_what_the_customer_says_changes_nothing(self) -> None:
        call = begin("agent", "customer", policy=self.policy)
        assert kinds(skip(call, Gap("customer", 8000, "discarded"))) == [Blind]
        skip(call, Gap("agent", 8000, "discarded"))
        (window,) = speak(call, 1.0, "customer")
        assert Unblock not in kinds(hear(call, window, words("您好")))
        assert call.muted

    def test_a_muted_leg_that_says_nothing_is_heard_again_in_the_end(self) -> None:
        call = begin(policy=self.policy)
        skip(call, Gap("agent", 8000, "discarded"))
        assert UNHEARD < call.lift < UNHEARD + 0.1
        assert call.lifted(call.lift) == [Unblock("o-1", "its time is over")]
        assert kinds(skip(call, Gap("agent", 8000, "discarded"))) == [Order, Blind]

    def test_a_block_outlasts_the_blind_spell(self) -> None:
        call = begin(policy=self.policy)
        block_of(call)
        skip(call, Gap("agent", 8000, "discarded"))
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
        clock = Clock()
        call = begin(policy=self.policy, clock=clock)
        call.legs.joined(["agent"])
        speak(call, 1.0)
        call.legs.left(["agent"], ended=False)
        clock.now += 2.0
        assert kinds(watch(call)) == [Order, Blind]

    def test_for_long_the_agent_stays_muted(self) -> None:
        clock = Clock()
        call = begin(policy=self.policy, clock=clock)
        call.legs.joined(["agent"])
        for _ in range(120):
            clock.now += 0.5
            watch(call)
        assert call.muted
        assert call.lift > clock.now + 9

    def test_and_a_supervisor_lifts_the_mute_it_stays_lifted(self) -> None:
        clock = Clock()
        call = begin(policy=self.policy, clock=clock)
        call.legs.joined(["agent"])
        clock.now += 3.0
        assert kinds(watch(call)) == [Order, Blind]
        call.order("unmute", "agent", None, "Li")
        clock.now += 3.0
        assert kinds(watch(call)) == [Blind]
        assert "agent" in call.legs.deaf
        assert (call.muted, call.muted_legs, call.lift) == (False, set(), inf)

    @pytest.mark.parametrize("on_blind", [OnBlind.ALERT, OnBlind.NOTHING])
    def test_nobody_is_muted_unless_the_policy_says_so(self, on_blind: OnBlind) -> None:
        call = begin(policy=Policy(on_blind=on_blind))
        assert kinds(skip(call, Gap("agent", 8000, "discarded"))) == [Blind]
        assert not call.muted


class TestWhoIsMuted:
    def test_is_the_leg_that_was_meant(self) -> None:
        call = begin("agent", "customer")
        call.order("mute", "customer", None, "Li")
        assert call.muted_legs == {"customer"}
        block_of(call)
        assert call.muted_legs == {"agent", "customer"}
        call.order("unmute", "customer", None, "Li")
        assert call.muted_legs == set()
