"""How latencies grow with the streams at once, a line to each peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.load import Load
from benchmarks.peers.scoring import figures

COLOURS = ("#1a7f4b", "#c0262d", "#2b5fb3", "#b36b00", "#7a3fa0")


def draw(loads: Mapping[str, Sequence[Load]], bound: float, path: Path) -> None:
    """Draw the medians, with the clips found at each point, and Huazha's signal besides."""
    import matplotlib as mpl  # noqa: PLC0415 - only for the picture

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415 - likewise

    figure, axes = plt.subplots(figsize=(7.5, 4.5), layout="constrained")
    for colour, (name, told) in zip(COLOURS, loads.items(), strict=False):
        ways = [(name, "o-", [figures([found.sound for found in load.found]) for load in told])]
        if any(found.blocked is not None for load in told for found in load.found):
            signals = [figures([found.blocked for found in load.found]) for load in told]
            ways.append((f"{name}, block signal", "s--", signals))
        for label, style, by_streams in ways:
            points = [
                (load.streams, at.p50, f"{at.hits}/{len(load.found)}")
                for load, at in zip(told, by_streams, strict=True)
                if at.p50 is not None
            ]
            if not points:
                continue
            axes.plot([x for x, _, _ in points], [y for _, y, _ in points], style, color=colour, label=label)
            for x, y, hits in points:
                axes.annotate(hits, (x, y), textcoords="offset points", xytext=(4, 4), fontsize=7, color=colour)
    axes.axhline(bound, color="#999999", linewidth=0.8, linestyle=":")
    streams = sorted({load.streams for told in loads.values() for load in told})
    axes.set(xlabel="streams at once", ylabel="seconds from the term's end to its text, median", xticks=streams)
    # A peer that is far behind would press the others into one line.
    axes.set_ylim(min(0.0, axes.get_ylim()[0]), min(axes.get_ylim()[1], 4 * bound))
    axes.legend(loc="upper left", fontsize=8)
    figure.savefig(path)
    plt.close(figure)
