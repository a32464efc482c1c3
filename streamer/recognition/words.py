"""From a recogniser's tokens to words with times: characters in Chinese, words in English. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

from detector.types import Word


@dataclass(frozen=True, slots=True)
class TimedToken:
    """Whole characters from one or more tokens; times in seconds from the window's start."""

    text: str
    start: float
    end: float
    probability: float


def to_words(tokens: Iterable[TimedToken], window_start: float, window_end: float) -> tuple[Word, ...]:
    """Cut tokens into words.

    A Chinese, Japanese or Korean character is a word of its own. Other letters join up to the next space or hyphen,
    which goes with what follows: the same words are written risk free and risk-free from one look to the next.
    Punctuation goes with the word before it, and adds nothing to its time: the pause that it stands for is
    no part of the word.

    Args:
      tokens: in order, as recognised; joining their texts gives the running text.
      window_start, window_end: seconds of call audio; no word lies outside.
    """
    words: list[Word] = []
    for char, begins, ends, probability in _characters(tokens):
        start = min(window_start + begins, window_end)
        end = min(window_start + ends, window_end)
        if not words or _opens_word(char, words[-1]):
            words.append(Word(char, start, end, probability))
        else:
            last = words[-1]
            words[-1] = replace(last, text=last.text + char, end=end if char.isalnum() else last.end)
    # A space or a mark that no letter followed is no word.
    return tuple(word for word in words if any(char.isalnum() for char in word.text))


def placed(text: str, words: Sequence[Word]) -> tuple[Word, ...]:
    """Place another reading of the same audio: what both have where it was, and what differs in between."""
    times = [
        (word.start + (word.end - word.start) * at / len(word.text), word.probability)
        for word in words
        for at in range(len(word.text))
    ]
    known = "".join(word.text for word in words)
    end = words[-1].end
    begins = [start for start, _ in times] + [end]
    tokens: list[TimedToken] = []
    for _, a, b, c, d in SequenceMatcher(None, known, text, autojunk=False).get_opcodes():
        first, last = begins[a], begins[b]
        sure = min((probability for _, probability in times[a:b]), default=0.0)
        step = (last - first) / max(1, d - c)
        tokens += [
            TimedToken(text[at], first + (at - c) * step, first + (at - c + 1) * step, sure) for at in range(c, d)
        ]
    return to_words(tokens, 0.0, end)


def is_ideographic(char: str) -> bool:
    """Whether a character is a word by itself: Han, kana or hangul, not their punctuation."""
    return unicodedata.east_asian_width(char) in "WF" and char.isalnum()


def _opens_word(char: str, last: Word) -> bool:
    if char.isspace() or char == "-" or is_ideographic(char):
        return True
    return char.isalnum() and is_ideographic(last.text[0])


def _characters(tokens: Iterable[TimedToken]) -> Iterable[tuple[str, float, float, float]]:
    for token in tokens:
        share = (token.end - token.start) / max(1, len(token.text))
        for i, char in enumerate(token.text):
            yield char, token.start + i * share, token.start + (i + 1) * share, token.probability
