"""The life of each violation of a channel: one event for each that was spoken, whatever recognition revises. Pure.

```
            +--exact, in committed text--------------------------------+
            |                                                          v
found ------+--by sound, or tentative--> CANDIDATE --sure enough--> FIRED --stands in committed text--> CONFIRMED
                                             |                        |
                                             +--not sure--> RETRACTED <--is not in committed text, which is likelier
```
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from detector.types import Action, Decision, Status, Violation
from lexicon.types import Rule, Severity


@dataclass(frozen=True, slots=True)
class Span:
    """Words of a channel, from the one numbered `first` to `last`."""

    first: int
    last: int

    def overlaps(self, other: Span) -> bool:
        return self.first <= other.last and other.first <= self.last

    def holds(self, other: Span) -> bool:
        return self.first <= other.first and other.last <= self.last


ABUT = 0.05
"""Seconds by which the times of two words said one after the other may overlap."""
BETTER = 0.04
"""By how much a candidate's distance must improve for its likelihood to be asked for again."""
MEMORY = 60.0
"""Seconds for which a violation can still be met again."""


@dataclass(slots=True)
class Life:
    """One violation, at its present step.

    Attributes:
      violation: its status is the step.
      start, end: seconds of call audio that it covers; more than its own once it was met again in a longer form.
      distance: of its best reading in text so far; infinite where no text had it.
      asked: how often its likelihood was asked for.
      early: whether it was asked for last when it may not have been spoken to its end.
      waiting: whether an answer is still to come.
      settling: whether it is weighed against the committed text, which doesn't bear it out.
      denied: whether it seemed to be denied when it was found.
      doubtful: whether it was fired only for people to look into, since it was not sure enough.
      action: what was done about it when it fired.
      sound: how probable its sound alone makes it; None where it was found in text only.
      overruled: whether it was fired, and taken back since its text says otherwise.
    """

    rule: Rule
    violation: Violation
    start: float
    end: float
    distance: float
    asked: int = 0
    early: bool = False
    waiting: bool = False
    settling: bool = False
    denied: bool = False
    doubtful: bool = False
    action: Action | None = None
    sound: float | None = None
    overruled: bool = False

    @property
    def fired(self) -> bool:
        return self.violation.status in (Status.FIRED, Status.CONFIRMED)

    def step(self, status: Status, *, undo: str | None = None) -> Decision:
        """Go on to a status.

        Args:
          undo: why what was done about it is to be taken back, if anything was.
        """
        self.overruled = self.overruled or (self.fired and status is Status.RETRACTED)
        self.violation = replace(self.violation, status=status)
        return Decision(self.violation, None, undo if self.action is not None else None)

    def deny(self) -> Decision:
        """What was fired is denied by what follows: people decide, and the platform takes its block back."""
        severity = Severity.ALERT if self.rule.severity is Severity.BLOCK else self.rule.severity
        taken, self.action, self.denied = self.action is not None, None, True
        self.violation = replace(self.violation, severity=severity)
        return Decision(self.violation, None, "denied by what follows" if taken else None)

    def differs(self, heard: str, distance: float, *, early: bool) -> bool:
        """Whether a candidate looks otherwise now than when its likelihood was asked for."""
        if self.early and not early:
            return True
        better = distance < self.distance - BETTER
        return better or (heard != self.violation.heard and distance <= self.distance)

    def overlaps(self, start: float, end: float) -> bool:
        """Whether seconds `start` to `end` are, in part, those of the violation."""
        return self.overlap(start, end) > ABUT

    def overlap(self, start: float, end: float) -> float:
        """Seconds that both have in common; below 0 when they are apart."""
        return min(end, self.end) - max(start, self.start)

    def shares(self, start: float, end: float) -> bool:
        """Whether the shorter of the two spans lies within the other, nearly."""
        return self.overlap(start, end) >= 0.8 * min(end - start, self.end - self.start)

    def extend(self, start: float, end: float) -> None:
        """The same was said from `start` to `end` seconds, or is part of what was."""
        self.start, self.end = min(start, self.start), max(end, self.end)


class Lives:
    """The violations of one channel that may still be met again."""

    def __init__(self) -> None:
        self._lives: list[Life] = []

    def add(self, life: Life) -> None:
        self._lives.append(life)

    def covering(
        self, rule: Rule, severity: Severity, start: float, end: float, *, agreed: bool = False
    ) -> Life | None:
        """Find the fired violation that one spoken from `start` to `end` seconds is part of.

        It is part of it if the rule is the same and they overlap; or if one lies within the other, and the other was
        fired as severely. Of several of its rule it is part of the one that it shares most with.

        Args:
          agreed: it stands in committed text: then no guess about another rule's term covers it.
        """
        fired = [life for life in self._lives if life.fired]
        same = [life for life in fired if life.rule.id == rule.id and life.overlaps(start, end)]
        if same:
            return max(same, key=lambda life: life.overlap(start, end))
        as_severe = (
            life
            for life in fired
            if not (agreed and life.violation.status is Status.FIRED)
            and Severity(life.violation.severity).rank <= severity.rank
            and life.shares(start, end)
        )
        return next(as_severe, None)

    def displaced(self, rule: Rule, term: str, places: Sequence[tuple[float, float]], since: float) -> Life | None:
        """Find what was fired where a reading has it no more, though it has the term: at another of its `places`.

        Recognisers now and then place words seconds from where they were said, above all beside a pause. Was it said
        twice after all, the second is found when it is committed.

        Args:
          places: seconds from which to which the reading has the rule's terms.
          since: second of call audio from which on the reading tells anew what was said.
        """
        for life in self._lives:
            fired = life.violation.status is Status.FIRED and not life.settling and life.end > since
            same = life.rule.id == rule.id and life.violation.term == term
            if fired and same and not any(life.overlaps(start, end) for start, end in places):
                return life
        return None

    def candidate(self, rule: Rule, start: float, end: float) -> Life | None:
        """Find what was made of the same rule's term in the same place, before anything was fired there."""
        for life in self._lives:
            if not life.fired and life.rule.id == rule.id and life.overlaps(start, end):
                return life
        return None

    def sounds(self, rule: Rule, start: float, end: float) -> bool:
        """Whether a rule's term was heard by sound in a place: sound, unlike text, is never placed seconds away."""
        return any(
            life.sound is not None
            and life.violation.status is not Status.RETRACTED
            and life.rule.id == rule.id
            and life.overlaps(start, end)
            for life in self._lives
        )

    def by_sound(self, rule: Rule, start: float, end: float) -> list[Life]:
        """List the candidates of a rule in a place that were found by sound, and that no text has had."""
        return [
            life
            for life in self._lives
            if life.violation.status is Status.CANDIDATE
            and life.distance == inf
            and life.rule.id == rule.id
            and life.overlaps(start, end)
        ]

    def unsettled(self, before: float) -> list[Life]:
        """List the violations that were fired on text not committed then, and end before a second that now is."""
        return [
            life
            for life in self._lives
            if life.violation.status is Status.FIRED and life.end <= before and not life.settling
        ]

    def settling(self) -> list[Life]:
        """List the violations that are to be weighed against the committed text."""
        return [life for life in self._lives if life.settling]

    def unweighed(self, before: float) -> list[Life]:
        """List the candidates that were heard by sound, that nobody has weighed, and that end before a second."""
        return [
            life
            for life in self._lives
            if life.sound is not None
            and life.violation.status is Status.CANDIDATE
            and not (life.waiting or life.asked)
            and life.end <= before
        ]

    def open(self, since: float) -> bool:
        """Whether a candidate that ends after a second of call audio is neither fired nor given up."""
        return any(life.violation.status is Status.CANDIDATE and life.end > since for life in self._lives)

    def forget(self, now: float) -> None:
        """Forget what lies too far back to be met again."""
        self._lives = [life for life in self._lives if life.end > now - MEMORY]
