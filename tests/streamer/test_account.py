"""Every second of every leg is heard, silent or blind, and the three are the wall clock: whatever a platform does."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.detector import Detector
from detector.policy import ACTIONS, USUAL, OnBlind, Policy
from detector.types import Word
from streamer.call import Call, CallState
from streamer.leg_clock import LONGEST, LOST, NEVER_CAME, NO_AUDIO, ODD
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.types import AudioFrame, Blind, Block, CallStarted, Encoding, LegAccount, Order, Outgoing, Stopped
from tests.streamer.calls_in_hand import TABLE, process

RATE = 8000
STEP = 0.1
"""Seconds of the clock between two things that happen."""
PATIENCE = 5.0


class Loudness:
    """Loud is speech."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.abs(frames).max(axis=1) > 0.1, dtype=np.float32)


def noise(seconds: float, level: float) -> bytes:
    """Make a line's sound, which is never quite nothing."""
    samples = np.random.default_rng(7).normal(0, 1, round(seconds * RATE)).cumsum()
    samples = np.diff(samples, prepend=0.0) + np.roll(samples, 3) * 0.2
    samples = samples / np.abs(samples).max() * level * 32767
    return bytes(samples.astype("<i2"))


LOUD, QUIET = noise(STEP, 0.5), noise(STEP, 0.01)
NOTHING = bytes(len(QUIET))


@dataclass
class Leg:
    """What a platform does with a leg's audio."""

    socket: bool = False
    stalled: bool = False
    paused: bool = False
    speaking: bool = False
    dead: bool = False
    late: int = 0


@dataclass
class Line:
    """A call whose clock, platform and recogniser are in the hand."""

    joins: bool = True
    policy: Policy = USUAL
    now: float = 100.0
    legs: dict[str, Leg] = field(default_factory=lambda: {"agent": Leg(), "customer": Leg()})
    told: list[Outgoing] = field(default_factory=list)
    waiting: list[Window] = field(default_factory=list)
    hung: bool = False

    def __post_init__(self) -> None:
        started = CallStarted("c", Encoding.PCM_S16LE, RATE, ("agent", "customer"), "zh", joins=self.joins)
        self.call = Call(
            started,
            language="zh",
            detector=Detector(TABLE, ACTIONS, self.policy),
            speech_models={name: Loudness() for name in started.channels},
            clock=lambda: self.now,
            policy=self.policy,
        )
        self.began = self.now

    def join(self, *names: str) -> None:
        self.call.legs.joined(names)
        for name in names:
            self.legs[name].socket = True

    def lose(self, *names: str, ended: bool = False) -> None:
        self.call.legs.left(names, ended=ended)
        for name in names:
            # What was still on its way is lost with the socket.
            self.legs[name].socket, self.legs[name].late = False, 0

    def pause(self, name: str, *, on: bool) -> None:
        self.call.legs.pause([name], on=on)
        self.legs[name].paused = on

    def pass_(self, seconds: float) -> None:
        """Let time go by; whoever is connected sends what there is to hear."""
        for step in range(round(seconds / STEP)):
            self.now += STEP
            for name, leg in self.legs.items():
                if leg.socket and not leg.paused:
                    leg.late += 1
                    if not leg.stalled:
                        self.bring(name)
            if step % 5 == 0:
                self.told += self.call.watch(PATIENCE)
            self.answer()

    def bring(self, name: str) -> None:
        leg = self.legs[name]
        for _ in range(leg.late):
            sound = NOTHING if leg.dead else LOUD if leg.speaking else QUIET
            self.call.receive(AudioFrame(name, 0, sound))
        leg.late = 0

    def answer(self) -> None:
        self.told += process(self.call)
        self.waiting += [window for turn in self.call.due(self.now) if (window := turn.cut(True)) is not None]
        if not self.hung:
            for window in self.waiting:
                count = max(1, int((window.end - window.start) / 0.5))
                words = tuple(
                    Word("好", window.start + i * 0.5, window.start + i * 0.5 + 0.4, 0.9) for i in range(count)
                )
                self.told += [*self.call.heard(window, Hypothesis(words)), *self.call.reread()]
            self.waiting.clear()

    def end(self) -> dict[str, LegAccount]:
        self.call.stop()
        self.hung = False
        while self.call.state is not CallState.OVER:
            self.answer()
        (account,) = [event for event in self.told if isinstance(event, Stopped)]
        return dict(account.legs)

    @property
    def blind(self) -> list[tuple[str, str]]:
        return [(event.channel, event.reason) for event in self.told if isinstance(event, Blind)]


def total(account: LegAccount) -> float:
    return account.heard + account.silent + account.blind + account.muted + account.paused


def live(**more: bool) -> Line:
    line = Line(joins=False, **more)  # type: ignore[arg-type]
    line.join("agent", "customer")
    return line


class TestWithoutFaults:
    def test_speech_is_heard_and_the_rest_is_silent(self) -> None:
        line = live()
        line.pass_(3)
        line.legs["agent"].speaking = True
        line.pass_(4)
        line.legs["agent"].speaking = False
        line.pass_(3)
        accounts = line.end()
        assert line.blind == []
        assert accounts["agent"].heard == pytest.approx(4.0, abs=0.7)
        assert (accounts["customer"].heard, accounts["customer"].blind) == (0.0, 0.0)
        assert total(accounts["agent"]) == pytest.approx(10.0)


class TestALegWithoutASocket:
    def test_is_blind_at_once_and_told_within_two_seconds(self) -> None:
        line = live()
        line.pass_(5)
        line.lose("agent")
        line.pass_(1.9)
        assert line.blind == [("agent", LOST)]
        assert line.call.legs.deaf == ["agent"]
        line.pass_(20)
        accounts = line.end()
        assert accounts["agent"].blind == pytest.approx(21.9, abs=0.01)
        assert accounts["customer"].blind == 0.0

    def test_that_never_comes_is_blind(self) -> None:
        line = Line()
        line.join("customer")
        line.pass_(3)
        assert line.blind == [("agent", NEVER_CAME)]
        line.pass_(42)
        assert line.end()["agent"].blind == pytest.approx(45)

    def test_that_comes_late_had_not_come_and_was_never_lost(self) -> None:
        line = Line()
        line.join("customer")
        line.pass_(10.3)
        line.join("agent")
        line.pass_(5)
        accounts = line.end()
        assert {*line.blind} == {("agent", NEVER_CAME)}
        assert accounts["agent"].blind == pytest.approx(10.3, abs=0.2)

    def test_that_was_over_and_comes_back_was_silent_meanwhile(self) -> None:
        line = live()
        line.pass_(5)
        line.lose("customer", ended=True)
        line.pass_(7.3)
        line.join("customer")
        line.pass_(5)
        accounts = line.end()
        assert line.blind == []
        assert accounts["customer"].silent == pytest.approx(17.3, abs=0.2)

    def test_of_a_customer_who_has_not_picked_up_is_silent_until_then(self) -> None:
        line = Line()
        line.join("agent")
        line.pass_(20)
        line.join("customer")
        line.pass_(10)
        accounts = line.end()
        assert line.blind == []
        assert total(accounts["customer"]) == pytest.approx(30, abs=0.2)

    def test_of_a_customer_who_never_comes_is_blind_in_the_account(self) -> None:
        line = Line()
        line.join("agent")
        line.pass_(20)
        assert line.blind == []
        assert line.end()["customer"].blind == pytest.approx(20)

    def test_which_the_platform_has_ended_is_silent(self) -> None:
        line = live()
        line.pass_(5)
        line.lose("customer", ended=True)
        line.pass_(10)
        accounts = line.end()
        assert line.blind == []
        assert accounts["customer"].silent == pytest.approx(15)

    def test_which_brought_nothing_before_the_platform_ended_it_is_blind_up_to_there(self) -> None:
        line = live()
        line.legs["agent"].stalled = True
        line.pass_(20)
        line.lose("agent", ended=True)
        line.pass_(10)
        accounts = line.end()
        assert accounts["agent"].blind == pytest.approx(20, abs=0.2)
        assert accounts["agent"].silent == pytest.approx(10, abs=0.2)

    def test_is_told_now_and_then_while_it_lasts(self) -> None:
        line = live()
        line.lose("agent")
        line.pass_(600)
        told = [event for event in line.told if isinstance(event, Blind)]
        assert sum(event.end - event.start for event in told) == pytest.approx(600, abs=LONGEST + 1)
        assert len(told) < 30


class TestASocketWithoutAudio:
    def test_is_blind_and_told_when_patience_is_over(self) -> None:
        line = live()
        line.pass_(5)
        line.legs["agent"].stalled = True
        line.pass_(1.9)
        assert line.blind == []
        line.pass_(1.2)
        assert line.blind == [("agent", NO_AUDIO)]
        line.pass_(40)
        assert line.end()["agent"].blind == pytest.approx(43.1)

    def test_whose_audio_comes_late_was_heard_after_all(self) -> None:
        line = live()
        line.pass_(5)
        line.legs["agent"].stalled = True
        line.pass_(26)
        assert ("agent", NO_AUDIO) in line.blind
        line.legs["agent"].stalled = False
        line.pass_(10)
        accounts = line.end()
        assert accounts["agent"].blind == 0.0
        assert total(accounts["agent"]) == pytest.approx(41)

    def test_whose_audio_never_comes_is_blind_for_that_and_in_step_again(self) -> None:
        line = live()
        line.pass_(5)
        line.legs["agent"].paused = True  # The platform stops sending, and says nothing.
        line.pass_(8)
        line.legs["agent"].paused = False
        line.pass_(10)
        accounts = line.end()
        assert accounts["agent"].blind == pytest.approx(8, abs=0.2)
        assert line.call.legs.late < ODD
        assert line.call.duration == pytest.approx(23, abs=0.2)

    def test_which_we_muted_is_silent(self) -> None:
        line = live()
        line.pass_(5)
        line.call.legs.mute(["agent"])
        line.legs["agent"].paused = True
        line.pass_(20)
        accounts = line.end()
        assert line.blind == []
        assert accounts["agent"].muted == pytest.approx(20, abs=1.1)
        assert total(accounts["agent"]) == pytest.approx(25, abs=ODD)

    def test_mutes_the_agent_where_the_policy_says_so(self) -> None:
        line = Line(joins=False, policy=Policy(on_blind=OnBlind.MUTE))
        line.join("agent", "customer")
        line.legs["agent"].stalled = True
        line.pass_(3)
        assert [event.action for event in line.told if isinstance(event, Order)] == ["mute"]


class TestAPause:
    def test_is_told_apart_and_not_in_the_call_s_time(self) -> None:
        line = live()
        line.pass_(5)
        for name in line.legs:
            line.pause(name, on=True)
        line.pass_(60)
        for name in line.legs:
            line.pause(name, on=False)
        line.pass_(5)
        accounts = line.end()
        assert line.blind == []
        assert [account.paused for account in accounts.values()] == pytest.approx([60, 60])
        assert line.call.duration == pytest.approx(10)

    def test_in_which_the_socket_is_lost_is_blind_from_there_unless_it_goes_on(self) -> None:
        line = live()
        line.pass_(5)
        line.pause("agent", on=True)
        line.pass_(30)
        line.lose("agent")
        line.pass_(2)
        line.join("agent")
        line.legs["agent"].paused = False
        line.pass_(5)
        accounts = line.end()
        assert line.blind == [("agent", LOST)]
        assert accounts["agent"].paused == pytest.approx(30)
        assert accounts["agent"].blind == pytest.approx(2, abs=0.2)


class TestAudioThatCanNotBeHeard:
    def test_of_a_dead_line_is_blind(self) -> None:
        line = live()
        line.pass_(5)
        dead(line, 45)
        accounts = line.end()
        assert ("agent", "only digital silence arrives") in line.blind
        assert accounts["agent"].blind == pytest.approx(45, abs=0.2)
        assert total(accounts["agent"]) == pytest.approx(50, abs=0.2)

    def test_is_no_pause_between_two_sentences(self) -> None:
        line = live()
        dead(line, 9)
        line.pass_(5)
        dead(line, 9)
        assert line.end()["agent"].blind == 0.0
        assert line.blind == []

    def test_of_a_leg_that_we_muted_is_silent(self) -> None:
        line = live()
        line.pass_(5)
        line.call.legs.mute(["agent"])
        dead(line, 45)
        assert line.end()["agent"].blind == 0.0

    def test_is_no_dead_line_with_what_we_muted_after_it(self) -> None:
        line = live()
        line.pass_(5)
        dead(line, 6)
        line.call.legs.mute(["agent"])
        line.legs["agent"].paused = True
        line.pass_(20)
        line.call.legs.mute([])
        line.legs["agent"].paused = False
        line.pass_(5)
        accounts = line.end()
        assert line.blind == []
        assert accounts["agent"].muted == pytest.approx(20, abs=1.1)
        assert accounts["agent"].silent == pytest.approx(16, abs=1.1)

    def test_of_a_dead_line_is_no_part_of_what_we_muted_after_it(self) -> None:
        line = live()
        dead(line, 15)
        line.call.legs.mute(["agent"])
        line.legs["agent"].paused = True
        line.pass_(20)
        accounts = line.end()
        assert accounts["agent"].blind == pytest.approx(15, abs=0.2)
        assert accounts["agent"].muted == pytest.approx(20, abs=ODD)
        assert accounts["agent"].silent == pytest.approx(0, abs=0.2)

    def test_with_its_bytes_swapped_is_blind(self) -> None:
        line = live()
        line.legs["agent"].socket = False
        at = np.arange(RATE) / RATE
        voice = 6000 * np.sum([np.sin(2 * np.pi * 140 * n * at) / n for n in range(1, 12)], axis=0)
        for _ in range(10):
            line.call.receive(AudioFrame("agent", 0, voice.astype("<i2").byteswap().tobytes()))
            line.now += 0.9
        accounts = line.end()
        assert {channel for channel, reason in line.blind if "bytes in the wrong order" in reason} == {"agent"}
        assert accounts["agent"].blind == pytest.approx(10)


def dead(line: Line, seconds: float) -> None:
    """Let the agent's line bring nothing but zeros."""
    line.legs["agent"].dead = True
    line.pass_(seconds)
    line.legs["agent"].dead = False


class TestAHungRecogniser:
    def test_is_told_when_a_window_is_too_old(self) -> None:
        line = Line(joins=False, policy=Policy(on_blind=OnBlind.MUTE))
        line.join("agent", "customer")
        line.hung = line.legs["agent"].speaking = True
        line.pass_(PATIENCE + 2)
        assert ("agent", "recognition fell behind") in line.blind
        assert [event.action for event in line.told if isinstance(event, Order)] == ["mute"]
        assert line.call.legs.deaf == ["agent"]

    def test_that_answers_after_all_has_heard_it(self) -> None:
        line = live()
        line.hung = line.legs["agent"].speaking = True
        line.pass_(PATIENCE + 2)
        line.hung = False
        line.pass_(5)
        accounts = line.end()
        assert accounts["agent"].blind == 0.0
        assert line.call.legs.deaf == []


def test_a_block_is_still_a_block_while_the_other_leg_is_blind() -> None:
    line = live()
    line.lose("customer")
    line.legs["agent"].speaking = True
    line.pass_(2)
    line.hung = True
    line.pass_(1)
    (window,) = line.waiting
    words = tuple(
        Word(c, window.start + 0.2 * i, window.start + 0.2 * i + 0.2, 0.9) for i, c in enumerate("我们保本的")
    )
    assert Block in [type(event) for event in line.call.heard(window, Hypothesis(words))]


MOVE = (
    *("join", "lose", "end", "pause", "resume", "stall", "flow", "drop", "speak", "hush", "hang", "heal"),
    *("die", "revive", "mute", "unmute"),
)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["agent", "customer"]),
        st.sampled_from(MOVE),
        st.floats(0.1, 6.0),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=40)
@given(MOVES, st.booleans())
def test_heard_silent_and_blind_are_the_wall_clock(moves: list[tuple[str, str, float]], joins: bool) -> None:
    line = Line(joins=joins)
    line.join("agent") if joins else line.join("agent", "customer")
    muted = set[str]()
    for name, move, seconds in moves:
        leg = line.legs[name]
        match move:
            case "join" if not leg.socket:
                line.join(name)
            case "lose" if leg.socket:
                line.lose(name)
            case "pause" | "resume" if leg.socket:
                line.pause(name, on=move == "pause")
            case "stall" | "flow":
                leg.stalled = move == "stall"
            case "drop":
                leg.late = 0
            case "speak" | "hush":
                leg.speaking = move == "speak"
            case "hang" | "heal":
                line.hung = move == "hang"
            case "die" | "revive":
                leg.dead = move == "die"
            case "mute" | "unmute":
                muted = muted | {name} if move == "mute" else muted - {name}
                line.call.legs.mute(muted)
            case "end" if leg.socket:
                line.lose(name, ended=True)
        line.pass_(seconds)
    wall = line.now - line.began
    accounts = line.end()
    for account in accounts.values():
        assert min(account.heard, account.silent, account.blind, account.muted, account.paused) >= -1e-6
        assert total(account) == pytest.approx(wall, abs=ODD)
    assert line.call.blind == pytest.approx(sum(account.blind for account in accounts.values()))
