"""What has been fired in a channel: one event for each violation that was spoken. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from lexicon.types import Rule


@dataclass(frozen=True, slots=True)
class Span:
    """Words of a channel, from the one numbered `first` to `last`."""

    first: int
    last: int

    def overlaps(self, other: Span) -> bool:
        return self.first <= other.last and other.first <= self.last

    def holds(self, other: Span) -> bool:
        return self.first <= other.first and other.last <= self.last


class Fired:
    """The violations of a channel that may still be met again."""

    def __init__(self) -> None:
        self._fired: deque[tuple[Rule, Span]] = deque()

    def covers(self, rule: Rule, span: Span) -> bool:
        """Whether a violation is part of one that was fired.

        It is if the rule is the same and the words overlap; or if the words of one lie within the other's, and the
        other rule is as severe.
        """
        return any(
            (rule.id == other.id and span.overlaps(at))
            or (other.severity.rank <= rule.severity.rank and (span.holds(at) or at.holds(span)))
            for other, at in self._fired
        )

    def add(self, rule: Rule, span: Span) -> None:
        self._fired.append((rule, span))

    def forget(self, before: int) -> None:
        """Forget what lies before the word numbered `before`."""
        self._fired = deque((rule, at) for rule, at in self._fired if at.last >= before)
