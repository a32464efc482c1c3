"""Syllables: what Chinese text sounds like, for terms that survive only as homophones or near them. Pure.

A character becomes the number of its syllable without tone. Characters of several readings have their most frequent
one, in terms and in speech alike.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_INITIALS = ("zh", "ch", "sh", *"bpmfdtnlgkhjqxrzcsyw")

# What Mandarin speakers in the south merge, and telephone bandwidth blurs: one class each.
_FUZZY_INITIALS = {"zh": "z", "ch": "c", "sh": "s", "n": "l", "f": "h"}
_FUZZY_ENDINGS = {"ang": "an", "eng": "en", "ing": "in"}

CONFUSABLE = 0.2
DIFFERENT = 0.5
GAP = 0.8
"""Costs of an initial or a final that is much alike or not, and of a syllable too many or too few."""

# Sounds of the same place of articulation, which a codec tells apart least: aspirated and not, retroflex, dental and
# palatal, nasals and liquids; finals with neighbouring vowels or the other nasal.
_ALIKE_INITIALS = (
    "b p m", "d t", "g k h", "zh ch z c j q", "sh s x", "n l r y w -", "f h", "m n",
    "zh z j sh", "ch c q", "r y",
)  # fmt: skip
_ALIKE_FINALS = (
    "an ang ian iang uan uang en eng", "in ing un ong iong", "a ia ua", "o uo e ou ao u", "ai ei uai ui",
    "i ü ie üe", "en eng in ing un ong iong", "i ei e ie", "ao iao", "iu ou", "ang ong",
)  # fmt: skip


def codes(text: str) -> NDArray[np.int32]:
    """Number the syllables of folded Chinese text, one for each character, without tones; the last is for none."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    found: NDArray[np.int32] = _numbers().take(points, mode="clip")
    return found


@lru_cache(maxsize=1)
def fuzzy_classes() -> NDArray[np.int64]:
    """Number each syllable's class of those that are commonly merged; the last is for what is no syllable."""
    return _classes([_fuzzy(name) for name in _syllables()])


@lru_cache(maxsize=1)
def coarse_classes() -> NDArray[np.int64]:
    """Number each syllable's class of those that sound at all alike; the last is for what is no syllable."""
    parts = [_split(name) for name in _syllables()]
    return _classes([f"{_group(initial, _ALIKE_INITIALS)} {_group(final, _ALIKE_FINALS)}" for initial, final in parts])


@lru_cache(maxsize=1)
def distances() -> NDArray[np.float32]:
    """Tabulate the cost of hearing one syllable for another, by their numbers.

    The last row and column stand for what is no syllable: it costs a full substitution.
    """
    parts = [_split(name) for name in _syllables()]
    initials, finals = sorted({initial for initial, _ in parts}), sorted({final for _, final in parts})
    by_initial = np.array([[_cost(a, b, _ALIKE_INITIALS) for b in initials] for a in initials], dtype=np.float32)
    by_final = np.array([[_cost(a, b, _ALIKE_FINALS) for b in finals] for a in finals], dtype=np.float32)
    first = np.array([initials.index(initial) for initial, _ in parts])
    last = np.array([finals.index(final) for _, final in parts])
    table = np.full((len(parts) + 1, len(parts) + 1), 2 * DIFFERENT, dtype=np.float32)
    table[:-1, :-1] = by_initial[np.ix_(first, first)] + by_final[np.ix_(last, last)]
    return table


@lru_cache(maxsize=1)
def readings() -> dict[int, tuple[str, ...]]:
    """Give the readings of every character that has some, by its code point, without tones; the most frequent first."""
    from pypinyin.constants import PINYIN_DICT  # noqa: PLC0415 - slow to import: it brings its 3 MB of words along

    return {point: tuple(dict.fromkeys(map(toneless, given.split(",")))) for point, given in PINYIN_DICT.items()}


@lru_cache(maxsize=1 << 12)
def toneless(reading: str) -> str:
    """Take the tone off a syllable, and write ü as v."""
    marks = unicodedata.normalize("NFD", reading).replace("u\u0308", "v")
    return "".join(char for char in marks if not unicodedata.combining(char))


def _classes(names: list[str]) -> NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names), 1)}
    return np.array([*(numbers[name] for name in names), 0], dtype=np.int64)


def _group(sound: str, alike: tuple[str, ...]) -> str:
    return next((group for group in alike if sound in group.split()), sound)


def _cost(one: str, other: str, alike: tuple[str, ...]) -> float:
    if one == other:
        return 0.0
    return CONFUSABLE if any({one, other} <= set(group.split()) for group in alike) else DIFFERENT


@lru_cache(maxsize=1)
def _numbers() -> NDArray[np.int32]:
    """Give for each code point the number of its syllable; what lies beyond the last has none."""
    syllables, known = {name: number for number, name in enumerate(_syllables())}, readings()
    numbers = np.full(max(known) + 2, len(syllables), dtype=np.int32)
    for point, (name, *_) in known.items():
        numbers[point] = syllables[name]
    return numbers


@lru_cache(maxsize=1)
def _syllables() -> tuple[str, ...]:
    return tuple(sorted({first for first, *_ in readings().values()}))


def _split(syllable: str) -> tuple[str, str]:
    """Part a syllable into initial and final; `-` for no initial, and `ü` spelled as it sounds."""
    initial = next((initial for initial in _INITIALS if syllable.startswith(initial)), "")
    final = syllable[len(initial) :].replace("v", "ü")
    if initial in ("j", "q", "x", "y") and final.startswith("u"):
        final = "ü" + final[1:]
    if initial == "y":
        final = final if final.startswith(("i", "ü")) else f"i{final}"
    elif initial == "w":
        final = final if final.startswith("u") else f"u{final}"
    final = {"iou": "iu", "uei": "ui", "uen": "un", "ieng": "ing", "ien": "in", "ueng": "ong", "ün": "un"}.get(
        final, final
    )
    return initial or "-", final


def _fuzzy(syllable: str) -> str:
    initial, final = _split(syllable)
    for ending, merged in _FUZZY_ENDINGS.items():
        if final.endswith(ending):
            final = final.removesuffix(ending) + merged
            break
    return f"{_FUZZY_INITIALS.get(initial, initial)} {final}"
