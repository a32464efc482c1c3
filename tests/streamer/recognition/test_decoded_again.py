"""Speech that gave the real model no words is heard again, cut at its pauses: a term said over and over."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler
from streamer.recognition.coverage import wordless
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.recognition.whisper import WhisperRecognizer
from tests.faults import DATA

pytestmark = pytest.mark.xdist_group("model")

# From and to which second a bundled call's agent says something, how often that is said here, and what of it is heard
# each time; the decoder takes it for no speech at all when it is said so often.
SAID = {"zh": (10.7, 12.1, 8, "個月一定會"), "en": (8.8, 9.75, 10, "risk free")}
PAUSE = {"zh": 0.1, "en": 0.25}


def over_and_over(language: str) -> NDArray[np.float32]:
    """Cut the agent's words out, and join them again and again, with short pauses."""
    start, end, times, _ = SAID[language]
    recording = recordings.read(DATA / f"demo-{language}.wav")
    agent = np.ascontiguousarray(recording.samples[:, recording.channels.index("agent")])
    said = Resampler(recording.sample_rate).push(agent)[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)]
    return np.tile(np.pad(said, (0, round(PAUSE[language] * SAMPLE_RATE))), times)


def text(heard: Hypothesis) -> str:
    return "".join(word.text for word in heard.words).casefold()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_term_said_over_and_over_is_heard_each_time(whisper: WhisperRecognizer, language: str) -> None:
    audio, (*_, times, term) = over_and_over(language), SAID[language]
    whole = ((20.0, 20.0 + len(audio) / SAMPLE_RATE),)

    def window(speech: tuple[tuple[float, float], ...]) -> Window:
        return Window("c", "agent", 1, audio, 20.0, language, thorough=True, final=True, speech=speech)

    (once,) = whisper.recognize([window(())])
    assert wordless(whole, once.words)
    assert text(once).count(term) < times / 2
    (again,) = whisper.recognize([window(whole)])
    assert text(again).count(term) >= times - 2
    assert again.rejected is None
    starts = [word.start for word in again.words]
    assert starts == sorted(starts)
    assert all(20.0 <= word.start < whole[0][1] for word in again.words)
    left = sum(end - start for start, end in wordless(whole, again.words))
    assert left < sum(end - start for start, end in wordless(whole, once.words)) / 4


def test_silence_after_what_was_said_is_not_heard_again(whisper: WhisperRecognizer) -> None:
    recording = recordings.read(DATA / "demo-en.wav")
    agent = np.ascontiguousarray(recording.samples[:, recording.channels.index("agent")])
    audio = np.pad(Resampler(recording.sample_rate).push(agent)[: 4 * SAMPLE_RATE], (0, 4 * SAMPLE_RATE))
    alone, with_speech = (
        Window("c", "agent", 1, audio, 0.0, "en", thorough=True, final=True, speech=speech)
        for speech in ((), ((0.4, 3.9),))
    )
    assert text(whisper.recognize([with_speech])[0]) == text(whisper.recognize([alone])[0])
