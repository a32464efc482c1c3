"""However audio is cut and whenever its sound is looked at, what was said is found, and each of it blocks once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count, cycle, pairwise, repeat
from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.detector import Detector
from detector.policy import ACTIONS, USUAL
from detector.types import SoundLook, Status, Violation, Word
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from lexicon.pronunciation import BLANK, inventory, pronounce
from streamer.audio import SAMPLE_RATE
from streamer.call import Call, CallState
from streamer.recognition.recognizer import Heard, Hypothesis, Scoring, SoundTurn, Turn, Window
from streamer.recognition.sounds.form import About, Likelihood
from streamer.recognition.sounds.search import search_of
from streamer.types import AudioFrame, Block, CallStarted, Encoding, Outgoing, Stopped, ViolationReport
from tests.streamer.calls_in_hand import receive, stop

TABLE = compile_lexicon(
    parse(
        "lexicon: t\nlanguage: zh\nrules:\n"
        "  - {id: promise, category: c, severity: block, channel: any, terms: [保本],\n"
        "     allow: [保本是不可能, 不承诺保本]}\n"
        "  - {id: secret, category: c, severity: block, terms: [内部消息], allow: [没有内部消息]}\n"
        "  - {id: pressure, category: c, severity: alert, channel: any, terms: [最后一天]}\n"
        "  - {id: risk, category: c, severity: alert, terms: [投资有风险], required: {by: end}}\n",
        "t.yaml",
    ),
    "zh",
)
UNITS = inventory("zh") or ()
ABOUT = About(
    "zh",
    UNITS,
    "base",
    "0" * 64,
    512,
    {"candidate": (0.0, -1.0), "sure": (0.0, 0.0, -0.5)},
    Likelihood(8.0, 8.0, 0.0, 8),
)
PHRASES = [
    *("保本", "保本是不可能", "不承诺保本", "内部消息", "没有内部消息", "最后一天"),
    *("投资有风险", "不是", "您好", "我们的产品", "那个"),
]
CHARS = sorted(set("".join(PHRASES)))
HUM = 1 + len(CHARS)
"""Sample values: 0 is silence, i + 1 is `CHARS[i]`, and this is a voice between two of them."""
DOUBTS, WRONG, LIKELY = (0.0, 0.3, 0.8), 0x400, 0x800
"""Nats of doubt about a character, by the number that its samples have times 0x100; what marks one that is read as 嗯;
and one of which that is taken for likelier than what was said, too."""
SPOKEN, EACH = 0.12, 0.2
STATE = 0.02
NEAR = 0.3
"""Seconds by which the ear and the reader place the same words apart."""


@dataclass(frozen=True)
class Said:
    """A phrase, after a pause."""

    phrase: str
    pause: float
    doubt: int
    reading: int

    def samples(self) -> NDArray[np.int16]:
        """Speak it: each character has a value of its own."""
        flags = self.doubt * 0x100 + self.reading
        spoken = [np.full(round(SPOKEN * SAMPLE_RATE), CHARS.index(char) + 1 + flags) for char in self.phrase]
        between = np.full(round((EACH - SPOKEN) * SAMPLE_RATE), HUM)
        pieces = [np.zeros(round(self.pause * SAMPLE_RATE)), *(part for one in spoken for part in (one, between))]
        return np.concatenate(pieces).astype(np.int16)


class Loudness:
    def probabilities(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.any(frames != 0, axis=1), dtype=np.float32)


def values(audio: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.rint(audio * 32768).astype(np.int64)


def ear(window: Window) -> Heard:
    """Hear syllables where their samples are."""
    step = round(STATE * SAMPLE_RATE)
    levels = values(window.audio)[step // 2 :: step]
    frames = np.full((len(levels), len(UNITS) + 1), -20.0, dtype=np.float32)
    frames[:, BLANK] = 0.0
    for at, level in enumerate(levels.tolist()):
        char, doubt = level & 0xFF, DOUBTS[level >> 8 & 3]
        if 0 < char < HUM:
            (unit,) = pronounce(CHARS[char - 1], "zh")[0]
            frames[at, unit] = -doubt
            frames[at, BLANK] = 0.0 if doubt else -20.0
    return Heard(frames, window.start, STATE)


def characters(audio: NDArray[np.float32], least: float = SPOKEN) -> Iterator[tuple[str, int, float]]:
    """Give the characters of which so many seconds are there: what was said, how that is read, and its start."""
    levels = values(audio)
    edges = np.flatnonzero(np.diff(levels, prepend=-1, append=-1))
    for begin, end in pairwise(edges.tolist()):
        level = int(levels[begin])
        if 0 < (level & 0xFF) < HUM and end - begin >= round(least * SAMPLE_RATE) - 1:
            yield CHARS[(level & 0xFF) - 1], level & (WRONG | LIKELY), begin / SAMPLE_RATE


def reader(window: Window) -> Hypothesis:
    """Read whole characters, some of them wrong."""
    return Hypothesis(
        tuple(
            Word("嗯" if how & WRONG else char, window.start + at, window.start + at + EACH, 0.9)
            for char, how, at in characters(window.audio)
        )
    )


def scale(question: Scoring) -> tuple[float, ...]:
    """Weigh texts: each character that was not said, or is not there, costs 8 nats."""
    said = "".join("嗯" if how & LIKELY else char for char, how, _ in characters(question.audio, SPOKEN / 2))
    return tuple(-8.0 * distance(text, said) for text in question.texts)


def distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


Legs = dict[str, NDArray[np.int16]]
Frame = tuple[float, str, int, int]
"""When a frame comes, in seconds of the call; whose it is; its first sample, and the one after its last."""


@dataclass
class Line:
    """Plays what legs say to a call on a virtual clock, and gives it answers when they are drawn to come.

    Attributes:
      delays: seconds that each look takes, of text and of sound, and each likelihood.
      failures: whether each look at sound fails.
      looks: at sound.
    """

    delays: Iterator[float] = field(default_factory=lambda: repeat(0.0))
    failures: Iterator[bool] = field(default_factory=lambda: repeat(False))
    events: list[Outgoing] = field(default_factory=list)
    looks: int = 0

    def play(self, legs: Legs, frames: Iterable[Frame]) -> None:
        """Play all of it."""
        self._now, self._order = 0.0, count()
        self._answers: list[tuple[float, int, Callable[[], Sequence[Outgoing]]]] = []
        started = CallStarted("c-1", Encoding.PCM_S16LE, SAMPLE_RATE, tuple(legs), "zh")
        self.call = call = Call(
            started,
            language="zh",
            detector=Detector(TABLE, ACTIONS),
            speech_models={leg: Loudness() for leg in legs},
            clock=lambda: self._now,
            policy=replace(USUAL, flat_after=inf),
            search=search_of(TABLE, ABOUT),
        )
        for at, leg, first, last in frames:
            self._go_on(at)
            self.events += receive(call, AudioFrame(leg, first, legs[leg][first:last].tobytes()))
            self._go_on(at)
        self.events += stop(call)
        while call.state is not CallState.OVER:
            self._go_on(self._now + 0.05)

    def _go_on(self, until: float) -> None:
        self._ask()
        while self._answers and self._answers[0][0] <= max(until, self._now):
            self._now, _, answer = heapq.heappop(self._answers)
            self.events += answer()
            self._ask()
        self._now = max(until, self._now)

    def _ask(self) -> None:
        call = self.call
        if call.state is CallState.OVER:
            return
        for channel, look in call.listens(self._now).items():
            self._later(self._look(channel, look))
        for turn in call.due(self._now):
            self._later(self._read(turn))
        for question in call.questions(self._now):
            self._later(partial(call.scored, question, scale(question)))

    def _later(self, answer: Callable[[], Sequence[Outgoing]]) -> None:
        heapq.heappush(self._answers, (self._now + next(self.delays), next(self._order), answer))

    def _look(self, channel: str, turn: SoundTurn[SoundLook]) -> Callable[[], Sequence[Outgoing]]:
        window = turn.cut()
        self.looks += window is not None
        found = None if window is None or next(self.failures) else turn.search(ear(window))
        return lambda: self.call.looked(channel, found)

    def _read(self, turn: Turn) -> Callable[[], Sequence[Outgoing]]:
        window = turn.cut(True)
        if window is None:
            return list
        hypothesis = reader(window)
        return lambda: [*self.call.heard(window, hypothesis), *self.call.reread()]

    @property
    def standing(self) -> list[Violation]:
        """The violations that stand at its end."""
        last = {event.violation.id: event.violation for event in self.events if isinstance(event, ViolationReport)}
        stand = [one for one in last.values() if one.status in {Status.FIRED, Status.CONFIRMED}]
        return sorted(stand, key=lambda one: (one.channel, one.rule_id, one.start))


def cut(legs: Legs, sizes: Mapping[str, Sequence[int]], delays: dict[str, float]) -> list[Frame]:
    """Cut each leg into frames of its sizes, over and over; each comes when its last sample was spoken, or later."""
    frames: list[Frame] = []
    for leg, samples in legs.items():
        first = 0
        for size in cycle(sizes[leg]):
            if first == len(samples):
                break
            last = min(first + size, len(samples))
            frames.append((last / SAMPLE_RATE + delays[leg], leg, first, last))
            first = last
    return sorted(frames)


def steadily(legs: Legs) -> list[Frame]:
    return cut(legs, {leg: [320] for leg in legs}, dict.fromkeys(legs, 0.0))


def talk(*readings: int, once: bool = False) -> st.SearchStrategy[list[Said]]:
    """Draw what is said.

    Args:
      once: no term twice: a doubtful one may as well begin in the first and end in the second.
    """
    pauses, doubts = st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.2]), st.sampled_from([0, 0, 1, 2])
    said = st.builds(Said, st.sampled_from(PHRASES), pauses, doubts, st.sampled_from(readings))
    unique = (lambda one: next((term for term in TERMS if term in one.phrase), one.phrase)) if once else None
    return st.lists(said, min_size=1, max_size=6, unique_by=unique)


TERMS = ("保本", "内部消息")
ONCE, TWISTED, CLEAR = talk(0, WRONG, WRONG, once=True), talk(0, WRONG, WRONG | LIKELY), talk(0)
LATENCY = st.sampled_from([0.0, 0.04, 0.2, 0.6, 1.5])
SIZES = st.lists(st.sampled_from([7, 160, 319, 320, 960, 1600, 2400, 4000, 8001, 16_000]), min_size=1, max_size=6)
DELAYS = st.sampled_from([0.0, 0.01, 0.2, 0.5])


def spoken(**legs: Sequence[Said]) -> Legs:
    """Speak on each leg what is said there, and be silent for a second or more."""
    said = {leg: np.concatenate([one.samples() for one in talk]) for leg, talk in legs.items()}
    longest = max(map(len, said.values())) + SAMPLE_RATE
    return {leg: np.pad(samples, (0, longest - len(samples))) for leg, samples in said.items()}


def assert_same(one: Line, other: Line) -> None:
    """Both found the same."""
    these, those = one.standing, other.standing
    assert [(v.channel, v.rule_id, v.severity) for v in these] == [(v.channel, v.rule_id, v.severity) for v in those]
    for a, b in zip(these, those, strict=True):
        assert abs(a.start - b.start) <= NEAR, (a, b)
        assert abs(a.end - b.end) <= NEAR, (a, b)


def assert_once(line: Line) -> None:
    """No words were blocked twice, nor do two violations of a rule stand on them; and the call ended once."""
    blocked = [event.violation for event in line.events if isinstance(event, Block)]
    for found in (blocked, line.standing):
        for at, one in enumerate(found):
            for other in found[:at]:
                same = (one.channel, one.rule_id) == (other.channel, other.rule_id)
                assert not (same and one.start < other.end - 0.05 and other.start < one.end - 0.05), (one, other)
    (account,) = (event for event in line.events if isinstance(event, Stopped))
    assert account.blind_seconds == 0.0


@given(ONCE, ONCE, st.fixed_dictionaries({"agent": SIZES, "customer": SIZES}), DELAYS, DELAYS)
@settings(max_examples=30)
def test_any_cut_and_any_order_of_legs_end_in_the_same_violations(
    agent: list[Said], customer: list[Said], sizes: dict[str, list[int]], late: float, later: float
) -> None:
    legs = spoken(agent=agent, customer=customer)
    whole, otherwise = Line(), Line()
    whole.play(legs, steadily(legs))
    otherwise.play(legs, cut(legs, sizes, {"agent": late, "customer": later}))
    assert_once(whole)
    assert_once(otherwise)
    assert_same(whole, otherwise)


@given(TWISTED, TWISTED, st.lists(LATENCY, min_size=1, max_size=8), st.lists(st.booleans(), min_size=1, max_size=8))
@settings(max_examples=20)
def test_looks_at_sound_that_come_late_or_fail_bring_no_second_block(
    agent: list[Said], customer: list[Said], delays: list[float], failures: list[bool]
) -> None:
    legs, late = spoken(agent=agent, customer=customer), Line(cycle(delays), cycle(failures))
    late.play(legs, steadily(legs))
    assert_once(late)


@given(CLEAR, st.lists(LATENCY, min_size=1, max_size=8), st.lists(st.booleans(), min_size=1, max_size=8))
@settings(max_examples=15)
def test_whatever_becomes_of_looks_at_sound_what_its_text_has_is_found_as_well(
    talk: list[Said], delays: list[float], failures: list[bool]
) -> None:
    legs = spoken(agent=talk)
    whole, late = Line(), Line(cycle(delays), cycle(failures))
    whole.play(legs, steadily(legs))
    late.play(legs, steadily(legs))
    assert_once(late)
    assert_same(whole, late)


def test_a_term_is_found_by_its_sound_where_its_text_is_wrong_and_by_its_text_where_no_look_is_answered() -> None:
    """What the properties above are about does happen."""
    legs = spoken(agent=[Said("内部消息", 0.3, 0, WRONG), Said("保本", 0.6, 0, 0)])
    both, deaf = Line(), Line(failures=cycle([True]))
    both.play(legs, steadily(legs))
    deaf.play(legs, steadily(legs))
    assert [one.rule_id for one in both.standing] == ["promise", "secret"]
    assert [one.rule_id for one in deaf.standing] == ["promise"]
    assert both.looks > 10


@pytest.mark.parametrize("reading", [0, WRONG])
@pytest.mark.parametrize("phrase", ["没有内部消息", "不承诺保本", "保本是不可能"])
def test_an_allow_phrase_blocks_nothing_at_any_time(phrase: str, reading: int) -> None:
    legs = spoken(agent=[Said(phrase, 0.3, 0, reading), Said("我们的产品", 0.0, 0, 0), Said("我们的产品", 0.0, 0, 0)])
    line = Line()
    line.play(legs, steadily(legs))
    assert not line.standing
    assert phrase == "保本是不可能" or Block not in map(type, line.events)
