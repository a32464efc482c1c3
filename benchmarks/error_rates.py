"""How far heard text is from what was said, and from what faster-whisper hears in the whole recording."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import jellyfish
import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from lexicon.normalize import fold
from streamer.recognition import models

Text = Mapping[str, str]
"""What was said in a call, or heard in it, by channel."""

UNITS = {"zh": "characters", "en": "words"}
"""What errors are counted in."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Error rates of a language's calls.

    Attributes:
      stream: of the agreed text, against the labels.
      whole: of the whole-file answer, against the labels.
      apart: of the agreed text, as if the whole-file answer were right.
    """

    stream: float
    whole: float
    apart: float


def rates(calls: Iterable[tuple[Text, Text, Text]], language: str) -> Rates:
    """Give the error rates of one language.

    Args:
      calls: of each, what was said, what the stream agreed on, and the whole-file answer.
    """
    known = list(calls)
    return Rates(
        stream=error_rate(((said, stream) for said, stream, _ in known), language),
        whole=error_rate(((said, whole) for said, _, whole in known), language),
        apart=error_rate(((whole, stream) for _, stream, whole in known), language),
    )


def error_rate(pairs: Iterable[tuple[Text, Text]], language: str) -> float:
    """Give the edits that make what was said of what was heard, for each character of Chinese or word of English said.

    Both are folded as terms are, so that neither marks nor how a number is written count. A channel that was not heard
    counts as silent.
    """
    edits = total = 0
    for said, heard in pairs:
        for channel, text in said.items():
            wanted, got = _spelled(text, heard.get(channel, ""), language)
            edits += jellyfish.levenshtein_distance(wanted, got)
            total += len(wanted)
    return edits / max(1, total)


def _spelled(said: str, heard: str, language: str) -> tuple[str, str]:
    """Spell both with one character for each unit."""
    said, heard = fold(said, language).text, fold(heard, language).text
    if language == "zh":
        return said, heard
    letters: dict[str, str] = {}
    # From the private use area, where no letter joins another.
    spelled = ["".join(letters.setdefault(w, chr(0xE000 + len(letters))) for w in t.split()) for t in (said, heard)]
    return spelled[0], spelled[1]


class WholeFile:
    """`faster_whisper.WhisperModel.transcribe`, given a channel's whole audio at once.

    As it comes, but for the language, which is given, and `vad_filter`, without which it writes text where a channel is
    silent. The weights are the recogniser's, and so is the type that they are computed in; beam 5, 30-second windows.

    Args:
      model: as in `huazha serve`.
      workers: threads that may use it at once.
    """

    def __init__(self, model: str, *, workers: int) -> None:
        compute, _ = models.compute_type()
        self._whisper = WhisperModel(
            str(models.resolve(model)), device="cpu", compute_type=compute, cpu_threads=1, num_workers=workers
        )

    def hear(self, audio: Mapping[str, NDArray[np.float32]], language: str) -> dict[str, str]:
        """Give the text of each channel's audio, which is at 16 kHz."""
        return {channel: self._text(samples, language) for channel, samples in audio.items()}

    def _text(self, samples: NDArray[np.float32], language: str) -> str:
        segments, _ = self._whisper.transcribe(samples, language=language, vad_filter=True)
        return "".join(segment.text for segment in segments)
