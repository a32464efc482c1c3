"""How a call is led: who speaks for how long, how fast, at the same time, or not at all. Pure.

What is measured, and how:

- **Speech** is what the voice activity detection says it is, which bridges pauses of up to 0.4 s. The recogniser has no
  part in it, so that what was spoken and not understood is talk all the same.
- **Silence** is counted while nobody speaks on any channel, from the first speech on: what comes before may be ringing.
  It is not counted while a channel is not heard, because its audio was lost or is more than `BEHIND` seconds late: who
  knows what was said there. In a call of one channel, silence is that channel's.
- **Overlap** is counted while two channels speak.
- **Talk ratio** is a channel's talk, divided by that of all channels.
- **Pace** is counted in committed words: `detector.pace` says how.

Channels may be ahead of each other. What is measured across them is measured up to the second that is known of all.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum

from detector.bounds import Bounds, Passing, unit
from detector.pace import Pace
from detector.types import CallMetrics, Stretch, Word
from lexicon.types import Rule

BEHIND = 30.0
"""Seconds by which a channel may be behind the others: after that, it is taken for not heard until it has caught up.
More than the 20 that a platform may send at once, one channel after the other."""
LAST = 1.0
"""Seconds by which channels end at different times although they end together."""
LEAST_TALK = 30.0
"""Seconds of talk without which no rule is about its shares: on an answering machine only the agent speaks."""


class Voice(IntEnum):
    """What is on a channel."""

    SILENT = 0
    SPEAKING = 1
    UNHEARD = 2


Change = tuple[float, Voice]
"""The second of call audio from which on a channel is so."""


@dataclass(slots=True)
class _Leg:
    """One channel; `known` is the second up to which all its changes have been told."""

    pace: Pace
    changes: deque[Change] = field(default_factory=deque)
    voice: Voice = Voice.SILENT
    known: float = 0.0
    talk: float = 0.0


class Conduct:
    """Measures one call.

    ```
    take(), heard(), ... --> news()
    finish() --> news()
    ```

    A recording, of which all is known beforehand, is taken in by `whole` instead.

    Args:
      channels: the call's.
      language: the one that is spoken: whether pace counts characters or words.
      rules: those that set bounds are watched.
    """

    def __init__(self, channels: Sequence[str], language: str, rules: Iterable[Rule] = ()) -> None:
        self._legs = {name: _Leg(Pace(language)) for name in channels}
        self._bounds = Bounds(rules, channels)
        self._unit = unit(language)
        self._at = 0.0
        self._begun = False
        self._silence = 0.0
        self._quiet: Stretch | None = None
        self._longest: Stretch | None = None
        self._overlap = 0.0
        self._both: Stretch | None = None

    def take(self, channel: str, changes: Iterable[Change], until: float) -> None:
        """Take in how a channel changed.

        Args:
          changes: in their order, after those before.
          until: seconds of call audio up to which there are no others.
        """
        leg = self._legs[channel]
        for change in changes:
            leg.changes.append(change)
            _pace(leg.pace, *change)
        leg.known = max(leg.known, until)
        known = [one.known for one in self._legs.values()]
        self._go_on(max(min(known), max(known) - BEHIND))

    def heard(self, channel: str, words: Iterable[Word]) -> None:
        """Take in words that were committed on a channel; the changes up to their end have been taken in."""
        pace = self._legs[channel].pace
        pace.heard(words)
        self._bounds.pace(channel, pace.fastest)

    def news(self) -> list[Passing]:
        """Give the bounds that were passed since this was last asked, in the order in which they were."""
        return self._bounds.news()

    def finish(self, duration: float) -> CallMetrics:
        """End the call.

        Args:
          duration: seconds of call audio.
        """
        for leg in self._legs.values():
            if duration - leg.known <= LAST:
                leg.known = max(leg.known, duration)
            leg.pace.finish()
        self._go_on(duration)
        metrics = self._metrics()
        for channel, share in metrics.talk_ratio.items():
            if share is not None and sum(metrics.talk_seconds.values()) >= LEAST_TALK:
                self._bounds.talk_ratio(channel, share, Stretch(0.0, duration))
        for channel, fastest in metrics.fastest.items():
            self._bounds.pace(channel, fastest)
        self._bounds.finish()
        return metrics

    def whole(
        self, speech: Mapping[str, Iterable[tuple[float, float]]], words: Mapping[str, Iterable[Word]], duration: float
    ) -> CallMetrics:
        """Take in a whole call at once, and end it.

        Args:
          speech: by channel, from and to in seconds of call audio; in any order, and they may overlap.
          words: by channel, those that were committed, in their order.
          duration: seconds of call audio.
        """
        for name, leg in self._legs.items():
            changes = deque(_changes(speech.get(name, ())))
            leg.changes.extend(changes)
            leg.known = duration
            for word in words.get(name, ()):
                while changes and changes[0][0] <= word.end:
                    _pace(leg.pace, *changes.popleft())
                leg.pace.heard((word,))
        return self.finish(duration)

    def _go_on(self, until: float) -> None:
        """Measure up to a second of the call."""
        legs = self._legs.values()
        while self._at < until:
            end = min([until, *(leg.changes[0][0] for leg in legs if leg.changes)])
            if end > self._at:
                self._measure(Stretch(self._at, end))
                self._at = end
            for leg in legs:
                while leg.changes and leg.changes[0][0] <= self._at:
                    leg.voice = leg.changes.popleft()[1]

    def _measure(self, stretch: Stretch) -> None:
        """Measure a stretch in which nothing changes."""
        known = [leg for leg in self._legs.values() if leg.known >= stretch.end and leg.voice is not Voice.UNHEARD]
        speaking = [leg for leg in known if leg.voice is Voice.SPEAKING]
        for leg in speaking:
            leg.talk += stretch.seconds
        self._begun = self._begun or bool(speaking)
        if self._begun and not speaking and len(known) == len(self._legs):
            self._silence += stretch.seconds
            self._quiet = _longer(self._quiet, stretch)
            if self._longest is None or self._quiet.seconds > self._longest.seconds:
                self._longest = self._quiet
            self._bounds.silence(self._quiet)
        elif self._quiet is not None:
            self._quiet = None
            self._bounds.spoke()
        if len(speaking) > 1:
            self._overlap += stretch.seconds
            self._both = _longer(self._both, stretch)
            self._bounds.overlap(self._overlap, self._both)
        else:
            self._both = None

    def _metrics(self) -> CallMetrics:
        talk = {name: leg.talk for name, leg in self._legs.items()}
        everybody = sum(talk.values()) if len(talk) > 1 else 0.0
        return CallMetrics(
            talk_seconds=talk,
            talk_ratio={name: seconds / everybody if everybody else None for name, seconds in talk.items()},
            silence_seconds=self._silence,
            longest_silence=self._longest,
            overlap_seconds=self._overlap,
            pace={name: leg.pace.mean for name, leg in self._legs.items()},
            fastest={name: leg.pace.fastest for name, leg in self._legs.items()},
            unit=self._unit,
        )


def _pace(pace: Pace, at: float, voice: Voice) -> None:
    if voice is Voice.SPEAKING:
        pace.began(at)
    else:
        pace.ended(at)


def _changes(speech: Iterable[tuple[float, float]]) -> list[Change]:
    """Give how a channel changes, by what was spoken on it; what overlaps or touches is one."""
    spells: list[Stretch] = []
    for start, end in sorted(speech):
        if spells and start <= spells[-1].end:
            spells[-1] = Stretch(spells[-1].start, max(spells[-1].end, end))
        else:
            spells.append(Stretch(start, end))
    return [change for spell in spells for change in ((spell.start, Voice.SPEAKING), (spell.end, Voice.SILENT))]


def _longer(stretch: Stretch | None, more: Stretch) -> Stretch:
    return Stretch(more.start if stretch is None else stretch.start, more.end)
