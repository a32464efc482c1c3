"""What came of people's phrases, told: the tables, the figures, and the pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import reliability
from benchmarks.phrases import Judged, Rate, Share, curve, false_rates, shares
from benchmarks.streams import percentile

NAMED = 12
"""Phrases that are named for each degradation; `figures` has all."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of a set of people, by what was done to its recordings.

    Attributes:
      rules: how many phrases were listened for.
      way, model, commit: how, with which Whisper, and by which version of Huazha.
      unmonitored: seconds, by degradation; of live calls only.
    """

    language: str
    minutes: float
    rules: int
    way: str
    model: str
    commit: str
    judged: Mapping[str, Judged]
    unmonitored: Mapping[str, float]

    @property
    def title(self) -> str:
        what = f"{self.language}, {self.minutes:.1f} minutes, {self.rules} phrases listened for"
        return f"{what}, {self.way}, {self.commit}"

    @property
    def told(self) -> list[reliability.Told]:
        """All that was found, whatever was done to the recordings."""
        return reliability.told_of(self.judged.values())

    def figures(self) -> dict[str, Any]:
        """Give all there is to tell, as JSON has it."""
        return {
            "commit": self.commit,
            "way": self.way,
            "model": self.model,
            "minutes": self.minutes,
            "rules": self.rules,
            "unmonitored": self.unmonitored,
            "degradations": {name: figures(one) for name, one in self.judged.items()},
            "reliability": reliability.figures(self.told),
        }


def show(measured: Measured) -> None:
    """Print the tables, and name some of what was missed and what was false."""
    judged = measured.judged
    table = Table("", *judged, title=measured.title)
    groups = {name: shares(one.phrases) for name, one in judged.items()}
    for group in groups[next(iter(groups))]:
        label = f"length {group}" if group.isdigit() else group
        table.add_row(label, *(_share(groups[name][group]) for name in judged))
    rates = {name: false_rates(one) for name, one in judged.items()}
    for rate in rates[next(iter(rates))]:
        table.add_row(rate, *(_rate(rates[name][rate]) for name in judged))
    late = {name: [phrase.late for phrase in one.phrases if phrase.late is not None] for name, one in judged.items()}
    if any(late.values()):
        for percent in (50, 95):
            table.add_row(
                f"seconds to the block, p{percent}", *(f"{percentile(some, percent)}" for some in late.values())
            )
    Console(width=40 + 32 * len(judged)).print(table)
    Console(width=140).print(_by_confidence(measured.told))
    for name, seconds in measured.unmonitored.items():
        print(f"{name}: {seconds:.1f} s were not monitored")
    for name, one in judged.items():
        missed = [f"{phrase.file} {phrase.term}" for phrase in one.phrases if not phrase.blocked]
        false = [f"{found.file} {found.term}" for found in one.falsely_blocked]
        unmarked = [f"{found.file} {found.term}" for found in one.unmarked if found.blocked]
        for label, some in (("missed", missed), ("false", false), ("said, not marked", unmarked)):
            if some:
                more = f"; and {len(some) - NAMED} more" if len(some) > NAMED else ""
                print(f"{name}: {label}: {', '.join(some[:NAMED])}{more}")


def _by_confidence(told: Sequence[reliability.Told]) -> Table:
    table = Table("confidence", "of all found, said", *reliability.by_kind(told), title="as sure as it is true?")
    groups = [{band.low: band for band in reliability.bands(some)} for some in reliability.by_kind(told).values()]
    for band in reliability.bands(told):
        kinds = ("" if band.low not in group else _share(group[band.low].said) for group in groups)
        table.add_row(f"{band.low:.1f} to {band.high:.1f}, mean {band.confidence:.2f}", _share(band.said), *kinds)
    errors = [f"{reliability.error(some):.3f}" for some in (told, *reliability.by_kind(told).values())]
    table.add_row("off, in the mean", *errors)
    return table


def _share(share: Share) -> str:
    low, high = share.bounds
    return f"{share.some} of {share.of}: {share.value:.0%} ({low:.0%} to {high:.0%})"


def _rate(rate: Rate) -> str:
    low, high = rate.bounds
    return f"{rate.value:.3g} ({low:.2g} to {high:.2g}), {rate.times} in all"


def figures(judged: Judged) -> dict[str, Any]:
    """Give all there is to tell, as JSON has it."""
    late = [phrase.late for phrase in judged.phrases if phrase.late is not None]
    return {
        "blocked": {name: {**asdict(one), "bounds": one.bounds} for name, one in shares(judged.phrases).items()},
        "false": {name: {**asdict(one), "bounds": one.bounds} for name, one in false_rates(judged).items()},
        "seconds to the block": {f"p{percent}": percentile(late, percent) for percent in (50, 95)},
        "phrases": [asdict(phrase) for phrase in judged.phrases],
        "false found": [asdict(found) for found in judged.false],
        "said, not marked": [asdict(found) for found in judged.unmarked],
        "curve": [*curve(judged)],
    }


def draw(measured: Measured, folder: Path) -> None:
    """Draw both pictures of a set."""
    draw_curve(measured.judged, measured.title, folder / f"det-{measured.language}.svg")
    picture = folder / f"reliability-{measured.language}.svg"
    said = sum(len(one.phrases) for one in measured.judged.values())
    hours = sum(one.term_hours for one in measured.judged.values())
    reliability.draw(measured.told, f"{measured.title}: {', '.join(measured.judged)}", said / hours, picture)


def draw_curve(judged: Mapping[str, Judged], title: str, picture: Path) -> None:
    """Draw what is missed against what is false, by the confidence from which all is blocked; dots are as it is."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    colours = ("#1a7f4b", "#c0262d", "#2b5fa8", "#b07a00")
    for (name, one), colour in zip(judged.items(), colours, strict=False):
        points = [*curve(one)]
        axes.step(
            [rate for _, _, rate in points], [missed for _, missed, _ in points], where="post", label=name, color=colour
        )
        blocks, rate = shares(one.phrases)["all"], false_rates(one)["false per term-hour"]
        axes.plot(rate.value, 1 - blocks.value, "o", color=colour, markersize=5)
    # One false in all there was: below it, where no logarithm is, the axis is even.
    least = 1 / max(one.term_hours for one in judged.values())
    axes.set_xscale("symlog", linthresh=least)
    axes.set(xlabel="false per term-hour", ylabel="share of phrases missed", xlim=(-least / 10, None), ylim=(0, 1))
    axes.set_title(title, fontsize=9)
    axes.legend(loc="upper right", fontsize=8)
    figure.savefig(picture)
