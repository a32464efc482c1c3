"""Of what a call tells, what is kept as evidence."""

from __future__ import annotations

import pytest

from detector.types import MatchKind, Status, Violation
from streamer.bus import Bus, CallName
from streamer.record.chronicle import Chronicle
from streamer.record.clips import Clip, ClipRecorder
from streamer.reporter import MOMENT, Reporter
from streamer.types import AudioFrame, CallStarted, Encoding, Started, ViolationReport
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
