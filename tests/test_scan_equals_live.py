"""What a live call would have blocked a scan finds, and the other way round: violation for violation."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from benchmarks import calls
from benchmarks.calls import LabelledCall
from detector.types import Violation
from lexicon.compiler import compile_lexicon
from lexicon.loader import load, shipped
from lexicon.types import Severity
from streamer.recognition.whisper import WhisperRecognizer
from streamer.scan.results import Found, Scanned
from streamer.scan.scanner import Job, Rules, at_once, scan_all, scanning
from streamer.scan.sources import Source
from tests import live
from tests.faults import DATA

LABELLED = Path(__file__).parent.parent.parent / "shared" / "calls"
BUNDLED = [LabelledCall(DATA / f"demo-{language}.wav", language, 0.0, (), {}) for language in ("zh", "en")]
APART = 0.3
"""Seconds by which the same words may be placed differently in two windows."""
LIKELY = 0.2
"""Confidence from which on an alert must be told by both: what is less likely hangs on one reading of one window."""

pytestmark = pytest.mark.xdist_group("model")


async def scanned(whisper: WhisperRecognizer, rules: Rules, some: list[LabelledCall]) -> dict[Path, Scanned]:
    jobs = [Job(Source(str(call.path), 0, None), call.language) for call in some]
    results = {}
    async with scanning(whisper, rules) as scanner:
        async for job, result in scan_all(scanner, jobs, at_once=at_once(whisper)):
            assert isinstance(result, Scanned)
            results[Path(job.source.name)] = result
    return results


def alike(call: LabelledCall, one: Violation, other: Found) -> bool:
    """Whether two are the same: as severe, in the same place, of the same rule.

    Of a labelled phrase that holds terms of several rules, either may be named: the one that was read first covers it.
    """
    same = (one.channel, one.severity) == (other.channel, other.severity)
    near = one.start < other.end + APART and other.start < one.end + APART
    spans = [(found.start, found.end, found.channel) for found in (one, other)]
    labelled = any(mark.violation and all(mark.met_by(*span) for span in spans) for mark in call.marks)
    return same and near and (one.rule_id == other.rule_id or labelled)


def counts(severity: str, confidence: float) -> bool:
    return severity != Severity.ALERT or confidence >= LIKELY


@pytest.mark.parametrize("which", ["bundled", "labelled"])
async def test_a_scan_finds_what_a_live_call_does(whisper: WhisperRecognizer, which: str) -> None:
    if which == "labelled" and not LABELLED.is_dir():
        pytest.skip("the labelled calls are not here")
    some = BUNDLED if which == "bundled" else calls.read(LABELLED)
    lexicon = load(shipped())
    rules = Rules(lexicon.version, {language: compile_lexicon(lexicon, language) for language in calls.LANGUAGES})
    with ThreadPoolExecutor(whisper.concurrency) as threads:
        heard = threads.map(lambda one: live.listen(whisper, one.path, one.language, rules.tables[one.language]), some)
        lives = dict(zip((call.path for call in some), heard, strict=True))
    results = await scanned(whisper, rules, some)
    for call in some:
        (violations, account), result = lives[call.path], results[call.path]
        name = call.path.name
        only_live = [one for one in violations if not any(alike(call, one, found) for found in result.found)]
        only_scan = [found for found in result.found if not any(alike(call, one, found) for one in violations)]
        assert [one for one in only_live if counts(one.severity, one.confidence)] == [], name
        assert [found for found in only_scan if counts(found.severity, found.confidence)] == [], name
        assert {one.rule_id for one in account.missing} == {one.rule_id for one in result.undisclosed}, name
