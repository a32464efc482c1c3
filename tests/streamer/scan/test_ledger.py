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
    @pytest.mark.parametrize(
        "result",
        [
            SCANNED,
            replace(SCANNED, transcript=None, found=(), undisclosed=()),
            replace(SCANNED, notes=("odd",), broken_off=True, language_from="detected"),
            replace(SCANNED, key=replace(SCANNED.key, form="ulaw"), language_from="default"),
            BROKEN,
        ],
    )
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


NAMES = ["\udcb5绰.wav", "a\nb.wav", "\x1b[2J.wav", "invoice\u202egpj.wav", "a%20b.wav", "电话.wav"]


class TestNames:
    """A file's name may hold any byte, and none of them ends a scan or reaches a terminal."""

    @pytest.mark.parametrize("name", NAMES)
    @pytest.mark.parametrize("result", [SCANNED, BROKEN])
    def test_any_name_is_printable_and_leads_back_to_the_file(self, tmp_path: Path, name: str, result: Result) -> None:
        other = replace(result, file=name)
        for line in ledger.lines(other).splitlines():
            row = json.loads(line)
            assert row["file"].isprintable()
            assert results.name_in(row) == name
            assert ("file_bytes" in row) == (row["file"] != name)
        with Ledger(tmp_path / "hits.jsonl") as book:
            book.add(replace(SCANNED, file="b.wav"))
            book.add(other)
        with Ledger(tmp_path / "hits.jsonl") as book:
            assert book.of(name) == other
            book.tidy()
        assert other in kept(tmp_path / "hits.jsonl")

    def test_the_bytes_are_those_of_the_file(self) -> None:
        row = json.loads(ledger.lines(replace(BROKEN, file="rec/\udcb5绰.wav")))
        assert row == {"file": "rec/\\xb5绰.wav", "file_bytes": "rec/%B5%E7%BB%B0.wav", "error": "holds no sound"}

    def test_two_names_that_look_alike_are_two_files(self, tmp_path: Path) -> None:
        some = [replace(SCANNED, file="\udcb5.wav"), replace(SCANNED, file="\\xb5.wav")]
        with Ledger(tmp_path / "hits.jsonl") as book:
            for one in some:
                book.add(one)
        assert sorted(kept(tmp_path / "hits.jsonl"), key=str) == sorted(some, key=str)


class TestEarlierLedgers:
    """What older versions wrote is read; what they may have misread is scanned anew."""

    @pytest.mark.parametrize(("name", "known"), [("a.wav", True), ("a.ulaw", False), ("a.SLN", False)])
    def test_a_line_without_a_form_is_known_where_a_header_tells_it(
        self, tmp_path: Path, name: str, known: bool
    ) -> None:
        rows = [json.loads(line) for line in ledger.lines(replace(SCANNED, file=name)).splitlines()]
        for row in rows:
            row.pop("form", None)
            row.pop("language_from", None)
        path = tmp_path / "hits.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        with Ledger(path) as book:
            assert len(book.results) == 1
            assert (book.like(SCANNED.key) is not None) == known
            assert book.like(replace(SCANNED.key, form=name.rsplit(".", 1)[-1].lower())) is None


class TestLanguages:
    def test_who_leaves_the_language_open_is_given_what_was_heard(self, tmp_path: Path) -> None:
        heard = replace(SCANNED, key=replace(SCANNED.key, language="en"), language_from="detected")
        guessed = replace(SCANNED, file="b.wav", key=replace(SCANNED.key, sha256="cd" * 32), language_from="default")
        with Ledger(tmp_path / "hits.jsonl") as book:
            book.add(heard)
            book.add(guessed)
        with Ledger(tmp_path / "hits.jsonl") as book:
            assert book.like(replace(heard.key, language="detected")) == heard
            assert book.like(replace(heard.key, language="en")) == heard
            assert book.like(replace(heard.key, language="zh")) is None
            assert book.like(replace(guessed.key, language="detected:zh")) == guessed
            assert book.like(replace(guessed.key, language="detected:en")) is None
            assert book.like(replace(guessed.key, language="detected")) is None

    def test_what_was_told_is_no_answer_to_who_leaves_it_open(self, tmp_path: Path) -> None:
        with Ledger(tmp_path / "hits.jsonl") as book:
            book.add(SCANNED)
            assert book.like(replace(SCANNED.key, language="detected")) is None
            assert book.like(replace(SCANNED.key, language="detected:zh")) is None


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
