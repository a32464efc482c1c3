"""The findings as tables, read again as others read them."""

from __future__ import annotations

import csv
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.types import Missing
from streamer.scan.report import tables
from streamer.scan.report.choosing import numbered
from streamer.scan.report.tables import COLUMNS, Row
from streamer.scan.report.writing import NO_PARQUET
from streamer.scan.results import Scanned, Unreadable
from tests.streamer.scan.invented import BEGAN, found, result
from tests.streamer.scan.report.reports import gone, written

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1+1", "＠SUM(A1)"]


def rows(*calls: Scanned, unreadable: tuple[Unreadable, ...] = ()) -> list[Row]:
    return list(tables.rows(numbered(calls), [(call, one) for call in calls for one in call.undisclosed], unreadable))


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def parquet() -> Any:
    """Reads Parquet; where it can't be had the test is skipped, but never in CI."""
    if "CI" not in os.environ:
        pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    from pyarrow import parquet

    return parquet


class TestARow:
    def test_is_there_for_each_violation_each_missing_disclosure_and_each_unreadable_file(self) -> None:
        told = rows(result(), unreadable=(Unreadable("b.wav", "is empty"),))
        assert [(row["kind"], row.get("rule_id"), row["file"]) for row in told] == [
            ("violation", "promise", "rec/0001.wav"),
            ("violation", "absolute", "rec/0001.wav"),
            ("missing", "risk", "rec/0001.wav"),
            ("unreadable", None, "b.wav"),
        ]

    def test_of_a_violation_says_when_it_was_spoken(self) -> None:
        (row,) = rows(result(found=(found(start=12.5),), undisclosed=()))
        assert row["spoken_at"] == BEGAN + timedelta(seconds=12.5)
        assert (row["number"], row["agent"], row["confidence"]) == (1, "Li Na", 0.9)

    def test_of_a_disclosure_says_what_would_have_done(self) -> None:
        lacking = Missing("tape", "disclosure", "alert", ("正在录音", "会录音"), 60.0)
        (row,) = rows(result(found=(), undisclosed=(lacking,)))
        assert (row["term"], row["within"], row["severity"]) == ("正在录音 / 会录音", 60.0, "alert")

    def test_has_no_column_that_tables_lack(self) -> None:
        for row in rows(result(), unreadable=(Unreadable("b.wav", "is empty"),)):
            assert row.keys() <= COLUMNS.keys()


class TestCsv:
    def test_has_a_mark_by_which_spreadsheets_know_utf_8(self, tmp_path: Path) -> None:
        tables.write_csv(tmp_path / "a.csv", rows(result()))
        data = (tmp_path / "a.csv").read_bytes()
        assert data.startswith(b"\xef\xbb\xbfkind,number,")
        assert "保本".encode() in data

    def test_says_what_was_found(self, tmp_path: Path) -> None:
        tables.write_csv(tmp_path / "a.csv", rows(result()))
        first, _, missing = read_csv(tmp_path / "a.csv")
        assert list(first) == list(COLUMNS)
        assert (first["term"], first["heard"], first["start"], first["started_at"]) == (
            "保本",
            "宝本",
            "12.5",
            "2026-01-05 02:00:00Z",
        )
        assert (missing["kind"], missing["start"], missing["term"]) == ("missing", "", "投资有风险")

    @pytest.mark.parametrize("text", FORMULAS)
    def test_holds_nothing_that_is_calculated(self, text: str, tmp_path: Path) -> None:
        tables.write_csv(tmp_path / "a.csv", rows(result(found=(found(text=text, start=-1.5),)), unreadable=()))
        first = read_csv(tmp_path / "a.csv")[0]
        assert first["text"] == "'" + text
        # A number is none of somebody else's making.
        assert first["start"] == "-1.5"

    @given(st.text())
    def test_gives_any_text_back(self, text: str) -> None:
        row: Row = {"kind": "violation", "text": text}
        path = Path(os.environ.get("TMPDIR", "/tmp")) / f"huazha-{os.getpid()}.csv"
        try:
            tables.write_csv(path, [row])
            with path.open(encoding="utf-8-sig", newline="") as file:
                given_back = list(csv.reader(file))[1][list(COLUMNS).index("text")]
        finally:
            path.unlink(missing_ok=True)
        assert given_back in {text, "'" + text}

    def test_writes_names_of_files_that_are_no_utf_8(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"rec/\xff\xfe.wav")
        tables.write_csv(tmp_path / "a.csv", rows(unreadable=(Unreadable(name, "is empty"),)))
        assert read_csv(tmp_path / "a.csv")[0]["file"] == "rec/\\xff\\xfe.wav"


class TestParquet:
    def test_has_typed_columns(self, parquet: Any, tmp_path: Path) -> None:
        assert tables.write_parquet(tmp_path / "a.parquet", rows(result()))
        table = parquet.read_table(tmp_path / "a.parquet")
        types = {name: str(table.schema.field(name).type) for name in COLUMNS}
        assert (types["number"], types["confidence"], types["term"]) == ("int64", "double", "string")
        assert types["started_at"] == types["spoken_at"] == "timestamp[ms, tz=UTC]"

    def test_holds_what_was_found(self, parquet: Any, tmp_path: Path) -> None:
        told = rows(result(), unreadable=(Unreadable(os.fsdecode(b"\xff.wav"), "=is empty"),))
        tables.write_parquet(tmp_path / "a.parquet", told)
        first, _, missing, unreadable = parquet.read_table(tmp_path / "a.parquet").to_pylist()
        assert first == {name: told[0].get(name) for name in COLUMNS}
        assert isinstance(first["spoken_at"], datetime)
        assert first["spoken_at"].tzinfo is not None
        assert first["spoken_at"].astimezone(UTC) == BEGAN + timedelta(seconds=12.5)
        assert (missing["kind"], missing["start"]) == ("missing", None)
        # No spreadsheet opens it: nothing is put before what looks like a formula.
        assert (unreadable["file"], unreadable["error"]) == ("\\xff.wav", "=is empty")

    def test_without_rows_is_a_table_all_the_same(self, parquet: Any, tmp_path: Path) -> None:
        assert tables.write_parquet(tmp_path / "a.parquet", [])
        assert parquet.read_table(tmp_path / "a.parquet").column_names == list(COLUMNS)

    def test_is_written_batch_by_batch(self, parquet: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(tables, "BATCH", 2)
        many: list[Row] = [{"kind": "violation", "number": number} for number in range(5)]
        tables.write_parquet(tmp_path / "a.parquet", iter(many))
        table = parquet.read_table(tmp_path / "a.parquet")
        assert table.column("number").to_pylist() == [0, 1, 2, 3, 4]

    def test_where_it_can_t_be_written_is_told_of_and_no_other_is_left(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "report.parquet").write_text("of an earlier scan")
        monkeypatch.setitem(sys.modules, "pyarrow", None)
        files = written([result()], tmp_path, audio=gone)
        assert (files.parquet, files.warnings) == (None, (NO_PARQUET,))
        assert not (tmp_path / "report.parquet").exists()
        assert len(read_csv(files.csv)) == 3
        assert "report.parquet" not in files.html.read_text("utf-8")
