"""The commands `huazha token create`, `list` and `revoke`."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from streamer import settings
from streamer.access import durations
from streamer.access.guard import LOCAL
from streamer.access.roles import Role
from streamer.access.seal import Seal
from streamer.access.tokens import TokenRow, Tokens, until
from streamer.call import POLICY
from streamer.record import database
from streamer.record.journal import Journal
from streamer.record.webhooks import Sender

app = typer.Typer(name="token", help="Make tokens, list them, take them back.", no_args_is_help=True)

MOST_NAME = 256
"""Characters of a name."""
RESERVED = frozenset({POLICY, LOCAL.name})
"""Who does things without a token; nobody may pass for them in the journal."""

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A TOML file with settings, as for serve.")
]


def _duration(written: str) -> float:
    try:
        return durations.seconds(written)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _name(written: str) -> str:
    if not written.strip() or not written.isprintable() or len(written) > MOST_NAME:
        raise typer.BadParameter(f"1 to {MOST_NAME} printable characters")
    if written in RESERVED:
        raise typer.BadParameter(f"{written} is what the journal calls Huazha itself")
    return written


@app.command(epilog="Example: huazha token create --role supervisor --name 'Li Na' --expires 90d")
def create(
    role: Annotated[Role, typer.Option(help="What it is good for.")],
    name: Annotated[
        str, typer.Option(parser=_name, metavar="NAME", help="Whose it is; stands in the journal beside what they do.")
    ],
    expires: Annotated[
        float | None, typer.Option(parser=_duration, metavar="TIME", help="30m, 12h, 90d; never if not given.")
    ] = None,
    config: Config = None,
) -> None:
    """Make a token, and print it this once; a running service knows it some seconds later."""
    now = time.time()
    with _desk(config) as tokens:
        token, row = tokens.create(name, role, expires, now, by=_user())
        Seal(settings.load(config, {}).data).close()
    _say(f"Token {row.id} is {name}'s, with the role {role}; it {until(row)}.")
    _say("Only its hash is kept: this is the one time that it is shown.")
    typer.echo(token)


@app.command(name="list", epilog="Example: huazha token list")
def show(config: Config = None) -> None:
    """List the tokens that were made, with those that are good no more."""
    with _desk(config) as tokens:
        rows = tokens.all()
    now = time.time()
    name = Column("name", overflow="fold")
    table = Table("id", name, "role", "made", "expires", "", box=None, pad_edge=False, header_style="dim")
    for column in table.columns:
        column.no_wrap = column is not name
    for row in rows:
        expires = "never" if row.expires_at is None else _written(row.expires_at)
        table.add_row(row.id, Text(row.name), row.role, _written(row.created_at), expires, _state(row, now))
    Console().print(table)


@app.command(epilog="Example: huazha token revoke 5f0c9a1e")
def revoke(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As huazha token list has it.")], config: Config = None
) -> None:
    """Take a token back; a running service knows it some seconds later."""
    now = time.time()
    with _desk(config) as tokens:
        row = tokens.revoke(id_, now, by=_user())
        if row is None:
            raise typer.BadParameter(f"there is no token {id_}", param_hint="ID")
    _say(f"Token {row.id}, {row.name}'s, lets nobody in any more.")


@contextmanager
def _desk(config: Path | None) -> Iterator[Tokens]:
    chosen = settings.load(config, {})
    engine = database.open_(chosen.journal)
    try:
        wanted = Sender(engine, chosen.webhooks).wanted
        yield Tokens(engine, Journal(engine, wanted, gateway=chosen.name))
    finally:
        engine.dispose()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # In a container users often have no names.
        return f"uid {os.getuid()}"


def _state(row: TokenRow, now: float) -> str:
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if row.expired(now) else ""


def _written(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%MZ}"


def _say(line: str) -> None:
    Console(stderr=True).print(line, markup=False, highlight=False, soft_wrap=True)
