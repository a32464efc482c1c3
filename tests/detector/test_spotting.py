"""Spotting, beside a search so plain that it is seen to be right."""

from __future__ import annotations

import gc
import math
import weakref
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from detector.spotting import Spot, Spotter, spotter_of
from lexicon.compiler import Table, compile_lexicon
from lexicon.pronunciation import BLANK, inventory, pronounce
from lexicon.types import Lexicon, Rule, Severity

CLASSES = 4
ANY = -math.inf
Code = tuple[int, ...]
Phrases = list[tuple[Code, int]]

unit = st.integers(1, CLASSES - 1)
codes = st.lists(unit, min_size=1, max_size=4).map(tuple)
phrases = st.lists(st.tuples(codes, st.integers(0, 2)), min_size=1, max_size=6)
# Quarters of a nat, few of them: their sums are exact, and many paths lose the same.
values = st.integers(-8, 0).map(lambda quarters: quarters / 4)
windows = st.lists(st.lists(values, min_size=CLASSES, max_size=CLASSES), min_size=1, max_size=9).map(
    lambda rows: np.array(rows, dtype=np.float32)
)
floors = st.sampled_from([ANY, -1.5, -0.5, -0.25, 0.0])


def find(phrases: Phrases, window: NDArray[np.float32], floor: float = ANY) -> list[Spot]:
    return Spotter([code for code, _ in phrases], [owner for _, owner in phrases], CLASSES).find(window, floor)


def best(spots: Sequence[Spot], phrase: int) -> float:
    return max((spot.score for spot in spots if spot.phrase == phrase), default=-math.inf)


def plain_paths(code: Code, window: NDArray[np.float32], start: int) -> dict[int, float]:
    """Give for each end the least that the phrase loses when it begins in a frame, by trying each label in turn."""
    labels = [unit for each in code for unit in (BLANK, each)][1:]
    lost = (window - window.max(axis=1, keepdims=True)).tolist()
    reached: dict[int, float] = {0: lost[start][labels[0]]}
    ends = {start + 1: reached[0]} if len(labels) == 1 else {}
    for frame in range(start + 1, len(lost)):
        after: dict[int, float] = {}
        for at, score in reached.items():
            for to in (at, at + 1, at + 2):
                skips_blank = to == at + 2
                if to < len(labels) and not (skips_blank and (labels[at] == BLANK or labels[to] == labels[at])):
                    after[to] = max(after.get(to, -math.inf), score + lost[frame][labels[to]])
        reached = after
        if len(labels) - 1 in reached:
            ends[frame + 1] = reached[len(labels) - 1]
    return ends


def plainly(phrases: Phrases, window: NDArray[np.float32], floor: float) -> list[Spot]:
    found: list[Spot] = []
    for owner in {owner for _, owner in phrases}:
        by_start: dict[int, list[Spot]] = {}
        for code in [code for code, of in phrases if of == owner]:
            starts = {start: plain_paths(code, window, start) for start in range(len(window))}
            for end in range(1, len(window) + 1):
                ending = [
                    Spot(owner, start, end, ends[end] / len(code)) for start, ends in starts.items() if end in ends
                ]
                if ending:
                    # The first of those that lose least: it starts earliest.
                    spot = max(ending, key=lambda spot: spot.score)
                    by_start.setdefault(spot.start, []).append(spot)
        places = [max(spots, key=lambda spot: (spot.score, spot.end)) for spots in by_start.values()]
        places.sort(key=lambda spot: (-spot.score, spot.start - spot.end, spot.start))
        taken: list[Spot] = []
        for place in places:
            if place.score >= floor and all(place.end <= other.start or other.end <= place.start for other in taken):
                taken.append(place)
        found += taken
    return sorted(found, key=lambda spot: (spot.end, spot.start, spot.phrase))


@given(phrases, windows, floors)
def test_finds_what_a_plain_search_finds(phrases: Phrases, window: NDArray[np.float32], floor: float) -> None:
    assert find(phrases, window, floor) == plainly(phrases, window, floor)


@given(phrases, windows, floors)
def test_a_floor_only_leaves_out_what_is_below_it(phrases: Phrases, window: NDArray[np.float32], floor: float) -> None:
    assert find(phrases, window, floor) == [spot for spot in find(phrases, window) if spot.score >= floor]


@given(phrases, windows, floors, st.data())
def test_other_phrases_change_nothing(
    phrases: Phrases, window: NDArray[np.float32], floor: float, data: st.DataObject
) -> None:
    owner = data.draw(st.sampled_from([owner for _, owner in phrases]))
    alone = find([phrase for phrase in phrases if phrase[1] == owner], window, floor)
    assert [spot for spot in find(phrases, window, floor) if spot.phrase == owner] == alone


@given(codes, windows, windows, windows)
def test_more_to_hear_never_lowers_the_best_score(
    code: Code, before: NDArray[np.float32], window: NDArray[np.float32], after: NDArray[np.float32]
) -> None:
    alone, among = find([(code, 0)], window), find([(code, 0)], np.concatenate([before, window, after]))
    assert best(among, 0) >= best(alone, 0)


@given(codes, st.lists(st.integers(0, CLASSES - 1), min_size=1, max_size=12), st.integers(0, 9))
def test_nothing_is_lost_where_the_best_reading_spells_the_phrase_and_only_there(
    code: Code, reading: list[int], seed: int
) -> None:
    window = np.random.default_rng(seed).uniform(-9, -1, (len(reading), CLASSES)).astype(np.float32)
    window[np.arange(len(reading)), reading] = -0.01
    spelled = tuple(number for number, _ in groupby(reading) if number != BLANK)
    spells = any(spelled[at : at + len(code)] == code for at in range(len(spelled)))
    assert (best(find([(code, 0)], window), 0) == 0.0) == spells


@given(st.integers(0, 1 << 20))
def test_scores_of_any_size_are_those_of_a_plain_search(seed: int) -> None:
    chance = np.random.default_rng(seed)
    window = np.log(chance.dirichlet(np.full(CLASSES, 0.1), 12)).astype(np.float32).clip(-60)
    code = tuple(chance.integers(1, CLASSES, 5).tolist())
    found, wanted = find([(code, 0)], window), plainly([(code, 0)], window, ANY)
    assert best(found, 0) == pytest.approx(best(wanted, 0), abs=1e-3)


class TestASpotter:
    WINDOW = np.log(np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1]], dtype=np.float32))

    def test_has_a_floor_for_each_phrase(self) -> None:
        floor = np.array([0.0, 1.0], dtype=np.float32)
        assert find([((1, 2), 0)], self.WINDOW) == [Spot(0, 1, 3, 0.0)]
        spotter = Spotter([(1, 2), (1, 2)], [0, 1], CLASSES)
        assert spotter.find(self.WINDOW, floor) == [Spot(0, 1, 3, 0.0)]

    def test_finds_nothing_in_no_frames_or_for_no_phrases(self) -> None:
        assert find([((1,), 0)], self.WINDOW[:0]) == []
        assert find([], self.WINDOW) == []

    def test_finds_nothing_that_takes_more_frames_than_there_are(self) -> None:
        assert find([((1, 1), 0)], self.WINDOW[:2]) == []

    def test_bears_what_is_impossible(self) -> None:
        certain = np.where(self.WINDOW > -1, np.float32(0), np.float32(-np.inf))
        assert find([((1, 2), 0), ((3,), 1)], certain, -3.0) == [Spot(0, 1, 3, 0.0)]

    @pytest.mark.parametrize(
        ("codes", "owners"), [([()], [0]), ([(BLANK,)], [0]), ([(CLASSES,)], [0]), ([(1,)], []), ([(1,)], [-1])]
    )
    def test_refuses_what_cannot_be_searched(self, codes: list[Code], owners: list[int]) -> None:
        with pytest.raises(ValueError, match=r"a pronunciation has|a unit is a class from 1 to 3"):
            Spotter(codes, owners, CLASSES)

    def test_refuses_posteriors_of_another_head(self) -> None:
        with pytest.raises(ValueError, match="posteriors are"):
            find([((1,), 0)], self.WINDOW[:, :2])


class TestTheSpotterOfATable:
    @staticmethod
    def table(language: str = "zh") -> Table:
        rules = (
            Rule("allowed", "c", Severity.BLOCK, ("保本",), "zh", allow=("保本微利",)),
            Rule("french", "c", Severity.BLOCK, ("sans risque",), "fr"),
        )
        return compile_lexicon(Lexicon("x", "x@0", rules), language)

    def test_finds_its_phrases_and_its_cues(self) -> None:
        table = self.table()
        spotter = spotter_of(table)
        assert spotter is not None
        assert table.spoken is not None
        heard = [unit for text in ("不能", "保本", "微利") for code in pronounce(text, "zh")[:1] for unit in code]
        window = np.full((len(heard), len(inventory("zh") or ()) + 1), -9, dtype=np.float32)
        window[np.arange(len(heard)), heard] = 0
        spots = {spot.phrase: (spot.start, spot.end) for spot in spotter.find(window, 0.0)}
        phrases = [*table.phrases, *(cue for cue, _ in table.spoken.cues)]
        assert {phrases[number]: place for number, place in spots.items()} == {
            "保本": (2, 4),
            "保本微利": (2, 6),
            "不能": (0, 2),
        }

    def test_is_made_once_and_goes_with_its_table(self) -> None:
        table = self.table()
        spotter = spotter_of(table)
        assert spotter_of(table) is spotter
        assert spotter_of(self.table()) is not spotter
        gone = weakref.ref(spotter) if spotter is not None else None
        del table, spotter
        gc.collect()
        assert gone is not None
        assert gone() is None

    def test_is_none_in_a_language_that_is_not_listened_to(self) -> None:
        assert spotter_of(self.table("fr")) is None
