"""Pronunciations: the ways in which a phrase is said, as class numbers of the head that reads sounds. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from lexicon import phonetic
from lexicon.normalize import fold
from lexicon.numerals import ZH_DIGITS

BLANK = 0
"""The class of a head that stands for no unit; unit `i` of an inventory is class `i + 1`."""
MOST = 8
"""Pronunciations of a phrase, at most."""

Code = tuple[int, ...]
"""The class numbers of one pronunciation, each 1 or more."""

# What the characters of GB 2312 are read as, without tones, and ü as v. Written out, since weights are trained on it:
# another version of pypinyin may read a rare character otherwise. What only hums (m, n, ng, hng) is left out.
_MANDARIN = """
    a ai an ang ao
    ba bai ban bang bao bei ben beng bi bian biao bie bin bing bo bu
    ca cai can cang cao ce cen ceng ci cong cou cu cuan cui cun cuo
    cha chai chan chang chao che chen cheng chi chong chou chu chua chuai chuan chuang chui chun chuo
    da dai dan dang dao de dei deng di dia dian diao die ding diu dong dou du duan dui dun duo
    e ei en er
    fa fan fang fei fen feng fo fou fu
    ga gai gan gang gao ge gei gen geng gong gou gu gua guai guan guang gui gun guo
    ha hai han hang hao he hei hen heng hong hou hu hua huai huan huang hui hun huo
    ji jia jian jiang jiao jie jin jing jiong jiu ju juan jue jun
    ka kai kan kang kao ke kei ken keng kong kou ku kua kuai kuan kuang kui kun kuo
    la lai lan lang lao le lei len leng li lia lian liang liao lie lin ling liu lo long lou lu luan lun luo lv lve
    ma mai man mang mao me mei men meng mi mian miao mie min ming miu mo mou mu
    na nai nan nang nao ne nei nen neng ni nian niang niao nie nin ning niu nong nou nu nuan nuo nv nve
    o ou
    pa pai pan pang pao pei pen peng pi pian piao pie pin ping po pou pu
    qi qia qian qiang qiao qie qin qing qiong qiu qu quan que qun
    ran rang rao re ren reng ri rong rou ru ruan rui run ruo
    sa sai san sang sao se sen seng si song sou su suan sui sun suo
    sha shai shan shang shao she shei shen sheng shi shou shu shua shuai shuan shuang shui shun shuo
    ta tai tan tang tao te tei teng ti tian tiao tie ting tong tou tu tuan tui tun tuo
    wa wai wan wang wei wen weng wo wu
    xi xia xian xiang xiao xie xin xing xiong xiu xu xuan xue xun
    ya yan yang yao ye yi yin ying yo yong you yu yuan yue yun
    za zai zan zang zao ze zei zen zeng zi zong zou zu zuan zui zun zuo
    zha zhai zhan zhang zhao zhe zhei zhen zheng zhi zhong zhou zhu zhua zhuai zhuan zhuang zhui zhun zhuo
"""
_INVENTORIES = {"zh": tuple(sorted(_MANDARIN.split())), "en": (" ", *"abcdefghijklmnopqrstuvwxyz")}

# Letters as Mandarin speakers spell them, and words that they say as such; the likeliest first.
_LETTERS = {
    "a": ("ei",), "b": ("bi",), "c": ("xi",), "d": ("di",), "e": ("yi",), "f": ("ai fu",), "g": ("ji",),
    "h": ("ai chi", "ei chi"), "i": ("ai",), "j": ("zhei", "jie"), "k": ("kei",), "l": ("ai lou", "ai er"),
    "m": ("ai mu",), "n": ("en",), "o": ("ou",), "p": ("pi",), "q": ("qiu", "kou"), "r": ("a er", "a"),
    "s": ("ai si",), "t": ("ti",), "u": ("you",), "v": ("wei",), "w": ("da bu liu",), "x": ("ai ke si",),
    "y": ("wai",), "z": ("zei",),
}  # fmt: skip
_WORDS = {"app": ("a pu",), "pos": ("po si",), "wifi": ("wai fai",)}
SPELLED = 5
"""Letters of a word in Chinese text that is spelled, at most; of a longer one nobody can tell how it is said."""

# Characters of grammar stand next to others by chance, as 都 does in 都会涨, and look like a word of the dictionary.
_GRAMMAR = {
    "的": "de", "地": "di de", "都": "dou", "还": "hai huan", "会": "hui", "没": "mei", "给": "gei",
    "谁": "shei shui", "这": "zhe zhei", "那": "na nei",
}  # fmt: skip
# Characters whose other readings are those of old words, or of words that the dictionary has.
_ALONE = {
    "得": "de dei", "着": "zhe", "了": "le", "和": "he", "被": "bei", "参": "can", "差": "cha", "称": "cheng",
    "便": "bian", "卡": "ka", "否": "fou", "呢": "ne", "属": "shu", "率": "lv", "模": "mo", "恶": "e",
    "藏": "cang", "朝": "chao", "臭": "chou", "似": "si",
}  # fmt: skip
_MISREAD = {"还款": "huan kuan", "摊还": "tan huan", "抵还": "di huan", "都会": "dou hui"}
"""Words that the dictionary reads otherwise than people say them on the telephone."""
_OFTEN, _SHARE = 5, 0.12
"""Words of the dictionary, and share of those with a character, in which a reading of it is common."""

_NEGATED = {"cannot": "can t", "will not": "won t", "shall not": "shan t"}
_CONTRACTED = (
    (r"\b(do|does|did|is|are|was|were|has|have|had|would|could|should|must|need) not\b", r"\1n t"),
    (r"\b(i|you|he|she|it|we|they|that|there) will\b", r"\1 ll"),
    (r"\b(you|we|they) are\b", r"\1 re"),
    (r"\b(i|you|we|they) have\b", r"\1 ve"),
    (r"\bi am\b", "i m"),
    # Alone it is a cue, and ends other words.
    (r"^not$", "n t"),
)


def inventory(language: str) -> tuple[str, ...] | None:
    """Name the units of a language, in the order of a head's classes after `BLANK`; None where there are none.

    Chinese: syllables without tones, ü as v. English: a space, which parts words, and the letters.
    """
    return _INVENTORIES.get(language)


@lru_cache(maxsize=1 << 14)
def pronounce(phrase: str, language: str) -> tuple[Code, ...]:
    """Give each distinct way to say a phrase, the likeliest first, at most `MOST`; nothing where it can't be said.

    Numbers are said as `lexicon.normalize` writes them out, digits also one by one.
    """
    if language == "zh":
        return _first(code for said in _chinese(phrase) for code in _mandarin(said))
    return _first(_spelled(said) for said in _english(phrase)) if language == "en" else ()


def read_sounds(sounds: str, language: str) -> Code:
    """Read a pronunciation as people write it: syllables (zh), or words in letters (en), parted by spaces.

    Raises:
      ValueError: it holds what is no unit of the language, or nothing.
    """
    units = _classes(language)
    said = sounds.lower().replace("ü", "v").split()
    if not said:
        raise ValueError("is empty; write how it is said")
    for unit in said if language == "zh" else " ".join(said):
        if unit not in units:
            kind = "syllable; write pinyin without tones, with spaces" if language == "zh" else "letter from a to z"
            raise ValueError(f"{unit!r} is no {kind}")
    return tuple(units[unit] for unit in (said if language == "zh" else " ".join(said)))


def written(code: Sequence[int], language: str) -> str:
    """Write a pronunciation as `read_sounds` reads it."""
    units = _INVENTORIES[language]
    return ("" if language == "en" else " ").join(units[number - 1] for number in code)


def _first(codes: Iterable[Code]) -> tuple[Code, ...]:
    return tuple(dict.fromkeys(code for code in codes if code))[:MOST]


@lru_cache(maxsize=8)
def _classes(language: str) -> Mapping[str, int]:
    return {unit: number for number, unit in enumerate(_INVENTORIES[language], 1)}


Vary = Callable[[str], Iterable[str]]


def _varied(texts: Iterable[str], *varies: Vary) -> list[str]:
    """Apply each to what the one before it gave; the likeliest stay first, and no more than `MOST` are kept."""
    found = list(texts)
    for vary in varies:
        found = list(dict.fromkeys(said for text in found for said in vary(text)))[:MOST]
    return found


# What has a number or a sign in it, in any width or script: most phrases don't, and are said as they are folded.
_SAID_OTHERWISE = re.compile(r"[^\u4e00-\u9fff]|[百零一二三四五六七八九]")


def _chinese(phrase: str) -> list[str]:
    """Give the texts that a phrase may be said as, folded."""
    if not _SAID_OTHERWISE.search(phrase):
        return [fold(phrase, "zh").text]
    plain = re.sub(r"(?<=[0-9A-Za-z])\+(?=[0-9A-Za-z])", "加", unicodedata.normalize("NFKC", phrase))
    texts = _varied([plain], _digit_by_digit, _liang_of_digit)
    return _varied([fold(text, "zh").text for text in texts], _whole(plain), _liang_of_numeral(plain), _yao)


def _digit_by_digit(text: str) -> Iterator[str]:
    """Say 95588 digit by digit, 365 as a number, and both the other way as well."""
    one_by_one = re.sub(
        r"(?<![\d.])\d{3,}(?![\d.%])", lambda match: "".join(ZH_DIGITS[int(digit)] for digit in match[0]), text
    )
    # A long number that is not round is an account's or a telephone's.
    likely = re.search(r"\d{3}(?!\d*00(?!\d))\d\d+|\d{4}年", text)
    yield from (one_by_one, text) if likely else (text, one_by_one)


def _liang_of_digit(text: str) -> Iterator[str]:
    """Say 2 before what it counts as 两."""
    yield re.sub(r"(?<![\d.])2(?=[\u4e00-\u9fff])(?![月号日级])", "两", text)
    yield text


_TWO = re.compile(r"(?<![十第])[二两](?=[百千万亿])")


def _liang_of_numeral(written: str) -> Vary:
    """Say 200 as 两百, or as 二百, which fold to one text; as it is written comes first."""
    twos = _TWO.findall(written)

    def vary(text: str) -> Iterator[str]:
        if len(twos) == len(_TWO.findall(text)):
            left = iter(twos)
            yield _TWO.sub(lambda _: next(left), text)
        yield _TWO.sub("两", text)
        yield text

    return vary


def _yao(text: str) -> Iterator[str]:
    """Say 一 among digits as 幺."""
    yield re.sub(f"(?<!点)[{ZH_DIGITS}]{{3,}}(?!年)", lambda match: match[0].replace("一", "幺"), text)
    yield text


def _whole(written: str) -> Vary:
    """Say 100%, which is folded to one text however it is written, in each way; as it is written comes first."""

    def vary(text: str) -> Iterator[str]:
        ways = ("百分之百", "百分百", "百分之一百")
        for way in sorted(ways, key=lambda way: way not in written):
            yield re.sub(f"百分之一百(?![{ZH_DIGITS}])", way, text)

    return vary


Option = tuple[int, Code]
"""A way to say a part of a text, and how unlikely it is: 0 for the first."""


def _mandarin(text: str) -> Iterator[Code]:
    """Give the ways to read a folded text, the likeliest first; none if a part of it can't be read."""
    ways: list[Option] = [(0, ())]
    for options in _parts(text):
        ways = [(one + two, begun + more) for one, begun in ways for two, more in options]
        if len(options) > 1:
            ways = sorted(ways, key=_unlikely)[:MOST]
    for _, code in ways:
        yield code


def _unlikely(option: Option) -> int:
    return option[0]


def _parts(text: str) -> Iterator[list[Option]]:
    """Give for each character, or Latin word, the ways to say it."""
    for part in re.findall(r"[a-z]+|[^a-z]+", text):
        if part.isascii():
            yield from _latin(part)
        else:
            for char, reading in _read(part):
                yield _of_char(char, reading)


def _latin(word: str) -> Iterator[list[Option]]:
    """Spell a word, or say it as one; a word that is too long can't be said."""
    spelled = [_options(_LETTERS[letter]) for letter in word] if len(word) <= SPELLED else []
    if word not in _WORDS:
        yield from spelled or [[]]
        return
    ways: list[Option] = [(0, ())] if spelled else []
    for options in spelled:
        ways = [(one + two, begun + more) for one, begun in ways for two, more in options]
    yield [*ways, *((1, code) for _, code in _options(_WORDS[word]))]


@lru_cache(maxsize=1 << 14)
def _of_char(char: str, in_word: str | None) -> list[Option]:
    return _options(_readings_of(char, in_word))


def _options(readings: Iterable[str]) -> list[Option]:
    units = _classes("zh")
    said = [reading.split() for reading in readings]
    known = [syllables for syllables in said if all(syllable in units for syllable in syllables)]
    return [(rank, tuple(units[syllable] for syllable in syllables)) for rank, syllables in enumerate(known)]


def _read(text: str) -> Iterator[tuple[str, str | None]]:
    """Give each character with its reading in the word of the dictionary that it is part of; None where in none."""
    from pypinyin.constants import PHRASES_DICT  # noqa: PLC0415 - 3 MB of JSON, where Chinese is read
    from pypinyin.seg.mmseg import seg  # noqa: PLC0415

    for word in seg.cut(text):
        if word in _MISREAD:
            yield from zip(word, _MISREAD[word].split(), strict=True)
        elif word in PHRASES_DICT:
            yield from zip(word, (phonetic.toneless(each[0]) for each in PHRASES_DICT[word]), strict=True)
        else:
            yield from ((char, None) for char in word)


def _readings_of(char: str, in_word: str | None) -> Iterable[str]:
    """Give the readings of a character: as in its word, and others where that may be none, the likeliest first."""
    if in_word is not None:
        return dict.fromkeys((in_word, *_GRAMMAR.get(char, "").split()))
    alone = _GRAMMAR.get(char) or _ALONE.get(char, "")
    return alone.split() or _common().get(char) or phonetic.readings().get(ord(char), ())[:1]


@lru_cache(maxsize=1)
def _common() -> Mapping[str, tuple[str, ...]]:
    """Give the readings of each character that has several common ones: those that words of the dictionary have."""
    from pypinyin.constants import PHRASES_DICT  # noqa: PLC0415 - as above

    several = {chr(point) for point, readings in phonetic.readings().items() if len(readings) > 1}
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for word, readings in PHRASES_DICT.items():
        for char, reading in zip(word, readings, strict=True):
            if char in several:
                counts[char][phonetic.toneless(reading[0])] += 1
    found = {}
    for char, count in counts.items():
        first, *others = phonetic.readings()[ord(char)]
        common = (first, *(reading for reading in others if count[reading] >= max(_OFTEN, _SHARE * count.total())))
        if len(common) > 1:
            found[char] = common
    return found


def _english(phrase: str) -> Iterator[str]:
    """Give the texts that a phrase may be said as, folded: contracted or not, as it is written first."""
    spelled = re.sub(r"\b[A-Z]{2,5}\b", lambda match: " ".join(match[0]), phrase)
    # An abbreviation with a vowel may be a word (PIN), one without is spelled (FDIC, CVV).
    whole_first = re.search(r"\b(?=[A-Z]*[AEIOU])[A-Z]{2,5}\b", phrase) is not None
    for text in (phrase, spelled) if whole_first else (spelled, phrase):
        full = fold(text, "en").text.strip()
        contracted = full
        for words, short in _NEGATED.items():
            contracted = re.sub(rf"\b{words}\b", short, contracted)
        for pattern, short in _CONTRACTED:
            contracted = re.sub(pattern, short, contracted)
        for said in (contracted, full) if re.search(r"['’](?!s\b)", text) else (full, contracted):
            yield said
            yield re.sub(r"\bone (?=hundred|thousand|million)", "a ", said)


def _spelled(text: str) -> Code:
    """Give the letters of folded English text, without accents; nothing if there are others."""
    units = _classes("en")
    plain = "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
    return tuple(units[char] for char in plain) if all(char in units for char in plain) else ()
