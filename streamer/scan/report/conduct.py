"""How calls were held, taken together: who talked how much, how fast, and for how long nobody did. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from streamer.scan.results import Scanned

AGENT = "agent"
UNITS = {"zh": "characters"}
"""What pace counts where a call doesn't say, by language; words where there is none."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """Measures of several calls; None where no call has them.

    Attributes:
      talk: the agent's share of all that was said, 0 to 1, in the calls that have both legs.
      pace: of the agent's own speech, by what is counted a minute: `characters` in Chinese calls, else `words`.
      silence: share of the calls' time in which nobody speaks, 0 to 1.
      longest_silence: seconds, in any one call.
      overlap: share of the time in which both speak, 0 to 1, in the calls that have both legs.
    """

    talk: float | None
    pace: Mapping[str, float]
    silence: float | None
    longest_silence: float | None
    overlap: float | None


def together(calls: Iterable[Scanned]) -> Conduct:
    """Take calls together, each by its length."""
    talk, silence, overlap = _Share(), _Share(), _Share()
    pace: dict[str, _Share] = defaultdict(_Share)
    longest: list[float] = []
    for call in calls:
        metrics = call.metrics
        seconds, ratios, paces = (_mapping(metrics, name) for name in ("talk_seconds", "talk_ratio", "pace"))
        own = _number(seconds.get(AGENT))
        if len(call.channels) > 1:
            said = sum(_number(value) or 0.0 for value in seconds.values())
            # Where only the ratio is known, each call counts by its speech.
            talk.add(_number(ratios.get(AGENT)), said or call.speech_seconds)
            overlap.add_part(_number(metrics.get("overlap_seconds")), call.duration)
        silence.add_part(_number(metrics.get("silence_seconds")), call.duration)
        unit = metrics.get("unit")
        counted = unit if isinstance(unit, str) else UNITS.get(call.key.language, "words")
        pace[counted].add(_number(paces.get(AGENT)), call.duration if own is None else own)
        lull = _lull(metrics.get("longest_silence"))
        longest += [] if lull is None else [lull]
    return Conduct(
        talk.value,
        {unit: share.value for unit, share in sorted(pace.items()) if share.value is not None},
        silence.value,
        max(longest, default=None),
        overlap.value,
    )


@dataclass(slots=True)
class _Share:
    """A mean by weight."""

    sum: float = 0.0
    weight: float = 0.0

    def add(self, value: float | None, weight: float) -> None:
        if value is not None and weight > 0:
            self.sum += value * weight
            self.weight += weight

    def add_part(self, part: float | None, whole: float) -> None:
        if part is not None and whole > 0:
            self.sum += part
            self.weight += whole

    @property
    def value(self) -> float | None:
        return self.sum / self.weight if self.weight > 0 else None


def _mapping(metrics: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = metrics.get(name)
    return value if isinstance(value, Mapping) else {}


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)


def _lull(value: object) -> float | None:
    """Seconds, whether they stand alone or with where they were: `{"seconds": 7.2, "from": 3.1, "to": 10.3}`."""
    return _number(value.get("seconds")) if isinstance(value, Mapping) else _number(value)
