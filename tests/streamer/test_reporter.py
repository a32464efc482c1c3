"""Of what a call tells, what is kept as evidence."""

from __future__ import annotations

import pytest

from detector.types import MatchKind, Status, Violation
from streamer.bus import Bus, CallName
from streamer.record.chronicle import Chronicle
from streamer.record.clips import Clip, ClipRecorder
from streamer.record.event import Event
from streamer.reporter import MOMENT, Reporter
from streamer.types import AudioFrame, Blind, CallStarted, Encoding, Started, ViolationReport
from tests.streamer.calls_in_hand import begin


class Told(Bus):
    """A bus that remembers the clips."""

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.clips: list[Clip] = []

    def keep(self, about: CallName, clip: Clip) -> None:
        self.clips.append(clip)


@pytest.mark.parametrize(
    ("status", "seconds", "kept"),
    [
        (Status.FIRED, 0.5, ["v-1"]),
        (Status.FIRED, MOMENT - 1, ["v-1"]),
        (Status.CANDIDATE, 0.5, []),
        # Who talks more is in no place of the call.
        (Status.FIRED, MOMENT + 1, []),
    ],
)
def test_a_clip_is_kept_of_what_fired_and_happened_somewhere(status: Status, seconds: float, kept: list[str]) -> None:
    started = CallStarted("c-1", Encoding.MULAW, 8000, ("agent",))
    chronicle = Chronicle(started, Started("bank@1", "base"), language="zh", metadata={}, gateway="g")
    bus, clips = Told(), ClipRecorder("mulaw", 8000, 1, ("agent",), patience=0.0)
    reporter = Reporter(bus, CallName("c", "c-1", None), chronicle, clips)
    violation = Violation(
        "v-1", status, "a", "c", "alert", "term", "heard", MatchKind.EXACT, 1.0, "agent", 1.0, 1.0 + seconds
    )
    reporter.receive(AudioFrame("agent", 0, b"\xff" * 16_000))
    reporter.told(ViolationReport(violation), delivered=True, took=0.0)
    reporter.receive(AudioFrame("agent", 16_000, b"\xff" * 8000 * 120))
    reporter.state(begin(), 0.0, 0.0, muted=False)
    assert [clip.violation_id for clip in bus.clips] == kept


def test_a_clip_that_would_hold_nothing_is_told_of_and_not_kept() -> None:
    started = CallStarted("c-1", Encoding.MULAW, 8000, ("agent",))
    chronicle = Chronicle(started, Started("bank@1", "base"), language="zh", metadata={}, gateway="g")
    bus, clips = Told(), ClipRecorder("mulaw", 8000, 1, ("agent",), patience=0.0)
    reporter = Reporter(bus, CallName("c", "c-1", None), chronicle, clips)
    reporter.skip("agent", 8000 * 60)
    violation = Violation("v-1", Status.FIRED, "a", "c", "alert", "t", "h", MatchKind.EXACT, 1.0, "agent", 1.0, 2.0)
    reporter.told(ViolationReport(violation), delivered=True, took=0.0)
    reporter.state(begin(), 0.0, 0.0, muted=False)
    assert bus.clips == []
    (told,) = (one for one in bus.take(0) if isinstance(one, Event) and one.type == "evidence")
    assert (told.fields["violation_id"], told.fields["sha256"], told.fields["bytes"]) == ("v-1", None, 0)


def test_what_nobody_listened_to_is_not_kept() -> None:
    started = CallStarted("c-1", Encoding.MULAW, 8000, ("agent",))
    chronicle = Chronicle(started, Started("bank@1", "base"), language="zh", metadata={}, gateway="g")
    bus, clips = Told(), ClipRecorder("mulaw", 8000, 1, ("agent",), patience=0.0)
    reporter = Reporter(bus, CallName("c", "c-1", None), chronicle, clips)
    reporter.receive(AudioFrame("agent", 0, b"\x80" * 8000 * 5))
    violation = Violation("v-1", Status.FIRED, "a", "c", "alert", "t", "h", MatchKind.EXACT, 1.0, "agent", 1.0, 2.0)
    reporter.told(ViolationReport(violation), delivered=True, took=0.0)
    reporter.miss([Blind("agent", 2.5, 3.5, "recognisers overloaded")])
    call = begin()
    call.receive(AudioFrame("agent", 0, b"\xff" * 8000 * 4))
    reporter.end(call, "completed")
    (clip,) = bus.clips
    # The call has processed none of its audio.
    assert clip.silenced["agent"] == ((2.5, 3.5), (0.0, 12.0))
