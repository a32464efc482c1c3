"""The bounds that rules set to a call's conduct, and when they are passed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from detector.types import Fastest, MatchKind, Status, Stretch, Violation
from lexicon.types import Metric, MetricName, Rule, Scope

UNITS = {"en": "words"}
"""What pace counts, by language; characters where there is none."""


def unit(language: str) -> str:
    """Give what pace counts: `characters` or `words`."""
    return UNITS.get(language, "characters")


@dataclass(frozen=True, slots=True)
class Passing:
    """A call passed the bound of a rule.

    Attributes:
      measured: by how much it did, in the metric's own unit.
      place: where it did.
      final: whether that is the last word on it; until then both may grow.
    """

    rule: Rule
    channel: str
    measured: float
    place: Stretch
    final: bool

    def violation(self, name: str) -> Violation:
        """Put it as a violation, which is confirmed when there is no more to measure."""
        rule = self.rule
        assert rule.metric is not None
        return Violation(
            id=name,
            status=Status.CONFIRMED if self.final else Status.FIRED,
            rule_id=rule.id,
            category=rule.category,
            severity=rule.severity,
            term=bound(rule.metric, rule.language),
            heard=value(rule.metric.name, self.measured, rule.language),
            match=MatchKind.EXACT,
            confidence=1.0,
            channel=self.channel,
            start=self.place.start,
            end=self.place.end,
            say_instead=rule.say_instead,
        )


def bound(metric: Metric, language: str) -> str:
    """Say what a rule is about: `silence over 20 s`."""
    name = metric.name.replace("_", " ")
    return f"{name} over {metric.over:g}{_suffix(metric.name, language)}"


def value(name: MetricName, measured: float, language: str) -> str:
    """Say what was measured: `23.4 s`."""
    digits = {MetricName.PACE: 0, MetricName.TALK_RATIO: 2}.get(name, 1)
    return f"{measured:.{digits}f}{_suffix(name, language)}"


def _suffix(name: MetricName, language: str) -> str:
    match name:
        case MetricName.SILENCE | MetricName.OVERLAP:
            return " s"
        case MetricName.TALK_RATIO:
            return ""
        case MetricName.PACE:
            return f" {unit(language)} a minute"


class Bounds:
    """Watches one call's conduct for the rules that set bounds to it.

    A silence is told as soon as it is too long, and once more, final, when it is over; each is a violation of its own.
    Whatever else passes its bound is told when it does, and once more, final, at the call's end.

    Args:
      rules: those without a metric don't matter.
      channels: the call's.
    """

    def __init__(self, rules: Iterable[Rule], channels: Sequence[str]) -> None:
        self._rules: dict[MetricName, list[tuple[Rule, float]]] = {name: [] for name in MetricName}
        for rule in rules:
            if rule.metric is not None:
                self._rules[rule.metric.name].append((rule, rule.metric.over))
        # What is the whole call's has to be somewhere, too.
        self._whole = Scope.AGENT.value if Scope.AGENT.value in channels else channels[0]
        self._open: dict[tuple[str, str], Passing] = {}
        self._news: list[Passing] = []

    def news(self) -> list[Passing]:
        """Give what was passed since this was last asked."""
        news, self._news = self._news, []
        return news

    def silence(self, silence: Stretch) -> None:
        """Nobody speaks, and may go on not to."""
        for rule, over in self._rules[MetricName.SILENCE]:
            self._measure(rule, over, self._whole, silence.seconds, silence)

    def spoke(self) -> None:
        """A silence is over."""
        self._close(MetricName.SILENCE)

    def overlap(self, seconds: float, place: Stretch) -> None:
        """Two speak at once, for so many seconds of the call by now; lately there, and they may go on."""
        for rule, over in self._rules[MetricName.OVERLAP]:
            passed = self._open.get((rule.id, self._whole))
            # It stands where it went too far, whatever comes after.
            there = place if passed is None or passed.place.start == place.start else passed.place
            self._measure(rule, over, self._whole, seconds, there)

    def pace(self, channel: str, fastest: Fastest | None) -> None:
        """A channel's fastest stretch is this, so far."""
        for rule, over in self._rules[MetricName.PACE]:
            if fastest is not None and rule.channel.covers(channel):
                self._measure(rule, over, channel, fastest.pace, fastest.place)

    def talk_ratio(self, channel: str, share: float, call: Stretch) -> None:
        """A channel's share of a call that is over."""
        for rule, over in self._rules[MetricName.TALK_RATIO]:
            if rule.channel.covers(channel):
                self._measure(rule, over, channel, share, call)

    def finish(self) -> None:
        """The call is over: all that was measured is final."""
        for name in MetricName:
            self._close(name)

    def _measure(self, rule: Rule, over: float, channel: str, measured: float, place: Stretch) -> None:
        if measured > over:
            passing = Passing(rule, channel, measured, place, final=False)
            if (rule.id, channel) not in self._open:
                self._news.append(passing)
            self._open[rule.id, channel] = passing

    def _close(self, name: MetricName) -> None:
        ids = {rule.id for rule, _ in self._rules[name]}
        for key in [key for key in self._open if key[0] in ids]:
            self._news.append(replace(self._open.pop(key), final=True))
