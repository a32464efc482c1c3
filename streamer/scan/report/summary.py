"""What a manager asks of a scan: how much, how bad, by whom, and what was not heard. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from streamer.scan.report.choosing import SEVERITIES
from streamer.scan.report.conduct import Conduct, together
from streamer.scan.report.days import Trend, trend
from streamer.scan.results import Result, Scanned, Unreadable


@dataclass(frozen=True, slots=True)
class ByRule:
    """What was said against one rule.

    Attributes:
      calls: in which it was.
      violations: by severity.
    """

    rule_id: str
    category: str
    calls: int
    violations: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.violations.values())


@dataclass(frozen=True, slots=True)
class ByAgent:
    """The calls of one agent; `agent` is None for those of whom it is not known.

    Attributes:
      seconds: of recordings.
      violations: by severity.
      undisclosed: disclosures that were not made.
    """

    agent: str | None
    calls: int
    seconds: float
    violations: Mapping[str, int]
    undisclosed: int
    conduct: Conduct

    @property
    def total(self) -> int:
        return sum(self.violations.values())


@dataclass(frozen=True, slots=True)
class ByDisclosure:
    """A disclosure that some calls lack."""

    rule_id: str
    category: str
    calls: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All of a scan.

    Attributes:
      seconds: of recordings; `speech_seconds` of speech in them, `unheard_seconds` of speech that was not recognised.
      violations: by severity.
      bad_calls: calls with a violation; `undisclosed_calls` those that lack a disclosure.
      undisclosed: disclosures that calls lack, all together.
      rules, agents, disclosures: the worst first.
      lexicons, models, languages, legs: what the calls were scanned with; legs as `agent,customer`.
    """

    calls: int
    unreadable: int
    seconds: float
    speech_seconds: float
    unheard_seconds: float
    violations: Mapping[str, int]
    bad_calls: int
    undisclosed: int
    undisclosed_calls: int
    rules: Sequence[ByRule]
    agents: Sequence[ByAgent]
    disclosures: Sequence[ByDisclosure]
    trend: Trend
    lexicons: Sequence[str]
    models: Sequence[str]
    languages: Sequence[str]
    legs: Sequence[str]

    @property
    def total(self) -> int:
        return sum(self.violations.values())

    @property
    def heard(self) -> float | None:
        """Share of the speech that was recognised, 0 to 1; None where nobody spoke."""
        if self.speech_seconds <= 0:
            return None
        return min(1.0, max(0.0, 1.0 - self.unheard_seconds / self.speech_seconds))


def summarise(results: Iterable[Result], zone: tzinfo | None) -> Summary:
    """Sum a scan up.

    Args:
      zone: in which days begin.
    """
    calls: list[Scanned] = []
    unreadable = 0
    for result in results:
        if isinstance(result, Unreadable):
            unreadable += 1
        else:
            calls.append(result)
    return Summary(
        calls=len(calls),
        unreadable=unreadable,
        seconds=sum(call.duration for call in calls),
        speech_seconds=sum(call.speech_seconds for call in calls),
        unheard_seconds=sum(call.unheard_seconds for call in calls),
        violations=_severities(calls),
        bad_calls=sum(bool(call.found) for call in calls),
        undisclosed=sum(len(call.undisclosed) for call in calls),
        undisclosed_calls=sum(bool(call.undisclosed) for call in calls),
        rules=_by_rule(calls),
        agents=_by_agent(calls),
        disclosures=_by_disclosure(calls),
        trend=trend(calls, zone),
        lexicons=_distinct(call.key.lexicon_version for call in calls),
        models=_distinct(call.key.model for call in calls),
        languages=_distinct(call.key.language for call in calls),
        legs=_distinct(call.key.legs for call in calls),
    )


def _severities(calls: Iterable[Scanned]) -> Counter[str]:
    return Counter(found.severity for call in calls for found in call.found)


def _badness(violations: Mapping[str, int]) -> tuple[int, ...]:
    """A key to sort by: many violations first, and of as many the graver ones."""
    return (-sum(violations.values()), *(-violations.get(severity, 0) for severity in SEVERITIES))


def _by_rule(calls: Iterable[Scanned]) -> list[ByRule]:
    violations: dict[str, Counter[str]] = defaultdict(Counter)
    names: dict[str, str] = {}
    inside: Counter[str] = Counter()
    for call in calls:
        for found in call.found:
            violations[found.rule_id][found.severity] += 1
            names[found.rule_id] = found.category
        inside.update({found.rule_id for found in call.found})
    rules = [ByRule(rule, names[rule], inside[rule], counts) for rule, counts in violations.items()]
    return sorted(rules, key=lambda one: (_badness(one.violations), one.rule_id))


def _by_agent(calls: Iterable[Scanned]) -> list[ByAgent]:
    own: dict[str | None, list[Scanned]] = defaultdict(list)
    for call in calls:
        own[call.about.agent or None].append(call)
    agents = [
        ByAgent(
            agent=agent,
            calls=len(theirs),
            seconds=sum(call.duration for call in theirs),
            violations=_severities(theirs),
            undisclosed=sum(len(call.undisclosed) for call in theirs),
            conduct=together(theirs),
        )
        for agent, theirs in own.items()
    ]
    return sorted(agents, key=lambda one: (_badness(one.violations), -one.undisclosed, one.agent or "\uffff"))


def _by_disclosure(calls: Iterable[Scanned]) -> list[ByDisclosure]:
    # Calls that don't lack it can't tell whether they had to make it: the rule's language may be another.
    lacking = Counter((one.rule_id, one.category) for call in calls for one in call.undisclosed)
    disclosures = [ByDisclosure(*names, count) for names, count in lacking.items()]
    return sorted(disclosures, key=lambda one: (-one.calls, one.rule_id))


def _distinct(values: Iterable[str]) -> list[str]:
    return sorted({value for value in values if value})
