"""What a block waited for, told from what the recogniser did."""

from __future__ import annotations

import pytest

from benchmarks.calls import Mark
from benchmarks.stages import STAGES, Piece, parts, work_of

MARK = Mark(True, "保本", "agent", 5.0)
BEGAN = 100.0


def piece(until: float | None, began: float, ended: float, channel: str = "agent", *, sound: bool = False) -> Piece:
    return Piece("c", channel, until, BEGAN + began, BEGAN + ended, sound)


def test_of_a_block_are_the_look_that_first_held_the_term_and_what_came_after_it() -> None:
    pieces = [
        piece(4.9, 4.9, 5.1),
        piece(5.2, 5.0, 5.1, "customer"),
        piece(5.15, 5.15, 5.4),
        piece(None, 5.4, 5.45),
        piece(5.4, 5.45, 5.7),
    ]
    assert parts(MARK, 0.46, "c", BEGAN, pieces) == pytest.approx((0.15, 0.25, 0.05, 0.01, 0.46))


def test_of_a_block_before_such_a_look_are_what_was_done_after_the_terms_end() -> None:
    pieces = [piece(4.9, 4.9, 5.1), piece(5.1, 5.1, 5.3)]
    assert parts(MARK, 0.12, "c", BEGAN, pieces) == pytest.approx((0.0, 0.0, 0.1, 0.02, 0.12))


def test_of_another_calls_are_none() -> None:
    others = [Piece("d", "agent", 5.1, BEGAN + 5.1, BEGAN + 5.2)]
    assert parts(MARK, 0.3, "c", BEGAN, others) == pytest.approx((0.0, 0.0, 0.3, 0.0, 0.3))


def test_of_a_block_are_the_looks_of_the_kind_that_fired_it() -> None:
    pieces = [piece(5.1, 5.1, 5.14, sound=True), piece(5.1, 5.12, 5.35), piece(5.3, 5.3, 5.33, sound=True)]
    assert parts(MARK, 0.15, "c", BEGAN, pieces, sound=True) == pytest.approx((0.1, 0.04, 0.0, 0.01, 0.15))
    assert parts(MARK, 0.36, "c", BEGAN, pieces) == pytest.approx((0.12, 0.23, 0.0, 0.01, 0.36))


def test_a_look_takes_all_its_stages_together() -> None:
    spent = {kind: {stage: [0.0, 0.0] for stage in (*STAGES, "other")} for kind in ("a look at sound", "weighing")}
    spent["a look at sound"] |= {
        "encode": [0.03, 0.01],
        "head": [0.004, 0.002],
        "search": [0.005],
        "other": [0.001] * 2,
    }
    work = work_of(spent)
    assert work["a look at sound"]["search"] == pytest.approx(0.005)
    assert work["a look at sound"]["in all"] == pytest.approx(0.02 + 0.003 + 0.005 + 0.001)
    assert work["weighing"]["in all"] == 0.0
