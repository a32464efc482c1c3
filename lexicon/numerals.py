"""Numbers as they are said, so that digits and words match each other. Pure."""

from __future__ import annotations

LONGEST = 12
"""Digits in a number that is said as a number; a longer one, or one that begins with 0, is said digit by digit."""

ZH_DIGITS = "零一二三四五六七八九"
_ZH_PLACES = ("", "十", "百", "千")
_ZH_GROUPS = ("", "万", "亿")

_EN_SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_EN_TENS = ("zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_EN_GROUPS = ("", "thousand", "million", "billion")


def chinese(number: str, percent: bool = False) -> str:
    """Say a number in Chinese.

    Args:
      number: Arabic digits, with or without a decimal point.
    """
    whole, point, fraction = number.partition(".")
    said = _chinese_whole(whole) + ("点" if point else "") + "".join(ZH_DIGITS[int(digit)] for digit in fraction)
    return f"百分之{said}" if percent else said


def english(number: str) -> str:
    """Say a number in English, words parted by spaces."""
    whole, point, fraction = number.partition(".")
    words = [_english_whole(whole)]
    if point:
        words += ["point", *(_EN_SMALL[int(digit)] for digit in fraction)]
    return " ".join(words)


def _chinese_whole(digits: str) -> str:
    if len(digits) > LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return "".join(ZH_DIGITS[int(digit)] for digit in digits)
    if int(digits) == 0:
        return "零"
    groups = _grouped(digits, 4)
    said = ""
    for place, group in zip(range(len(groups) - 1, -1, -1), groups, strict=True):
        if int(group) == 0:
            said += "" if said.endswith("零") else "零"
            continue
        inner = _chinese_group(group)
        if said and (group[0] == "0") and not said.endswith("零"):
            said += "零"
        said += inner + _ZH_GROUPS[place]
    said = said.rstrip("零")
    # 12 is 十二, not 一十二.
    return said.removeprefix("一") if said.startswith("一十") else said


def _chinese_group(group: str) -> str:
    said = ""
    for place, digit in zip(range(len(group) - 1, -1, -1), group, strict=True):
        if digit != "0":
            said += ZH_DIGITS[int(digit)] + _ZH_PLACES[place]
        elif said and not said.endswith("零"):
            said += "零"
    return said.rstrip("零")


def _english_whole(digits: str) -> str:
    if len(digits) > LONGEST or (len(digits) > 1 and digits[0] == "0"):
        return " ".join(_EN_SMALL[int(digit)] for digit in digits)
    if int(digits) == 0:
        return "zero"
    groups = _grouped(digits, 3)
    said = []
    for place, group in zip(range(len(groups) - 1, -1, -1), groups, strict=True):
        if int(group):
            said += [*_english_group(int(group)), _EN_GROUPS[place]]
    return " ".join(filter(None, said))


def _english_group(value: int) -> list[str]:
    hundreds, rest = divmod(value, 100)
    said = [_EN_SMALL[hundreds], "hundred"] if hundreds else []
    if rest < 20:
        return said + ([_EN_SMALL[rest]] if rest else [])
    tens, ones = divmod(rest, 10)
    return [*said, _EN_TENS[tens], *([_EN_SMALL[ones]] if ones else [])]


def _grouped(digits: str, size: int) -> list[str]:
    first = len(digits) % size
    return ([digits[:first]] if first else []) + [digits[i : i + size] for i in range(first, len(digits), size)]
