"""From hypotheses to committed text: what two looks in a row agree on stays. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from detector.types import TranscriptUpdate, Word

OVERLAP = 0.15
"""Seconds by which the same word may be placed differently in two windows: alignments are that coarse."""
ROUGH_OVERLAP = 1.0
"""The same where words are only spread over their window."""
EDGE = 2.0
"""Seconds before a window's end in which nothing is agreed: looks in quick succession make the same mistake there, and
the words that follow mend it."""
TAIL = 24
"""Committed words kept to recognise a repeat of them at the start of a hypothesis."""


class Agreement:
    """Commits the words of one channel.

    A word is committed when two hypotheses in a row have it in the same place after the committed text
    (LocalAgreement-2 of Macháček, Dabre and Bojar, 2023), at once when speech has ended, and without a
    second opinion where a window is full. What is committed never changes.

    Args:
      overlap: seconds by which the same word may be placed differently in two windows.
    """

    def __init__(self, channel: str, overlap: float = OVERLAP) -> None:
        self._channel = channel
        self._overlap = overlap
        self._tail: list[Word] = []
        self._tentative: tuple[Word, ...] = ()

    @property
    def settled(self) -> float:
        """Seconds of call audio at which the committed text ends."""
        return self._tail[-1].end if self._tail else 0.0

    def heard(
        self, words: Sequence[Word], *, until: float, settles: float, final: bool, seam: float = 0.0
    ) -> TranscriptUpdate:
        """Take in what was heard in a window.

        Args:
          words: the hypothesis, which may begin with words that are committed already.
          until: seconds of call audio at which the window ends.
          settles: words that end by this second of call audio need no second opinion.
          final: speech ended in the window.
          seam: seconds of call audio at which the window's own speech begins, where it was led in by the committed
            words before it.
        """
        new = self._beyond_committed(words, max(seam, self.settled))
        settled = len(new) if final else sum(word.end <= settles for word in new)
        unripe = sum(word.end > until - EDGE for word in new)
        agreed = max(settled, min(_agreement(self._tentative, new), len(new) - unripe))
        committed, self._tentative = new[:agreed], new[agreed:]
        self._tail = [*self._tail, *committed][-TAIL:]
        return TranscriptUpdate(self._channel, committed, self._tentative, final, until)

    def rest(self) -> tuple[Word, ...]:
        """Commit what was heard last: what comes next is not heard, so there will be no second opinion."""
        rest, self._tentative = self._tentative, ()
        self._tail = [*self._tail, *rest][-TAIL:]
        return rest

    def _beyond_committed(self, words: Sequence[Word], seam: float) -> tuple[Word, ...]:
        """Drop the words that the window's left context repeats.

        Time says where, give or take an overlap; within that, the cut is where the words before it end most
        like the committed text does. So a word placed late is not said twice, and one said twice is not lost.
        """
        if not self._tail:
            return tuple(words)
        said = [_spelled(word) for word in self._tail]
        heard = [_spelled(word) for word in words]
        earliest = sum(word.end <= seam - self._overlap for word in words)
        latest = sum(word.start < seam + self._overlap for word in words)
        timed = sum((word.start + word.end) / 2 <= seam for word in words)
        cut = max(
            range(earliest, latest + 1),
            key=lambda cut: (_common_suffix(said, heard[:cut]), -abs(cut - timed)),
        )
        return tuple(words[cut:])


def _agreement(before: Sequence[Word], now: Sequence[Word]) -> int:
    """Count the words at the start that both have."""
    count = 0
    for old, new in zip(before, now, strict=False):
        if _spelled(old) != _spelled(new):
            break
        count += 1
    return count


def _common_suffix(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count


def _spelled(word: Word) -> str:
    return "".join(char for char in word.text.casefold() if char.isalnum())
