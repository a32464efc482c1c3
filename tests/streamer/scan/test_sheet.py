"""The sheet that says whose calls they are."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.errors import ScanError
from streamer.scan.sheet import Matched, Row, Sheet, read


def sheet(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "calls.csv"
    path.write_text(text, encoding=encoding)
    return path


def of(known: Sheet, *files: str) -> Matched:
    """Match files that were asked for by themselves."""
    return known.match([(file, file.rsplit("/", 1)[-1]) for file in files])


def test_a_row_says_what_is_known_of_a_call(tmp_path: Path) -> None:
    path = sheet(
        tmp_path,
        "file,agent,call_id,started_at,language,channels,mood\n"
        'calls/a.wav,李娜,c-1,2026-11-24T09:30:00+08:00,en,"customer,agent",fine\n',
    )
    assert of(read(path), "calls/a.wav").of("calls/a.wav") == Row(
        "李娜", "c-1", datetime(2026, 11, 24, 1, 30, tzinfo=UTC), "en", "customer,agent"
    )


@pytest.mark.parametrize("sign", ["\u2028", "\x85", "\x0b", "\x1c"])
def test_a_name_may_hold_what_ends_lines_elsewhere(tmp_path: Path, sign: str) -> None:
    sheet = tmp_path / "calls.csv"
    sheet.write_text(f"file,agent\r\na{sign}b.wav,Li Na\r\nc.wav,Wang\r\n", encoding="utf-8", newline="")
    matched = read(sheet).match([(f"a{sign}b.wav", f"a{sign}b.wav"), ("c.wav", "c.wav")])
    assert [row.agent for row in matched.rows.values()] == ["Li Na", "Wang"]


def test_a_file_is_known_by_its_short_name_too(tmp_path: Path) -> None:
    rows = read(sheet(tmp_path, "file,agent\na.wav,w-1\ndeep/a.wav,w-2\n"))
    names = ("s3://calls/a.wav", "deep/a.wav", "b.wav")
    assert [of(rows, *names).of(name).agent for name in names] == ["w-1", "w-2", None]


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    known = read(sheet(tmp_path, "file,agent\r\na.wav,w-1\r\n", "utf-8-sig"))
    assert of(known, "a.wav").of("a.wav").agent == "w-1"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name,agent\na.wav,w-1\n", "no column file"),
        ("", "no column file"),
        ("file,agent\n,w-1\n", r"calls\.csv:2: file is empty"),
        ("file,started_at\na.wav,yesterday\n", r"calls\.csv:2: started_at: 'yesterday'"),
        ("file,started_at\na.wav,9999-12-31T23:59:59Z\n", r"calls\.csv:2: started_at: '9999"),
        ("file,started_at\na.wav,0001-01-01T00:00:00+14:00\n", r"calls\.csv:2: started_at: '0001"),
        ("file,language\na.wav,Mandarin?\n", r"calls\.csv:2: language"),
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
        of(read(path), "a.wav", "b/A.WAV")


def agents(rows: list[str], files: list[tuple[str, str]]) -> tuple[list[str | None], Matched]:
    """Match rows whose agents are their numbers; give the agent of each file."""
    matched = Sheet([(file, Row(agent=str(number))) for number, file in enumerate(rows)]).match(files)
    return [matched.of(name).agent for name, _ in files], matched


@pytest.mark.parametrize(
    ("row", "name", "below"),
    [
        ("a.wav", "rec/2026/a.wav", "2026/a.wav"),
        ("2026/a.wav", "rec/2026/a.wav", "2026/a.wav"),
        ("rec/2026/a.wav", "/mnt/rec/2026/a.wav", "2026/a.wav"),
        ("D:\\archive\\2026\\a.wav", "/mnt/x/2026/a.wav", "2026/a.wav"),
        ("\\\\nas\\calls\\a.wav", "a.wav", "a.wav"),
        ("./2026/A.WAV", "rec/2026/a.wav", "2026/a.wav"),
        ("2026\\STRASSE.wav", "rec/2026/Straße.wav", "2026/Straße.wav"),
        ("caf\u00e9.wav", "cafe\u0301.wav", "cafe\u0301.wav"),
        ("calls/a.wav", "s3://bank/2026/calls/a.wav", "calls/a.wav"),
        ("客户\\王芳.wav", "rec/客户/王芳.wav", "客户/王芳.wav"),
    ],
)
def test_a_path_is_known_by_how_it_ends(row: str, name: str, below: str) -> None:
    found, matched = agents([row], [(name, below)])
    assert found == ["0"]
    assert (matched.unused, matched.ambiguous, matched.without) == ((), (), ())


@pytest.mark.parametrize(
    ("row", "name", "below"),
    [
        ("2025/a.wav", "rec/2026/a.wav", "2026/a.wav"),
        ("xa.wav", "rec/a.wav", "a.wav"),
        ("a.wav", "rec/xa.wav", "xa.wav"),
        ("D:\\archive\\a.wav", "rec/2026/a.wav", "2026/a.wav"),
    ],
)
def test_another_path_is_another_recording(row: str, name: str, below: str) -> None:
    found, matched = agents([row], [(name, below)])
    assert found == [None]
    assert (matched.unused, matched.without) == ((row,), (name,))


def test_the_longest_common_end_wins() -> None:
    files = [("rec/1/a.wav", "1/a.wav"), ("rec/2/a.wav", "2/a.wav")]
    found, matched = agents(["D:\\2\\a.wav", "1/a.wav", "b.wav"], files)
    assert found == ["1", "0"]
    assert matched.unused == ("b.wav",)
    assert agents(["D:\\1\\a.wav", "D:\\2\\a.wav"], [("1/a.wav", "a.wav"), ("2/a.wav", "a.wav")])[0] == ["0", "1"]


def test_what_could_be_several_is_told_and_counts_for_none() -> None:
    files = [("rec/1/a.wav", "1/a.wav"), ("rec/2/a.wav", "2/a.wav")]
    found, matched = agents(["a.wav"], files)
    assert (found, matched.ambiguous) == ([None, None], ("a.wav",))
    found, matched = agents(["x/a.wav", "y/a.wav"], [("a.wav", "a.wav")])
    assert (found, matched.ambiguous) == ([None], ("a.wav",))


def test_the_very_name_goes_before_one_in_other_case() -> None:
    files = [("rec/A.wav", "A.wav"), ("rec/a.wav", "a.wav")]
    assert agents(["a.wav", "A.wav"], files)[0] == ["1", "0"]
    assert agents(["a.wav"], files)[0] == [None, "0"]


def test_a_row_that_stands_there_twice_is_one() -> None:
    matched = Sheet([("a.wav", Row("w-1")), ("a.wav", Row("w-1"))]).match([("a.wav", "a.wav")])
    assert (matched.of("a.wav").agent, matched.ambiguous, matched.unused) == ("w-1", (), ())
