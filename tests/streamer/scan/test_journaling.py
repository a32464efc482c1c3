"""Scanned recordings in the journal: whole, once, whatever kills the scan, and as of the day of the call."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import soundfile

from streamer.record import database, heads
from streamer.record.event import Event, written
from streamer.record.history import CallFilter, History, ViolationFilter
from streamer.record.journal import ASIDE, Journal
from streamer.record.statistics import Statistics
from streamer.record.verify import Verdict, verify
from streamer.scan.journaling import PATHS, Archive, Run, name_of, recording_of
from streamer.scan.results import About, Result, Unreadable
from streamer.settings import Settings
from tests.streamer.scan.invented import BEGAN, KEY, NOW, clip, found, result, run

HALTING = """
import sys
from pathlib import Path
from streamer.record.journal import Journal
from streamer.scan.journaling import Archive
from streamer.settings import Settings
from tests.streamer.scan.invented import clip, result

write = Journal.file

def halting(self, events, **options):
    first = events[0]
    print(first.type, first.call, first.fields.get("violation_id"), flush=True)
    sys.stdin.readline()
    return write(self, events, **options)

Journal.file = halting
with Archive.open(Settings(data=Path(sys.argv[1]))) as archive:
    for number in range(2):
        archive.keep(result(f"{number}.wav"), [clip("v-1"), clip("v-2")])
"""
"""A scan that says what it is about to write, and waits for a word."""


def events(chosen: Settings) -> list[Event]:
    """Give all that the journal holds, in its order."""
    engine = database.open_(chosen.journal)
    told = Journal(engine, gateway=chosen.name).since(ASIDE, 10_000)
    engine.dispose()
    return told


def kinds(chosen: Settings) -> list[str]:
    return [event.type for event in events(chosen)]


def clips_of(chosen: Settings) -> list[str]:
    return sorted(path.stem for path in (chosen.data / "evidence").glob("*/*.flac"))


class TestKeeping:
    def test_tells_a_call_as_a_live_one_is_told(self, archive: Archive, chosen: Settings) -> None:
        assert archive.keep(result(metrics={"silence_seconds": 9.5}), [clip("v-1"), clip("v-2")])
        started, first, _, stopped, *evidence = events(chosen)
        assert kinds(chosen)[:4] == ["call.started", "violation", "violation", "call.stopped"]
        assert {(one.call, one.call_id, one.agent, one.at) for one in events(chosen)} == {
            (name_of(result()), "0001", "Li Na", NOW)
        }
        assert started.fields == {
            "gateway": chosen.name,
            "platform": "scan",
            "language": "zh",
            "channels": ["agent", "customer"],
            "metadata": {"file": "rec/0001.wav", "agent": "Li Na"},
            "model": "Whisper base",
            "lexicon_version": "bank-1",
            "started_at": "2026-01-05T02:00:00.000Z",
            "scan": archive.scan,
            "recording": recording_of(result()),
        }
        assert first.fields == {
            "violation_id": "v-1",
            "status": "confirmed",
            "rule_id": "promise",
            "category": "guarantee",
            "severity": "block",
            "term": "保本",
            "heard": "宝本",
            "match": "phonetic",
            "confidence": 0.9,
            "channel": "agent",
            "start": 12.5,
            "end": 13.123,
            "say_instead": "理财有风险",
            "text": "这款产品宝本的",
            "lexicon_version": "bank-1",
            "said_at": "2026-01-05T02:00:12.500Z",
            "file": "rec/0001.wav",
            "scan": archive.scan,
        }
        missing = {"rule_id": "risk", "category": "disclosure", "severity": "alert", "terms": ["投资有风险"]}
        assert stopped.fields == {
            "outcome": "completed",
            "duration": 60.0,
            "violations": 2,
            "missing": [{**missing, "within": None}],
            "blind_seconds": 1.5,
            "ended_at": "2026-01-05T02:01:00.000Z",
            "metrics": {"silence_seconds": 9.5},
        }
        assert [(one.type, one.fields["violation_id"]) for one in evidence] == [
            ("evidence", "v-1"),
            ("evidence", "v-2"),
        ]
        assert [(one.fields["from"], one.fields["seconds"]) for one in evidence] == [(11.5, 2.0), (11.5, 2.0)]

    def test_keeps_clips_that_can_be_heard(self, archive: Archive, chosen: Settings) -> None:
        archive.keep(result(), [clip("v-1")])
        samples, rate = soundfile.read(chosen.data / "evidence" / name_of(result()) / "v-1.flac")
        assert (samples.shape, rate) == ((16_000, 2), 8000)

    def test_says_nothing_of_metrics_where_there_are_none(self, archive: Archive, chosen: Settings) -> None:
        archive.keep(result(found=(), undisclosed=()), [])
        assert [one.fields.get("metrics", "none") for one in events(chosen)] == ["none", "none"]

    def test_waits_for_no_webhook(self, archive: Archive, chosen: Settings) -> None:
        archive.keep(result(), [])
        engine = database.open_(chosen.journal)
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM outbox").scalar() == 0
        engine.dispose()

    def test_masks_numbers_of_people_in_names_of_files(self, archive: Archive, chosen: Settings) -> None:
        """And in the call's name where that is the file's, but in no platform's."""
        by_file = About("13812345678_0105", "Li Na", BEGAN.isoformat())
        archive.keep(result("/rec/13812345678_0105.wav", about=by_file), [])
        archive.keep(result("/rec/2.wav", about=replace(by_file, call_id="13812345678")), [])
        archive.conclude(run(paths=("/rec/13812345678_*.wav",)))
        told = events(chosen)
        assert [one.call_id for one in told if one.type == "call.started"] == ["＊" * 11 + "_0105", "13812345678"]
        assert told[0].fields["metadata"]["file"] == f"/rec/{'＊' * 11}_0105.wav"
        assert told[1].fields["file"] == f"/rec/{'＊' * 11}_0105.wav"
        assert told[-1].fields["paths"] == [f"/rec/{'＊' * 11}_*.wav"]

    def test_takes_names_that_are_no_text(self, archive: Archive, chosen: Settings) -> None:
        """A file's name may be bytes of any encoding."""
        file = "rec/" + "\udcc4\udce3.wav"
        assert archive.keep(result(file, about=About("\udcc4" * 300, "a\0b", BEGAN.isoformat())), [])
        started, *_ = events(chosen)
        assert started.fields["metadata"]["file"] == "rec/\\xc4\\xe3.wav"
        assert (started.call_id, started.agent) == ("\\xc4" * 64, "a\\x00b")


class TestTheDayOfTheCall:
    def test_is_what_history_and_statistics_know_it_by(
        self, archive: Archive, chosen: Settings, history: History
    ) -> None:
        archive.keep(result(), [])
        end = BEGAN + timedelta(minutes=1)
        (call,) = history.calls(CallFilter(start=BEGAN, end=end), limit=9).items
        assert (call["started_at"], call["ended_at"]) == ("2026-01-05T02:00:00.000Z", "2026-01-05T02:01:00.000Z")
        assert (call["blind"], call["monitored"]) == (1.5, 118.5)
        assert len(history.violations(ViolationFilter(start=BEGAN, end=end), limit=9).items) == 2
        assert history.calls(CallFilter(start=NOW), limit=9).items == []
        engine = database.open_(chosen.journal)
        summed = Statistics(engine).of(None, None, "UTC")
        engine.dispose()
        assert summed["by_day"] == [{"day": "2026-01-05", "block": 1, "alert": 1, "review": 0}]
        assert summed["coverage"] == {"received": 120.0, "monitored": 118.5, "blind": 1.5}
        assert (summed["blocks"]["count"], summed["blocks"]["undelivered"]) == (0, 0)

    def test_is_kept_in_another_zone(self, archive: Archive, history: History) -> None:
        archive.keep(result(about=About("1", None, "2026-01-05T01:30:00+08:00")), [])
        (call,) = history.calls(CallFilter(), limit=9).items
        assert (call["started_at"], call["agent"]) == ("2026-01-04T17:30:00.000Z", None)


class TestOnce:
    def test_is_each_recording_written_wherever_it_lies(self, archive: Archive, chosen: Settings) -> None:
        assert archive.keep(result(), [clip("v-1")])
        before = events(chosen)
        for file in ("rec/0001.wav", "/mnt/rec/0001.wav", "s3://calls/0001.wav", "rec\\0001.wav"):
            assert not archive.keep(result(file), [clip("v-1")])
        assert events(chosen) == before

    @pytest.mark.parametrize("changed", ["sha256", "lexicon_version", "model", "language", "legs"])
    def test_but_anew_where_it_was_heard_otherwise(self, archive: Archive, changed: str) -> None:
        archive.keep(result(), [])
        assert archive.keep(result(key=replace(KEY, **{changed: "other"})), [])

    def test_names_are_as_the_service_gives_them(self) -> None:
        name = name_of(result())
        assert name == name_of(result())
        assert name != name_of(result("rec/0002.wav"))
        assert len(name) <= 64
        assert name.isascii()
        assert name.replace("-", "").isalnum()

    def test_a_clip_that_was_never_written_is_written_the_next_time(self, archive: Archive, chosen: Settings) -> None:
        """Killed in between."""
        assert archive.keep(result(), [])
        assert archive.clips_wanted(result()) == {"v-1", "v-2"}
        archive.keep(result(), [clip("v-2")])
        assert archive.clips_wanted(result()) == {"v-1"}
        assert not archive.keep(result(), [clip("v-1"), clip("v-2")])
        assert archive.clips_wanted(result()) == frozenset()
        assert Counter(kinds(chosen))["evidence"] == 2
        assert clips_of(chosen) == ["v-1", "v-2"]

    def test_a_clip_that_was_removed_in_time_is_not_written_again(self, archive: Archive, chosen: Settings) -> None:
        archive.keep(result(), [clip("v-1")])
        next((chosen.data / "evidence").glob("*/*.flac")).unlink()
        archive.keep(result(), [clip("v-1")])
        assert clips_of(chosen) == []

    def test_whatever_kills_the_scan(self, tmp_path: Path) -> None:
        """Killed before each thing that it writes, and started again, until it comes to its end."""
        killed: set[str] = set()
        while True:
            with subprocess.Popen(
                [sys.executable, "-c", HALTING, str(tmp_path)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            ) as scan:
                assert scan.stdout is not None
                assert scan.stdin is not None
                while (next_ := scan.stdout.readline()) in killed:
                    scan.stdin.write("go on\n")
                    scan.stdin.flush()
                if next_:
                    os.kill(scan.pid, signal.SIGKILL)
                    killed.add(next_)
            if not next_:
                break
        assert scan.returncode == 0
        assert len(killed) == 6
        chosen = Settings(data=tmp_path)
        assert Counter(kinds(chosen)) == {"call.started": 2, "violation": 4, "call.stopped": 2, "evidence": 4}
        assert clips_of(chosen) == ["v-1"] * 2 + ["v-2"] * 2
        assert _verdict(chosen).flaw is None


class TestEvidence:
    def test_is_not_kept_where_none_is_to_be(self, tmp_path: Path) -> None:
        chosen = Settings.model_validate({"data": tmp_path, "evidence": {"keep": False}})
        with Archive.open(chosen) as archive:
            assert archive.clips_wanted(result()) == frozenset()
            archive.keep(result(), [clip("v-1")])
        assert clips_of(chosen) == []
        assert "evidence" not in kinds(chosen)

    def test_of_live_calls_has_not_to_go_for_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "evidence" / "c0ffee"
        folder.mkdir(parents=True)
        (folder / "v-1.flac").write_bytes(bytes(499_000))
        chosen = Settings.model_validate({"data": tmp_path, "evidence": {"megabytes": 1}})
        with Archive.open(chosen) as archive:
            archive.keep(result(), [clip("v-1"), clip("v-2")])
            assert archive.left_out == 1
            assert archive.clips_wanted(result()) == frozenset()
            archive.keep(result("2.wav"), [])
            assert archive.left_out == 3
        assert clips_of(chosen) == ["v-1", "v-1"]

    def test_that_holds_no_audio_ends_no_scan(self, archive: Archive, chosen: Settings) -> None:
        empty = replace(clip("v-1"), audio={"agent": b""})
        assert archive.keep(result(), [empty, clip("v-2")])
        assert (archive.left_out, clips_of(chosen)) == (1, ["v-2"])

    def test_that_can_not_be_written_ends_no_scan(self, archive: Archive, chosen: Settings) -> None:
        (chosen.data / "evidence").write_text("no folder")
        assert archive.keep(result(), [clip("v-1")])
        assert archive.left_out == 1
        assert archive.clips_wanted(result()) == {"v-1", "v-2"}


class TestTheRun:
    def test_is_summed_up_from_results(self) -> None:
        results: list[Result] = [
            result(),
            result("2.wav", found=(found(),), undisclosed=()),
            Unreadable("3.wav", "is no recording"),
        ]
        summed = Run.of(
            results,
            reused=1,
            status="interrupted",
            began=BEGAN,
            ended=NOW,
            paths=["rec"],
            files=7,
            lexicon_version="1",
            model="m",
        )
        assert (summed.scanned, summed.reused, summed.unreadable, summed.files) == (1, 1, 1, 7)
        assert (summed.seconds, summed.violations, summed.missing) == (120.0, 3, 1)

    def test_is_told_at_its_end(self, archive: Archive, history: History) -> None:
        archive.conclude(run(seconds=180.00049, paths=tuple(f"{number}.wav" for number in range(PATHS + 9))))
        (scan,) = history.scans(limit=9).items
        assert scan["scan"] == archive.scan
        assert (scan["began"], scan["seconds"], len(scan["paths"])) == (written(run().began), 180.0, PATHS)

    def test_leaves_the_journal_s_end_signed(self, chosen: Settings) -> None:
        with Archive.open(chosen) as archive:
            archive.keep(result(), [])
        verdict = _verdict(chosen)
        assert (verdict.flaw, verdict.rows, verdict.heads) == (None, 4, 1)

    def test_signs_nothing_where_nothing_was_written(self, chosen: Settings) -> None:
        with Archive.open(chosen):
            pass
        assert not (chosen.data / "heads.jsonl").exists()


def _verdict(chosen: Settings) -> Verdict:
    file, key = chosen.data / "heads.jsonl", (chosen.data / "journal.pub").read_text().strip()
    engine = database.open_(chosen.journal)
    verdict = verify(engine, heads.read(file), [key])
    engine.dispose()
    return verdict
