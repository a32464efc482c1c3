"""What `benchmarks.gpu` has measured: what follows from it, and its tables. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.table import Table

from benchmarks.bearable import Most, Probe
from benchmarks.error_rates import error_rate

LONGEST = 0.5
"""Part of the bound that a batch may take: whoever is not in it waits for the next."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one model, in one compute type, in batches of one size.

    Attributes:
      thorough, hurried: windows a second.
      thorough_took, hurried_took: seconds that a batch took its worker.
      spectrum, encoder: milliseconds of a window.
      apart: by how much what was heard differs from what the model heard in the first type, as an error rate.
    """

    model: str
    compute_type: str
    workers: int
    batch: int
    thorough: float
    thorough_took: float
    hurried: float
    hurried_took: float
    spectrum: float
    encoder: float
    apart: float

    def __str__(self) -> str:
        speeds = f"{self.thorough:g} windows a second, {self.hurried:g} in a hurry"
        return f"{self.model} in {self.compute_type}, batches of {self.batch}: {speeds}"


def difference(wanted: Mapping[str, str], heard: Mapping[str, str], language: str) -> float:
    """Give the error rate of one text of a language against another."""
    return error_rate([({"agent": wanted[language]}, {"agent": heard[language]})], language)


def fastest(rates: Sequence[Measured], model: str, bound: float) -> Measured | None:
    """Choose what a model bears most calls with: most hurried windows a second, for many calls leave no time.

    Args:
      bound: seconds from a term's end to its block, of which a batch may take a part.
    """
    of_it = [one for one in rates if one.model == model]
    prompt = [one for one in of_it if one.hurried_took <= LONGEST * bound]
    return max(prompt or of_it, key=lambda one: one.hurried, default=None)


def rates_table(rates: Sequence[Measured]) -> Table:
    """Lay out windows a second."""
    of_a_window = ("spectrum ms", "encoder ms", "text apart")
    table = Table("model", "type", "batch", "windows/s", "a batch s", "hurried/s", "a batch s", *of_a_window)
    for one in rates:
        speeds = (one.thorough, one.thorough_took, one.hurried, one.hurried_took, one.spectrum, one.encoder)
        table.add_row(one.model, one.compute_type, str(one.batch), *map(str, speeds), f"{one.apart:.1%}")
    return table


def calls_table(probes: Sequence[tuple[str, Probe]], found: Mapping[str, Most]) -> Table:
    """Lay out what came of so many calls at once, and under those of each model what was found."""
    figures = ("p50", "p95", "blocked", "of", "false", "blind s", "cores", "busy", "caller late s", "borne")
    table = Table("model", "calls at once", *figures)
    for model in dict.fromkeys([*(model for model, _ in probes), *found]):
        for p in (probe for name, probe in probes if name == model):
            values = (p.at_once, p.p50, p.p95, p.blocked, p.of, p.false, p.blind, p.cores, p.busy, p.behind)
            table.add_row(model, *("–" if value is None else str(value) for value in values), p.fault or "yes")
        if model in found:
            table.add_row(model, f"most: {found[model]}", style="bold", end_section=True)
    return table
