"""The ear with the real Whisper and a head of random weights: what it reads means nothing, how much of it does."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler
from streamer.recognition.recognizer import Window
from streamer.recognition.sounds.ear import Ear
from streamer.recognition.whisper import WhisperRecognizer
from tests import heads
from tests.faults import DATA

pytestmark = pytest.mark.xdist_group("model")


@pytest.fixture(scope="module")
def ear(whisper: WhisperRecognizer) -> Ear:
    return Ear(whisper.engine("zh"), heads.head())


@pytest.fixture(scope="module")
def speech() -> NDArray[np.float32]:
    """The agent's first words of the bundled Mandarin call, 16 kHz: 6 seconds."""
    recording = recordings.read(DATA / "demo-zh.wav")
    agent = np.ascontiguousarray(recording.samples[:, recording.channels.index("agent")])
    return Resampler(recording.sample_rate).push(agent)[: 6 * SAMPLE_RATE]


def window(audio: NDArray[np.float32], start: float = 0.0) -> Window:
    return Window("c", "agent", 0, audio, start, "zh")


class TestHearing:
    @pytest.mark.parametrize(
        ("samples", "frames"), [(0, 0), (1, 1), (320, 1), (321, 2), (8_000, 25), (16_000, 50), (48_100, 151)]
    )
    def test_gives_the_frames_that_a_windows_audio_reaches_into(
        self, ear: Ear, speech: NDArray[np.float32], samples: int, frames: int
    ) -> None:
        (heard,) = ear.hear([window(speech[:samples], start=12.5)])
        assert heard.posteriors.shape == (frames, len(heads.UNITS) + 1)
        assert heard.posteriors.dtype == np.float32
        assert (heard.start, heard.step) == (12.5, 0.02)

    def test_gives_each_window_the_same_as_without_the_others(self, ear: Ear, speech: NDArray[np.float32]) -> None:
        pieces = [(0.0, 3.0), (1.0, 3.99), (0.0, 5.9), (4.5, 5.0), (2.5, 5.5), (5.0, 5.3)]
        windows = [window(speech[int(a * SAMPLE_RATE) : int(b * SAMPLE_RATE)], a) for a, b in pieces]
        together = ear.hear(windows)
        assert [heard.start for heard in together] == [start for start, _ in pieces]
        for heard, one in zip(together, windows, strict=True):
            (alone,) = ear.hear([one])
            assert np.abs(np.exp(heard.posteriors) - np.exp(alone.posteriors)).max() < 1e-2

    def test_follows_the_audio(self, ear: Ear, speech: NDArray[np.float32]) -> None:
        early, late = ear.hear([window(speech[: 3 * SAMPLE_RATE]), window(speech[3 * SAMPLE_RATE :])])
        assert np.abs(np.exp(early.posteriors) - np.exp(late.posteriors)).max() > 0.1

    def test_of_silence_gives_numbers(self, ear: Ear) -> None:
        for audio in (np.zeros(SAMPLE_RATE, np.float32), np.zeros(0, np.float32)):
            (heard,) = ear.hear([window(audio)])
            assert np.isfinite(heard.posteriors).all()
