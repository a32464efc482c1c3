"""The file of results: whatever kills a scan, what it holds is true, and nothing is in it twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detector.types import Missing
from streamer.errors import ScanError
from streamer.scan import ledger, results
from streamer.scan.ledger import Ledger
from streamer.scan.results import About, Found, Key, Line, Result, Scanned, Unreadable

FOUND = Found(
    "v-1", "agent", "promise", "guarantee", "block", "保本", "保 本", "exact", 0.98, 1.25, 1.75, "这款保本的", "请勿"
)
SCANNED = Scanned(
    file="calls/a.wav",
    key=Key("ab" * 32, "bank@1", "base", "zh", "agent,customer"),
    about=About("a", "w-7", "2026-11-24T01:00:00.000Z"),
    channels=("agent", "customer"),
    duration=61.5,
    speech_seconds=40.125,
    unheard_seconds=0.0,
    found=(FOUND,),
    undisclosed=(Missing("risk", "disclosure", "alert", ("投资有风险", "理财非存款"), None),),
    metrics={"silence_seconds": 12.5},
    silenced={"agent": ((3.0, 4.5),)},
    transcript=(Line("agent", "这款保本的", 1.0, 2.0),),
)
BROKEN = Unreadable("calls/b.wav", "holds no sound")


def kept(path: Path) -> list[Result]:
    with Ledger(path) as book:
        return book.results


class TestLines:
    @pytest.mark.parametrize("result", [SCANNED, replace(SCANNED, transcript=None, found=(), undisclosed=()), BROKEN])
    def test_a_result_is_put_together_again(self, result: Result) -> None:
        assert results.read(json.loads(line) for line in ledger.lines(result).splitlines()) == result

    def test_they_are_what_others_rely_on(self) -> None:
        found, missing, summary = (json.loads(line) for line in ledger.lines(SCANNED).splitlines())
        assert {
            name: found[name]
            for name in ("file", "channel", "rule_id", "category", "severity", "term", "heard", "match", "confidence")
        } == {
            "file": "calls/a.wav",
            "channel": "agent",
            "rule_id": "promise",
            "category": "guarantee",
            "severity": "block",
            "term": "保本",
            "heard": "保 本",
            "match": "exact",
            "confidence": 0.98,
        }
        assert (found["start"], found["end"], found["lexicon_version"]) == (1.25, 1.75, "bank@1")
        assert missing["missing"] is True
        assert not {"start", "end"} & missing.keys()
        assert summary["summary"] is True
        named = ("duration", "speech_seconds", "violations", "missing")
        assert [summary[name] for name in named] == [61.5, 40.125, 1, 1]
        assert json.loads(ledger.lines(BROKEN)) == {"file": "calls/b.wav", "error": "holds no sound"}


class TestALedger:
    def test_what_was_added_is_there_the_next_time(self, tmp_path: Path) -> None:
        with Ledger(tmp_path / "deep" / "hits.jsonl") as book:
            book.add(BROKEN)
            book.add(SCANNED)
        with Ledger(tmp_path / "deep" / "hits.jsonl") as book:
            assert book.results == [SCANNED, BROKEN]
            assert book.of("calls/a.wav") == SCANNED
            assert book.like(SCANNED.key) == SCANNED
            assert book.like(replace(SCANNED.key, model="small")) is None

    def test_a_later_result_takes_the_place_of_an_earlier(self, tmp_path: Path) -> None:
        path = tmp_path / "hits.jsonl"
        anew = replace(SCANNED, found=())
        with Ledger(path) as book:
            book.add(SCANNED)
            book.add(anew)
            book.tidy()
        assert path.read_text(encoding="utf-8") == ledger.lines(anew)

    def test_tidied_it_is_the_same_whatever_came_first(self, tmp_path: Path) -> None:
        orders: dict[str, list[Result]] = {"one": [SCANNED, BROKEN], "other": [BROKEN, SCANNED]}
        for name, order in orders.items():
            with Ledger(tmp_path / name) as book:
                for result in order:
                    book.add(result)
                book.tidy()
        assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()

    @given(st.integers(0, len(ledger.lines(SCANNED).encode()) + len(ledger.lines(BROKEN).encode())))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_killed_at_any_byte_it_holds_whole_results(self, tmp_path: Path, at: int) -> None:
        path, whole = tmp_path / "torn.jsonl", (ledger.lines(BROKEN) + ledger.lines(SCANNED)).encode()
        path.write_bytes(whole[:at])
        known = kept(path)
        finished = [BROKEN] if at >= len(ledger.lines(BROKEN).encode()) else []
        assert known == ([SCANNED, BROKEN] if at == len(whole) else finished)
        with Ledger(path) as book:
            book.add(SCANNED)
        assert SCANNED in kept(path)

    def test_two_scans_do_not_write_the_same_file(self, tmp_path: Path) -> None:
        with Ledger(tmp_path / "hits.jsonl"), pytest.raises(ScanError, match="another scan"):
            Ledger(tmp_path / "hits.jsonl").__enter__()

    @pytest.mark.parametrize(
        "content",
        [
            "Dear diary",
            "Dear diary\n",
            '{"name":"other"}\n',
            "[1]\n",
            '{"file":1}\n',
            '{"file":"a","summary":true}\n',
            '{"file":"a","error":',
            '{"file":"a","summary":true,"duration":"x"}\n',
        ],
    )
    def test_somebody_elses_file_is_left_as_it_is(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "notes.txt"
        path.write_text(content, encoding="utf-8")
        if content.startswith('{"file":"a","error":'):
            # A scan's own, torn: it begins anew.
            assert kept(path) == []
            return
        with pytest.raises(ScanError, match="notes"):
            kept(path)
        assert path.read_text(encoding="utf-8") == content

    @given(st.binary(max_size=300))
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_anything_else_is_refused_and_kept(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "any"
        path.write_bytes(content)
        try:
            assert kept(path) == []
        except ScanError:
            assert path.read_bytes() == content

    def test_a_place_that_cannot_be_written_is_told(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(ScanError, match="file"):
            kept(tmp_path / "file" / "hits.jsonl")
