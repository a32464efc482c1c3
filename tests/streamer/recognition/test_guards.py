"""What is no speech must yield no text: with the real model, through a channel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from streamer.audio import encode
from streamer.channel import Channel
from streamer.recognition.recognizer import Window
from streamer.recognition.vad import SileroModel
from streamer.recognition.whisper import WhisperRecognizer
from streamer.types import Encoding

RATE, SECONDS = 8000, 8
AT = np.arange(RATE * SECONDS) / RATE

Signal = NDArray[np.float64]


def tone(*hertz: float) -> Signal:
    waves: Signal = np.sin(2 * np.pi * np.outer(hertz, AT))
    mixed: Signal = waves.mean(axis=0)
    return mixed


def every(period: float, on: float) -> Signal:
    """Give 1 for the first `on` of every `period` seconds, else 0."""
    return (AT % period < on).astype(np.float64)


def hold_music() -> Signal:
    """Arpeggios of decaying tones with harmonics."""
    notes = np.array([261.6, 329.6, 392.0, 523.3, 440.0, 349.2])[(AT / 0.25).astype(int) % 6]
    phase = 2 * np.pi * np.cumsum(notes) / RATE
    return (np.sin(phase) + 0.5 * np.sin(2 * phase) + 0.25 * np.sin(3 * phase)) * np.exp(-4 * (AT % 0.25)) / 2


SIGNALS: dict[str, Callable[[], Signal]] = {
    "silence": lambda: 0 * AT,
    "line noise": lambda: 0.02 * np.random.default_rng(1).standard_normal(len(AT)),
    "loud noise": lambda: 0.2 * np.random.default_rng(2).standard_normal(len(AT)),
    "mains hum": lambda: 0.1 * tone(50, 150, 250),
    "ringback": lambda: 0.3 * tone(450) * every(5, 1),
    "busy": lambda: 0.3 * tone(450) * every(0.7, 0.35),
    "DTMF": lambda: 0.4 * tone(770, 1336) * every(0.3, 0.15),
    "fax": lambda: 0.4 * tone(1100) * every(3.5, 0.5) + 0.4 * tone(2100) * (AT > 5),
    "hold music": hold_music,
}


def listen(whisper: WhisperRecognizer, samples: Signal, language: str) -> str:
    """Give the text that is agreed on in a channel's audio."""
    channel = Channel("agent", Encoding.MULAW, RATE, SileroModel())
    payload = encode(samples.astype(np.float32), Encoding.MULAW)
    text = ""
    for at in range(0, len(payload) + 1, RATE // 5):
        channel.receive(payload[at : at + RATE // 5])
        if at + RATE // 5 > len(payload):
            channel.finish()
        if (portion := channel.portion()) is not None:
            channel.take(portion.process())
        while (excerpt := channel.next()) is not None:
            final, speech = excerpt.plan.final, excerpt.speech
            window = Window("c", "agent", 0, excerpt.audio, excerpt.start, language, final=final, speech=speech)
            update, _ = channel.heard(whisper.recognize([window])[0])
            text += "".join(word.text for word in (*update.committed, *update.tentative))
    return text


@pytest.mark.xdist_group("model")
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("signal", SIGNALS)
def test_no_text_is_heard_in(whisper: WhisperRecognizer, signal: str, language: str) -> None:
    assert listen(whisper, SIGNALS[signal](), language) == ""
