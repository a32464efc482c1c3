"""Calls whose sound is looked at: a term blocks before there is any text of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from detector.types import Action, SoundLook, Status
from lexicon.compiler import compile_lexicon
from lexicon.loader import parse
from lexicon.pronunciation import BLANK, inventory, pronounce
from streamer.call import LEISURE, Call
from streamer.recognition.recognizer import Heard, SoundTurn, Window
from streamer.recognition.sounds.form import About, Likelihood
from streamer.recognition.sounds.search import SoundSearch, live_search_of, search_of
from streamer.types import AudioFrame, Block, Outgoing, Stopped, ViolationReport
from tests.streamer.calls_in_hand import TABLE, begin, hear, kinds, receive, stop, windows, words

UNITS = inventory("zh") or ()
EACH = 5
"""Frames that a unit takes, and as many blank ones after it."""
FLOORS = {"candidate": (0.0, -1.0), "sure": (0.0, -0.5)}
LIKELY = Likelihood(8.0, 8.0, 0.0, 8)
ABOUT = About("zh", UNITS, "base", "0" * 64, 512, FLOORS, LIKELY)
OTHER = "lexicon: o\nlanguage: zh\nrules: [{id: r, category: c, severity: block, terms: [保本, 内部消息]}]\n"


def spoken(text: str, start: float = 0.0, *, doubt: float = 0.0) -> Heard:
    """Read what somebody says slowly and clearly; with nats of `doubt` about each unit."""
    (code, *_) = pronounce(text, "zh")
    frames = np.full((2 * EACH * len(code), len(UNITS) + 1), -20.0, dtype=np.float32)
    for number, unit in enumerate(code):
        at = 2 * EACH * number
        frames[at : at + EACH, unit] = -doubt
        frames[at : at + EACH, BLANK] = 0.0 if doubt else -20.0
        frames[at + EACH : at + 2 * EACH, BLANK] = 0.0
    return Heard(frames, start, 0.02)


@pytest.fixture
def search() -> SoundSearch:
    found = search_of(TABLE, ABOUT)
    assert found is not None
    return found


def listen(call: Call, seconds: float = 0.5, now: float = 100.0) -> dict[str, SoundTurn[SoundLook]]:
    receive(call, AudioFrame("agent", 0, b"\1\0" * int(16_000 * seconds)))
    return call.listens(now)


def look(call: Call, turn: SoundTurn[SoundLook], heard: Heard) -> list[Outgoing]:
    assert turn.cut() is not None
    return call.looked("agent", turn.search(heard))


class TestASearch:
    def test_finds_what_was_said_and_where(self, search: SoundSearch) -> None:
        found = search(spoken("听说内部消息", start=3.0), "agent", paused=True)
        (hit,) = found.hits
        assert (hit.use.phrase, hit.score) == ("内部消息", 0.0)
        assert hit.start == pytest.approx(3.0 + 2 * 0.2)
        assert hit.end == pytest.approx(3.0 + 5 * 0.2 + 0.1)
        assert found.until == pytest.approx(3.0 + 6 * 0.2)

    def test_is_less_sure_of_what_was_said_less_clearly(self, search: SoundSearch) -> None:
        clear, vague = (search(spoken("内部消息", doubt=doubt), "agent", paused=True).hits[0] for doubt in (0.0, 0.6))
        assert vague.score < clear.score
        assert vague.confidence < clear.confidence

    def test_is_never_sure_of_two_syllables_nor_where_one_was_clearly_another(self, search: SoundSearch) -> None:
        loose = About("zh", UNITS, "base", "0" * 64, 512, {"candidate": (0.0, -9.0), "sure": (0.0, 0.0, -9.0)}, LIKELY)
        table = compile_lexicon(parse(OTHER, "o.yaml"), "zh")
        found = SoundSearch(table, loose, LIKELY)(spoken("内部消化保本内部消息"), "agent", paused=True)
        sure = [(hit.use.phrase, round(hit.start, 1)) for hit in found.hits if hit.sure]
        assert sure == [("内部消息", 1.2)]
        assert {hit.use.phrase for hit in found.hits} == {"内部消息", "保本"}

    @pytest.mark.parametrize("text", ["不是保本", "没有保本", "不保本"])
    def test_notices_what_may_deny(self, search: SoundSearch, text: str) -> None:
        assert search(spoken(text), "agent", paused=True).denials

    def test_takes_nothing_for_a_denial_that_only_seems_to_be_one(self, search: SoundSearch) -> None:
        assert not search(spoken("我们保本"), "agent", paused=True).denials

    @pytest.mark.parametrize("text", ["内部消息不行", "部内部消息"])
    def test_notices_only_what_comes_before(self, text: str) -> None:
        (call, sound) = begin(search=search_of(TABLE, ABOUT)), spoken(text)
        told = look(call, listen(call, 2.0)["agent"], sound)
        assert any(isinstance(event, Block) for event in told) is (text == "内部消息不行")

    def test_is_made_once_for_a_table(self, search: SoundSearch) -> None:
        assert search_of(TABLE, ABOUT) is search

    def test_is_none_without_a_head_or_without_its_calibration(self) -> None:
        assert search_of(TABLE, None) is None
        assert search_of(TABLE, About("zh", UNITS, "base", "0" * 64, 512)) is None

    def test_is_for_calls_only_where_most_terms_are_sure_by_it(self, search: SoundSearch) -> None:
        assert live_search_of(TABLE, ABOUT) is search
        assert live_search_of(replace(TABLE, language="en"), replace(ABOUT, language="en")) is None

    def test_says_whose_terms_count(self, search: SoundSearch) -> None:
        assert search.covers("agent")
        assert not search.covers("customer")


class TestACall:
    def test_blocks_what_its_sound_holds(self, search: SoundSearch) -> None:
        call = begin(search=search)
        told = look(call, listen(call)["agent"], spoken("内部消息"))
        block = next(event for event in told if isinstance(event, Block))
        assert (block.action, block.violation.term) == (Action.MUTE, "内部消息")

    def test_is_looked_at_again_only_when_a_look_was_answered(self, search: SoundSearch) -> None:
        call = begin(search=search)
        (turn,) = listen(call).values()
        assert not listen(call)
        look(call, turn, spoken("您好"))
        assert listen(call)

    def test_is_looked_at_again_where_a_look_failed(self, search: SoundSearch) -> None:
        call = begin(search=search)
        (turn,) = listen(call).values()
        turn.cut()
        assert call.looked("agent", None) == []
        assert listen(call)

    def test_lets_its_text_wait_for_its_sound(self, search: SoundSearch) -> None:
        call = begin(search=search)
        (turn,) = listen(call, 2.0, now=100.0).values()
        assert turn.deadline == 100.0
        assert [one.deadline for one in call.due(100.0)] == [100.0 + LEISURE]

    def test_asks_for_its_text_where_its_sound_leaves_a_term_open(self, search: SoundSearch) -> None:
        call = begin(search=search)
        (turn,) = listen(call, 2.0).values()
        assert not [event for event in look(call, turn, spoken("内部消息", doubt=0.9)) if isinstance(event, Block)]
        assert [one.deadline for one in call.due(100.0)] == [100.0]

    def test_tells_once_what_its_sound_and_its_text_hold(self, search: SoundSearch) -> None:
        call = begin(search=search)
        (turn,) = listen(call, 2.0).values()
        told = look(call, turn, spoken("内部消息"))
        (window,) = windows(call)
        told += hear(call, window, words("内部消息"))
        assert kinds(told).count(Block) == 1

    def test_ends_when_its_last_look_was_answered(self, search: SoundSearch) -> None:
        call = begin(search=search)
        (turn,) = listen(call, 2.0).values()
        window = turn.cut()
        assert isinstance(window, Window)
        told = stop(call)
        while jobs := windows(call):
            for job in jobs:
                told += hear(call, job, words(""))
        assert Stopped not in kinds(told)
        told += call.looked("agent", turn.search(spoken("内部消息")))
        for last in call.listens(0.0).values():
            last.cut()
            told += call.looked("agent", None)
        assert kinds(told).count(Stopped) == 1
        reports = [event.violation for event in told if isinstance(event, ViolationReport)]
        assert reports[-1].status is Status.FIRED

    def test_without_a_head_is_looked_at_as_text_alone(self) -> None:
        call = begin()
        assert not listen(call, 2.0)
        assert [one.deadline for one in call.due(100.0)] == [100.2]
