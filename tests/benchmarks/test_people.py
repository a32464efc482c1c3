"""What a scan and a service say of what people said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchmarks.people import reported, told
from benchmarks.phrases import Found
from streamer.client import Received

ROW = {
    "file": "/set/a.wav",
    "violation_id": "v-1",
    "rule_id": "p-1",
    "severity": "block",
    "term": "临界值",
    "match": "phonetic",
    "channel": "agent",
    "start": 4.0,
    "end": 5.0,
    "confidence": 0.8,
}
FOUND = Found("a.wav", "p-1", "临界值", "agent", 4.0, 5.0, True, 0.8)


def violation(status: str, severity: str = "block", confidence: float = 0.8) -> Received:
    return Received(6.0, {**ROW, "type": "violation", "status": status, "severity": severity, "confidence": confidence})


def block(at: float) -> Received:
    return Received(at, {"type": "block", "violation_id": "v-1"})


def heard(*messages: Received) -> list[tuple[bool, float, float | None]]:
    return [(found.blocked, found.confidence, found.at) for found in told("a.wav", messages)]


def test_of_a_scan_blocks_and_alerts_are_read() -> None:
    others: list[dict[str, Any]] = [
        {**ROW, "severity": "alert", "confidence": 0.4},
        {**ROW, "severity": "review"},
        {"file": "/set/a.wav", "sha256": "00", "duration": 9.0},
    ]
    assert [(one.blocked, one.confidence) for one in reported([ROW, *others])] == [(True, 0.8), (False, 0.4)]
    assert next(reported([ROW])) == FOUND


def test_what_the_text_has_as_well_is_told_apart() -> None:
    assert next(reported([{**ROW, "match": "exact"}])) == replace(FOUND, written=True)
    exact = {**ROW, "type": "violation", "status": "confirmed", "match": "exact"}
    assert [found.written for found in told("a.wav", [violation("fired"), block(5.4)])] == [False]
    assert [found.written for found in told("a.wav", [block(5.4), Received(6.0, exact)])] == [True]


def test_a_block_counts_even_if_it_was_taken_back() -> None:
    assert heard(violation("fired"), block(5.4), violation("retracted", confidence=0.1)) == [(True, 0.1, 5.4)]


def test_of_two_blocks_the_first_counts() -> None:
    assert heard(violation("fired"), block(5.4), block(7.0)) == [(True, 0.8, 5.4)]


def test_an_alert_counts_by_how_it_ended() -> None:
    assert heard(violation("candidate"), violation("fired", "alert", 0.5)) == [(False, 0.5, None)]
    assert heard(violation("fired", "alert"), violation("retracted", "alert")) == []
    assert heard(violation("candidate", "alert")) == []
