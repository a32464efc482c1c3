"""The phrases of a lexicon, searched in what an ear hears. Pure."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from detector.spotting import Spot, spotter_of
from detector.types import Denial, SoundHit, SoundLook
from lexicon.compiler import Role, Table
from lexicon.negation import Cue, short_cues
from lexicon.pronunciation import pronounce
from lexicon.spoken import Spoken
from streamer.recognition.recognizer import Heard
from streamer.recognition.sounds.finding import SOONER
from streamer.recognition.sounds.form import About, Likelihood

CANDIDATE, SURE = "candidate", "sure"
"""The thresholds from which on a phrase may have been said, and was said beyond doubt."""


_KNOWN: WeakKeyDictionary[Spoken, SoundSearch] = WeakKeyDictionary()


def search_of(table: Table, about: About | None) -> SoundSearch | None:
    """Give the search of a table's phrases, made once; None where nobody hears sounds in its language.

    Args:
      about: the head that hears, the same for all calls; one that was not calibrated finds nothing.
    """
    if about is None or about.likelihood is None or table.spoken is None:
        return None
    if (known := _KNOWN.get(table.spoken)) is None:
        known = _KNOWN[table.spoken] = SoundSearch(table, about, about.likelihood)
    return known


def live_search_of(table: Table, about: About | None) -> SoundSearch | None:
    """Give the search of a table's phrases for calls in progress; None where they gain nothing by it."""
    return search_of(table, about) if table.language in SOONER else None


BEYOND_DOUBT = 0.8
"""Confidence of what reaches the sure threshold, at least: it is false there twice in a hundred hours in which a phrase
is listened for, and true eight times where that is said once in ten hours."""


WORST = -3.0
"""Nats that the worst heard of a sure phrase's units may lose: where one was clearly another, as in 没有风险 for
投资有风险, the others may be as clear as they like."""


class SoundSearch:
    """Finds one lexicon's phrases in sounds; shared by all calls, and used from several threads at once.

    Args:
      table: whose language is the head's.
      about, likelihood: the head that hears, and what its scores are worth.

    Raises:
      ValueError: the head is of another language, or tells other units apart.
    """

    def __init__(self, table: Table, about: About, likelihood: Likelihood) -> None:
        spoken, spotter = table.spoken, spotter_of(table)
        if spoken is None or spotter is None or about.language != table.language:
            raise ValueError(f"a head of {about.language} hears no {table.language}")
        # Neither the table nor what is spoken is kept: this lives no longer than they do.
        self._spotter, self._uses = spotter, table.uses
        self._denying = {spoken.phrases + at for at, (_, cue) in enumerate(spoken.cues) if cue is not Cue.SEEMS}
        self._scopes = {table.rules[use.rule].channel for uses in table.uses for use in uses if use.role is Role.TERM}
        self._likelihood = likelihood
        units = np.full(spoken.phrases + len(spoken.cues), 1, dtype=np.int64)
        for code, owner in zip(spoken.codes, spoken.owners, strict=True):
            units[owner] = max(units[owner], len(code))
        floors, sure = (np.array(about.thresholds[name]) for name in (CANDIDATE, SURE))
        self._units = units
        self._codes: dict[int, list[tuple[int, ...]]] = {}
        for code, owner in zip(spoken.codes, spoken.owners, strict=True):
            self._codes.setdefault(owner, []).append(code)
        # What one unit says is nowhere sure; but where it is what was heard best, it may deny what follows.
        self._short = [code[0] for cue in short_cues(table.language) for code in pronounce(cue, table.language)]
        self._floors = floors[np.minimum(units, len(floors)) - 1]
        self._sure = sure[np.minimum(units, len(sure)) - 1]

    def covers(self, channel: str) -> bool:
        """Whether there is any term that counts on a channel."""
        return any(scope.covers(channel) for scope in self._scopes)

    def __call__(self, heard: Heard, channel: str, *, paused: bool) -> SoundLook:
        """Give all phrases that may have been said.

        Args:
          paused: silence had begun at its end.
        """
        spots = self._spotter.find(heard.posteriors, self._floors)
        cues = [(spot.start, spot.end, False) for spot in spots if spot.phrase in self._denying]
        best = np.flatnonzero(np.isin(heard.posteriors.argmax(axis=1), self._short)).tolist()
        cues += [(frame, frame + 1, True) for frame in best]
        return SoundLook(
            channel,
            tuple(hit for spot in spots if spot.phrase < len(self._uses) for hit in self._hits(spot, heard)),
            until=heard.start + len(heard.posteriors) * heard.step,
            paused=paused,
            start=heard.start,
            denials=tuple(
                Denial(heard.start + start * heard.step, heard.start + end * heard.step, short)
                for start, end, short in cues
            ),
        )

    def _worst(self, spot: Spot, heard: Heard) -> float:
        """Give what the worst heard unit of a phrase lost where it was heard best, as the phrase is said best."""
        said = heard.posteriors[spot.start : spot.end]
        lost = (said - said.max(axis=1, keepdims=True)).max(axis=0)
        return max(float(lost[list(code)].min()) for code in self._codes[spot.phrase])

    def _hits(self, spot: Spot, heard: Heard) -> list[SoundHit]:
        confidence = self._likelihood.of(spot.score, int(self._units[spot.phrase]))
        start, end = heard.start + spot.start * heard.step, heard.start + spot.end * heard.step
        # A threshold of nought is none: what is so short is never sure by its sound.
        floor = self._sure[spot.phrase]
        sure = bool(floor < 0 and spot.score >= floor and self._worst(spot, heard) >= WORST)
        confidence = max(confidence, BEYOND_DOUBT) if sure else confidence
        return [SoundHit(use, start, end, spot.score, confidence, sure) for use in self._uses[spot.phrase]]
