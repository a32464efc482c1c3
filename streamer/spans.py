"""Disjoint stretches of a timeline, so that no second is counted twice. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator

Span = tuple[float, float]
"""Start and end, in seconds."""


class Spans:
    """A growing set of seconds, kept as disjoint spans in order."""

    def __init__(self) -> None:
        self._starts: list[float] = []
        self._ends: list[float] = []
        self.total = 0.0

    def __iter__(self) -> Iterator[Span]:
        return zip(self._starts, self._ends, strict=True)

    @property
    def end(self) -> float:
        """Where the last span ends; 0 where there is none."""
        return self._ends[-1] if self._ends else 0.0

    def add(self, start: float, end: float) -> list[Span]:
        """Add a span; returns the parts of it that were not in the set before, in order."""
        if end <= start:
            return []
        first, last = bisect_left(self._ends, start), bisect_right(self._starts, end)
        covered = [*zip(self._starts[first:last], self._ends[first:last], strict=True)]
        bounds = [start, *(bound for span in covered for bound in span), end]
        fresh = [(a, b) for a, b in zip(bounds[0::2], bounds[1::2], strict=True) if a < b]
        if covered:
            start, end = min(start, covered[0][0]), max(end, covered[-1][1])
        self._starts[first:last], self._ends[first:last] = [start], [end]
        self.total += sum(b - a for a, b in fresh)
        return fresh

    def within(self, other: Spans) -> float:
        """Count the seconds that are in another set, too."""
        common, i, j = 0.0, 0, 0
        while i < len(self._starts) and j < len(other._starts):
            start, end = max(self._starts[i], other._starts[j]), min(self._ends[i], other._ends[j])
            common += max(0.0, end - start)
            if self._ends[i] < other._ends[j]:
                i += 1
            else:
                j += 1
        return common
