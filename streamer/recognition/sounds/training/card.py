"""The card of a head: what it was trained on, under which licences, and how well it reads voices that are held back."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamer.recognition.sounds.training.calibrate import ONCE, RATES
from streamer.recognition.sounds.training.shards import Row

STATES_A_SECOND = 50


@dataclass(frozen=True)
class Report:
    """What is to be told of a training.

    Attributes:
      command: that repeats it.
      options: of the training, by name.
      rows: of all that was encoded, each version for itself.
      error_rate: share of units read wrong, of what voices say that are held back.
      thresholds: by what they are for, for phrases of 1, 2, 3, ... units.
      recall: by what thresholds are for: the share of phrases found, by length.
      reliability: bands of likelihood, as `calibrate.reliability` gives them.
    """

    command: str
    options: Mapping[str, Any]
    rows: Sequence[Row]
    error_rate: float
    thresholds: Mapping[str, Sequence[float]]
    recall: Mapping[str, Mapping[int, float]]
    reliability: Sequence[tuple[float, float, int, float, float]]


def written(file: Path, whisper: str, language: str, report: Report) -> str:
    """Write the card of a head's file, in Markdown."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    size = file.stat().st_size / 1e6
    lines = [
        f"# {file.name}",
        "",
        f"Reads {'syllables' if language == 'zh' else 'letters'} ({language}) off the states of Whisper {whisper}'s "
        "encoder. Trained by",
        "",
        f"    {report.command}",
        "",
        f"{size:.1f} MB, SHA-256 `{digest}`.",
        "",
        "## Data",
        "",
        *_table(("voices", "licence", "speakers", "utterances", "hours", "held back"), _voices(report.rows)),
        "",
        "Hours are those of windows that were encoded, each disturbed version counted. What is held back is never "
        "trained on; the weights were chosen by it, and thresholds and likelihoods are set by it.",
        "",
        "## Options",
        "",
        *_table(("option", "value"), ((name, str(value)) for name, value in report.options.items())),
        "",
        "## What it reads of voices that are held back",
        "",
        f"Units read wrong, without any search: {report.error_rate:.1%}.",
        "",
        f"Phrases that are found, at thresholds (nats lost per unit) that false ones reach {_rates()}:",
        "",
        *_table(
            ("units", *(f"{name}: {what}" for name in report.thresholds for what in ("least score", "found"))),
            (
                (
                    f"{length}",
                    *(
                        value
                        for name, scores in report.thresholds.items()
                        for value in (f"{scores[length - 1]:.2f}", f"{report.recall[name][length]:.0%}")
                    ),
                )
                for length in sorted(next(iter(report.recall.values())))
            ),
        ),
        "",
        f"Likelihoods, where each phrase is truly said once in {ONCE:g} hours:",
        "",
        *_table(
            ("from", "to", "places", "mean likelihood", "share that was said"),
            (
                (f"{low:.2f}", f"{high:.2f}", str(count), f"{mean:.3f}", f"{true:.3f}")
                for low, high, count, mean, true in report.reliability
            ),
        ),
    ]
    return "\n".join(lines) + "\n"


def _voices(rows: Iterable[Row]) -> list[tuple[str, ...]]:
    groups: dict[tuple[str, str, bool], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.voice.partition(":")[0], row.licence, row.held].append(row)
    return [
        (
            name,
            licence,
            str(len({row.voice for row in some})) if ":" in some[0].voice else "a new mixture each",
            str(len(some)),
            f"{sum(row.length for row in some) / STATES_A_SECOND / 3600:.2f}",
            "yes" if held else "",
        )
        for (name, licence, held), some in sorted(groups.items())
    ]


def _rates() -> str:
    return " and ".join(f"{rate:g} times ({name})" for name, rate in RATES.items()) + " an hour and phrase"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)]
