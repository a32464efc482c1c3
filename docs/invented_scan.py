"""Two weeks of a sales team's calls that nobody made, for the picture of a scan's report."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import numpy as np
import soundfile
from numpy.typing import NDArray

from detector.types import Missing
from lexicon.loader import load, shipped
from lexicon.types import Rule
from streamer.scan.results import About, Found, Key, Result, Scanned, Unreadable

RECORDING = Path(__file__).parent.parent / "streamer" / "data" / "demo-zh.wav"
MONDAY = datetime(2026, 11, 9, 1, 0, tzinfo=UTC)
# Where something is said in the bundled recording, in seconds; an invented call is that recording over and over.
SPOKEN = ((9.75, 10.55), (11.31, 12.09), (14.3, 15.4))
LOOP = 139_953 / 8000
"""Seconds of that recording."""

# How many calls each takes beside the others, and how careless they are in them.
AGENTS = {"李娜": (9, 0.2), "王强": (8, 0.75), "陈晨": (7, 0.3), "赵敏": (6, 0.15), "刘洋": (6, 0.55), "周杰": (4, 0.0)}

# Rule, term, and the sentence in which it was heard: between the bars.
SAID = (
    ("promise-principal", "承诺保本", "这款产品我们是|承诺保本|的，到期连本带息一分不少都给您。"),
    ("promise-principal", "保证本金", "您听我说，公司这边|保正本金|，最差也就是收益少一点。"),
    ("promise-return", "保证收益", "银行发的产品跟外面不一样，|保证收益|，年化四个点打底。"),
    ("sure-profit", "稳赚不赔", "您现在买进去就是|稳赚不赔|，我自己家里人也买了二十万。"),
    ("sure-profit", "肯定会涨", "这个板块下半年|肯定会长|，您早点进来早点赚。"),
    ("insider", "内部消息", "我这边有|内部消息|，下个月一定会有大动作，您先别跟别人说。"),
    ("no-risk", "没有任何风险", "底层全是国债，|没有任何风险|，您放一百个心。"),
    ("like-a-deposit", "跟存款一样", "您就当它是定期，其实|跟存款一样|，只不过利息高一点。"),
    ("hide-terms", "风险测评我帮您填", "流程很简单，|风险测评我帮您填|，您点一下确认就行。"),
    ("ask-secret", "验证码告诉我", "短信收到了吧，您把|验证码告诉我|，我这边帮您操作。"),
    ("past-performance", "从来没亏过", "这个系列做了八年了，|从来没亏过|，老客户都是一直续的。"),
    ("forecast", "年化能到", "按现在的行情看，|年化能到|六个点以上。"),
    ("pressure", "最后一天", "额度就剩三十万了，今天是|最后一天|，您要不先占一个名额？"),
    ("pressure", "即将停售", "总行已经发通知了，这款|即将停售|，下周就买不到了。"),
    ("superlative", "收益最高", "您去比一比，同期限里我们的|收益最高|。"),
    ("rude", "你听不懂吗", "我刚才不是说过了，|你听不懂吗|，这个不能提前赎回。"),
)


def results() -> list[Result]:
    """Give what a scan of them would have found; the same each time."""
    chance = Random(20)  # noqa: S311 - nothing is kept secret by it
    lexicon = load(shipped())
    rules = {rule.id: rule for rule in lexicon.rules}
    return [_call(number, lexicon.version, rules, chance) for number in range(40)] + [
        Unreadable("recordings/2026-11-12/84113.wav", "is no recording that can be read (Format not recognised.)"),
        Unreadable("recordings/2026-11-18/84209.mp3", "is empty"),
    ]


def audio(file: str, start: float, end: float) -> tuple[NDArray[np.float32], int]:
    """Give the bundled recording, over and over."""
    samples, rate = soundfile.read(RECORDING, dtype="float32")
    return np.take(samples, np.arange(round(start * rate), round(end * rate)), axis=0, mode="wrap"), rate


def sources() -> dict[str, str]:
    """Give what the shipped lexicons name as reasons."""
    return {rule.id: rule.source for rule in load(shipped()).rules if rule.source}


def _call(number: int, version: str, rules: Mapping[str, Rule], chance: Random) -> Scanned:
    agent = chance.choices(list(AGENTS), [often for often, _ in AGENTS.values()])[0]
    careless = AGENTS[agent][1]
    day = chance.choice([0, 1, 2, 3, 4, 7, 8, 9, 10, 11])
    at = MONDAY + timedelta(days=day, minutes=chance.randrange(500), seconds=chance.randrange(60))
    duration = round(chance.uniform(95, 640), 1)
    speech = duration * chance.uniform(0.62, 0.84)
    talk = chance.uniform(0.52, 0.7) + 0.12 * careless
    lull = round(chance.uniform(2, 9), 1)
    found: list[Found] = []
    while chance.random() < careless and len(found) < 3:
        found.append(_found(f"v-{len(found) + 1}", rules, duration, chance))
    lacking = [
        Missing(rule.id, rule.category, rule.severity, rule.terms, rule.required.within if rule.required else None)
        for rule, share in ((rules["disclose-recording"], 0.07), (rules["disclose-risk"], 0.14))
        if chance.random() < share * (1 + 2 * careless)
    ]
    return Scanned(
        file=f"recordings/{at:%Y-%m-%d}/{84100 + 3 * number}.wav",
        key=Key(f"{number:064x}", version, "base", "zh", "agent,customer"),
        about=About(f"c-{84100 + 3 * number}", agent, at.isoformat()),
        channels=("agent", "customer"),
        duration=duration,
        speech_seconds=round(speech, 1),
        unheard_seconds=round(chance.uniform(0, 6), 1) if number % 7 == 3 else 0.0,
        found=tuple(sorted(found, key=lambda one: one.start)),
        undisclosed=tuple(lacking),
        metrics={
            "talk_seconds": {"agent": speech * talk, "customer": speech * (1 - talk)},
            "talk_ratio": {"agent": talk, "customer": 1 - talk},
            "silence_seconds": duration - speech * 0.97,
            "longest_silence": {"seconds": lull, "from": 30.0, "to": 30.0 + lull},
            "overlap_seconds": speech * 0.03,
            "pace": {"agent": chance.uniform(215, 262) + 50 * careless, "customer": 200.0},
            "unit": "characters",
        },
        silenced={},
    )


def _found(name: str, rules: Mapping[str, Rule], duration: float, chance: Random) -> Found:
    rule_id, term, sentence = chance.choice(SAID)
    before, heard, after = sentence.split("|")
    rule = rules[rule_id]
    start, end = chance.choice(SPOKEN)
    begun = LOOP * chance.randrange(1, int(duration / LOOP) - 1)
    sure = chance.uniform(0.9, 0.99) if heard == term else chance.uniform(0.71, 0.86)
    return Found(
        violation_id=name,
        channel="agent",
        rule_id=rule_id,
        category=rule.category,
        severity=rule.severity,
        term=term,
        heard=heard,
        match="exact" if heard == term else "phonetic",
        confidence=round(sure, 3),
        start=round(begun + start, 3),
        end=round(begun + end, 3),
        text=before + heard + after,
        say_instead=rule.say_instead,
    )
