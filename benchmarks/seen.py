"""Blocks that a platform has received, held against the alerts that pages have shown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.streams import percentile


@dataclass(frozen=True, slots=True)
class Sent:
    """A block that the platform has received.

    Attributes:
      alert: the name of its alert, `CALL/VIOLATION_ID`.
      at: milliseconds since 1970 at which it was received.
      match_to_signal: milliseconds, as the block says.
      after_term: seconds from the last sample of the term being sent.
    """

    alert: str
    at: float
    match_to_signal: float
    after_term: float


@dataclass(frozen=True, slots=True)
class Shown:
    """What a page has shown.

    Attributes:
      ahead, error: milliseconds by which its clock is ahead of the platform's, and how wrong that may be.
      rows: milliseconds since 1970, by the page's clock, at which an alert's row was in the document, and at which the
        browser began to draw the next picture; None when it never did.
    """

    page: int
    ahead: float
    error: float
    rows: Mapping[str, tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of the run.

    Attributes:
      began, ended: milliseconds since 1970.
      busy: processor cores that were busy, by whose they were.
    """

    pages: int
    began: float
    ended: float
    busy: Mapping[str, float]

    def of(self, blocks: Sequence[Sent]) -> list[Sent]:
        """Give the blocks received in it."""
        return [block for block in blocks if self.began <= block.at < self.ended]


@dataclass(frozen=True, slots=True)
class Seen:
    """How soon blocks were seen.

    Attributes:
      row, drawn: milliseconds, for each block and page.
      missing: blocks that a page never showed, each with the page.
    """

    row: tuple[float, ...]
    drawn: tuple[float, ...]
    missing: tuple[str, ...]


def judge(blocks: Sequence[Sent], shown: Sequence[Shown]) -> Seen:
    """Hold what pages have shown against what was sent, on the platform's clock."""
    row, drawn, missing = list[float](), list[float](), list[str]()
    for page in shown:
        for block in blocks:
            times = page.rows.get(block.alert)
            if times is None:
                missing.append(f"page {page.page}: {block.alert}")
                continue
            row.append(times[0] - page.ahead - block.at)
            if times[1] is not None:
                drawn.append(times[1] - page.ahead - block.at)
    return Seen(tuple(row), tuple(drawn), tuple(missing))


def blocks_of(told: Sequence[Mapping[str, Any]], calls: Mapping[str, str]) -> list[Sent]:
    """Take what the platform has told.

    Args:
      calls: the service's name for each call, by the platform's.
    """
    return [
        Sent(
            f"{calls[one['call_id']]}/{one['violation_id']}", one["received"], one["match_to_signal"], one["after_term"]
        )
        for one in told
        if "violation_id" in one
    ]


def figures(phase: Phase, blocks: Sequence[Sent]) -> dict[str, float | None]:
    """Put a phase's blocks into a row."""
    signals, terms = [block.match_to_signal for block in blocks], [block.after_term for block in blocks]
    return {
        "blocks": len(blocks),
        "signal_ms_p50": percentile(signals, 50),
        "signal_ms_p95": percentile(signals, 95),
        "signal_ms_max": percentile(signals, 100),
        "term_to_block_p50": percentile(terms, 50),
        "term_to_block_p95": percentile(terms, 95),
        "term_to_block_max": percentile(terms, 100),
        **{f"cores_{whose}": round(cores, 2) for whose, cores in phase.busy.items()},
    }


def ratio(without: Mapping[str, float | None], beside: Mapping[str, float | None]) -> dict[str, float | None]:
    """Divide each figure of the blocks while pages were open by that of before."""
    found: dict[str, float | None] = {}
    for name, before in without.items():
        after = beside[name]
        found[name] = round(after / before, 2) if before and after is not None else None
    return found
