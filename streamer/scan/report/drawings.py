"""Where the lines of drawings go; their colours are the style sheet's, their words the page's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10

from streamer.scan.report.choosing import SEVERITIES
from streamer.scan.report.days import Column, Trend
from streamer.scan.report.sound import PEAKS, Clip
from streamer.scan.results import Found

ROW = 40
"""Height of one channel of a waveform."""
WIDE, BROAD = 10, 7
"""Room of a chart's column, and its own width; it is 100 high."""
NAMED = 6
"""Columns of a chart that have their names below them, at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a bar or column that stands for a severity; `start` and `size` in hundredths of the whole."""

    severity: str
    count: int
    start: float
    size: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A column of a chart, upwards.

    Attributes:
      x: where it begins, `WIDE` further than the last; `BROAD` of that is filled.
      parts: from the bottom.
      calls: height of the calls' own column, in hundredths.
      name: in figures; `named`: whether it is written below.
    """

    column: Column
    x: float
    parts: tuple[Part, ...]
    calls: float
    name: str
    named: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """Columns side by side; `most` and `most_calls` are what their scales end with."""

    bars: tuple[Bar, ...]
    most: int
    most_calls: int


@dataclass(frozen=True, slots=True)
class Wave:
    """A waveform: a line for each channel, in a box of `width` and `height`, and the term's place in it."""

    width: int
    height: int
    lines: tuple[str, ...]
    term_x: float
    term_width: float


def stacked(violations: Mapping[str, int], most: int) -> tuple[Part, ...]:
    """Lay severities end to end, the gravest first; `most` is 100."""
    parts: list[Part] = []
    at = 0.0
    for severity in [*SEVERITIES, *sorted(set(violations) - set(SEVERITIES))]:
        count = violations.get(severity, 0)
        if count:
            size = round(100 * count / max(1, most), 2)
            parts.append(Part(severity, count, round(at, 2), size))
            at += size
    return tuple(parts)


def chart(trend: Trend) -> Chart:
    """Draw a trend as columns."""
    most = _easily_read(max((sum(column.violations.values()) for column in trend.columns), default=0))
    most_calls = _easily_read(max((column.calls for column in trend.columns), default=0))
    each = -(-len(trend.columns) // NAMED)
    form = "%Y-%m" if trend.step == "months" else "%m-%d"
    bars = tuple(
        Bar(
            column,
            n * WIDE + (WIDE - BROAD) / 2,
            stacked(column.violations, most),
            round(100 * column.calls / most_calls, 2),
            column.first.strftime(form),
            n % each == 0,
        )
        for n, column in enumerate(trend.columns)
    )
    return Chart(bars, most, most_calls)


def wave(clip: Clip, found: Found) -> Wave:
    """Draw a clip, one channel below the other."""
    width = max((len(peaks) for peaks in clip.peaks), default=0)
    lines = tuple(_line(peaks, round((row + 0.5) * ROW)) for row, peaks in enumerate(clip.peaks))
    start = min(max(0.0, (found.start - clip.start) * PEAKS), width)
    end = min(max(start, (found.end - clip.start) * PEAKS), width)
    return Wave(width, len(clip.peaks) * ROW, lines, round(start, 1), round(max(1.0, end - start), 1))


def _line(peaks: Sequence[float], middle: int) -> str:
    """One upright stroke for each peak."""
    halves = [max(1, round(peak * (ROW / 2 - 2))) for peak in peaks]
    return "".join(f"M{x}.5 {middle - half}v{2 * half}" for x, half in enumerate(halves))


def _easily_read(most: int) -> int:
    """The next number for the end of a scale whose half is whole, too."""
    if most <= 2:
        return 2
    tens = 10 ** floor(log10(most))
    steps = (step * tens for step in (1, 2, 3, 4, 5, 6, 8, 10))
    return int(next(step for step in steps if step >= most and step % 2 == 0))
