"""The sheet that says whose calls they are."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.errors import ScanError
from streamer.scan.sheet import Row, read


def sheet(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "calls.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_a_row_says_what_is_known_of_a_call(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "file,agent,call_id,started_at,language,channels,mood\n"
        'calls/a.wav,李娜,c-1,2026-11-24T09:30:00+08:00,en,"customer,agent",fine\n',
    )
    assert read(path).of("calls/a.wav") == Row(
        "李娜", "c-1", datetime(2026, 11, 24, 1, 30, tzinfo=UTC), "en", "customer,agent"
    )


def test_a_file_is_known_by_its_short_name_too(tmp_path: Path) -> None:
    rows = read(sheet(tmp_path, "file,agent\na.wav,w-1\ndeep/a.wav,w-2\n"))
    assert [rows.of(name).agent for name in ("s3://calls/a.wav", "deep/a.wav", "b.wav")] == ["w-1", "w-2", None]


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    assert read(sheet(tmp_path, "file,agent\r\na.wav,w-1\r\n", "utf-8-sig")).of("a.wav").agent == "w-1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,agent\na.wav,w-1\n", "no column file"),
        ("", "no column file"),
        ("file,agent\n,w-1\n", r"calls\.csv:2: file is empty"),
        ("file,started_at\na.wav,yesterday\n", r"calls\.csv:2: started_at: 'yesterday'"),
        ("file,language\na.wav,Mandarin\n", r"calls\.csv:2: language"),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ScanError, match=told):
        read(sheet(tmp_path, text))


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScanError, match="no such file"):
        read(tmp_path / "nowhere.csv")


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"file,started_at\n{text}".encode()))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_anything_is_a_sheet_or_a_mistake(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    # Whatever else it raised would fail the test.
    with suppress(ScanError):
        read(path).of("a.wav")
