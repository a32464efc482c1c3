"""What blocks came of, told from calls that are watched."""

from __future__ import annotations

import pytest

from benchmarks.fired import Ear, watched
from streamer.recognition.sounds.search import search_of
from streamer.types import Block, Outgoing
from tests.streamer.calls_in_hand import TABLE, begin, hear, windows, words
from tests.streamer.test_sounding_calls import ABOUT, listen, look, spoken


def named(told: list[Outgoing]) -> dict[str, str]:
    return {event.violation.term: event.violation.id for event in told if isinstance(event, Block)}


@pytest.mark.parametrize(
    ("doubt", "ear"), [(0.0, Ear.SOUND), (0.9, Ear.BOTH), (None, Ear.TEXT)], ids=["sure", "open", "unheard"]
)
def test_a_block_came_of_what_fired_it(doubt: float | None, ear: Ear) -> None:
    with watched() as firings:
        call = begin(search=search_of(TABLE, ABOUT))
        (turn,) = listen(call, 2.0).values()
        told = look(call, turn, spoken("您好" if doubt is None else "内部消息", doubt=doubt or 0.0))
        assert bool(named(told)) is (ear is Ear.SOUND)
        (window,) = windows(call)
        told += hear(call, window, words("内部消息"))
        assert firings.taken(call.id, named(told)) == {"内部消息": ear}


def test_a_call_that_was_told_of_is_forgotten() -> None:
    with watched() as firings:
        call = begin(search=search_of(TABLE, ABOUT))
        block = named(look(call, listen(call)["agent"], spoken("内部消息")))
        assert firings.taken(call.id, block) == {"内部消息": Ear.SOUND}
        assert firings.taken(call.id, block) == {"内部消息": Ear.TEXT}
