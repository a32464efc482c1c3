"""Sentences to be spoken for training: random words, numbers as they are said, and what conversation is padded with.

They are nobody's text and no lexicon's: words are drawn by their frequency, flattened, and every so often a word is
drawn because it holds a unit (a syllable, a letter) that was said least so far. So each unit is heard often enough,
beside neighbours of all kinds.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from lexicon import numerals
from lexicon.pronunciation import pronounce

FLATTENED = 0.55
"""Power of a word's frequency that it is drawn by."""
RARE = 0.2
"""Share of words that are drawn for the unit that was said least."""
NUMBERS = 0.08
"""Share of words that are numbers."""
SYLLABLES = (6, 18)
"""In a sentence, at least and about at most."""
LEAST_COUNT = 20
"""Of a word in jieba's own count: what is rarer is mostly names."""
EN_WORDS = 30_000

_PARTS = re.compile("[，。？！、；]")
_ZH_WORD = re.compile(r"[\u4e00-\u9fff]{1,5}")
_EN_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
_VOWELS = re.compile(r"[aeiouy]+")
# 200 is 两百, 20 and 12 are not; what is said digit by digit has 幺 for one.
_LIANG = re.compile("(?<![十零一二三四五六七八九])二(?=[百千万亿])")
_MEASURES = ("块", "元", "年", "天", "个月", "号", "点", "分钟", "倍")
# None of these folds to nothing, as 啊 and 嗯 do: labels hold what is said.
_ZH_OPENINGS = ("喂", "您好", "你好", "那个", "就是", "然后", "其实", "好的", "对", "这样")
_ZH_CLOSINGS = ("吧", "吗", "呢", "啦", "了", "的", "对吧", "是吧", "行吗", "好吗", "嘛", "哦")
_EN_OPENINGS = ("hello", "well", "so", "okay", "right", "you know", "i mean", "and", "actually", "look")
_EN_CLOSINGS = ("okay", "right", "please", "thank you", "you know", "sir", "madam", "is that all right")

Random = np.random.Generator
T = TypeVar("T")


@dataclass(frozen=True)
class Vocabulary:
    """Words of one language, and how they make a sentence.

    Attributes:
      words: that are drawn.
      weights: how often, of any sum.
      units: of each word: what is to be said often enough.
      syllables: in a text, about.
      number: says a random number.
      openings, closings: what sentences may begin and end with.
      space: between words.
      marks: comma, full stop and question mark.
      numerals: characters that would make another number of two that stand side by side: a comma parts them.
    """

    words: Sequence[str]
    weights: Sequence[float]
    units: Sequence[Sequence[int]]
    syllables: Callable[[str], int]
    number: Callable[[Random], str]
    openings: Sequence[str]
    closings: Sequence[str]
    space: str
    marks: tuple[str, str, str]
    numerals: str = ""


def sentences(vocabulary: Vocabulary, count: int, rng: Random) -> list[str]:
    """Compose sentences: the same ones for the same state of `rng`."""
    composer = _Composer(vocabulary, rng)
    return [composer.sentence() for _ in range(count)]


def labelled(sentence: str, language: str) -> tuple[int, ...]:
    """Give the class numbers of a sentence, as it is written: what a comma parts is said by itself."""
    if language == "en":
        return next(iter(pronounce(sentence, language)), ())
    return tuple(unit for part in _PARTS.split(sentence) for unit in next(iter(pronounce(part, language)), ()))


def chinese(units: Callable[[str], Sequence[int]]) -> Vocabulary:
    """Give jieba's words."""
    import jieba  # noqa: PLC0415 - of the extra `train`

    words, weights = [], []
    with jieba.get_dict_file() as file:
        for line in file:
            word, times, *_ = line.decode().split()
            if int(times) >= LEAST_COUNT and _ZH_WORD.fullmatch(word):
                words.append(word)
                weights.append(float(times))
    return zh_vocabulary(dict(zip(words, weights, strict=True)), units)


def english(units: Callable[[str], Sequence[int]]) -> Vocabulary:
    """Give wordfreq's words."""
    import wordfreq  # noqa: PLC0415 - of the extra `train`

    listed = [word for word in wordfreq.top_n_list("en", EN_WORDS) if _EN_WORD.fullmatch(word)]
    return en_vocabulary({word: wordfreq.word_frequency(word, "en") for word in listed}, units)


def zh_vocabulary(frequencies: Mapping[str, float], units: Callable[[str], Sequence[int]]) -> Vocabulary:
    """Give a vocabulary of Chinese words."""
    return Vocabulary(
        words=tuple(frequencies),
        weights=tuple(frequencies.values()),
        units=tuple(map(units, frequencies)),
        syllables=lambda text: sum(map(len, _ZH_WORD.findall(text))),
        number=_zh_number,
        openings=_ZH_OPENINGS,
        closings=_ZH_CLOSINGS,
        space="",
        marks=("，", "。", "？"),
        numerals="零一二两三四五六七八九十百千万亿点幺",
    )


def en_vocabulary(frequencies: Mapping[str, float], units: Callable[[str], Sequence[int]]) -> Vocabulary:
    """Give a vocabulary of English words."""
    return Vocabulary(
        words=tuple(frequencies),
        weights=tuple(frequencies.values()),
        units=tuple(map(units, frequencies)),
        syllables=lambda text: len(_VOWELS.findall(text)),
        number=_en_number,
        openings=_EN_OPENINGS,
        closings=_EN_CLOSINGS,
        space=" ",
        marks=(", ", ".", "?"),
    )


class _Composer:
    """Draws words, and counts what was said."""

    def __init__(self, vocabulary: Vocabulary, rng: Random) -> None:
        self._vocabulary = vocabulary
        self._rng = rng
        flat = np.asarray(vocabulary.weights) ** FLATTENED
        self._chances = np.cumsum(flat / flat.sum())
        self._holding: dict[int, list[int]] = defaultdict(list)
        for index, units in enumerate(vocabulary.units):
            for unit in set(units):
                self._holding[unit].append(index)
        self._said = Counter(dict.fromkeys(sorted(self._holding), 0))

    def sentence(self) -> str:
        vocabulary, rng = self._vocabulary, self._rng
        comma, stop, question = vocabulary.marks
        wanted = int(rng.integers(SYLLABLES[0], SYLLABLES[1], endpoint=True))
        text = _drawn(vocabulary.openings, rng) if rng.random() < 0.2 else ""
        closing = _drawn(vocabulary.closings, rng) if rng.random() < 0.2 else ""
        while vocabulary.syllables(text + closing) < wanted:
            word = vocabulary.number(rng) if rng.random() < NUMBERS else self._word()
            parted = rng.random() < 0.1 or {text[-1:], word[0]} <= set(vocabulary.numerals)
            text += (comma if parted else vocabulary.space) + word if text else word
        return text + (vocabulary.space + closing if closing else "") + (question if rng.random() < 0.2 else stop)

    def _word(self) -> str:
        if self._said and self._rng.random() < RARE:
            least = min(self._said.values())
            unit = _drawn([unit for unit, times in self._said.items() if times == least], self._rng)
            index = _drawn(self._holding[unit], self._rng)
        else:
            index = min(int(np.searchsorted(self._chances, self._rng.random())), len(self._chances) - 1)
        self._said.update(self._vocabulary.units[index])
        return self._vocabulary.words[index]


def _drawn(values: Sequence[T], rng: Random) -> T:
    return values[int(rng.integers(len(values)))]


def _zh_number(rng: Random) -> str:
    digits = str(rng.integers(10 ** int(rng.integers(1, 6))))
    match rng.integers(5):
        case 0:
            said = numerals.chinese(str(rng.integers(101)), percent=True)
        case 1:
            said = numerals.chinese(f"{rng.integers(20)}.{rng.integers(100)}", percent=bool(rng.integers(2)))
        case 2:
            said = "".join(numerals.chinese(digit) for digit in digits).replace("一", "幺")
        case 3:
            said = numerals.chinese(digits) + _drawn(_MEASURES, rng)
        case _:
            said = numerals.chinese(digits)
    return _LIANG.sub("两", said)


def _en_number(rng: Random) -> str:
    digits = str(rng.integers(10 ** int(rng.integers(1, 5))))
    match rng.integers(4):
        case 0:
            return f"{numerals.english(str(rng.integers(101)))} percent"
        case 1:
            return numerals.english(f"{rng.integers(20)}.{rng.integers(10)}")
        case 2:
            return " ".join(numerals.english(digit) for digit in digits)
        case _:
            return numerals.english(digits)
