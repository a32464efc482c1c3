"""One call, from its first frame to its account of itself. Pure: start reading here.

`receive` notes the audio that comes in, `portions` hands it out to be processed, and `take` takes in where speech is in
it. `due` then gives the windows to recognise, `heard` takes what was heard in them and answers with what the platform
must be told, a block before all else. `streamer.conversation` puts time and sockets around it.

Answers may come in any order. One that comes twice, or after the call was abandoned, changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from functools import partial
from math import inf

from detector.detector import Detector
from detector.masking import mask
from detector.policy import USUAL, OnBlind, Policy
from detector.types import Action, Reaction, ScoreRequest, SoundLook, TranscriptUpdate
from streamer.channel import Channel
from streamer.front_end import Portion, Processed
from streamer.leg_clock import LegClock
from streamer.legs import Legs
from streamer.recognition.agreement import OVERLAP, ROUGH_OVERLAP
from streamer.recognition.recognizer import Hypothesis, Scoring, SoundTurn, Turn, Window
from streamer.recognition.sounds.planner import Look
from streamer.recognition.sounds.search import SoundSearch
from streamer.recognition.vad import SpeechModel
from streamer.running_text import Hidden, RunningText
from streamer.types import (
    AudioFrame,
    Blind,
    Block,
    CallStarted,
    Gap,
    Order,
    Outgoing,
    Stopped,
    Unblock,
    ViolationReport,
)

PATIENCE = {"agent": 0.2, "customer": 0.8}
"""Seconds that a look at unfinished speech can wait for its turn: whom a block would stop is heard first."""
LEISURE = 1.0
"""The same where terms are found in the sound itself: text is for people, and for what sound leaves open."""
AGENT, CUSTOMER = "agent", "customer"
POLICY = "policy"
"""Who mutes where nobody asked for it."""
FRESH = 1.0
"""Seconds for which a candidate is looked at sooner: if that has not decided it, more of the same won't."""
UNHEARD = 10.0
"""Seconds for which the agent stays muted at most after something was not monitored: a muted leg may bring no speech
by which it could be told that monitoring goes on."""
GIVEN_UP = 1.0
"""Seconds of speech given up together, when they must be: a report for each frame would be none."""
URGENT = -1.0
"""The same for a likelihood: a decision waits for it."""


class CallState(IntEnum):
    """Where a call stands."""

    LISTENING = 0
    DRAINING = 1
    OVER = 2


class Call:
    """One call.

    ```
    LISTENING --stop()--> DRAINING --last window heard, or abandon()--> OVER
    ```

    Args:
      started: how the platform announced it.
      language: the one to recognise.
      detector: this call's own.
      speech_models: one for each channel, which keeps the channel's state.
      clock: seconds, for the time from match to signal.
      word_times: whether the recogniser says when words were spoken.
      policy: what blocks do, and what is done while nobody listens.
      search: finds the lexicon's phrases in sounds; None where the recogniser hears none.
    """

    def __init__(
        self,
        started: CallStarted,
        *,
        language: str,
        detector: Detector,
        speech_models: Mapping[str, SpeechModel],
        clock: Callable[[], float],
        word_times: bool = True,
        policy: Policy = USUAL,
        search: SoundSearch | None = None,
    ) -> None:
        self.id = started.call_id
        self.state = CallState.LISTENING
        self._language = language
        self._detector = detector
        self._clock = clock
        overlap = OVERLAP if word_times else ROUGH_OVERLAP
        self._channels = {
            name: Channel(
                name,
                started.encoding,
                started.sample_rate,
                speech_models[name],
                overlap,
                policy.flat_after,
                sounds=search is not None and search.covers(name),
            )
            for name in started.channels
        }
        self._search = search
        now = clock()
        # Where legs come on sockets of their own, a customer who has not picked up yet has none.
        clocks = {
            name: LegClock(now, expected=name == AGENT or not started.joins, patience=policy.blind_after)
            for name in started.channels
        }
        self.legs = Legs(self._channels, clocks, clock)
        self._requests: list[ScoreRequest] = []
        self._open: set[Scoring] = set()
        self._readings: list[TranscriptUpdate] = []
        self._text = RunningText(started.channels)
        self._conduct = detector.conduct(started.channels)
        self._policy = policy
        # In the order of muting: when each is lifted, in seconds of the clock.
        self._muted: dict[str, float] = {}
        # Whom each was to silence.
        self._silenced: dict[str, str] = {}
        self._unheard: str | None = None
        self._orders = 0

    @property
    def duration(self) -> float:
        """Seconds of call audio received."""
        return max(channel.received for channel in self._channels.values())

    @property
    def received(self) -> float:
        """Seconds of audio received, of all channels together."""
        return sum(channel.received for channel in self._channels.values())

    @property
    def monitored(self) -> float:
        """Seconds of it that were recognised or silent."""
        return sum(channel.monitored for channel in self._channels.values())

    @property
    def blind(self) -> float:
        """Seconds of it that were lost to recognition."""
        return sum(channel.blind for channel in self._channels.values())

    def receive(self, frame: AudioFrame) -> None:
        """Note samples of one channel."""
        self.legs.receive(frame)

    def skip(self, gap: Gap) -> None:
        """Samples of a channel are lost; what was said before them is still heard to its end."""
        self._channels[gap.channel].skip(gap.samples, gap.reason)

    def portions(self) -> list[Portion]:
        """Hand out what has come in; each portion must come back by `take`, once it was processed, anywhere."""
        return [portion for channel in self._channels.values() if (portion := channel.portion()) is not None]

    def take(self, name: str, processed: Sequence[Processed]) -> list[Outgoing]:
        """Take in what was made of a channel's portion."""
        if self.state is CallState.OVER:
            return []
        channel = self._channels[name]
        given_up, missing = channel.take(processed)
        said = self._pause(name) if channel.interrupted() else []
        return [*said, *self._measured([*given_up, *missing]), *self._followed(channel), *self._settle()]

    def watch(self, patience: float) -> list[Outgoing]:
        """Look at the clock, though nothing has come: audio may be missing, or wait too long to be recognised.

        Args:
          patience: seconds that a window may wait for the recogniser.
        """
        events = self._measured(self.legs.watch(patience))
        # Where a supervisor has lifted it, it stays lifted.
        if self._unheard is not None and self._unheard in self._muted and AGENT in self.legs.deaf:
            self._muted[self._unheard] = self._clock() + UNHEARD
        return events

    def relieve(self) -> list[Outgoing]:
        """Give up what customers say, since the recogniser can't hear everybody: nobody there is to be stopped."""
        events: list[Outgoing] = []
        for name, channel in self._channels.items():
            if name == CUSTOMER and channel.waiting >= GIVEN_UP:
                lost = channel.give_up("overloaded")
                events += [*self._pause(name), *self._measured(lost)]
        return events

    def due(self, now: float) -> list[Turn]:
        """Give the turns at the recogniser that are wanted now; each window must come back by `heard` or `failed`.

        Args:
          now: seconds of the clock that deadlines are told in.
        """
        return [
            Turn(
                self._language,
                now if channel.eager or (channel.ending and not channel.sounds) else now + self._patience(channel),
                partial(self._cut, channel),
                thorough=channel.name != CUSTOMER,
            )
            for channel in self._channels.values()
            if channel.claim(self._clock())
        ]

    def _patience(self, channel: Channel) -> float:
        """Give how long a look at a channel's text can wait: where its sound is looked at, until that has been."""
        if channel.sounds:
            return LEISURE
        return PATIENCE.get(channel.name, 0.0)

    def listens(self, now: float) -> dict[str, SoundTurn[SoundLook]]:
        """Give the looks at sound that are wanted now, by channel; each must come back by `looked`.

        Args:
          now: as for `due`.
        """
        if self._search is None:
            return {}
        return {
            name: self._sound_turn(channel, self._search, now if name != CUSTOMER else now + PATIENCE[CUSTOMER])
            for name, channel in self._channels.items()
            if channel.claim_look()
        }

    def _sound_turn(self, channel: Channel, search: SoundSearch, deadline: float) -> SoundTurn[SoundLook]:
        taken: list[Look] = []

        def cut() -> Window | None:
            look = channel.next_look()
            if look is None:
                return None
            taken.append(look)
            audio = channel.audio(look.start, look.end)
            return Window(self.id, channel.name, 0, audio, look.start, self._language, thorough=False)

        return SoundTurn(
            self._language, deadline, cut, lambda heard: search(heard, channel.name, paused=taken[-1].paused)
        )

    def looked(self, channel: str, look: SoundLook | None) -> list[Outgoing]:
        """Take in what the sound of a channel holds; None where nobody can tell, or nothing was left to look at."""
        if self.state is CallState.OVER:
            return []
        self._channels[channel].looked()
        if look is None:
            return self._settle()
        began = self._clock()
        said = self._told(self._detector.sounded(look), began)
        self._expect(channel, look.until)
        return [*said, *self._settle()]

    def _expect(self, channel: str, until: float) -> None:
        self._channels[channel].expect(self._detector.expects(channel, until - FRESH))

    def _cut(self, channel: Channel, in_time: bool) -> Window | None:
        excerpt = channel.next(in_time=in_time)
        if excerpt is None:
            return None
        thorough, final = in_time and channel.name != CUSTOMER, excerpt.plan.final
        audio, start = excerpt.audio, excerpt.start
        number, language, speech = channel.windows, self._language, excerpt.speech
        return Window(self.id, channel.name, number, audio, start, language, thorough, final, speech)

    def questions(self, now: float) -> list[Scoring]:
        """Give the likelihoods that the detector wants; each must come back by `scored` or `unscored`."""
        asked, self._requests = self._requests, []
        questions = [
            Scoring(self.id, one.channel, one.id, audio, self._language, one.heard, one.instead, now + URGENT, trace)
            for request in asked
            for one, audio, trace in [self._channels[request.channel].evidence(request)]
        ]
        self._open.update(questions)
        return questions

    def heard(self, window: Window, hypothesis: Hypothesis) -> list[Outgoing]:
        """Take in what was heard in a window; what to tell the platform, the most urgent first."""
        if not self._channels[window.channel].awaits(window.number):
            return []
        began = self._clock()
        update, lost = self._channels[window.channel].heard(hypothesis)
        said = self._told(self._detector.update(update), began)
        self._readings.append(update)
        self._expect(window.channel, window.end)
        said += self._measured(lost) if self._channels[window.channel].missed else self._heard_again(window.channel)
        return [*said, *self._text.take(update, window.end)]

    def reread(self) -> list[Outgoing]:
        """Look at the other readings of what was heard last, once that has been told; follows every `heard`."""
        began, said = self._clock(), list[Outgoing]()
        for update in self._readings:
            said += self._told(self._detector.reread(update), began)
        for update in self._readings:
            self._conduct.heard(update.channel, update.committed)
        said += self._passed()
        self._readings = []
        return [*said, *self._settle()]

    def scored(self, question: Scoring, likelihoods: tuple[float, ...]) -> list[Outgoing]:
        """Take in how likely each of a question's texts is."""
        if question not in self._open:
            return []
        began = self._clock()
        return self._answered(question, self._detector.scored(question.answer(likelihoods)), began)

    def unscored(self, question: Scoring) -> list[Outgoing]:
        """A question could not be answered."""
        if question not in self._open:
            return []
        return self._answered(question, self._detector.unscored(question.request_id), self._clock())

    def failed(self, window: Window, reason: str = "recognition failed") -> list[Outgoing]:
        """A window could not be recognised."""
        if not self._channels[window.channel].awaits(window.number):
            return []
        channel = self._channels[window.channel]
        lost = channel.failed(reason)
        said = self._pause(window.channel) if channel.interrupted() else []
        return [*said, *self._measured(lost), *self._settle()]

    def stop(self, at: float | None = None) -> None:
        """The audio has ended; what was said last is still to be processed and recognised.

        Args:
          at: second of the clock at which it ended; now when absent.
        """
        self.state = CallState.DRAINING
        self.legs.close(at)
        for channel in self._channels.values():
            channel.finish()

    def abandon(self, reason: str) -> list[Outgoing]:
        """Recognise nothing more: what waits for it is blind, and what was to be weighed is left to people."""
        lost: list[Blind] = []
        said: list[Outgoing] = []
        self.legs.close()
        for name, channel in self._channels.items():
            lost += channel.abandon(reason)
            said += self._pause(name)
        self._requests = []
        self._open.clear()
        self.state = CallState.OVER
        return [*said, *lost, *self._account()]

    def release(self) -> None:
        """Let go of all audio; nothing may be heard any more, but the account stands."""
        for channel in self._channels.values():
            channel.release()

    @property
    def muted(self) -> bool:
        """Whether the platform was asked to mute somebody, and not asked to unmute again."""
        return bool(self._muted)

    @property
    def muted_legs(self) -> set[str]:
        """The legs that the platform was asked to mute, and not asked to unmute again."""
        return {self._silenced[name] for name in self._muted}

    @property
    def lift(self) -> float:
        """Second of the clock at which a mute is to be lifted; infinite when none is."""
        return min(self._muted.values(), default=inf)

    def lifts_at(self, name: str) -> float:
        """Give the second at which what a violation or an order muted is heard again; infinite when nothing is set."""
        return self._muted.get(name, inf)

    def lifted(self, now: float) -> list[Unblock]:
        """Lift the mutes whose time is over."""
        over = [name for name, at in self._muted.items() if at <= now]
        for name in over:
            del self._muted[name]
        if self._unheard in over:
            self._unheard = None
        return [Unblock(name, "its time is over") for name in over]

    def order(self, action: str, channel: str, violation_id: str | None, by: str) -> list[Outgoing]:
        """Ask for what a supervisor wants.

        Args:
          action: `mute`, `unmute`, `play`, `hangup` or `transfer`; the second lifts every block there is.
          violation_id: what it is about, or None.
          by: who wants it.
        """
        self._orders += 1
        name = f"o-{self._orders}"
        if action == "unmute":
            about: list[str | None] = [*self._muted] or [violation_id]
            self._muted.clear()
            return [Order(name, action, channel, one, by) for one in about]
        if action == "mute":
            self._muted[violation_id or name] = inf
            self._silenced[violation_id or name] = channel
        return [Order(name, action, channel, violation_id, by)]

    def lag(self, window: Window) -> float:
        """Seconds since a window's end, by the clock."""
        return self.legs.lag(window.channel, window.end)

    def _told(self, reaction: Reaction, began: float) -> list[Outgoing]:
        """Put a detector's reaction into signals and reports, and keep its requests."""
        self._requests += reaction.requests
        signals: list[Outgoing] = []
        for decision in reaction.decisions:
            if decision.action is not None:
                delay = (self._clock() - began) * 1000
                signals.append(Block(decision.violation, decision.action, self.duration, delay))
                if decision.action is Action.MUTE:
                    seconds = self._policy.of(decision.violation.rule_id).seconds
                    self._muted[decision.violation.id] = inf if seconds is None else self._clock() + seconds
                    self._silenced[decision.violation.id] = decision.violation.channel
            if decision.undo is not None:
                self._muted.pop(decision.violation.id, None)
                signals.append(Unblock(decision.violation.id, decision.undo))
        found = [decision.violation for decision in reaction.decisions]
        return [*signals, *(ViolationReport(replace(one, heard=mask(one.heard))) for one in found)]

    def _measured(self, lost: Sequence[Blind]) -> list[Outgoing]:
        """Report what was not monitored; where the policy says so, mute the agent until monitoring goes on."""
        blind = any(one.channel != CUSTOMER for one in lost)
        if not blind or self._unheard is not None or self._policy.on_blind is not OnBlind.MUTE:
            return [*lost]
        muted = self.order("mute", AGENT, None, POLICY)
        self._unheard = f"o-{self._orders}"
        self._muted[self._unheard] = self._clock() + UNHEARD
        return [*muted, *lost]

    def _heard_again(self, channel: str) -> list[Outgoing]:
        """Lift the mute that was for want of monitoring."""
        if self._unheard is None or channel == CUSTOMER:
            return []
        name, self._unheard = self._unheard, None
        return [Unblock(name, "monitored again")] if self._muted.pop(name, None) is not None else []

    def _answered(self, question: Scoring, reaction: Reaction, began: float) -> list[Outgoing]:
        self._open.remove(question)
        return [*self._told(reaction, began), *self._settle()]

    def _pause(self, channel: str) -> list[Outgoing]:
        """What comes next was not heard, so nothing continues what was: it stands, and what waited waits no more."""
        update = self._channels[channel].rest()
        said = self._told(self._detector.update(update), self._clock())
        self._conduct.heard(channel, update.committed)
        words = update.committed
        return [*said, *(self._text.take(update, words[-1].end) if words else ())]

    def _settle(self) -> list[Outgoing]:
        if self.state is not CallState.DRAINING or self._requests or self._open or self._readings:
            return []
        if not all(channel.idle for channel in self._channels.values()):
            return []
        self.state = CallState.OVER
        return self._account()

    def _account(self) -> list[Outgoing]:
        """Say what was held back of the text, what only the end could tell of the call's conduct, and the sums."""
        said: list[Outgoing] = [*self._text.rest()]
        for channel in self._channels.values():
            said += self._followed(channel)
        metrics = self._conduct.finish(self.duration)
        said += self._passed()
        missing = tuple(self._detector.finish())
        return [
            *said,
            Stopped(self.duration, self._detector.violations, missing, self.blind, metrics, self.legs.accounts),
        ]

    def _followed(self, channel: Channel) -> list[Outgoing]:
        """Follow who speaks; report the bounds that the call passed by that."""
        self._conduct.take(channel.name, *channel.speech())
        return self._passed()

    def _passed(self) -> list[Outgoing]:
        news = self._conduct.news()
        return self._told(self._detector.passed(news), self._clock()) if news else []

    def hidden(self) -> list[Hidden]:
        """Give what must not be kept of what was said since it was last asked; what nobody heard yet is unclear."""
        pending = {name: (self._text.unclear(name), channel.listened) for name, channel in self._channels.items()}
        unheard = [
            Hidden(name, (), listened if unclear is None else min(unclear, listened))
            for name, (unclear, listened) in pending.items()
        ]
        return [*self._text.hidden(), *unheard]
