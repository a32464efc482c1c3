"""The room's door: words and scores in, decisions and requests out; one detector for each call. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import inf
from operator import attrgetter

from detector import sounding, verify
from detector.bounds import Passing
from detector.conduct import Conduct
from detector.disclosures import Disclosures
from detector.hearing import Finding, Hearing
from detector.lifecycle import BETTER, Life, Lives, Span
from detector.policy import Policy
from detector.sounding import Sounding
from detector.types import (
    Action,
    Decision,
    MatchKind,
    Missing,
    Reaction,
    Score,
    ScoreRequest,
    SoundLook,
    Status,
    TranscriptUpdate,
    Violation,
    Word,
)
from detector.verify import Verdict
from lexicon.compiler import Table
from lexicon.negation import denied
from lexicon.normalize import fold
from lexicon.types import Severity

MOST_ASKED = 4
RIPE = 0.3
"""Seconds of audio after a term from which on it was surely spoken to its end: what was asked before is asked again."""
NOT_AGREED = "not in the final text"
HOMOPHONE = 0.05
"""Distance up to which two readings are the same in the ear."""
APART = 2.0
"""Seconds between two places of a term up to which one utterance of it may be found at either."""
SETTLED = 0.3
"""Seconds after a violation's end up to which text must be committed before the violation is looked for in it."""


Actions = Mapping[Severity, Action | None]


class Detector:
    """Finds the violations of one call, and which disclosures were made in it.

    Args:
      table: the rules of the call's language.
      actions: what is done about a violation of each severity.
      policy: what a block does, by rule; as `actions` says where there is none.
      once: each stretch of speech is looked at once, when it is whole.
    """

    def __init__(self, table: Table, actions: Actions, policy: Policy | None = None, *, once: bool = False) -> None:
        self._table = table
        self._once = once
        self._actions = actions
        self._policy = policy
        self._hearings: dict[str, Hearing] = {}
        self._soundings: dict[str, Sounding] = {}
        self._lives: dict[str, Lives] = {}
        self._known: dict[str, list[Finding]] = {}
        self._asked: dict[str, Life] = {}
        self._disclosures = Disclosures(table.rules)
        self._passed: dict[tuple[str, str], str] = {}
        self._numbered = 0
        self.violations = 0

    def update(self, update: TranscriptUpdate) -> Reaction:
        """Take in what changed in a channel's text.

        Returns:
          what this fires, confirms or retracts, and which likelihoods are wanted to decide on the rest.
        """
        hearing = self._hearings.setdefault(update.channel, Hearing(self._table, update.channel, once=self._once))
        lives = self._lives.setdefault(update.channel, Lives())
        found = hearing.take(update)
        # First, so that what is taken back covers nothing that now stands in its place.
        decisions = self._retract(lives, found, update) if update.committed or update.final else []
        requests: list[ScoreRequest] = []
        for finding in sorted((finding for finding in found if not finding.waits), key=attrgetter("urgency")):
            if finding.rule.required is not None:
                self._disclosures.heard(finding)
                continue
            met = _met_by(finding, lives, found, update.since)
            if met is not None and met.doubtful and not finding.exact and finding.distance < met.distance - BETTER:
                # Fired for people to look into, while it was not clear: now it may be.
                self._consider(finding, update, met, decisions, requests)
            elif met is not None:
                if met.rule is finding.rule and finding.committed:
                    decisions += self._met_again(met, finding)
            elif finding.exact and finding.committed:
                life = lives.candidate(finding.rule, finding.start, finding.end)
                if life is None:
                    life = self._begin(finding, update.channel)
                    lives.add(life)
                else:
                    self._revise(life, finding)
                decisions += [self._fire(life, life.violation.confidence, sure=True), life.step(Status.CONFIRMED)]
            else:
                life = lives.candidate(finding.rule, finding.start, finding.end)
                self._consider(finding, update, life, decisions, requests)
        requests += self._settle(lives, hearing)
        weighed, given_up = self._weigh(lives, hearing, found, update)
        requests += weighed
        decisions += given_up
        self._known[update.channel] = [*found, *hearing.silenced]
        return Reaction(tuple(decisions), tuple(requests))

    def sounded(self, look: SoundLook) -> Reaction:
        """Take in what was heard in the sound of a channel; what is sure fires, the rest waits for its text."""
        hearing = self._hearings.setdefault(look.channel, Hearing(self._table, look.channel, once=self._once))
        lives = self._lives.setdefault(look.channel, Lives())
        heard = self._soundings.setdefault(look.channel, Sounding(self._table))
        found, silenced = heard.take(look, hearing.words)
        decisions: list[Decision] = []
        # What was fired is for its text to take back: that an allow phrase sounds nearly as well is no better evidence.
        for hit in silenced:
            open_ones = lives.by_sound(self._table.rules[hit.use.rule], hit.start, hit.end)
            decisions += [life.step(Status.RETRACTED) for life in open_ones]
        for finding in sorted(found, key=attrgetter("urgency")):
            sure, probable = finding.sure and not finding.waits, 1 - finding.distance
            met = _met_by(finding, lives)
            if met is not None:
                if met.doubtful and sure and not finding.denied:
                    met.sound = probable
                    decisions += self._escalate(met, sure=True).decisions
                continue
            life = lives.candidate(finding.rule, finding.start, finding.end)
            if life is not None and life.overruled:
                # Its text was likelier by more than its sound was clear, which is as clear in every look at it.
                continue
            # One that was given up before it was weighed was heard in part only: now it may be whole.
            given_up = life is not None and life.violation.status is Status.RETRACTED
            if life is None or (given_up and (sure or not life.asked)):
                life = self._begin(finding, look.channel)
                life.distance = inf
                lives.add(life)
                decisions.append(Decision(life.violation, None))
            life.sound = max(probable, life.sound or 0.0)
            if sure and life.violation.status is Status.CANDIDATE:
                life.denied = finding.denied
                decisions.append(self._fire(life, round(life.sound, 3), sure=True))
        return Reaction(tuple(decisions))

    def reread(self, update: TranscriptUpdate) -> Reaction:
        """Look at the other readings of the update taken in last, once what it fired has been told."""
        decisions: list[Decision] = []
        requests: list[ScoreRequest] = []
        for reading in update.alternatives:
            self._read(reading, self._known[update.channel], update, decisions, requests)
        return Reaction(tuple(decisions), tuple(requests))

    def _read(
        self,
        reading: tuple[Word, ...],
        known: list[Finding],
        update: TranscriptUpdate,
        decisions: list[Decision],
        requests: list[ScoreRequest],
    ) -> None:
        """Look at what is only in another reading of the audio: likely or not, it has to be weighed.

        Args:
          known: what stands in the likeliest reading, and is judged by that.
        """
        lives, hearing = self._lives[update.channel], Hearing(self._table, update.channel, once=self._once)
        found = hearing.take(TranscriptUpdate(update.channel, (), reading, update.final))
        for finding in sorted(found, key=attrgetter("urgency")):
            if finding.waits or finding.rule.required is not None or finding.end <= update.since:
                continue
            if any(finding.is_of(other) for other in known):
                continue
            met = _met_by(finding, lives, found, update.since)
            if met is None or met.doubtful:
                life = met or lives.candidate(finding.rule, finding.start, finding.end)
                self._consider(replace(finding, exact=False), update, life, decisions, requests, other=hearing)

    def _settle(self, lives: Lives, hearing: Hearing) -> list[ScoreRequest]:
        """Ask of what was fired and is not in the committed text: was that text right?"""
        requests = []
        for life in lives.settling():
            span = hearing.between(life.start, life.end, life.violation.term)
            if span is not None and not life.waiting:
                life.early = False
                life.waiting = True
                self._asked[life.violation.id] = life
                context = hearing.around(span)
                request = ScoreRequest(
                    life.violation.id, life.violation.channel, *context, life.violation.term, life.distance
                )
                requests.append(request)
        return requests

    def _weigh(
        self, lives: Lives, hearing: Hearing, found: Sequence[Finding], update: TranscriptUpdate
    ) -> tuple[list[ScoreRequest], list[Decision]]:
        """Ask of what was heard by sound, and not surely, how well it fits in the place of the text there.

        What lies in an allow phrase there doesn't; what may yet come to lie in one is asked about later.
        """
        requests, given_up = [], []
        for life in lives.unweighed(update.until if update.final else update.until - RIPE):
            silenced = [one for one in hearing.silenced if _is_at(one, life)]
            if any(one.committed or update.final for one in silenced):
                given_up.append(life.step(Status.RETRACTED))
                continue
            if silenced or any(one.waits and _is_at(one, life) for one in found):
                continue
            rule, term = self._table.rules.index(life.rule), life.violation.term
            goes_on = sounding.goes_on(self._table, rule, (term, life.end), update.until, hearing.words)
            if goes_on and not (update.final or update.paused):
                continue
            span = hearing.between(life.start, life.end, term)
            if span is not None:
                life.asked += 1
                life.waiting = True
                life.denied = self._denies(hearing, span)
                self._asked[life.violation.id] = life
                context, violation = hearing.around(span), life.violation
                requests.append(ScoreRequest(violation.id, violation.channel, *context, term, life.distance))
            elif update.final:
                given_up.append(life.step(Status.RETRACTED))
        return requests, given_up

    def _denies(self, hearing: Hearing, span: Span) -> bool:
        """Whether the text around some words denies what was said in their place."""
        before, _, after = hearing.parted(span)
        return denied(self._table.language, *("".join(word.text for word in words) for words in (before, after)))

    def _met_again(self, life: Life, finding: Finding) -> list[Decision]:
        """A violation that was fired stands in committed text, perhaps as part of something longer."""
        if not _bears_out(finding, life):
            return []
        start, end = finding.start, finding.end
        decisions = []
        guessed = life.violation.status is Status.FIRED
        if guessed and finding.exact:
            # What it was guessed to be, and where, is of no account any more.
            life.violation = replace(
                life.violation, term=finding.term, heard=finding.heard, match=MatchKind.EXACT, start=start, end=end
            )
            life.start, life.end = start, end
        unclear = life.doubtful or (guessed and life.denied)
        if finding.exact and not finding.denied and unclear and life.rule.severity is Severity.BLOCK:
            # It was not clear, or what seemed to deny it was only a guess; now it is agreed.
            self._revise(life, finding)
            self.violations -= 1
            decisions.append(self._fire(life, life.violation.confidence, sure=True))
        elif finding.denied and not life.denied and (guessed or (start <= life.start and life.end <= end)):
            decisions.append(life.deny())
        if guessed:
            decisions.append(life.step(Status.CONFIRMED))
        life.extend(start, end)
        return decisions

    def expects(self, channel: str, since: float) -> bool:
        """Whether what ends after a second of call audio is to be heard better, or further, before it is decided."""
        waits = any(finding.waits and finding.end > since for finding in self._known.get(channel, ()))
        return waits or (channel in self._lives and self._lives[channel].open(since))

    def scored(self, score: Score) -> Reaction:
        """Take in the likelihood that was asked for."""
        life = self._asked.pop(score.request_id, None)
        if life is None:
            return Reaction()
        life.waiting = False
        if life.violation.status is Status.RETRACTED:
            # Taken back while the answer was under way: what is heard of it from now on begins anew.
            return Reaction()
        syllables = self.syllables(life.violation.term)
        lost = score.heard - score.instead
        sure = verify.confidence(life.distance, lost, syllables, early=life.early)
        if life.sound is not None:
            sure = max(sure, verify.with_sound(life.sound, lost, syllables))
        if life.settling:
            return self._settled(life, right=verify.verdict(sure) is not Verdict.DROP)
        if life.fired and not life.doubtful:
            return Reaction()
        return self._judge(life, sure, verify.verdict(sure))

    def named(self, request_id: str) -> Violation:
        """Give the candidate that a request is about.

        Raises:
          KeyError: the request is not open.
        """
        return self._asked[request_id].violation

    def unscored(self, request_id: str) -> Reaction:
        """A likelihood can't be had: people decide."""
        life = self._asked.pop(request_id, None)
        if life is None:
            return Reaction()
        life.waiting = False
        if life.settling:
            return self._settled(life, right=True)
        if life.fired or life.violation.status is Status.RETRACTED:
            return Reaction()
        return self._judge(life, verify.ALERT, Verdict.ALERT)

    def conduct(self, channels: Sequence[str]) -> Conduct:
        """Begin to measure how the call is led; the bounds that it passes are for `passed`."""
        return Conduct(channels, self._table.language, self._table.rules)

    def passed(self, news: Iterable[Passing]) -> Reaction:
        """Make violations of the bounds that the call's conduct passed: each fires, and is confirmed when final."""
        decisions = []
        for passing in news:
            key = passing.rule.id, passing.channel
            if key not in self._passed:
                self._numbered += 1
                self.violations += 1
                self._passed[key] = f"v-{self._numbered}"
            decisions.append(Decision(passing.violation(self._passed[key]), None))
            if passing.final:
                del self._passed[key]
        return Reaction(tuple(decisions))

    def finish(self) -> list[Missing]:
        """End the call; give the disclosures that were not made, or not in time."""
        return self._disclosures.missing()

    def _consider(
        self,
        finding: Finding,
        update: TranscriptUpdate,
        life: Life | None,
        decisions: list[Decision],
        requests: list[ScoreRequest],
        *,
        other: Hearing | None = None,
    ) -> None:
        """Look at what is written otherwise, or not committed yet: ask how likely it is, unless that is known.

        Args:
          other: the reading that it is in, when it is not in what was heard.
        """
        channel, whole = update.channel, update.final or update.paused
        early = not whole and finding.end > update.until - RIPE
        lives, hearing = self._lives[channel], self._hearings[channel]
        if life is None:
            life = self._begin(finding, channel)
            lives.add(life)
            decisions.append(Decision(life.violation, None))
        elif life.waiting or life.asked >= MOST_ASKED or not life.differs(finding.heard, finding.distance, early=early):
            return
        else:
            given_up = life.violation.status is Status.RETRACTED
            self._revise(life, finding)
            if given_up:
                decisions.append(Decision(life.violation, None))
        life.early = early
        if finding.exact:
            # Nothing else was heard to weigh it against: it stands or falls with the words' own probability.
            sure = life.violation.confidence * verify.confidence(0.0, 0.0, self.syllables(finding.term))
            if not life.fired and verify.verdict(sure) is Verdict.BLOCK:
                decisions.append(self._fire(life, life.violation.confidence, sure=True))
            return
        life.asked += 1
        life.waiting = True
        self._asked[life.violation.id] = life
        context = hearing.around(finding.span) if other is None else other.parted(finding.span)
        reading = () if other is None else update.look
        requests.append(
            ScoreRequest(
                life.violation.id, channel, *context, finding.term, finding.distance, reading, early, finding.loose
            )
        )

    def syllables(self, term: str) -> float:
        """Count a term's syllables, about."""
        folded, index = fold(term, self._table.language).text, self._table.sounds
        return len(index.sounds.encode(folded)[0]) / index.sounds.unit if index else len(folded)

    def _judge(self, life: Life, sure: float, verdict: Verdict) -> Reaction:
        life.violation = replace(life.violation, confidence=round(sure, 3))
        if life.fired:
            return self._escalate(life, sure=verdict is Verdict.BLOCK)
        met = self._lives[life.violation.channel].covering(life.rule, life.rule.severity, life.start, life.end)
        if verdict is Verdict.DROP or met is not None:
            return Reaction((life.step(Status.RETRACTED),))
        if life.early and verdict is Verdict.ALERT:
            # It is asked again in a moment, when it has been spoken to its end.
            return Reaction()
        return Reaction((self._fire(life, round(sure, 3), sure=verdict is Verdict.BLOCK),))

    def _settled(self, life: Life, *, right: bool) -> Reaction:
        """What was fired stays, unless the text that was agreed instead is far likelier."""
        life.settling = False
        if life.violation.status is not Status.FIRED:
            return Reaction()
        if not right:
            self.violations -= 1
            return Reaction((life.step(Status.RETRACTED, undo=NOT_AGREED),))
        hearing = self._hearings[life.violation.channel]
        span = hearing.between(life.start, life.end, life.violation.term)
        if life.sound is not None and not life.denied and span is not None and self._denies(hearing, span):
            # It was fired before there was any text.
            return Reaction((life.deny(), life.step(Status.CONFIRMED)))
        return Reaction((life.step(Status.CONFIRMED),))

    def _escalate(self, life: Life, *, sure: bool) -> Reaction:
        """What was fired for people to look into is clear now, or still is not."""
        if not sure:
            return Reaction()
        self.violations -= 1
        return Reaction((self._fire(life, life.violation.confidence, sure=True),))

    def _fire(self, life: Life, confidence: float, *, sure: bool) -> Decision:
        """Fire a violation; one that is denied, or not quite sure, asks for people and not for the platform."""
        severity = life.rule.severity
        if severity is Severity.BLOCK and (life.denied or not sure):
            severity = Severity.ALERT
        life.doubtful = not sure
        life.violation = replace(life.violation, status=Status.FIRED, severity=severity, confidence=confidence)
        life.action = self._actions[severity]
        if severity is Severity.BLOCK and self._policy is not None:
            life.action = self._policy.of(life.rule.id).action
        self.violations += 1
        return Decision(life.violation, life.action)

    def _retract(self, lives: Lives, found: list[Finding], update: TranscriptUpdate) -> list[Decision]:
        """Take back what was fired on text that committed text doesn't bear out.

        What an allow phrase silences is taken back at once, and so is what nothing was heard in place of. Other words
        in its place were perhaps misheard: then both are weighed first. What is out of sight stays as last heard.
        """
        hearing = self._hearings[update.channel]
        settled = update.committed[-1].end if update.committed else 0.0
        decisions = []
        for life in lives.unsettled(inf if update.final else settled - SETTLED):
            if any(_bears_out(finding, life) and _met_by(finding, lives) is life for finding in found):
                continue
            if not any(_bears_out(finding, life) for finding in hearing.silenced):
                if hearing.forgot(life.start):
                    decisions.append(life.step(Status.CONFIRMED))
                    continue
                if (place := _elsewhere(life, found, lives)) is not None:
                    life.start, life.end = place.start, place.end
                    continue
                if hearing.between(life.start, life.end, life.violation.term) is not None:
                    life.settling = True
                    continue
                if life.sound is not None:
                    # That no words were heard there says nothing against what the sound says.
                    decisions.append(life.step(Status.CONFIRMED))
                    continue
            self.violations -= 1
            decisions.append(life.step(Status.RETRACTED, undo=NOT_AGREED))
        lives.forget(settled)
        return decisions

    def _begin(self, finding: Finding, channel: str) -> Life:
        self._numbered += 1
        violation = finding.violation(channel, f"v-{self._numbered}")
        return Life(finding.rule, violation, violation.start, violation.end, finding.distance, denied=finding.denied)

    def _revise(self, life: Life, finding: Finding) -> None:
        """Make of a candidate what it looks like now; one that was given up begins anew, under a new name."""
        known = life.violation
        if known.status is Status.RETRACTED:
            self._numbered += 1
            known = replace(known, id=f"v-{self._numbered}", status=Status.CANDIDATE)
        life.violation = replace(finding.violation(known.channel, known.id), status=known.status)
        life.start, life.end = life.violation.start, life.violation.end
        life.distance, life.denied = finding.distance, finding.denied


def _is_at(finding: Finding, life: Life) -> bool:
    """Whether a finding is of a violation's rule, and in its place."""
    return finding.rule is life.rule and life.overlaps(finding.start, finding.end)


def _bears_out(finding: Finding, life: Life) -> bool:
    """Whether a finding is a violation that was fired, or one that sounds the same in its place."""
    least = HOMOPHONE if life.distance == inf else max(HOMOPHONE, life.distance)
    same = finding.exact or finding.distance <= least
    return same and finding.rule.id == life.rule.id and life.overlaps(finding.start, finding.end)


def _elsewhere(life: Life, found: Sequence[Finding], lives: Lives) -> Finding | None:
    """Find where committed text has what was fired a little way off: recognisers place words apart beside a pause."""
    for finding in found:
        same = finding.rule is life.rule and finding.term == life.violation.term
        near = max(finding.start - life.end, life.start - finding.end) < APART
        near = near and not lives.sounds(finding.rule, finding.start, finding.end)
        if same and near and finding.exact and finding.committed and _met_by(finding, lives) is None:
            return finding
    return None


def _met_by(finding: Finding, lives: Lives, heard: Sequence[Finding] = (), since: float = inf) -> Life | None:
    """Give the violation, fired before, that a finding is or is part of.

    Args:
      heard: all that its reading has, which tells anew what was said from second `since` on.
    """
    start, end = finding.start, finding.end
    agreed = finding.exact and finding.committed
    met = lives.covering(finding.rule, finding.severity, start, end, agreed=agreed)
    if met is None and not finding.committed and not lives.sounds(finding.rule, start, end):
        places = [(other.start, other.end) for other in heard if other.rule is finding.rule]
        met = lives.displaced(finding.rule, finding.term, places, since)
    return met
