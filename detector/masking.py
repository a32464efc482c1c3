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
MOBILE = 11
"""Digits of a Chinese mobile number."""

_SIGNS = frozenset("〇零一二三四五六七八九幺洞拐勾壹贰叁肆伍陆柒捌玖貳參叄陸弌弍弎")
"""Digits beside those that Unicode calls decimal: ASCII's, full-width ones, and other scripts'."""
_UNITS = frozenset(["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "niner"])
_SPOKEN = _UNITS | {"zero", "oh", "o", "nought", "naught"}
_PAIRS = frozenset(
    ["ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"]
)
_TENS = frozenset(["twenty", "thirty", "forty", "fourty", "fifty", "sixty", "seventy", "eighty", "ninety"])
_TIMES = {"double": 1, "triple": 2, "treble": 2, "quadruple": 3}
"""Digits that the word adds to the one after it."""
ROUND = 10
"""Digits from which on a run is one, where it is pairs alone: ten, twenty, thirty is a list of amounts."""
_FILLERS = frozenset("嗯呃啊哦对好是那个点杠转减横") | {
    *("um", "uh", "er", "erm", "ok", "okay", "yes", "yeah", "right", "so", "and"),
    *("dash", "hyphen", "then", "dot", "point", "space", "slash", "next", "minus", "comma", "plus"),
}
_JOINTS = (
    *("然后", "后面是", "后边是", "接着", "接下来", "下面是", "再来", "还有", "空格", "横杠", "斜杠", "短横", "横线"),
    *("中杠", "减号", "逗号", "分机", "句号", "最后是"),
)
"""What is said between groups of digits, in several characters."""
_BEGUN = {joint[:length] for joint in _JOINTS for length in range(1, len(joint))}
_TOKEN = re.compile(
    rf"(?P<pause>[\s\-‐–—,，、.。·()（）/…;；!?！？_+]+)|(?P<word>[A-Za-z]+(?:'[A-Za-z]+)?)"
    # At the text's end, the beginning of one may yet become one.
    rf"|(?P<joint>{'|'.join(_JOINTS)}|(?:{'|'.join(sorted(_BEGUN, key=len, reverse=True))})\Z)|.",
    re.DOTALL,
)
_AMOUNT = re.compile(r"\d{1,8}(?:\.\d{1,4})?|\d{1,3}(?:[,，]\d{3}){1,4}(?:\.\d{1,4})?")
"""What a sum of money is written like; one without separators has fewer digits than any number of a person's."""
_UNIT = re.compile(
    r"\s*(?:元|块|圆|万|亿|美|人|%|％|(?:dollar|yuan|euro|pound|rmb|usd|cny|hkd|million|billion)s?\b)", re.IGNORECASE
)
_DATE = re.compile(r"(?:19|20)\d\d[-/.](?:0?[1-9]|1[0-2])[-/.](?:0?[1-9]|[12]\d|3[01])")
_YEAR = re.compile(r"(?:19|20)\d\d")
_MEASURE = re.compile(
    r"\s*(?:[个天日月年小时分秒次期元块圆万亿%％笔岁]|(?:day|month|year|week|hour|minute|second|time|dollar|yuan)s?\b)",
    re.IGNORECASE,
)
"""After a short number, what it counts: then it is no code."""
_ANNOUNCED = re.compile(
    r"(?:验证码|校验码|动态码|密码|口令|安全码|(?:后|末|最后|末尾)[三四五六3-6]位(?:数字?)?)\D{0,10}$"
    r"|(?<![A-Za-z])(?:code|password|passcode|pin|cvv2?|cvc2?|cvn|otp|"
    r"last (?:three|four|five|six|[3-6])(?: digits| numbers)?)"
    r"(?![A-Za-z])\D{0,24}$",
    re.IGNORECASE,
)
_EXPIRY = re.compile(
    r"(?:有效期|到期日)\D{0,8}$|(?<![A-Za-z])(?:expir(?:y|es|ation)|valid (?:thru|through|until))(?![A-Za-z])\D{0,16}$",
    re.IGNORECASE,
)
# Not in the middle of a longer number, nor of a hash.
_BEGINS, _ENDS = r"(?<![0-9A-Fa-f])", r"(?![0-9A-Fa-f])"
_CARD = re.compile(rf"{_BEGINS}\d(?:[ -]?\d){{12,18}}{_ENDS}")
_IDENTITY = re.compile(r"(?<![0-9A-Fa-f])\d{17}[\dXx](?![0-9A-Fa-f])")
_PHONE = re.compile(
    rf"{_BEGINS}(?:"
    # A Chinese mobile number, with its country or without.
    r"(?:(?:\+|00)?86[ -]?)?1[3-9]\d(?:[ -]?\d{4}){2}"
    # A number abroad: E.164 has 15 digits at most.
    r"|(?:\+|00[ -]?)[1-9]\d{0,2}[ -]?(?:\(\d{1,5}\)[ -]?)?\d{1,5}(?:[ -]?\d{2,8}){1,4}"
    # A Chinese landline, and numbers that are paid for by both.
    r"|\(?0\d{2,3}(?:\)[ -]?|[ -])\d{7,8}|0(?:10|2\d|[3-9]\d{2})[2-8]\d{6,7}"
    r"|[48]00(?:[ -]\d{3}[ -]?\d{4}|[ -]\d{7}|\d[ -]\d{3}[ -]\d{3})"
    # North America's form.
    r"|(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}"
    rf"){_ENDS}"
)
_NUMBERED = re.compile(
    r"(?:from|to|ani|dnis|cli|clid|caller|callee|called|calling|msisdn|pan|iban|ssn)(?:number|no|num|id|uri|line)?"
    r"|.*(?:phone|mobile|cellular|telephone|telno|idcard|idnumber|idno|passport|cardnumber|cardno|bankcard|creditcard"
    r"|accountnumber|accountno|bankaccount|callerid|calledid|callernumber|calleenumber)"
    r"|(?:card|tel|fax|account)s?"
    r"|.*(?:主叫|被叫|手机|电话|身份证|证件号|卡号|账号|帳號|手機|電話|身份證|卡號|护照).*"
)
"""Names of fields that say that a number in them is somebody's; compared without case, and without what joins words."""
NAMED = 6
"""Digits from which on a value of such a field is masked; a service's own short number is not."""

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
      single: how many of them are digits by themselves, not halves of a pair such as twenty.
      gap: what has come since, that is none.
      tens: whether the last one was twenty or the like, and may go on with a digit.
    """

    places: list[Place] = field(default_factory=list)
    count: int = 0
    single: int = 0
    gap: int = 0
    tens: bool = False

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
    """Mask a JSON value: what is beyond doubt, since numbers in it may be of anything, and what its name gives away.

    A number that has to be masked becomes a text. Names of fields stay as they are.
    """
    return _masked_json(value, named=False)


def _masked_json(value: Any, *, named: bool) -> Any:
    match value:
        case dict():
            return {name: _masked_json(one, named=named or _is_numbered(str(name))) for name, one in value.items()}
        case list():
            return [_masked_json(one, named=named) for one in value]
        case str():
            return _masked_text(value, named=named)
        case int() | float() if not isinstance(value, bool) and value == value // 1:
            written = str(int(value))
            # What else begins with 1 is a time, in some part of a second.
            plausible = named or not written.startswith("1") or len(written) == MOBILE
            masked = _masked_text(written, named=named) if plausible else written
            return value if masked == written else masked
        case _:
            return value


def _masked_text(text: str, *, named: bool) -> str:
    digits = sum(map(str.isdecimal, text))
    for pattern, sure in _SURE:
        for found in {one[0] for one in pattern.finditer(text) if sure(one[0])}:
            text = text.replace(found, re.sub(r"[\dXx]", MASK, found))
    if named and digits >= NAMED:
        return "".join(MASK if sign.isdecimal() else sign for sign in text)
    return text


def _is_numbered(name: str) -> bool:
    return bool(_NUMBERED.fullmatch("".join(filter(str.isalnum, name.casefold()))))


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
        if _is_digit(said):
            if run is None:
                run = _Run()
                runs.append(run)
            _add(run, said, token.span())
        elif run is not None and said in {"x", "叉"} and run.count >= 17 and not run.gap:
            # The check digit of an identity number.
            run.places.append(token.span())
            run = None
        elif run is not None and (token["pause"] or token["joint"] or said in _FILLERS) and run.gap < GAP:
            run.gap += 1
        else:
            run = None
    return runs, run


def _is_digit(said: str) -> bool:
    return said.isdecimal() or any(said in some for some in (_SIGNS, _SPOKEN, _PAIRS, _TENS, _TIMES))


def _add(run: _Run, said: str, place: Place) -> None:
    """Add a digit to a run, or a word that is two or more."""
    pair = said in _TENS or said in _PAIRS
    # The five of forty-five is the second digit of the two that forty was counted for.
    second = run.tens and said in _UNITS and run.gap <= 1
    run.count += 2 if pair else 0 if second else _TIMES.get(said, 1)
    run.single += not pair
    run.tens = said in _TENS
    run.gap = 0
    run.places.append(place)


def _private(text: str, run: _Run) -> bool:
    """Tell whether a run is a number that must be masked."""
    written = text[run.start : run.end]
    if _DATE.fullmatch(written):
        return False
    if _AMOUNT.fullmatch(written) and ("," in written or "，" in written or _UNIT.match(text, run.end)):
        return False
    if run.count >= (LONG if run.single else ROUND):
        return True
    if run.count < CODE or _MEASURE.match(text, run.end):
        return False
    before = text[max(0, run.start - BEFORE) : run.start]
    return bool(_ANNOUNCED.search(before) or (_EXPIRY.search(before) and not _YEAR.fullmatch(written)))


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
