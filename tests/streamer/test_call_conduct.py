"""How a call is led, as the call itself tells it: while it goes on, and in its account."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Status, Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from streamer import wire
from streamer.call import Call
from streamer.recognition.recognizer import Hypothesis
from streamer.types import (
    AudioFrame,
    Block,
    CallStarted,
    Encoding,
    Gap,
    Outgoing,
    Stopped,
    ViolationReport,
)
from tests.streamer.calls_in_hand import receive, skip, stop

RATE = 16_000
STEP = 0.25
RULES = """
lexicon: t
language: zh
rules:
  - {id: promise, category: c, severity: block, terms: [保本], say_instead: 理财有风险。}
  - {id: long-silence, category: conduct, severity: review, metric: {name: silence, over: 5}}
  - {id: at-once, category: conduct, severity: review, metric: {name: overlap, over: 2}}
  - {id: too-fast, category: conduct, severity: alert, metric: {name: pace, over: 320}, say_instead: 请放慢语速。}
  - {id: talks-on, category: conduct, severity: alert, metric: {name: talk_ratio, over: 0.8}}
"""
TABLE = compile_lexicon(parse(RULES, "t.yaml"), "zh")


class LoudnessModel:
    """Takes whatever isn't digital silence for speech."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.any(frames != 0, axis=1), dtype=np.float32)


class Conversed:
    """A call whose words are heard as they are wanted: so many characters a second wherever there is sound."""

    def __init__(self, *channels: str, rate: float = 4.0) -> None:
        self.channels = channels or ("agent", "customer")
        started = CallStarted("c-1", Encoding.PCM_S16LE, RATE, self.channels, "zh")
        models = {channel: LoudnessModel() for channel in self.channels}
        detector = Detector(TABLE, ACTIONS)
        self.call = Call(started, language="zh", detector=detector, speech_models=models, clock=lambda: 0.0)
        self.rate = rate
        self.told: list[Outgoing] = []

    def go_on(self, seconds: float, *speaking: str) -> list[ViolationReport]:
        """Let somebody speak, or nobody; give what was reported meanwhile."""
        before = len(self.told)
        for _ in range(round(seconds / STEP)):
            for channel in self.channels:
                sample = b"\1\0" if channel in speaking else b"\0\0"
                self.told += receive(self.call, AudioFrame(channel, 0, sample * int(RATE * STEP)))
            self._recognise()
        return [event for event in self.told[before:] if isinstance(event, ViolationReport)]

    def lose(self, seconds: float) -> None:
        for channel in self.channels:
            self.told += skip(self.call, Gap(channel, int(RATE * seconds), "lost"))

    def end(self) -> Stopped:
        self.told += stop(self.call)
        self._recognise()
        account = self.told[-1]
        assert isinstance(account, Stopped)
        return account

    def reports(self, rule: str) -> list[tuple[str, Status]]:
        """Give what was told of a rule: what was measured, and the step."""
        found = [event.violation for event in self.told if isinstance(event, ViolationReport)]
        return [(one.heard, one.status) for one in found if one.rule_id == rule]

    def _recognise(self) -> None:
        for turn in self.call.due(0.0):
            if (window := turn.cut(True)) is None:
                continue
            length = 1 / self.rate
            words = [
                Word(chr(0x4E00 + slot % 500), slot * length, (slot + 1) * length)
                for slot in range(round(window.start * self.rate), round(window.end * self.rate))
                if np.any(window.audio[int((slot * length - window.start) * RATE) :][: int(length * RATE)])
                and slot * length >= window.start
            ]
            self.told += self.call.heard(window, Hypothesis(tuple(words)))
            self.told += self.call.reread()


def metrics(account: Stopped) -> dict[str, Any]:
    fields = wire.fields(account)["metrics"]
    assert isinstance(fields, dict)
    return fields


class TestACallsAccount:
    def test_says_how_it_was_led(self) -> None:
        one = Conversed()
        one.go_on(2.0)
        one.go_on(16.0, "agent")
        one.go_on(2.0, "agent", "customer")
        one.go_on(4.0, "customer")
        one.go_on(3.0)
        told = metrics(one.end())
        assert told["talk_seconds"] == pytest.approx({"agent": 18.0, "customer": 6.0}, abs=0.1)
        assert told["talk_ratio"] == pytest.approx({"agent": 0.75, "customer": 0.25}, abs=0.01)
        assert told["silence_seconds"] == pytest.approx(3.0, abs=0.1)
        assert told["longest_silence"] == pytest.approx({"seconds": 3.0, "from": 24.0, "to": 27.0}, abs=0.1)
        assert told["overlap_seconds"] == pytest.approx(2.0, abs=0.1)
        assert told["pace"] == {"agent": pytest.approx(240.0, rel=0.05), "customer": None}

    def test_says_so_of_a_call_that_broke_off(self) -> None:
        one = Conversed()
        one.go_on(8.0, "agent")
        *_, account = one.call.abandon("the call broke off")
        assert isinstance(account, Stopped)
        assert metrics(account)["talk_seconds"] == pytest.approx({"agent": 8.0, "customer": 0.0}, abs=0.1)

    def test_counts_what_passed_a_bound_among_the_violations(self) -> None:
        one = Conversed()
        one.go_on(1.0, "agent")
        one.go_on(6.0)
        assert one.end().violations == 1

    def test_is_empty_where_nobody_said_anything(self) -> None:
        told = metrics(Conversed().end())
        assert told["talk_seconds"] == {"agent": 0.0, "customer": 0.0}
        assert told["longest_silence"] is None


class TestASilenceThatIsTooLong:
    def test_is_told_while_it_lasts(self) -> None:
        one = Conversed()
        one.go_on(2.0, "agent")
        assert one.go_on(5.0) == []
        (report,) = one.go_on(1.0)
        violation = report.violation
        assert (violation.rule_id, violation.status, violation.severity) == ("long-silence", Status.FIRED, "review")
        assert (violation.term, violation.match, violation.confidence) == ("silence over 5 s", "exact", 1.0)
        assert violation.channel == "agent"
        assert violation.start == pytest.approx(2.0, abs=0.1)
        assert one.go_on(10.0) == []
        (last,) = one.go_on(1.0, "customer")
        assert (last.violation.id, last.violation.status) == (violation.id, Status.CONFIRMED)
        assert last.violation.end == pytest.approx(18.0, abs=0.1)

    def test_is_told_at_the_end_with_its_length_where_it_lasts_until_then(self) -> None:
        one = Conversed()
        one.go_on(2.0, "agent")
        one.go_on(9.0)
        one.end()
        (_, fired), (heard, confirmed) = one.reports("long-silence")
        assert (fired, confirmed) == (Status.FIRED, Status.CONFIRMED)
        assert float(heard.removesuffix(" s")) == pytest.approx(9.0, abs=0.1)

    def test_is_none_where_the_audio_was_lost(self) -> None:
        one = Conversed()
        one.go_on(2.0, "agent")
        one.go_on(3.0)
        one.lose(20.0)
        one.go_on(4.0)
        assert metrics(one.end())["silence_seconds"] == pytest.approx(7.0, abs=0.1)
        assert one.reports("long-silence") == []

    def test_is_none_while_it_rings(self) -> None:
        one = Conversed()
        one.go_on(30.0)
        one.go_on(1.0, "customer")
        one.end()
        assert one.reports("long-silence") == []


class TestOtherBounds:
    def test_are_told_when_they_are_passed_and_at_the_end_with_all_of_it(self) -> None:
        one = Conversed()
        one.go_on(10.0, "agent")
        assert one.go_on(2.0, "agent", "customer") == []
        one.go_on(2.0, "agent", "customer")
        assert [status for _, status in one.reports("at-once")] == [Status.FIRED]
        one.end()
        heard, status = one.reports("at-once")[-1]
        assert status is Status.CONFIRMED
        assert float(heard.removesuffix(" s")) == pytest.approx(4.0, abs=0.1)

    def test_are_passed_by_who_speaks_too_fast(self) -> None:
        one = Conversed(rate=8.0)
        one.go_on(40.0, "agent")
        # By words, while the call goes on.
        assert [status for _, status in one.reports("too-fast")] == [Status.FIRED]
        one.end()
        heard, status = one.reports("too-fast")[-1]
        assert status is Status.CONFIRMED
        assert int(heard.removesuffix(" characters a minute")) == pytest.approx(480, rel=0.05)

    def test_are_not_passed_by_who_does_not(self) -> None:
        one = Conversed(rate=4.0)
        one.go_on(40.0, "agent")
        one.end()
        assert one.reports("too-fast") == []

    def test_are_judged_at_the_end_where_only_that_can_tell(self) -> None:
        one = Conversed()
        one.go_on(31.0, "agent")
        one.go_on(2.0, "customer")
        assert one.reports("talks-on") == []
        one.end()
        assert [status for _, status in one.reports("talks-on")] == [Status.FIRED, Status.CONFIRMED]

    def test_never_signal_anything_to_the_platform(self) -> None:
        one = Conversed(rate=8.0)
        one.go_on(36.0, "agent")
        one.go_on(3.0, "agent", "customer")
        one.go_on(8.0)
        one.end()
        passed = {event.violation.rule_id for event in one.told if isinstance(event, ViolationReport)}
        assert passed == {"long-silence", "at-once", "too-fast", "talks-on"}
        assert not any(isinstance(event, Block) for event in one.told)

    def test_have_names_of_their_own_beside_what_was_said(self) -> None:
        one = Conversed()
        one.go_on(2.0, "agent")
        one.go_on(6.0)
        one.go_on(1.0, "agent")
        one.go_on(7.0)
        one.end()
        found = [event.violation.id for event in one.told if isinstance(event, ViolationReport)]
        assert found == ["v-1", "v-1", "v-2", "v-2"]
