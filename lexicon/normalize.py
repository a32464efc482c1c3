"""Folding: what is written differently but said the same becomes the same text. Pure.

Folded text keeps a map back to the raw text, so that a hit in it leads to the words and their times.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from opencc import OpenCC

from lexicon.numerals import chinese, english

FILLERS = frozenset("嗯呃啊")
"""Said while thinking; never part of a term."""

DIGITS = frozenset("0123456789")
NUMERIC = DIGITS | frozenset("百千万亿")
MANY = "\uffff"
"""Stands for a character that folds to several, or is part of a number: no text folds to it."""
KNOWN = 1 << 16
"""Characters whose folding is remembered, at most."""
APOSTROPHES = frozenset("'’‘ʼ＇`´")

# Contractions with one full form only; `'s` and `'d` have several and stay.
_NEGATED = {"can't": "cannot", "won't": "will not", "shan't": "shall not"}
_ENDINGS = {"n't": " not", "'ll": " will", "'re": " are", "'ve": " have", "'m": " am"}


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text.

    Attributes:
      offsets: for each folded character, the index of the raw character that it came from; never decreasing.
    """

    text: str
    offsets: tuple[int, ...]

    def raw_span(self, start: int, end: int) -> tuple[int, int]:
        """Give the span of raw text that a folded span came from; it must hold more than the space at a boundary."""
        inner = self.text[start:end]
        start, end = end - len(inner.lstrip(" ")), start + len(inner.rstrip(" "))
        return self.offsets[start], self.offsets[end - 1] + 1


def fold(text: str, language: str) -> Folded:
    """Fold text.

    Chinese, and whatever else is not English: width, case and traditional characters are unified; spaces,
    punctuation and fillers go. English: words are lower case, parted by one space, with one at each end, so that a
    folded term matches at word boundaries only; punctuation and hyphens part words, contractions are written out.
    Repeats are kept: who says a thing twice says it twice.
    """
    return _fold_english(text) if language == "en" else _fold_chinese(text)


def _fold_chinese(text: str) -> Folded:
    # The usual case, and on the way to every block: each character folds by itself, to one or to nothing.
    plain = text.translate(_singles())
    if MANY not in plain:
        if len(plain) == len(text):
            return Folded(plain, tuple(range(len(text))))
        return Folded(plain, tuple(index for index, char in enumerate(text) if _alone(char)))
    chars: list[str] = []
    offsets: list[int] = []
    for said, start, end in _said(text, chinese):
        simple = _simplified(said) if len(said) == 1 else said
        for number, char in enumerate(simple):
            added = _as_said(chars, char)
            chars += added
            # A number's last character ends where its digits end.
            offsets += [end - 1 if number and number == len(simple) - 1 else start] * len(added)
    return Folded("".join(chars), tuple(offsets))


def _as_said(chars: list[str], char: str) -> str:
    """Give a character as it follows others: 百分百, 百分之百 and 100% are one, and so are 两百 and 二百."""
    if char in "百千万亿" and chars and chars[-1] == "两":
        chars[-1] = "二"
    if char == "百" and chars[-2:] == ["百", "分"]:
        return "之一百"
    if char == "百" and chars[-3:] == ["百", "分", "之"]:
        return "一百"
    return char


def _said(text: str, say: Callable[[str, bool], str]) -> Iterator[tuple[str, int, int]]:
    """Give each plain character, and what is said for each number, with its span in the raw text.

    Args:
      say: puts a number into words; told whether a percent sign follows.
    """
    plain = [(char, index) for index, raw in enumerate(text) for char in _plain(raw)]
    at = 0
    while at < len(plain):
        end = _digits(plain, at)
        if end == at:
            yield plain[at][0], plain[at][1], plain[at][1] + 1
            at += 1
            continue
        if end < len(plain) and plain[end][0] == "." and (fraction := _digits(plain, end + 1)) > end + 1:
            end = fraction
        number = "".join(char for char, _ in plain[at:end])
        percent = end < len(plain) and plain[end][0] == "%"
        last = end - 1 + percent
        yield say(number, percent), plain[at][1], plain[last][1] + 1
        at = last + 1


def _digits(plain: list[tuple[str, int]], at: int) -> int:
    """Give the end of the digits that begin at `at`."""
    while at < len(plain) and plain[at][0] in DIGITS:
        at += 1
    return at


class _Singles(dict[int, str]):
    """A translation table that learns: each character to the one that it folds to, to nothing, or to `MANY`."""

    def __missing__(self, point: int) -> str:
        folded = _alone(chr(point))
        folded = MANY if len(folded) > 1 or folded in NUMERIC else folded
        if len(self) < KNOWN:
            self[point] = folded
        return folded


@lru_cache(maxsize=1)
def _singles() -> _Singles:
    return _Singles()


@lru_cache(maxsize=KNOWN)
def _alone(char: str) -> str:
    """Fold a character that is no part of a number."""
    return "".join(map(_simplified, _plain(char)))


@lru_cache(maxsize=KNOWN)
def _simplified(char: str) -> str:
    """Simplify one plain character; to nothing if it is not a letter or digit."""
    # Twice: a few characters are the traditional form of one that is itself the traditional form of another.
    simple = _converter().convert(_converter().convert(char))
    return "".join(c for c in simple if c.isalnum() and c not in FILLERS)


@lru_cache(maxsize=1)
def _converter() -> OpenCC:
    return OpenCC("t2s")


@lru_cache(maxsize=KNOWN)
def _plain(char: str) -> str:
    """Unify width, case and compatibility forms; a second time, since case folding can undo the first."""
    once = unicodedata.normalize("NFKC", char).casefold()
    return unicodedata.normalize("NFKC", once).casefold()


def _fold_english(text: str) -> Folded:
    chars, offsets = [" "], [0]
    for word, start, end in _english_words(text):
        # The letters of a contraction written out share the letters that it is written with.
        if word == "not" and chars[-4:] == ["c", "a", "n", " "] and (len(chars) < 5 or chars[-5] == " "):
            del chars[-1], offsets[-1]
        for i, char in enumerate(f"{word} "):
            chars.append(char)
            offsets.append(max(offsets[-1], min(start + i, end - 1)))
    return Folded("".join(chars), tuple(offsets))


def _english_words(text: str) -> Iterator[tuple[str, int, int]]:
    """Give each word, lower case and written out, with its span in the raw text."""
    plain: list[str] = []
    sources: list[tuple[int, int]] = []
    for said, start, end in _said(text, lambda number, percent: f" {english(number)}{' percent' if percent else ''} "):
        for char in said:
            plain.append("'" if char in APOSTROPHES else char if char.isalnum() else " ")
            sources.append((start, end))
    for match in re.finditer(r"[^ ]+", "".join(plain)):
        start, end = sources[match.start()][0], sources[match.end() - 1][1]
        for word in _written_out(match[0]).split():
            yield word, start, end


def _written_out(word: str) -> str:
    word = word.strip("'")
    if word in _NEGATED:
        return _NEGATED[word]
    for ending, full in _ENDINGS.items():
        if word.endswith(ending) and len(word) > len(ending):
            word = word.removesuffix(ending) + full
            break
    return word.replace("'", "")
