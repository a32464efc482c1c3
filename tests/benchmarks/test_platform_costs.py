"""What platforms' dialects add is measured on whole calls: nothing of them is lost on the way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from benchmarks import platforms
from benchmarks.platforms import Cost, Passage
from streamer import dialling, recordings
from streamer.audio import encode
from streamer.callers.caller import Message, Placed
from streamer.callers.twilio import TwilioCaller
from streamer.dialects.media_chunks import WINDOW
from streamer.errors import ProtocolError
from streamer.recordings import Recording
from tests.faults import DATA


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Some seconds of a call, and half a frame."""
    whole = recordings.read(DATA / "demo-zh.wav")
    samples = whole.samples[: 4 * whole.sample_rate + whole.sample_rate // 100]
    return Recording(whole.path, whole.encoding, whole.sample_rate, whole.channels, samples)


class Forgetful(TwilioCaller):
    """Loses the fifth chunk of each track on the way."""

    def audio(self, payload: bytes) -> Sequence[Message]:
        messages = super().audio(payload)
        return [] if self._chunks == 5 else messages


class Garbled(TwilioCaller):
    """Says what Twilio would not."""

    def begin(self) -> Sequence[Message]:
        return ["{"]


class TestAPassage:
    @pytest.mark.parametrize("platform", [platforms.NATIVE, *sorted(dialling.CALLERS)])
    def test_brings_out_what_went_in_on_each_leg_and_at_once(self, platform: str, recording: Recording) -> None:
        came: dict[str, bytes] = {}
        for caller in platforms.callers_of(platform, recording, "zh"):
            passed = platforms.passage(caller, recording)
            assert passed.held == 0
            for number, leg in enumerate(caller.channels):
                column = np.ascontiguousarray(dialling.legs_of(recording, caller)[:, number])
                sent = encode(column, caller.encoding)
                # Vonage fills a last frame with silence.
                assert passed.came[leg].rstrip(b"\0") == sent.rstrip(b"\0")
                assert len(passed.came[leg]) >= len(sent)
            assert not came.keys() & passed.came
            came |= passed.came
        assert came.keys() == set(recording.channels)
        assert came["agent"] != came["customer"]

    def test_tells_how_much_audio_waits_for_a_chunk_that_never_comes(self, recording: Recording) -> None:
        passed = platforms.passage(Forgetful(Placed("CA1")), recording)
        assert passed.held == pytest.approx((WINDOW + 1) * 20)
        whole = platforms.passage(TwilioCaller(Placed("CA1")), recording)
        assert len(whole.came["agent"]) - len(passed.came["agent"]) == 160

    def test_that_is_a_mistake_is_not_measured(self, recording: Recording) -> None:
        with pytest.raises(ProtocolError):
            platforms.passage(Garbled(Placed("CA1")), recording)


class TestACost:
    def test_is_that_of_all_messages_and_of_the_longest_wait(self) -> None:
        passed = [Passage([1.0, 3.0], 0.0, {}), Passage([2.0, 4.0, 5.0], 20.0, {})]
        cost = platforms.weigh("twilio", passed)
        assert cost == Cost("twilio", 3.0, 4.96, 5.0, 20.0)
        assert cost.added == pytest.approx(24.96)

    def test_is_measured_on_each_call(self, recording: Recording) -> None:
        cost = platforms.cost("asterisk", [recording, recording])
        assert (cost.platform, cost.held) == ("asterisk", 0)
        assert 0 < cost.p50 <= cost.p99 <= cost.most
