"""The journal's commands, as a user runs them: what was changed is named, and events come out in their own words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, insert, select, update
from typer.testing import CliRunner, Result

from streamer.journal_commands import app
from streamer.record import database
from streamer.record.event import Event
from streamer.record.heads import Signer
from streamer.record.journal import Journal, JournalUnavailable
from streamer.record.schema import journal, scans
from tests.databases import PostgreSQL

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)
ROWS = 12


class Place:
    """A data folder with a journal of twelve events, two to a call, one a minute; the sixth row is signed."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.url = url
        self.config = folder / "huazha.toml"
        self.config.write_text(f'data = "{folder}"\ndatabase = "{url}"\n')
        self.engine = database.open_(url)
        self.told = [
            Event(n, "blind", BEGAN + timedelta(minutes=n), f"c{(n + 1) // 2}", "id", None, {"reason": "保本"})
            for n in range(1, ROWS + 1)
        ]
        Journal(self.engine).append(self.told)
        self.key = self.sign(folder, 6)

    def sign(self, folder: Path, position: int) -> str:
        """Sign a row's head with the folder's key; give the public one."""
        signer = Signer(folder)
        with self.engine.connect() as connection:
            row_hash = connection.scalar(select(journal.c.hash).where(journal.c.position == position))
        assert row_hash is not None
        signer.sign(position, row_hash, 1)
        return signer.public

    def run(self, command: str, *arguments: str) -> Result:
        return CliRunner().invoke(app, [command, "--config", str(self.config), *arguments])

    def change(self, statement: Any) -> None:
        with database.writing(self.engine) as connection:
            connection.execute(statement)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    one = Place(tmp_path, f"sqlite:///{tmp_path / 'journal.db'}")
    yield one
    one.engine.dispose()


def plain(text: str) -> str:
    """Take a terminal's frames out of a text."""
    return re.sub(r"[\s│]+", " ", text)


class TestVerify:
    def test_says_how_much_was_checked(self, place: Place) -> None:
        done = place.run("verify")
        assert done.exit_code == 0, done.output
        with place.engine.connect() as connection:
            last = connection.scalar(select(journal.c.hash).where(journal.c.position == ROWS))
        *shown, _, _ = done.stdout.splitlines()
        assert shown[:2] == ["rows   12 checked", "heads  1 checked"]
        assert shown[2:4] == [f"last   --row 12:{last}", f"key    --key {place.key}"]

    def test_finds_by_what_it_printed_before_that_all_was_written_anew_with_another_key(self, place: Place) -> None:
        row, key = (place.run("verify").stdout.splitlines()[n].split()[-1] for n in (2, 3))
        for name in ("journal.key", "journal.pub", "heads.jsonl"):
            (place.folder / name).unlink()
        place.change(delete(journal))
        Journal(place.engine).append([replace(one, fields={"reason": "x"}) for one in place.told])
        place.sign(place.folder, ROWS)
        assert place.run("verify", "--deep").exit_code == 0
        for noted, flaw in ((["--key", key], "not signed by a key that is known"), (["--row", row], "written anew")):
            done = place.run("verify", *noted)
            assert (done.exit_code, flaw in done.stdout) == (1, True)

    def test_finds_by_a_noted_row_that_rows_were_cut_off_with_their_heads(self, place: Place) -> None:
        row = place.run("verify").stdout.splitlines()[2].split()[-1]
        place.change(delete(journal).where(journal.c.position > 6))
        assert place.run("verify", "--deep").exit_code == 0
        done = place.run("verify", "--row", row)
        assert done.exit_code == 1
        assert "row 7: is missing, and all after it: a hash was noted for row 12" in done.stdout

    def test_deep_checks_what_the_console_shows_too(self, place: Place) -> None:
        assert "also   0 calls, 0 clips, 0 tokens checked" in place.run("verify", "--deep").stdout
        row = {"scan": "s-1", "position": 99, "began": 0, "body": "{}"}
        place.change(insert(scans).values([row | {"scan": f"s-{n}", "position": 99 + n} for n in range(60)]))
        assert place.run("verify").exit_code == 0
        done = place.run("verify", "--deep")
        assert done.exit_code == 1
        assert "scan s-0 is shown, and no row of the journal tells of it" in done.stdout
        assert done.stdout.splitlines()[-1] == "flaw   and 10 more"

    def test_names_a_torn_line_of_heads_and_goes_on(self, place: Place) -> None:
        with (place.folder / "heads.jsonl").open("a") as file:
            file.write('{"position": 7, "ha')
        done = place.run("verify")
        assert done.exit_code == 0
        assert "heads.jsonl, line 2: was torn while it was written" in plain(done.stderr)

    def test_names_the_first_row_that_was_changed_and_fails(self, place: Place) -> None:
        for position in (9, 4):
            place.change(update(journal).where(journal.c.position == position).values(body="{}"))
        done = place.run("verify")
        assert done.exit_code == 1
        assert done.stdout.splitlines() == [
            "rows   3 checked",
            "heads  1 checked",
            "flaw   row 4 (cursor 4, call c2): was changed: its hash is another",
        ]

    def test_finds_by_a_head_kept_elsewhere_that_the_end_was_cut_off(self, place: Place, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        key = place.sign(elsewhere, ROWS)
        place.change(delete(journal).where(journal.c.position > 6))
        assert place.run("verify").exit_code == 0
        done = place.run("verify", "--heads", str(elsewhere / "heads.jsonl"), "--key", key.upper())
        assert done.exit_code == 1
        assert "row 7: is missing" in done.stdout

    def test_takes_several_files_and_keys(self, place: Place, tmp_path: Path) -> None:
        elsewhere = tmp_path / "elsewhere"
        key = place.sign(elsewhere, ROWS)
        files = ["--heads", str(elsewhere / "heads.jsonl"), "--heads", str(tmp_path / "heads.jsonl")]
        done = place.run("verify", *files, "--key", key, "--key", place.key)
        assert (done.exit_code, done.stdout.splitlines()[1]) == (0, "heads  2 checked")

    def test_fails_where_a_head_is_signed_by_a_stranger(self, place: Place, tmp_path: Path) -> None:
        place.sign(tmp_path / "stranger", 6)
        done = place.run("verify", "--heads", str(tmp_path / "stranger" / "heads.jsonl"))
        assert done.exit_code == 1
        assert "not signed by a key that is known" in done.stdout

    def test_without_heads_says_what_it_can_t_know(self, place: Place, tmp_path: Path) -> None:
        for name in ("heads.jsonl", "journal.key", "journal.pub"):
            (tmp_path / name).unlink()
        done = place.run("verify")
        assert done.exit_code == 0
        assert "heads 0 checked Without a head nobody knows whether the end was cut off." in plain(done.stdout)

    def test_without_heads_fails_where_there_is_a_key(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "heads.jsonl").unlink()
        done = place.run("verify")
        assert done.exit_code == 1
        assert "no head that it signed" in done.stdout

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--row", "7"], "is no row"),
            (["--key", "abc"], "64 hexadecimal digits"),
            (["--heads", "none.jsonl"], "none.jsonl: No such file"),
            (["--heads", "huazha.toml"], "huazha.toml, line 1:"),
        ],
    )
    def test_says_what_it_was_given_wrong(
        self, place: Place, monkeypatch: pytest.MonkeyPatch, arguments: list[str], problem: str
    ) -> None:
        monkeypatch.chdir(place.folder)
        done = place.run("verify", *arguments)
        assert done.exit_code == 2
        assert problem in plain(done.output)

    def test_wants_a_key_for_heads(self, place: Place, tmp_path: Path) -> None:
        (tmp_path / "journal.pub").unlink()
        done = place.run("verify")
        assert done.exit_code == 2
        assert "public key" in plain(done.output)

    def test_makes_no_journal_where_there_is_none(self, place: Place, tmp_path: Path) -> None:
        done = place.run("verify", "--database", f"sqlite:///{tmp_path / 'other.db'}")
        assert isinstance(done.exception, database.DatabaseError)
        assert "no such file" in str(done.exception)
        assert not (tmp_path / "other.db").exists()

    def test_reads_postgresql_too(self, postgresql: PostgreSQL, tmp_path: Path) -> None:
        place = Place(tmp_path, postgresql.fresh())
        assert place.run("verify").exit_code == 0
        place.change(delete(journal).where(journal.c.position == 3))
        done = place.run("verify")
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "flaw   row 3: is missing")
        place.engine.dispose()


class TestExport:
    def test_prints_all_events_in_the_journal_s_own_words(self, place: Place) -> None:
        done = place.run("export")
        assert done.exit_code == 0
        assert [Event.from_json(json.loads(line)) for line in done.stdout.splitlines()] == place.told
        assert done.stdout.splitlines() == _bodies(place.engine)

    @pytest.mark.parametrize(
        ("arguments", "cursors"),
        [
            (["--from", "2026-01-02T00:11:00Z"], [11, 12]),
            (["--to", "2026-01-02T08:03:00+08:00"], [1, 2]),
            (["--from", "2026-01-02T00:03:00Z", "--to", "2026-01-02T00:05:00Z"], [3, 4]),
            (["--call", "c2"], [3, 4]),
            (["--call", "c2", "--from", "2026-01-02T00:04:00Z"], [4]),
            (["--call", "none"], []),
        ],
    )
    def test_prints_those_that_were_asked_for(self, place: Place, arguments: list[str], cursors: list[int]) -> None:
        done = place.run("export", *arguments)
        assert done.exit_code == 0
        assert [json.loads(line)["cursor"] for line in done.stdout.splitlines()] == cursors

    def test_goes_through_more_than_is_read_at_once(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("streamer.journal_commands.BATCH", 5)
        assert len(place.run("export").stdout.splitlines()) == ROWS

    @pytest.mark.parametrize("time", ["yesterday", "2026-01-02T00:00:00", "2026-01-02"])
    @pytest.mark.parametrize("option", ["--from", "--to"])
    def test_wants_times_with_a_zone(self, place: Place, option: str, time: str) -> None:
        done = place.run("export", option, time)
        assert done.exit_code == 2
        assert "no time with a zone" in plain(done.output)

    def test_says_when_the_journal_can_t_be_read(self, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
        place.change(journal.delete())
        with place.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE journal")
        done = place.run("export")
        assert isinstance(done.exception, JournalUnavailable)


def _bodies(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(journal.c.body).order_by(journal.c.position)))


class TestTheCommand:
    HUAZHA = (sys.executable, "-c", "from streamer.cli import main; main()")

    def huazha(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.HUAZHA, *arguments], capture_output=True, text=True, timeout=120, check=False, encoding="utf-8"
        )

    @pytest.mark.parametrize("command", ["verify", "export"])
    def test_has_an_example_in_its_help(self, command: str) -> None:
        done = self.huazha("journal", command, "--help")
        assert done.returncode == 0
        assert f"Example: huazha journal {command}" in done.stdout

    def test_says_what_is_wrong_in_a_line_and_ends_with_2(self, tmp_path: Path) -> None:
        done = self.huazha("journal", "verify", "--database", f"sqlite:///{tmp_path / 'none.db'}")
        assert done.returncode == 2
        assert done.stderr.strip().endswith("no such file")
        assert len(done.stderr.strip().splitlines()) == 1

    def test_ends_with_1_on_a_flaw(self, place: Place) -> None:
        place.change(delete(journal).where(journal.c.position == 3))
        done = self.huazha("journal", "verify", "--config", str(place.config))
        assert done.returncode == 1
        assert "row 3: is missing" in done.stdout
