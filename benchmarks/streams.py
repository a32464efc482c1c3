"""Labelled calls, streamed to a service in real time, and judged by what comes back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from benchmarks.calls import LabelledCall, Mark
from streamer import client, recordings
from streamer.client import Received
from streamer.errors import CallFailed, CallRefused
from streamer.recordings import Recording


@dataclass(slots=True)
class Outcome:
    """What became of one call.

    Attributes:
      latencies, candidates: seconds from the term's end to the block, and to the first report, by term.
      missed: violations that no block came for.
      false: terms that were blocked though nothing forbidden was said there.
      unmarked: terms that were blocked, and were said though nobody had marked them.
      match_to_signal: milliseconds, of each block.
      named: what the service calls the violation of each term's first block.
      fired: what that block came of (`benchmarks.fired.Ear`), where calls were watched.
    """

    file: str
    language: str
    latencies: dict[str, float] = field(default_factory=dict)
    candidates: dict[str, float] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)
    unmarked: list[str] = field(default_factory=list)
    match_to_signal: list[float] = field(default_factory=list)
    blind: float = 0.0
    named: dict[str, str] = field(default_factory=dict)
    fired: dict[str, str] = field(default_factory=dict)


async def measure(url: str, call: LabelledCall, recording: Recording | None = None) -> Outcome:
    """Stream one call and judge what comes back; raises what `stream` does."""
    return judge(call, await stream(url, call, recording))


async def stream(url: str, call: LabelledCall, recording: Recording | None = None) -> list[Received]:
    """Stream one call to its end, and give all that comes back.

    Args:
      url: where the service takes calls.
      recording: what to send, where that is not the call's file as it is; the call's marks are seconds of it.

    Raises:
      CallRefused: the service is overloaded.
      CallFailed: it can't be reached, or broke the call off, or gave no account of it.
    """
    played = client.play(recording or recordings.read(call.path), url, call_id=call.path.stem, language=call.language)
    messages: list[Received] = []
    try:
        async for received in played:
            messages.append(received)  # noqa: PERF401 - what came before a failure tells which it was
    except CallFailed:
        if messages and messages[-1].message.get("code") == "overloaded":
            raise CallRefused(url) from None
        raise
    if not messages or messages[-1].message["type"] != "stopped":
        raise CallFailed(url, "closed a call without an account of it")
    return messages


def judge(call: LabelledCall, messages: Sequence[Received]) -> Outcome:
    """Hold what came back against what was said."""
    outcome = Outcome(call.path.name, call.language)
    spans: dict[str, tuple[float, float]] = {}
    blocks: list[Received] = []
    violations = [mark for mark in call.marks if mark.violation]
    for received in messages:
        message = received.message
        if message["type"] == "violation":
            span = spans[message["violation_id"]] = (message["start"], message["end"])
            mark = _met(violations, span, message["channel"])
            if mark is not None:
                outcome.candidates.setdefault(mark.term, received.at - mark.end)
        elif message["type"] == "block":
            blocks.append(received)
            outcome.match_to_signal.append(message["match_to_signal_ms"])
        elif message["type"] == "stopped":
            outcome.blind = message["blind_seconds"]
    for block in blocks:
        term, channel = str(block.message["term"]), str(block.message["channel"])
        mark = _met(violations, spans[block.message["violation_id"]], channel)
        if mark is not None:
            outcome.latencies.setdefault(mark.term, block.at - mark.end)
            outcome.named.setdefault(mark.term, str(block.message["violation_id"]))
        elif call.holds(term, channel):
            outcome.unmarked.append(term)
        else:
            outcome.false.append(term)
    outcome.missed = [mark.term for mark in violations if mark.term not in outcome.latencies]
    return outcome


def _met(marks: Sequence[Mark], span: tuple[float, float], channel: str) -> Mark | None:
    return next((mark for mark in marks if mark.met_by(*span, channel)), None)


def summary(outcomes: Sequence[Outcome]) -> dict[str, object]:
    """Put several calls' outcomes into one row of figures."""
    latencies = [seconds for outcome in outcomes for seconds in outcome.latencies.values()]
    candidates = [seconds for outcome in outcomes for seconds in outcome.candidates.values()]
    signals = [ms for outcome in outcomes for ms in outcome.match_to_signal]
    missed = sum(len(outcome.missed) for outcome in outcomes)
    return {
        "violations": len(latencies) + missed,
        "blocked": len(latencies),
        "missed": missed,
        "false": sum(len(outcome.false) for outcome in outcomes),
        "candidate_p50": percentile(candidates, 50),
        "block_p50": percentile(latencies, 50),
        "block_p95": percentile(latencies, 95),
        "block_max": percentile(latencies, 100),
        "signal_ms_p50": percentile(signals, 50),
        "signal_ms_p99": percentile(signals, 99),
        "blind": round(sum(outcome.blind for outcome in outcomes), 2),
    }


def percentile(values: Sequence[float], percent: float) -> float | None:
    """Give a percentile, between neighbours where it falls there; None of nothing."""
    return round(float(np.percentile(values, percent)), 3) if values else None
