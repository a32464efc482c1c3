"""Card numbers, identity numbers, phone numbers and codes: masked before anything is stored, shown or sent. Pure.

A number that is dictated is a run of digits, written or spoken, with pauses and fillers between. An amount, a date or
a rate is none, or a short one. Recognition gets digits wrong, so a checksum that fails proves nothing: what is long
enough is masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from detector.types import Word

MASK = "＊"
LONG = 7
"""Digits from which on a run tells who somebody is."""
CODE = 3
"""The same after a word that announces a code, and in text that is only shown until more of it is heard."""
GAP = 6
"""Fillers, pauses and marks between two digits of a run at most."""
HOLD = 10.0
"""Seconds of pause after which a run goes on no more."""
BEFORE = 32
"""Characters before a run in which a code may be announced."""

_SIGNS = frozenset("0123456789０１２３４５６７８９〇零一二三四五六七八九幺壹贰叁肆伍陆柒捌玖洞拐勾")
_SPOKEN = frozenset(["zero", "oh", "o", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
_TIMES = {"double": 1, "triple": 2, "treble": 2}
"""Digits that the word adds to the one after it."""
_FILLERS = frozenset("嗯呃啊哦对好是那个") | {
    "um",
    "uh",
    "er",
    "erm",
    "ok",
    "okay",
    "yes",
    "yeah",
    "right",
    "so",
    "and",
}
_TOKEN = re.compile(r"(?P<pause>[\s\-‐–—,，、.。·()（）/…;；!?！？]+)|(?P<word>[A-Za-z]+(?:'[A-Za-z]+)?)|.", re.DOTALL)
_AMOUNT = re.compile(r"(?:\d+(?:\.\d{1,4})?|\d{1,3}(?:[,，]\d{3})+(?:\.\d{1,4})?)")
_UNIT = re.compile(
    r"\s*(?:元|块|圆|万|亿|美|人民币|dollar|yuan|euro|pound|rmb|usd|million|billion|%|％)", re.IGNORECASE
)
_DATE = re.compile(r"(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])")
_ANNOUNCED = re.compile(
    r"(?:验证码|校验码|动态码|密码|口令|安全码)\D{0,10}$|\b(?:code|password|passcode|pin|cvv|cvc|otp)\b\D{0,24}$",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)")
_IDENTITY = re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)")
_PHONE = re.compile(r"(?<!\d)(?:\+\d{1,3}[ -]?)?(?:1[3-9]\d{9}|\d{3}[ -]\d{3}[ -]\d{4})(?!\d)")

Place = tuple[int, int]
"""From and to, in characters of a text."""


@dataclass(frozen=True, slots=True)
class Masked:
    """Words that can be told, and what of their audio must not be kept.

    Attributes:
      spans: seconds of call audio, from and to, in which masked digits were spoken.
    """

    words: tuple[Word, ...]
    spans: tuple[tuple[float, float], ...]


@dataclass(slots=True)
class _Run:
    """Digits that belong together.

    Attributes:
      places: of each sign or word.
      count: how many digits they are.
      gap: what has come since, that is none.
    """

    places: list[Place] = field(default_factory=list)
    count: int = 0
    gap: int = 0

    @property
    def start(self) -> int:
        return self.places[0][0]

    @property
    def end(self) -> int:
        return self.places[-1][1]


def mask(text: str) -> str:
    """Mask a text that is complete: each digit, and each word that is one, becomes one sign."""
    runs, _ = _runs(text)
    for start, end in sorted((place for run in runs if _private(text, run) for place in run.places), reverse=True):
        text = text[:start] + MASK + text[end:]
    return text


def mask_json(value: Any) -> Any:
    """Mask the strings of a JSON value: only what is beyond doubt, since numbers in it may be of anything."""
    if isinstance(value, dict):
        return {name: mask_json(one) for name, one in value.items()}
    if isinstance(value, list):
        return [mask_json(one) for one in value]
    if not isinstance(value, str):
        return value
    for pattern, sure in _SURE:
        for found in {one for one in pattern.findall(value) if sure(one)}:
            value = value.replace(found, re.sub(r"[\dXx]", MASK, found))
    return value


class Masker:
    """Masks one channel's words as they come.

    The last ones are held back as long as they may be part of a number that goes on.
    """

    def __init__(self) -> None:
        self._held: list[Word] = []
        self._before = ""

    @property
    def unclear(self) -> float | None:
        """Seconds of call audio from which on it is not known yet what will be masked; None where all is."""
        return self._held[0].start if self._held else None

    def push(self, words: Sequence[Word], until: float) -> Masked:
        """Take in words; give those that can be told.

        Args:
          until: seconds of call audio that have been heard: a number that paused long ago goes on no more.
        """
        if self._held and (words[0].start if words else until) - self._held[-1].end > HOLD:
            ended, rest = self.flush(), self.push(words, until)
            return Masked(ended.words + rest.words, ended.spans + rest.spans)
        self._held += words
        text = self._before + _joined(self._held)
        runs, open_run = _runs(text)
        if open_run is None:
            return self._release(text, runs, len(text))
        return self._release(text, runs[:-1], open_run.start)

    def flush(self) -> Masked:
        """Nothing more will come: give what was held back."""
        text = self._before + _joined(self._held)
        return self._release(text, _runs(text)[0], len(text))

    def tentative(self, words: Sequence[Word]) -> tuple[Word, ...]:
        """Give what is held back, and after it words that may yet change, with all masked that may have to be."""
        together = [*self._held, *words]
        text = self._before + _joined(together)
        runs, open_run = _runs(text)
        private = [run for run in runs if _private(text, run) or (run is open_run and run.count >= CODE)]
        return _written(text, private, together, len(self._before)).words

    def _release(self, text: str, runs: Sequence[_Run], until: int) -> Masked:
        """Give the words that end by a place in the text; hold the others."""
        at, count = len(self._before), 0
        while count < len(self._held) and at + len(self._held[count].text) <= until:
            at += len(self._held[count].text)
            count += 1
        released, self._held = self._held[:count], self._held[count:]
        masked = _written(text, [run for run in runs if _private(text, run)], released, len(self._before))
        self._before = text[:at][-BEFORE:]
        return masked


def _runs(text: str) -> tuple[list[_Run], _Run | None]:
    """Find the runs of digits in a text; and the last of them, if it may go on after the text's end."""
    runs: list[_Run] = []
    run: _Run | None = None
    for token in _TOKEN.finditer(text):
        said = token[0].lower()
        if said in _SIGNS or said in _SPOKEN or said in _TIMES:
            if run is None:
                run = _Run()
                runs.append(run)
            run.places.append(token.span())
            run.gap = 0
            run.count += _TIMES.get(said, 1)
        elif run is not None and said in {"x", "叉"} and run.count >= 17 and not run.gap:
            # The check digit of an identity number.
            run.places.append(token.span())
            run = None
        elif run is not None and (token["pause"] or said in _FILLERS) and run.gap < GAP:
            run.gap += 1
        else:
            run = None
    return runs, run


def _private(text: str, run: _Run) -> bool:
    """Tell whether a run is a number that must be masked."""
    written = text[run.start : run.end]
    if _DATE.fullmatch(written):
        return False
    if _AMOUNT.fullmatch(written) and ("," in written or "，" in written or _UNIT.match(text, run.end)):
        return False
    if run.count >= LONG:
        return True
    return run.count >= CODE and bool(_ANNOUNCED.search(text[max(0, run.start - BEFORE) : run.start]))


def _written(text: str, private: Iterable[_Run], words: Sequence[Word], at: int) -> Masked:
    """Write words with the digits of some runs masked.

    Args:
      at: the place in the text where the first word begins.
    """
    places = [place for run in private for place in run.places]
    written: list[Word] = []
    spans: list[tuple[float, float]] = []
    for word in words:
        end, shown = at + len(word.text), word.text
        for start, stop in reversed(places):
            if start < end and stop > at:
                shown = shown[: max(0, start - at)] + MASK + shown[min(len(word.text), stop - at) :]
                spans.append((word.start, word.end))
        written.append(replace(word, text=shown))
        at = end
    return Masked(tuple(written), tuple(dict.fromkeys(spans)))


def _luhn(found: str) -> bool:
    digits = [int(sign) for sign in reversed(found) if sign.isdigit()]
    return sum(sum(divmod(2 * digit, 10)) if i % 2 else digit for i, digit in enumerate(digits)) % 10 == 0


def _checked(found: str) -> bool:
    """Tell a Chinese identity number by its check digit (GB 11643-1999)."""
    total = sum(int(sign) * (2 ** (17 - i) % 11) for i, sign in enumerate(found[:17]))
    return "10X98765432"[total % 11] == found[17].upper()


def _joined(words: Iterable[Word]) -> str:
    return "".join(word.text for word in words)


_SURE: tuple[tuple[re.Pattern[str], Callable[[str], bool]], ...] = (
    (_CARD, _luhn),
    (_IDENTITY, _checked),
    (_PHONE, lambda _: True),
)
