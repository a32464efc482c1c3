"""Two hours of one call: nothing drifts, nothing piles up, every second is accounted for."""

from __future__ import annotations

import tracemalloc
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from streamer.audio import SAMPLE_RATE
from streamer.call import Call
from streamer.recognition.recognizer import Hypothesis, Window
from streamer.types import AudioFrame, CallStarted, Encoding, Outgoing, Stopped, Transcript
from tests.streamer.calls_in_hand import receive, stop

HOURS = 2
VALUES = 300
"""Different words: few, so that what is remembered of each is known soon."""
BURST, WORDS, LENGTH, PAUSE = 10.0, 12, 0.5, 4.0
"""Every 10 seconds 12 words of half a second, after a pause of 4."""


class LoudnessModel:
    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.any(frames != 0, axis=1), dtype=np.float32)


def burst(number: int) -> NDArray[np.int16]:
    """Make ten seconds in which each word is samples of a value of its own."""
    audio = np.zeros(int(BURST * SAMPLE_RATE), dtype=np.int16)
    for word in range(WORDS):
        at = int((PAUSE + word * LENGTH) * SAMPLE_RATE)
        audio[at : at + int(LENGTH * SAMPLE_RATE)] = 1 + (number * WORDS + word) % VALUES
    return audio


def hear(window: Window) -> Hypothesis:
    """Read the words from the samples; one that is cut is left out."""
    levels = np.rint(window.audio * 32768).astype(int)
    edges = np.flatnonzero(np.diff(levels, prepend=0, append=0))
    words = []
    for begin, end in pairwise(edges.tolist()):
        if levels[begin] and end - begin == int(LENGTH * SAMPLE_RATE):
            start = window.start + begin / SAMPLE_RATE
            words.append(Word(chr(0x4E00 + levels[begin]), start, start + LENGTH))
    return Hypothesis(tuple(words))


def test_two_hours_stay_in_time_and_in_memory() -> None:
    started = CallStarted("c", Encoding.PCM_S16LE, SAMPLE_RATE, ("agent",), "zh", transcripts=True)
    detector = Detector(compile_lexicon(load(shipped()), "zh"), ACTIONS)
    call = Call(started, language="zh", detector=detector, speech_models={"agent": LoudnessModel()}, clock=lambda: 0.0)
    bursts = int(HOURS * 3600 / BURST)
    transcripts: list[Transcript] = []
    account: list[Stopped] = []

    def note(events: list[Outgoing]) -> None:
        transcripts[:] = [e for e in events if isinstance(e, Transcript) and e.committed] or transcripts
        account.extend(event for event in events if isinstance(event, Stopped))

    def turn() -> None:
        for due in call.due(0.0):
            window = due.cut(True)
            if window is not None:
                note([*call.heard(window, hear(window)), *call.reread()])
        for question in call.questions(0.0):
            note(call.scored(question, (*(0.0 for _ in question.texts[1:]), -1000.0)))

    early = 0
    tracemalloc.start()
    try:
        for number in range(bursts):
            for piece in np.split(burst(number), 20):
                receive(call, AudioFrame("agent", 0, piece.tobytes()))
                turn()
            if number == bursts // 10:
                early = tracemalloc.get_traced_memory()[0]
        late = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    note(stop(call))
    turn()
    # The last word of all, where it was said.
    assert transcripts[-1].text.endswith(chr(0x4E00 + 1 + (bursts * WORDS - 1) % VALUES))
    assert abs(transcripts[-1].end - HOURS * 3600) < 0.2
    assert account[0].blind_seconds == 0.0
    assert account[0].duration == HOURS * 3600
    assert late - early < 1 << 20
