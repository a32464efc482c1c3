"""Is what was found as often true as its confidence says?

Of all that was found, blocked or not: how sure the detector was, in bands, against the share that was truly said. What
was said though nobody marked it there was said.

How often something is true depends on how often it is said. By sound, confidence is for terms that are said once in ten
hours of calls; in a set of people each phrase is said every few minutes. What confidence comes to where false ones are
as frequent, and true ones are that much more, is drawn as well.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.phrases import Judged, Share

BANDS = 10
"""Of confidence, all as wide."""
WRITTEN, UNWRITTEN = "written so in the text", "only heard, or written otherwise"
USUAL = 0.1
"""Times in an hour in which somebody listens for a phrase that it is said, where confidence is meant to be right."""
COLOURS = {WRITTEN: "#2b5fa8", UNWRITTEN: "#b07a00"}


@dataclass(frozen=True, slots=True)
class Told:
    """What the detector told of, how sure it was, and whether that was said."""

    confidence: float
    said: bool
    written: bool


@dataclass(frozen=True, slots=True)
class Band:
    """All of a set that was found with a confidence from `low` to below `high`, 1 included in the last.

    Attributes:
      confidence: mean.
      said: those that were truly said, of all.
    """

    low: float
    high: float
    confidence: float
    said: Share


def told_of(judged: Iterable[Judged]) -> list[Told]:
    """Give all that was found in some sets of recordings."""
    return [
        Told(found.confidence, said, found.written)
        for one in judged
        for some, said in ((one.right, True), (one.unmarked, True), (one.false, False))
        for found in some
    ]


def bands(told: Sequence[Told]) -> list[Band]:
    """Put what was found into bands; those in which there is nothing are left out."""
    sorted_out: dict[int, list[Told]] = {}
    for one in told:
        sorted_out.setdefault(min(int(one.confidence * BANDS), BANDS - 1), []).append(one)
    return [
        Band(
            number / BANDS,
            (number + 1) / BANDS,
            sum(one.confidence for one in some) / len(some),
            Share(sum(one.said for one in some), len(some)),
        )
        for number, some in sorted(sorted_out.items())
    ]


def error(told: Sequence[Told]) -> float:
    """Give by how much confidence and truth are apart in the mean, band by band (expected calibration error)."""
    apart = sum(band.said.of * abs(band.confidence - band.said.value) for band in bands(told))
    return apart / len(told) if told else 0.0


def by_kind(told: Sequence[Told]) -> dict[str, list[Told]]:
    """Tell apart what the text has as well, and what is only heard, or written as something that sounds like it."""
    return {
        WRITTEN: [one for one in told if one.written],
        UNWRITTEN: [one for one in told if not one.written],
    }


def where_said_oftener(confidence: float, often: float) -> float:
    """Give what a confidence comes to where phrases are said `often` times as often as it is meant for."""
    return confidence * often / (confidence * often + 1 - confidence)


def figures(told: Sequence[Told]) -> dict[str, Any]:
    """Give all there is to tell, as JSON has it."""
    kinds: Mapping[str, Sequence[Told]] = {"all": told, **by_kind(told)}
    return {
        name: {
            "error": error(some),
            "bands": [{**asdict(band), "bounds": band.said.bounds} for band in bands(some)],
        }
        for name, some in kinds.items()
    }


def draw(told: Sequence[Told], title: str, said_per_hour: float, picture: Path) -> None:
    """Draw the share truly said by confidence, with its interval, and below it how many were found so.

    Args:
      said_per_hour: of each phrase that was listened for.
    """
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 6), layout="constrained", sharex=True, height_ratios=(3, 1))
    above.plot([0, 1], [0, 1], color="#888", linestyle=":", label="as often true as it says")
    often = said_per_hour / USUAL
    steps = [step / 200 for step in range(201)]
    expected = [where_said_oftener(step, often) for step in steps]
    above.plot(steps, expected, color="#888", linestyle="--", label=f"the same, said {often:.0f} times as often")
    for name, some in by_kind(told).items():
        found = bands(some)
        if not found:
            continue
        at, shares = [band.confidence for band in found], [band.said for band in found]
        # A bound may lie a rounding error inside of what it bounds.
        off = [
            [max(0.0, share.value - share.bounds[0]) for share in shares],
            [max(0.0, share.bounds[1] - share.value) for share in shares],
        ]
        label = f"{name} ({len(some)} found; {error(some):.2f} off in the mean)"
        above.errorbar(
            at,
            [share.value for share in shares],
            off,
            fmt="o-",
            markersize=4,
            capsize=2,
            color=COLOURS[name],
            label=label,
        )
    above.set(ylabel="share truly said (95 %: Wilson)", ylim=(-0.02, 1.04))
    above.legend(loc="lower right", fontsize=8)
    above.set_title(title, fontsize=9)
    middles = [(number + 0.5) / BANDS for number in range(BANDS)]
    bottom = [0] * BANDS
    for name, some in by_kind(told).items():
        counts = {round(band.low * BANDS): band.said.of for band in bands(some)}
        heights = [counts.get(number, 0) for number in range(BANDS)]
        below.bar(middles, heights, width=0.9 / BANDS, bottom=bottom, color=COLOURS[name])
        bottom = [under + height for under, height in zip(bottom, heights, strict=True)]
    for middle, height in zip(middles, bottom, strict=True):
        if height:
            below.text(middle, height, str(height), ha="center", va="bottom", fontsize=8)
    below.set(xlabel="confidence", ylabel="found", xlim=(0, 1), ylim=(0, 1.18 * max([1, *bottom])))
    figure.savefig(picture)
