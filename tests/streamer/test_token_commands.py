"""`huazha token`, as a user runs it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from streamer import settings
from streamer.access.keyring import Keyring
from streamer.access.roles import Identity, Role
from streamer.access.tokens import TokenRow, Tokens
from streamer.cli import app
from streamer.record import database
from streamer.record.event import Event
from streamer.record.journal import ASIDE, Journal
from streamer.record.outbox import Outbox

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@dataclass
class Desk:
    """A service's settings and database, and a user in front of them."""

    config: Path
    engine: Engine

    def run(self, *arguments: str, columns: int = 200) -> Result:
        runner = CliRunner(env={"COLUMNS": str(columns), "NO_COLOR": "1"})
        return runner.invoke(app, ["token", *arguments, "--config", str(self.config)])

    def create(self, *arguments: str) -> str:
        done = self.run("create", *arguments)
        assert done.exit_code == 0, done.output
        return done.stdout.strip()

    def rows(self) -> list[TokenRow]:
        return Tokens(self.engine).all()

    def journal(self) -> list[Event]:
        return Journal(self.engine, gateway=settings.load(self.config, {}).name).since(ASIDE, 100)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    config = tmp_path / "huazha.toml"
    config.write_text(f'data = "{tmp_path / "data"}"\n')
    engine = database.open_(f"sqlite:///{tmp_path / 'data' / 'journal.db'}")
    yield Desk(config, engine)
    engine.dispose()


class TestCreating:
    def test_prints_the_token_alone_and_explains_beside_it(self, desk: Desk) -> None:
        done = desk.run("create", "--role", "supervisor", "--name", "李娜", "--expires", "90d")
        token = done.stdout.removesuffix("\n")
        assert token.startswith("hz_")
        assert "\n" not in token
        assert token not in done.stderr
        (row,) = desk.rows()
        assert row.id in done.stderr
        assert "李娜" in done.stderr
        assert row.expires_at == pytest.approx(row.created_at + 90 * 86_400)

    def test_makes_one_that_a_running_service_learns_of(self, desk: Desk) -> None:
        ring = Keyring(Tokens(desk.engine))
        ring.refresh()
        token = desk.create("--role", "platform", "--name", "Acme")
        ring.refresh()
        assert ring.find(token, time.time() + 1e9) == Identity("Acme", Role.PLATFORM, desk.rows()[0].id)

    def test_is_in_the_journal_without_the_token(self, desk: Desk) -> None:
        token = desk.create("--role", "admin", "--name", "Li Na")
        (event,) = desk.journal()
        (row,) = desk.rows()
        assert (event.type, event.fields["what"]) == ("access", "token")
        assert event.fields["detail"] == f"token {row.id} was made for Li Na: admin, never expires"
        assert event.fields["by"]
        assert token not in str(event)
        assert row.hash not in str(event)

    def test_takes_no_cursor_from_a_gateway_beside_it(self, desk: Desk) -> None:
        desk.create("--role", "admin", "--name", "Li Na")
        here = Journal(desk.engine, gateway=settings.load(desk.config, {}).name)
        assert (here.since(0, 100), here.last_cursor()) == ([], 0)
        assert len(desk.journal()) == 1

    @pytest.mark.parametrize(
        ("arguments", "problem"),
        [
            (["--role", "emperor", "--name", "Li Na"], "emperor"),
            (["--role", "viewer"], "--name"),
            (["--name", "Li Na"], "--role"),
            (["--role", "viewer", "--name", " "], "printable"),
            (["--role", "viewer", "--name", "a\nb"], "printable"),
            (["--role", "viewer", "--name", "x" * 257], "printable"),
            (["--role", "viewer", "--name", "policy"], "Huazha itself"),
            (["--role", "viewer", "--name", "local"], "Huazha itself"),
            (["--role", "viewer", "--name", "Li Na", "--expires", "soon"], "30m, 12h or 90d"),
        ],
    )
    def test_with_what_is_wrong_makes_nothing(self, desk: Desk, arguments: list[str], problem: str) -> None:
        done = desk.run("create", *arguments)
        assert (done.exit_code, done.stdout) == (2, "")
        assert problem in done.stderr
        assert desk.rows() == []
        assert desk.journal() == []


def test_that_there_were_tokens_is_remembered_outside_the_database(desk: Desk) -> None:
    desk.create("--role", "admin", "--name", "Li Na")
    assert "remove this\nfile" in (desk.config.parent / "data" / "tokens.made").read_text()


class TestListing:
    def test_shows_what_was_made_and_how_it_is(self, desk: Desk) -> None:
        store = Tokens(desk.engine)
        _, revoked = store.create("[red]李娜", Role.VIEWER, None, 1_764_000_000.0)
        store.create("Wang", Role.ADMIN, 3600.0, 1_764_000_001.0)
        store.create("Acme", Role.PLATFORM, None, 1_764_000_002.0)
        store.revoke(revoked.id, 1_764_000_003.0)
        done = desk.run("list")
        assert done.exit_code == 0
        _, first, second, third = (line.split() for line in done.stdout.splitlines())
        assert first == [revoked.id, "[red]李娜", "viewer", "2025-11-24", "16:00Z", "never", "revoked"]
        assert second[1:] == ["Wang", "admin", "2025-11-24", "16:00Z", "2025-11-24", "17:00Z", "expired"]
        assert third[1:] == ["Acme", "platform", "2025-11-24", "16:00Z", "never"]

    def test_cuts_nothing_off_on_a_narrow_screen(self, desk: Desk) -> None:
        desk.create("--role", "supervisor", "--name", "x" * 40, "--expires", "90d")
        done = desk.run("list", columns=80)
        assert done.stdout.count("x") - done.stdout.count("expires") == 40
        assert desk.rows()[0].id in done.stdout


class TestTelling:
    def test_webhooks_that_want_it_are_told_when_the_service_sends_them(self, desk: Desk) -> None:
        wanted, other = "https://wants.example/", "https://other.example/"
        with desk.config.open("a") as config:
            for url, type_ in ((wanted, "access"), (other, "violation")):
                config.write(f'[[webhooks]]\nurl = "{url}"\nsecret = "{SECRET}"\ntypes = ["{type_}"]\n')
        desk.create("--role", "viewer", "--name", "Li Na")
        (waiting,) = Outbox(desk.engine).hold(wanted, 10, 0)
        assert "was made for Li Na" in waiting.body
        assert Outbox(desk.engine).hold(other, 10, 0) == []


class TestRevoking:
    def test_locks_the_token_out_and_says_so_in_the_journal(self, desk: Desk) -> None:
        token = desk.create("--role", "viewer", "--name", "Li Na")
        (row,) = desk.rows()
        done = desk.run("revoke", row.id)
        assert done.exit_code == 0
        ring = Keyring(Tokens(desk.engine))
        ring.refresh()
        assert ring.find(token, time.time()) is None
        assert desk.journal()[-1].fields["detail"] == f"token {row.id} of Li Na was revoked: viewer"

    def test_what_never_was_is_bad_use(self, desk: Desk) -> None:
        done = desk.run("revoke", "nobody")
        assert done.exit_code == 2
        assert "there is no token nobody" in done.stderr
        assert desk.journal() == []


def test_a_database_that_cannot_be_had_is_one_line(tmp_path: Path) -> None:
    config = tmp_path / "huazha.toml"
    config.write_text('database = "nonsense"\n')
    command = [sys.executable, "-c", "from streamer.cli import main; main()", "token", "list", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1
    assert "the journal's database" in done.stderr


@pytest.mark.parametrize("command", ["create", "list", "revoke"])
def test_help_has_an_example(command: str) -> None:
    done = CliRunner().invoke(app, ["token", command, "--help"])
    assert f"Example: huazha token {command}" in done.stdout
