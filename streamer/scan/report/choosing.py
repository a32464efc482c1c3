"""Which violations a page lists, and which of them with a clip: pages have bounds. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from lexicon.types import Severity
from streamer.scan.results import Found, Scanned

SEVERITIES = tuple(severity.value for severity in Severity)
"""From the most to the least severe."""


@dataclass(frozen=True, slots=True, eq=False)
class Listed:
    """A violation, and the call in which it was heard.

    Attributes:
      number: from 1, in the order of the tables; the same on the page.
    """

    number: int
    call: Scanned
    found: Found


def rank(severity: str) -> int:
    """0 for the most severe."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)


def numbered(calls: Iterable[Scanned]) -> list[Listed]:
    """List all violations: the most severe first, then by the call's time, then as they were said."""
    pairs = [(call, found) for call in calls for found in call.found]
    pairs.sort(key=lambda pair: (rank(pair[1].severity), pair[0].about.started_at, pair[0].file, pair[1].start))
    return [Listed(number, call, found) for number, (call, found) in enumerate(pairs, 1)]


def chosen(violations: Iterable[Listed], most: int) -> list[Listed]:
    """Choose so many: the most severe first, among these one of each rule by turns, and of a rule the surest."""
    turns: dict[tuple[int, str], list[Listed]] = defaultdict(list)
    for one in violations:
        turns[rank(one.found.severity), one.found.rule_id].append(one)
    for queue in turns.values():
        queue.sort(key=lambda one: (-one.found.confidence, one.number))
    by_turns = sorted(
        (severity, turn, one.number, one) for (severity, _), queue in turns.items() for turn, one in enumerate(queue)
    )
    return sorted((one for *_, one in by_turns[: max(0, most)]), key=lambda one: one.number)
