"""`huazha scan` as a user runs it: the real model, real files, killed and started again."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
from watchfiles import watch

from tests.faults import DATA

HUAZHA = [sys.executable, "-c", "from streamer.cli import main; main()"]
FOUND = {"demo-zh.wav": ["insider", "sure-profit"], "demo-en.wav": ["no-risk-en", "like-a-deposit-en"]}
"""What is blocked in the bundled calls when they are live."""

pytestmark = pytest.mark.xdist_group("model")


def scan(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*HUAZHA, "scan", *map(str, arguments), "--no-journal"]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def blocked(lines: list[dict[str, Any]], name: str) -> list[str]:
    return [row["rule_id"] for row in lines if Path(row["file"]).name == name and row.get("severity") == "block"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The bundled calls, some of them in another form, and files that are none."""
    calls = tmp_path / "calls"
    calls.mkdir()
    shutil.copy(DATA / "demo-en.wav", calls)
    samples, rate = soundfile.read(DATA / "demo-zh.wav", always_2d=True)
    soundfile.write(calls / "agent.flac", samples[:, 0], rate)
    soundfile.write(calls / "swapped.ogg", samples[:, ::-1], rate)
    shutil.copy(DATA / "demo-zh.wav", calls)
    (calls / "broken.wav").write_bytes(b"RIFF" + bytes(100))
    (calls / "empty.mp3").touch()
    (calls / "notes.txt").write_text("no recording")
    (tmp_path / "calls.csv").write_text(
        "file,agent,started_at,language,channels\n"
        "demo-en.wav,w-1,2026-11-02T09:00:00+08:00,en,\n"
        'swapped.ogg,w-2,2026-11-03T09:00:00+08:00,,"customer,agent"\n'
    )
    return calls


class TestAScan:
    def test_finds_what_a_live_call_would_have_blocked(self, folder: Path, tmp_path: Path) -> None:
        out = tmp_path / "hits.jsonl"
        done = scan(folder, "--out", out, "--calls", tmp_path / "calls.csv", "--transcripts")
        assert done.returncode == 3, done.stderr
        lines = rows(out.read_text(encoding="utf-8"))
        for name, rules in FOUND.items():
            assert blocked(lines, name) == rules
        assert blocked(lines, "agent.flac") == FOUND["demo-zh.wav"]
        assert blocked(lines, "swapped.ogg") == FOUND["demo-zh.wav"]
        last = {Path(row["file"]).name: row for row in lines if "summary" in row or "error" in row}
        assert sorted(last) == ["agent.flac", "broken.wav", "demo-en.wav", "demo-zh.wav", "empty.mp3", "swapped.ogg"]
        assert {name for name in last if "error" in last[name]} == {"broken.wav", "empty.mp3"}
        assert (last["demo-en.wav"]["agent"], last["demo-en.wav"]["started_at"]) == ("w-1", "2026-11-02T01:00:00.000Z")
        assert last["swapped.ogg"]["channels"] == ["customer", "agent"]
        assert "risk" in " ".join(line["text"] for line in last["demo-en.wav"]["transcript"])
        missing = {row["rule_id"] for row in lines if row.get("missing") is True and "demo-zh" in row["file"]}
        assert missing == {"disclose-recording", "disclose-risk"}
        assert "broken.wav" in done.stderr
        assert "skipped: 1 file with another name: " in done.stderr
        assert "notes.txt" in done.stderr

        again = scan(folder, "--out", out, "--calls", tmp_path / "calls.csv", "--transcripts")
        assert again.returncode == 3, again.stderr
        assert "4 of them known before" in again.stderr
        assert rows(out.read_text(encoding="utf-8")) == lines

    def test_prints_its_results_where_no_file_is_named(self) -> None:
        done = scan(DATA / "demo-zh.wav")
        assert done.returncode == 0, done.stderr
        assert blocked(rows(done.stdout), "demo-zh.wav") == FOUND["demo-zh.wav"]
        assert "sure-profit" in done.stderr

    def test_killed_at_any_point_and_started_again_it_ends_the_same(self, tmp_path: Path) -> None:
        calls = tmp_path / "calls"
        calls.mkdir()
        samples, rate = soundfile.read(DATA / "demo-zh.wav", always_2d=True)
        for number in range(8):
            # Each another recording, so that none is known from another.
            soundfile.write(calls / f"{number}.wav", samples[number:], rate)
        whole, torn = tmp_path / "whole.jsonl", tmp_path / "torn.jsonl"
        assert scan(calls, "--out", whole).returncode == 0
        for finished in (1, 4):
            with subprocess.Popen([*HUAZHA, "scan", str(calls), "--out", str(torn), "--no-journal"]) as running:
                wait_for(torn, finished)
                running.send_signal(signal.SIGKILL)
        kept = torn.read_text(encoding="utf-8").count('"summary":true')
        done = scan(calls, "--out", torn)
        assert done.returncode == 0, done.stderr
        assert f"{kept} of them known before" in done.stderr
        assert torn.read_bytes() == whole.read_bytes()


class TestAnyFolder:
    """No name, header or kind of file ends a scan, and nothing is left out without a word."""

    def test_everything_that_can_be_heard_is_and_the_rest_is_told(self, tmp_path: Path) -> None:
        calls = tmp_path / "calls"
        (calls / "en").mkdir(parents=True)
        gbk = os.path.join(os.fsencode(calls), b"\xb5\xe7\xbb\xb0\x1b[2J.wav")
        content = (DATA / "demo-zh.wav").read_bytes()
        at = content.index(b"data") + 4
        with open(gbk, "wb") as file:
            file.write(content[:at] + bytes(4) + content[at + 4 :])
        shutil.copy(DATA / "demo-en.wav", calls / "en" / "z.wav")
        samples, rate = soundfile.read(DATA / "demo-zh.wav", always_2d=True)
        soundfile.write(calls / "c.raw", samples[:, 0], rate, "ULAW", format="RAW")
        os.mkfifo(calls / "pipe.wav")
        (calls / "calls.csv").write_text("file,agent\nD:\\2026\\EN\\Z.WAV,w-1\ngone.wav,w-2\n")
        out = tmp_path / "hits.jsonl"
        done = scan(calls, "--out", out, "--calls", calls / "calls.csv")
        assert done.returncode == 3, done.stderr
        assert "Traceback" not in done.stderr
        assert "\x1b[2J" not in done.stderr
        assert "c.raw" in done.stderr
        assert "--headerless" in done.stderr
        assert "rows that match no recording: 1 (gone.wav)" in done.stderr
        lines = rows(out.read_text(encoding="utf-8"))
        english, pipe, odd = [row for row in lines if "summary" in row or "error" in row]
        assert odd["file"].endswith("calls/\\xb5绰\\x1b[2J.wav")
        assert odd["file_bytes"].endswith("%B5%E7%BB%B0%1B%5B2J.wav")
        assert "the header does not say how long it is" in odd["notes"][0]
        assert (odd["language"], odd["language_from"], odd["form"]) == ("zh", "detected", "mended")
        assert pipe["error"] == "is no regular file"
        assert (english["language"], english["language_from"], english["agent"]) == ("en", "detected", "w-1")
        assert blocked(lines, "z.wav") == FOUND["demo-en.wav"]
        assert blocked(lines, Path(odd["file"]).name) == FOUND["demo-zh.wav"]

        (calls / "c.raw").rename(calls / "c.sln")
        assert scan(calls / "c.sln", "--out", out).returncode == 0
        (calls / "c.sln").rename(calls / "c.ulaw")
        (calls / "pipe.wav").unlink()
        again = scan(calls, "--out", out)
        assert again.returncode == 0, again.stderr
        assert "2 of them known before" in again.stderr
        renamed = rows(out.read_text(encoding="utf-8"))
        assert blocked(renamed, "c.ulaw") == FOUND["demo-zh.wav"]

    def test_where_nothing_could_be_read_the_command_says_so(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "empty.wav").touch()
        done = scan(tmp_path / "empty.wav")
        assert (done.returncode, rows(done.stdout)[0]["error"]) == (4, "is empty")
        for nothing in (tmp_path / "empty", tmp_path / "*.mp3"):
            done = scan(nothing)
            assert done.returncode == 4, done.stderr
            assert "holds no recording" in done.stderr
            assert "Traceback" not in done.stderr


def wait_for(path: Path, wanted: int) -> None:
    """Wait until so many results are in a file."""
    for _ in watch(path.parent, step=10, debounce=50, rust_timeout=1000, yield_on_timeout=True):
        if path.exists() and path.read_text(encoding="utf-8").count('"summary":true') >= wanted:
            return


class TestBadUse:
    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["nowhere.wav"], "nowhere.wav: no such file"),
            (["{call}", "--out", "{notes}"], "name another file"),
            (["{call}", "--channels", "left"], "agent, customer, or both"),
            (["{call}", "--calls", "nowhere.csv"], "nowhere.csv: no such file"),
            (["{call}", "--report", "report.pdf"], "ends in .html"),
            (["{call}", "--lexicon", "none.yaml"], "none.yaml: No such file"),
            (["{call}", "--language", "Chinese!"], "language: must be the tag of a language"),
            (["{call}", "--language", "und"], "language: must be the tag of a language"),
            (["nowhere.wav", "--language", "zh-CN"], "nowhere.wav: no such file"),
            (["{call}", "--language", "fr"], "no lexicon here has rules"),
            (["{call}", "--headerless", "mp3"], "is one of ulaw"),
            (["{call}", "--model", "none"], "neither a directory nor a model"),
            (["nosuch://bucket"], "nosuch"),
            ([], "Missing argument"),
        ],
    )
    def test_is_told_in_a_line_and_ends_with_2(self, tmp_path: Path, arguments: list[str], problem: str) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "notes.txt").write_text("Dear diary\n")
        places = {"empty": tmp_path / "empty", "notes": tmp_path / "notes.txt", "call": DATA / "demo-zh.wav"}
        done = scan(*(argument.format(**places) for argument in arguments))
        told = " ".join(done.stderr.replace("│", " ").split())
        assert done.returncode == 2, done.stderr
        assert problem in told
        assert "Traceback" not in done.stderr
