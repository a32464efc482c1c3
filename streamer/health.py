"""How the service is, as `/healthz` tells it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Health:
    """How the media plane is.

    Attributes:
      healthy: whether it hears what is said.
      reason: why not, or an empty string.
      queue_age: seconds that the oldest window has been waiting for its text.
      calls_live, calls_most: calls going on, and how many there may be.
      calls_measured: whether that is about what the machine bears, as measured; else it was set.
      lexicon_trouble: why the lexicon could not be renewed, or an empty string; the last good one is kept.
      audio_received, audio_monitored, audio_blind: seconds since the service began, of calls live and past.
      events_lost: events that could neither be shown nor kept.
      console_restarts: times that the console had to be started again.
      agents_blind: calls going on in which the agent is not monitored at present.
      audio_late: seconds of audio that have not come in time, in the call that lacks the most.
      degraded: what fails while calls are heard all the same, or an empty string.
    """

    healthy: bool
    reason: str
    queue_age: float
    calls_live: int
    calls_most: int
    audio_received: float
    audio_monitored: float
    audio_blind: float
    violations: int
    model: str
    lexicon_version: str
    lexicon_trouble: str
    events_lost: int
    console_restarts: int
    calls_measured: bool = False
    agents_blind: int = 0
    audio_late: float = 0.0
    degraded: str = ""
