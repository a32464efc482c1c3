"""Speech whose text is known beforehand: audio that passes for it, and a recogniser that replays the text."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from detector.types import Word
from lexicon.pronunciation import BLANK, pronounce
from streamer import recordings
from streamer.audio import SAMPLE_RATE, Resampler, encode
from streamer.recognition.recognizer import Abilities, Heard, Hypothesis, Scoring, Window
from streamer.recognition.sounds.finding import SHIPPED
from streamer.recognition.sounds.head import Head
from streamer.recognition.vad import FRAME, SileroModel
from streamer.types import Encoding

WIRE_RATE = 8000
"""Samples a second of the audio, mu-law and mono."""
TURN, SPEECH = 6.0, 3.0
"""Seconds from the start of one sentence to that of the next, and seconds of speech at the start of each turn."""
BEGINS, SYLLABLE = 0.5, 0.18
"""Seconds of a turn at which its first syllable is, and from one syllable to the next: people speak that fast."""
SURE = 0.95
"""The recogniser's probability of each word."""
NOISE = 0.001
"""Root mean square of a silent line, of full scale: -60 dB."""
SEED = 1

MISREAD = -12.0
"""Logarithm of the probability of what nobody said."""

FORBIDDEN = (
    "我们这款产品保本保收益",
    "这个基金下个月一定会涨",
    "买我们的理财稳赚不赔",
    "我这边有内部消息告诉您",
    "这款产品跟存款一样安全",
)
"""Each holds a term of the shipped lexicon that is blocked."""
HARMLESS = (
    "我给您介绍一下这款产品",
    "您的风险测评结果是稳健型",
    "这款产品每个季度开放一次",
    "您要仔细看一下产品说明书",
    "您看什么时候方便到网点来",
)


@dataclass(frozen=True, slots=True)
class Script:
    """What is said in every call: the same at each asking, though nobody has written it down.

    Attributes:
      calls: at once.
      rate: forbidden sentences a second, in all calls together.
    """

    calls: int
    rate: float

    def sentence(self, call_id: str, turn: int) -> str:
        """Give what is said in a turn of a call."""
        dice = random.Random(f"{SEED}/{call_id}/{turn}")
        return dice.choice(FORBIDDEN if dice.random() < self.rate * TURN / self.calls else HARMLESS)

    def words(self, call_id: str, start: float, end: float) -> tuple[Word, ...]:
        """Give what is said in a stretch of a call, as far as it is said there to its end."""
        return tuple(
            word
            for turn in range(max(0, int(start // TURN)), int(end // TURN) + 1)
            for word in _spoken(self.sentence(call_id, turn), turn * TURN + BEGINS)
            if start <= word.start and word.end <= end
        )


class Replay:
    """A recogniser that hears what a script says, after as long as a look takes.

    Args:
      look: seconds that it takes; no processor's, as though another machine did it.
    """

    name = "replay"
    concurrency = 16

    def __init__(self, script: Script, look: float) -> None:
        self._script = script
        self._look = look

    def abilities(self, language: str) -> Abilities:
        return Abilities(max_batch=8, word_times=True)

    def recognize(self, windows: Sequence[Window]) -> list[Hypothesis]:
        time.sleep(self._look)
        return [Hypothesis(self._script.words(window.call_id, window.start, window.end)) for window in windows]

    def score(self, questions: Sequence[Scoring]) -> list[tuple[float, ...]]:
        raise AssertionError("nobody asks what abilities say can't be done")

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        raise AssertionError("nobody asks what abilities say can't be done")


class Listening(Replay):
    """Replays the sounds of Mandarin, too, as the head that ships would read them, in an eighth of the time."""

    def __init__(self, script: Script, look: float) -> None:
        super().__init__(script, look)
        self._about = Head.load(SHIPPED / "base.zh.npz").about

    def abilities(self, language: str) -> Abilities:
        return replace(super().abilities(language), sounds=self._about if language == self._about.language else None)

    def hear(self, windows: Sequence[Window]) -> list[Heard]:
        time.sleep(self._look / 8)
        return [self._heard(window) for window in windows]

    def _heard(self, window: Window) -> Heard:
        frames = len(window.audio) * self._about.rate // SAMPLE_RATE
        said = np.full((frames, self._about.classes), MISREAD, dtype=np.float32)
        units = np.full(frames, BLANK)
        for word in self._script.words(window.call_id, window.start, window.start + frames / self._about.rate):
            middle = int(((word.start + word.end) / 2 - window.start) * self._about.rate)
            units[middle] = pronounce(word.text, self._about.language)[0][0]
        said[np.arange(frames), units] = 0.0
        return Heard(said, window.start, 1 / self._about.rate)


def turn_of_audio() -> bytes:
    """Give a turn's audio: the densest speech of the bundled Mandarin call, then a silent line."""
    with resources.as_file(resources.files("streamer") / "data" / "demo-zh.wav") as file:
        recording = recordings.read(file)
    agent = np.ascontiguousarray(recording.samples[:, recording.channels.index("agent")])
    at = densest(_probabilities(agent, recording.sample_rate), round(SPEECH * SAMPLE_RATE / FRAME))
    begin = round(at * FRAME / SAMPLE_RATE * recording.sample_rate)
    speech = agent[begin : begin + round(SPEECH * WIRE_RATE)]
    noise = np.random.default_rng(SEED).normal(0.0, NOISE, round(TURN * WIRE_RATE) - len(speech))
    return encode(np.concatenate([speech, noise.astype(np.float32)]), Encoding.MULAW)


def densest(probabilities: NDArray[np.float32], length: int) -> int:
    """Find the `length` frames in a row that are likeliest to be speech; give the first's number."""
    sums = np.convolve(probabilities, np.ones(min(length, len(probabilities)), dtype=np.float32), "valid")
    return int(np.argmax(sums))


def _probabilities(samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    resampler = Resampler(rate)
    audio = np.concatenate([resampler.push(samples), resampler.flush()])
    whole = len(audio) // FRAME * FRAME
    return SileroModel().probabilities(audio[:whole].reshape(-1, FRAME))


def _spoken(sentence: str, begin: float) -> list[Word]:
    times = [begin + number * SYLLABLE for number in range(len(sentence) + 1)]
    return [Word(char, start, end, SURE) for char, start, end in zip(sentence, times[:-1], times[1:], strict=True)]
