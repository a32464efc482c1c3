"""From hypotheses to committed text: what two looks in a row agree on stays. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from detector.types import TranscriptUpdate, Word

OVERLAP = 0.1
"""Seconds by which a new word may begin before the committed text ends: alignments are that coarse."""
TAIL = 24
"""Committed words kept to recognise a repeat of them at the start of a hypothesis."""
UNSURE = 1.0
"""Seconds at the end of a forced window whose words may be cut short: the next window hears them whole."""


class Agreement:
    """Commits the words of one channel.

    A word is committed when two hypotheses in a row have it in the same place after the committed text
    (LocalAgreement-2 of Macháček, Dabre and Bojar, 2023), at once when speech has ended, and without a
    second opinion when a window can grow no further. What is committed never changes.
    """

    def __init__(self, channel: str) -> None:
        self._channel = channel
        self._tail: list[Word] = []
        self._tentative: tuple[Word, ...] = ()

    @property
    def settled(self) -> float:
        """Seconds of call audio at which the committed text ends."""
        return self._tail[-1].end if self._tail else 0.0

    def heard(self, words: Sequence[Word], *, end: float, final: bool, forced: bool) -> TranscriptUpdate:
        """Take in what was heard in a window that ends at `end` seconds.

        Args:
          words: the hypothesis, which may begin with words that are committed already.
          final: speech ended in the window.
          forced: the window is as long as windows get.
        """
        new = self._beyond_committed(words)
        if final:
            agreed = len(new)
        else:
            agreed = _agreement(self._tentative, new)
            if forced:
                agreed = max(agreed, sum(word.end <= end - UNSURE for word in new))
        committed, self._tentative = new[:agreed], new[agreed:]
        self._tail = [*self._tail, *committed][-TAIL:]
        return TranscriptUpdate(self._channel, committed, self._tentative, final)

    def _beyond_committed(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Drop the words that the window's left context repeats.

        By time first; then, since the word at the seam may be placed a little late the second time, the
        longest run that ends the committed text and begins the rest.
        """
        rest = [word for word in words if (word.start + word.end) / 2 > self.settled]
        near = [word for word in rest if word.start < self.settled + OVERLAP]
        said = [_spelled(word) for word in self._tail]
        for length in range(min(len(near), len(said)), 0, -1):
            if said[-length:] == [_spelled(word) for word in near[:length]]:
                return tuple(rest[length:])
        return tuple(rest)


def _agreement(before: Sequence[Word], now: Sequence[Word]) -> int:
    """Count the words at the start that both have."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if _spelled(old) != _spelled(new):
            break
        count += 1
    return count


def _spelled(word: Word) -> str:
    return "".join(char for char in word.text.casefold() if char.isalnum())
