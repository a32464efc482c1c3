"""What to recognise next: which part of a channel's audio, and when. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True)
class WindowOptions:
    """The shape of windows, all in seconds.

    Attributes:
      hop: new audio that makes another look worth while.
      eager: the same while a term may be on somebody's lips.
      pause: silence after which what was said was said to its end; a look is due then, too.
      shortest: speech that there must be before the first look.
      longest: a window never holds more; longer speech is settled piece by piece.
      lead: audio before the start of speech that goes in with it, since voice activity is noticed late.
      tail: audio after its end.
      context: settled audio that goes in before what is not settled, so that no window begins in mid-word.
        On telephone calls, 1 second more of it lowered the error rate of Mandarin from 32 to 28 in 100 characters.
      margin: a full window settles all but this much of its end, where a word may be cut short.
    """

    hop: float = 0.2
    eager: float = 0.1
    pause: float = 0.15
    shortest: float = 0.5
    longest: float = 9.0
    lead: float = 0.3
    tail: float = 0.2
    context: float = 2.0
    margin: float = 1.0

    def __post_init__(self) -> None:
        if self.context + self.margin >= self.longest:
            raise ValueError(f"longest must be over {self.context + self.margin} s, or no window would get anywhere")


AT_LEISURE = WindowOptions(hop=1.5, pause=0.4)
"""Where terms are found in the sound itself: text is for what sound can't tell, and for people to read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A window to recognise, in seconds of call audio.

    Attributes:
      final: speech ends within it.
      paused: silence has begun at its end, and may be the end of speech.
      fresh: it begins with the speech, so that nothing comes before.
      settles: what is heard up to here stays, with no second opinion: all of it when speech has ended, all but
        the margin when windows get no longer, else nothing.
      speech: from and to when somebody speaks in it, as far as that is known by now.
    """

    start: float
    end: float
    final: bool
    settles: float
    paused: bool = False
    fresh: bool = False
    speech: tuple[float, float] = (0.0, 0.0)

    def unsettled(self, heard: float) -> tuple[tuple[float, float], ...]:
        """Give the speech that this window is the last to hear.

        Args:
          heard: seconds of call audio before which everything was heard.
        """
        start, end = max(self.speech[0], heard), min(self.speech[1], self.settles)
        return ((start, end),) if start < end else ()


@dataclass(slots=True)
class _Segment:
    """A stretch of speech; `end` is None while it lasts."""

    start: float
    end: float | None = None


class WindowPlanner:
    """Plans the windows of one channel, never two at once.

    A segment of speech is looked at every `hop` while it lasts, at each pause, and once more when it has ended. Each
    look begins `context` before the end of the text that is settled, so that only new speech is decoded.

    ```
    idle --next() gives a plan--> in flight --settled() or failed()--> idle
    ```

    A window that is due is planned only when the recogniser is free for it: so it holds all that has come in by then,
    and under load looks are further apart and longer by themselves.
    """

    def __init__(self, options: WindowOptions = WindowOptions()) -> None:
        self._options = options
        self._segments: deque[_Segment] = deque()
        self._received = 0.0
        self._quiet = inf
        self._eager = False
        self._settled = 0.0
        self._looked = 0.0
        self._plan: Plan | None = None

    @property
    def idle(self) -> bool:
        """Whether all speech that has ended was recognised, and none is going on."""
        return not self._segments

    @property
    def ending(self) -> bool:
        """Whether speech has ended that no window has heard to its end."""
        return bool(self._segments) and self._segments[0].end is not None

    @property
    def heard(self) -> float:
        """Seconds of call audio before which nothing is left to recognise."""
        return max(self._segments[0].start, self._settled) if self._segments else self._received

    @property
    def needed(self) -> float:
        """Seconds of call audio before which no window will look again."""
        start = self._start(self._segments[0]) if self._segments else self._received
        # Speech is noticed late: its first frames may lie in audio that still seems silent.
        return min(start, self._received - self._options.lead - 1.0)

    def speech_started(self, at: float) -> None:
        self._segments.append(_Segment(at))

    def speech_ended(self, at: float) -> None:
        self._segments[-1].end = at

    def audio_received(self, until: float, quiet: float | None = None) -> None:
        """Audio has come in, up to `until` seconds of the call; silent since `quiet`, if it may go on."""
        self._received = until
        self._quiet = inf if quiet is None else quiet

    def expect(self, eager: bool) -> None:
        """Look sooner from now on, since a term may be on somebody's lips; or no more."""
        self._eager = eager

    def skip(self, to: float) -> tuple[float, float] | None:
        """Give up the speech before `to` that no window has heard yet.

        Returns:
          the span that is lost, in seconds of call audio; None when there was none.
        """
        unheard = max(self.heard, self._plan.end if self._plan else 0.0)
        self._settle(to)
        return (unheard, to) if unheard < to else None

    @property
    def due(self) -> bool:
        """Whether there is a window to recognise."""
        return self._due() is not None

    def next(self) -> Plan | None:
        """Give the window that is due, if one is; it is then in flight until `settled` or `failed`."""
        plan = self._due()
        if plan is not None:
            self._plan, self._looked = plan, plan.end
        return plan

    def _due(self) -> Plan | None:
        if self._plan is not None or not self._segments:
            return None
        segment, options = self._segments[0], self._options
        start = self._start(segment)
        available = self._received if segment.end is None else min(self._received, segment.end + options.tail)
        end = min(available, start + options.longest)
        final = segment.end is not None and end == available
        full = end - start >= options.longest
        whole = self._quiet + options.pause
        paused = segment.end is None and whole <= end
        if not (final or full):
            spoken = end - max(segment.start, self._settled)
            news = end - self._looked >= (options.eager if self._eager else options.hop)
            if spoken < options.shortest or not (news or (paused and self._looked < whole)):
                return None
        settles = end if final else end - options.margin if full else start
        speech = segment.start, end if segment.end is None else min(segment.end, end)
        return Plan(start, end, final, settles, paused, start <= segment.start, speech)

    def settled(self, until: float) -> None:
        """The window in flight was heard, and text is settled up to `until`.

        What the window settles is past even where nothing was heard in it: noise must not hold up the speech
        after it.
        """
        plan, self._plan = self._plan, None
        self._settle(until if plan is None else max(until, plan.settles))

    def failed(self) -> None:
        """The window in flight was not heard; the next one holds its audio again."""
        self._plan = None

    def _settle(self, until: float) -> None:
        self._settled = max(self._settled, until)
        while self._segments and (end := self._segments[0].end) is not None and end <= self._settled:
            self._segments.popleft()

    def _start(self, segment: _Segment) -> float:
        lead = max(0.0, segment.start - self._options.lead)
        return max(lead, self._settled - self._options.context) if self._settled > lead else lead
