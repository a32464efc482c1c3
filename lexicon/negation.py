"""Who denies a thing, asks about it or repeats it, does not promise it. Pure.

After NegEx (Chapman et al., 2001): a cue shortly before the words, in the same clause, and no word between that ends
its reach. It is too coarse to silence anything: it turns a block into an alert.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

CLAUSE = re.compile(r"[，。！？；：,.!?;:、]")


class Cue(StrEnum):
    """Which words a cue denies or questions: those after it or before it; or it only seems to."""

    BEFORE = "before"
    AFTER = "after"
    SEEMS = "seems"


@dataclass(frozen=True, slots=True)
class _Cues:
    """One language's cues.

    Attributes:
      before: what denies or questions, when it comes before.
      short: those of them that stand in too many other words, and count only very near.
      only_seem: what holds a cue and denies nothing.
      end: what ends a cue's reach.
      after: what denies or questions, when it follows at once.
      reach, short_reach: characters between cue and words, at most.
    """

    before: tuple[str, ...]
    short: tuple[str, ...]
    only_seem: tuple[str, ...]
    end: tuple[str, ...]
    after: tuple[str, ...]
    reach: int
    short_reach: int


_CUES = {
    "zh": _Cues(
        before=(
            *("不是", "并不", "并非", "没有", "不能", "不会", "不得", "无法", "禁止", "严禁", "不要", "不存在"),
            *("不承诺", "不保证", "从不", "绝不", "请勿", "拒绝", "谁都不能", "没人能", "谈不上", "不代表", "不等于"),
            *("您是说", "您是问", "您问", "您说的", "你说的", "什么是", "什么叫", "所谓", "是不是", "有没有"),
        ),
        short=("不", "非", "没"),
        only_seem=(
            *(
                "不是不",
                "不可能不",
                "不会不",
                "怎么可能不",
                "哪会不",
                "谁说不",
                "不但",
                "不仅",
                "不只",
                "不光",
                "没有不",
            ),
            *(
                "无不",
                "不得不",
                "差不多",
                "不管",
                "不用担心",
                "不瞒您说",
                "不止",
                "不用",
                "不错",
                "没问题",
                "没事",
                "没关系",
            ),
            *("您放心不", "非常", "不好意思", "没错", "要不", "是不是就", "对不对"),
        ),
        end=("但是", "但", "不过", "可是", "然而", "而是", "而且", "实际上"),
        after=(
            "是不可能的",
            "是违规的",
            "是不允许的",
            "是骗人的",
            "都是骗局",
            "这种说法不对",
            "的说法是错误的",
            "不存在的",
            "吗",
        ),
        reach=4,
        short_reach=1,
    ),
    "en": _Cues(
        before=(
            *(" not ", " no ", " never ", " cannot ", " no such thing as ", " nobody can ", " without "),
            *(" did you say ", " you asked ", " what does ", " do you mean "),
        ),
        short=(),
        only_seem=(
            " if you do not ",
            " if you cannot ",
            " if you will not ",
            " why not ",
            " not only ",
            " no doubt ",
            " not to mention ",
            " no question ",
            " not just ",
            " no wonder ",
            " no problem ",
        ),
        end=(" but ", " however ", " although ", " except ", " still "),
        after=(),
        reach=22,
        short_reach=0,
    ),
}


def cues(language: str) -> Iterator[tuple[str, Cue]]:
    """Give a language's cues, but for those of a single character, which stand in too many other words."""
    known = _CUES.get(language)
    if known is not None:
        yield from ((cue, Cue.BEFORE) for cue in known.before)
        yield from ((cue, Cue.AFTER) for cue in known.after)
        yield from ((cue, Cue.SEEMS) for cue in known.only_seem)


def short_cues(language: str) -> tuple[str, ...]:
    """Give a language's cues of a single character, which deny only what is very near."""
    known = _CUES.get(language)
    return known.short if known is not None else ()


def denied(language: str, before: str, after: str) -> bool:
    """Say whether words are denied, asked about or repeated by what stands around them.

    Args:
      before, after: the text on either side; in Chinese as recognised, with its punctuation, in English folded.
    """
    cues = _CUES.get(language)
    if cues is None:
        return False
    clause = CLAUSE.split(before)[-1]
    if any(after.startswith(cue) for cue in cues.after):
        return True
    return any(
        _reaches(clause, cue, reach, cues)
        for group, reach in ((cues.before, cues.reach), (cues.short, cues.short_reach))
        for cue in group
    )


def _reaches(clause: str, cue: str, reach: int, cues: _Cues) -> bool:
    at = clause.rfind(cue)
    if at < 0:
        return False
    between = clause[at + len(cue) :]
    if len(between.strip()) > reach or any(word in f" {between}" for word in cues.end):
        return False
    return not any(
        start <= at and at + len(cue) <= start + len(seeming)
        for seeming in (*cues.only_seem, *cues.end)
        for start in range(max(0, at - len(seeming)), at + 1)
        if clause.startswith(seeming, start)
    )
