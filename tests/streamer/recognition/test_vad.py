"""Where speech begins and ends, with probabilities read from the samples themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streamer.audio import SAMPLE_RATE
from streamer.recognition.vad import FRAME, SpeechEnded, SpeechStarted, VadOptions, VoiceActivity

HANGOVER = VadOptions().hangover


class Loudness:
    """Takes each frame's first sample for its probability."""

    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return frames[:, 0]


def frames(*probabilities: float) -> NDArray[np.float32]:
    return np.repeat(np.array(probabilities, dtype=np.float32), FRAME)


def seconds(count: float) -> float:
    return count * FRAME / SAMPLE_RATE


def activity() -> VoiceActivity:
    return VoiceActivity(Loudness())


QUIET = frames(*[0.0] * (int(HANGOVER * SAMPLE_RATE / FRAME) + 1))


class TestSpeech:
    def test_begins_at_its_first_frame_and_ends_at_its_last(self) -> None:
        events = activity().receive(np.concatenate([frames(0, 0, 1, 1), QUIET]))
        assert events == [SpeechStarted(seconds(2)), SpeechEnded(seconds(4))]

    def test_goes_on_over_a_pause_that_is_short_enough(self) -> None:
        one = activity()
        assert one.receive(frames(1, 0, 0)) == [SpeechStarted(0.0)]
        assert one.paused == seconds(1)
        assert one.receive(frames(1)) == []
        assert one.paused is None

    def test_of_which_the_rest_of_a_frame_is_missing_ends_with_the_audio(self) -> None:
        one = activity()
        one.receive(frames(1, 1, 1)[:-100])
        assert one.finish() == [SpeechEnded((3 * FRAME - 100) / SAMPLE_RATE)]
        assert one.finish() == []


class TestWhatIsLost:
    def test_ends_what_was_being_said_before_it(self) -> None:
        one = activity()
        one.receive(frames(1, 1, 0.0)[:-100])
        assert one.skip(SAMPLE_RATE) == [SpeechEnded((3 * FRAME - 100) / SAMPLE_RATE)]
        assert one.paused is None

    def test_in_silence_ends_nothing(self) -> None:
        one = activity()
        one.receive(frames(0, 0))
        assert one.skip(SAMPLE_RATE) == []
        assert one.finish() == []

    @given(st.integers(0, 3 * FRAME), st.integers(0, 10 * SAMPLE_RATE))
    def test_moves_what_comes_after_it_by_its_length(self, before: int, lost: int) -> None:
        one = activity()
        one.receive(np.zeros(before, dtype=np.float32))
        one.skip(lost)
        (started,) = one.receive(frames(1, 1))
        assert started.at == pytest.approx((before + lost) / SAMPLE_RATE)

    def test_leaves_no_silence_behind_that_would_end_the_next_speech_early(self) -> None:
        one = activity()
        one.receive(np.concatenate([frames(1), QUIET[: -2 * FRAME]]))
        one.skip(FRAME)
        assert one.receive(frames(1, 0)) == [SpeechStarted(len(QUIET) / SAMPLE_RATE)]
