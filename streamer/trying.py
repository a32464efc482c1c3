"""What a sentence would trigger, for people who write lexicons: at the prompt, and on the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from detector.detector import Detector
from detector.policy import ACTIONS
from detector.types import Status, TranscriptUpdate, Violation
from lexicon.compiler import Table
from streamer.recognition.words import TimedToken, to_words


def triggered(table: Table, sentence: str) -> list[Violation]:
    """Give what an agent's sentence fires, by its text alone."""
    words = to_words([TimedToken(sentence, 0.0, 0.25 * len(sentence), 1.0)], 0.0, 0.25 * len(sentence))
    decisions = Detector(table, ACTIONS).update(TranscriptUpdate("agent", words, (), True)).decisions
    last = {decision.violation.id: decision.violation for decision in decisions}
    return [violation for violation in last.values() if violation.status in (Status.FIRED, Status.CONFIRMED)]


def answer(sentence: str, found: Sequence[Violation]) -> dict[str, Any]:
    """Give what a sentence fires, as JSON has it."""
    return {"text": sentence, "violations": [_fields(violation) for violation in found]}


def _fields(violation: Violation) -> dict[str, Any]:
    return {
        "rule_id": violation.rule_id,
        "category": violation.category,
        "severity": violation.severity,
        "term": violation.term,
        "heard": violation.heard,
        "match": violation.match,
    }
