"""What is told of a call's text: committed words when they are sure to hold no number, tentative ones if they changed.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from detector.masking import Masked, Masker
from detector.types import TranscriptUpdate, Word
from streamer.types import Transcript


@dataclass(frozen=True, slots=True)
class Hidden:
    """What was said and must not be kept, in seconds of call audio.

    Attributes:
      unclear: what was said from there on may have to go, too; None when all is clear.
    """

    channel: str
    spans: tuple[tuple[float, float], ...]
    unclear: float | None


class RunningText:
    """The text of one call.

    Args:
      channels: the call's.
    """

    def __init__(self, channels: Iterable[str]) -> None:
        self._maskers = {name: Masker() for name in channels}
        self._tentative = dict.fromkeys(self._maskers, "")
        self._hidden: list[Hidden] = []

    def take(self, update: TranscriptUpdate, until: float) -> list[Transcript]:
        """Say what is new in the text: the words committed, and the tentative ones after them if they changed.

        Args:
          until: seconds of call audio that were looked at.
        """
        channel = update.channel
        masker = self._maskers[channel]
        transcripts = self._tell(channel, masker.push(update.committed, until))
        tentative = _transcript(channel, masker.tentative(update.tentative), committed=False)
        if tentative.text != self._tentative[channel]:
            self._tentative[channel] = tentative.text
            transcripts.append(tentative)
        return transcripts

    def rest(self) -> list[Transcript]:
        """Say what was held back, since it might have been part of a number."""
        return [event for channel, masker in self._maskers.items() for event in self._tell(channel, masker.flush())]

    def unclear(self, channel: str) -> float | None:
        """Give from where on it is not known yet what must not be kept of what was heard; None when all is clear."""
        return self._maskers[channel].unclear

    def hidden(self) -> list[Hidden]:
        """Give what was said since it was last asked and must not be kept."""
        hidden, self._hidden = self._hidden, []
        return hidden

    def _tell(self, channel: str, masked: Masked) -> list[Transcript]:
        """Say committed words, and note what of their audio must not be kept."""
        self._hidden.append(Hidden(channel, masked.spans, self.unclear(channel)))
        if not masked.words:
            return []
        self._tentative[channel] = ""
        return [_transcript(channel, masked.words, committed=True)]


def _transcript(channel: str, words: tuple[Word, ...], *, committed: bool) -> Transcript:
    text = "".join(word.text for word in words).strip()
    start, end = (words[0].start, words[-1].end) if words else (0.0, 0.0)
    return Transcript(channel, text, committed, start, end)
