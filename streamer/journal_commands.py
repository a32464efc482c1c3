"""The commands `huazha journal verify` and `huazha journal export`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine, Select, make_url, select
from sqlalchemy.engine import Row
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from streamer import settings
from streamer.plain_text import plain, plain_json
from streamer.record import database, event, heads
from streamer.record.deep import Clips, examine
from streamer.record.journal import Journal, JournalUnavailable
from streamer.record.schema import journal
from streamer.record.verify import verify
from streamer.settings import Settings

BATCH = 1000
"""Rows in memory at once."""
MOST = 50
"""Flaws that are printed."""

app = typer.Typer(
    name="journal", help="Check that the journal is as it was written, and take events out.", no_args_is_help=True
)

Config = Annotated[
    Path | None, typer.Option("--config", metavar="FILE", help="A TOML file with settings, as for serve.")
]
Address = Annotated[
    str | None,
    typer.Option("--database", metavar="URL", help="Where the journal is, if not where the settings say."),
]


@app.command(name="verify", epilog="Example: huazha journal verify --heads /backup/heads.jsonl")
def check(
    config: Config = None,
    address: Address = None,
    files: Annotated[
        list[Path] | None,
        typer.Option(
            "--heads",
            metavar="FILE",
            help="Signed heads, best from where whoever can change the journal can't; may be given several times. "
            "heads.jsonl in the data folder if not.",
        ),
    ] = None,
    keys: Annotated[
        list[str] | None,
        typer.Option(
            "--key",
            metavar="HEX",
            help="A public key that may have signed them, noted elsewhere; may be given several times. "
            "The one in journal.pub in the data folder if not.",
        ),
    ] = None,
    noted: Annotated[
        list[str] | None,
        typer.Option(
            "--row",
            metavar="POSITION:HASH",
            help="A row's hash, or its beginning, that was noted elsewhere; may be given several times.",
        ),
    ] = None,
    deep: Annotated[
        bool,
        typer.Option(
            "--deep", help="Also whether calls, violations, scans, tokens and evidence are as the journal tells."
        ),
    ] = False,
) -> None:
    """Check every row of the journal and every signed head.

    Exits with 0 where all is as it was written, with 1 where something is not, and with 2 on bad use.
    """
    chosen = settings.load(config, {"database": address})
    signed = _heads(chosen, files)
    known = _keys(chosen, keys)
    rows = _noted(noted or [])
    if signed and not known:
        raise typer.BadParameter("heads can be checked with a public key alone; none is given", param_hint="--key")
    engine = _open(chosen)
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
    examined = None
    with bar:
        verdict = verify(engine, signed, known, _telling(bar, "rows"), rows)
        if deep and verdict.flaw is None:
            kept = chosen.evidence
            clips = Clips(chosen.data / "evidence", kept.days, kept.megabytes * 1_000_000, chosen.name)
            examined = examine(engine, clips, {head.key for head in signed}, _telling(bar, "what they sum up to"))
    position, last = Journal(engine).head()
    engine.dispose()
    console = Console()
    console.print(f"rows   {verdict.rows} checked", highlight=False)
    console.print(f"heads  {verdict.heads} checked", highlight=False)
    flaws = [] if verdict.flaw is None else [str(verdict.flaw)]
    if not signed and verdict.rows and (chosen.data / "journal.key").exists():
        flaws.append(f"there is a key in {chosen.data}, and no head that it signed: was heads.jsonl removed?")
    if examined is not None:
        checked = f"{examined.calls} calls, {examined.clips} clips, {examined.tokens} tokens"
        console.print(f"also   {checked} checked", highlight=False)
        flaws += examined.flaws
        for note in examined.notes:
            _print(console, "note", note, "yellow")
    for flaw in flaws[:MOST]:
        _print(console, "flaw", flaw, "red")
    if len(flaws) > MOST:
        _print(console, "flaw", f"and {len(flaws) - MOST} more", "red")
    if flaws:
        raise typer.Exit(1)
    if not signed:
        console.print("Without a head nobody knows whether the end was cut off.", style="dim")
        return
    console.print(f"last   --row {position}:{last}", highlight=False, soft_wrap=True)
    for key in sorted({head.key for head in signed}):
        console.print(f"key    --key {key}", highlight=False, soft_wrap=True)
    if keys is None:
        console.print(
            "Whoever can change the data folder can have made the key, and all that it signed, anew: note the last row "
            "and the key elsewhere, and give them the next time.",
            style="dim",
        )


def _telling(bar: Progress, what: str) -> Callable[[int, int], None]:
    task = bar.add_task(what, total=None)
    return lambda checked, total: bar.update(task, completed=checked, total=total)


def _print(console: Console, kind: str, text: str, style: str) -> None:
    console.print(plain(f"{kind}   {text}"), style=style, markup=False, highlight=False, soft_wrap=True)


@app.command(epilog="Example: huazha journal export --from 2026-11-24T00:00:00+08:00 > events.jsonl")
def export(
    config: Config = None,
    address: Address = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="Events from then on, with a time zone.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="Events before then.")] = None,
    call: Annotated[str | None, typer.Option("--call", metavar="CALL", help="Events of this call alone.")] = None,
) -> None:
    """Print events as lines of JSON, in the order and in the very words of the journal."""
    first, last = _time(start, "--from"), _time(end, "--to")
    engine = _open(settings.load(config, {"database": address}))
    for body in _bodies(engine, first, last, call):
        # A file gets the very bytes that the chain is made of; a terminal must not obey what callers wrote.
        typer.echo(plain_json(body) if sys.stdout.isatty() else body)
    engine.dispose()


def _open(chosen: Settings) -> Engine:
    """Open a journal that is there: to look at one must not make one.

    Raises:
      DatabaseError: it is not, or can't be had.
    """
    try:
        url = make_url(chosen.journal)
    except ArgumentError:
        url = None
    if url is not None and url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise database.DatabaseError(chosen.journal, "no such file")
    return database.open_(chosen.journal)


def _heads(chosen: Settings, files: list[Path] | None) -> list[heads.Head]:
    usual = chosen.data / "heads.jsonl"
    found = []
    console = Console(stderr=True)
    for file in files if files is not None else [usual] if usual.exists() else []:
        try:
            found += heads.read(file, lambda torn: _print(console, "note", torn, "yellow"))
        except (OSError, ValueError) as error:
            reason = f"{file}: {error.strerror}" if isinstance(error, OSError) else str(error)
            raise typer.BadParameter(plain(reason), param_hint="--heads") from None
    return found


def _noted(written: Sequence[str]) -> dict[int, str]:
    rows = {}
    for one in written:
        found = re.fullmatch(r"([0-9]{1,18}):([0-9a-fA-F]{8,64})", one)
        if found is None:
            raise typer.BadParameter(f"{plain(one[:80])!r} is no row; 628:3fa9c0d1 is one", param_hint="--row")
        rows[int(found[1])] = found[2].lower()
    return rows


def _keys(chosen: Settings, given: list[str] | None) -> list[str]:
    usual = chosen.data / "journal.pub"
    keys = given if given is not None else [usual.read_text(encoding="utf-8").strip()] if usual.exists() else []
    for key in keys:
        if not re.fullmatch(r"[0-9a-fA-F]{64}", key):
            raise typer.BadParameter(f"{key[:70]!r} is no key; one has 64 hexadecimal digits", param_hint="--key")
    return [key.lower() for key in keys]


def _time(text: str | None, option: str) -> datetime | None:
    try:
        return None if text is None else event.read(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time with a zone; 2026-11-24T04:20:00Z is one", param_hint=option
        ) from None


def _bodies(engine: Engine, start: datetime | None, end: datetime | None, call: str | None) -> Iterator[str]:
    """Give the events' texts in the order of the chain.

    Raises:
      JournalUnavailable: they can't be read.
    """
    query = select(journal.c.position, journal.c.body).order_by(journal.c.position).limit(BATCH)
    if start is not None:
        query = query.where(journal.c.at >= round(start.timestamp() * 1000))
    if end is not None:
        query = query.where(journal.c.at < round(end.timestamp() * 1000))
    if call is not None:
        query = query.where(journal.c.call == call)
    position = 0
    while rows := _read(engine, query.where(journal.c.position > position)):
        yield from (row.body for row in rows)
        position = rows[-1].position


def _read(engine: Engine, query: Select[int, str]) -> Sequence[Row[int, str]]:
    try:
        with engine.connect() as connection:
            return connection.execute(query).all()
    except SQLAlchemyError as error:
        raise JournalUnavailable(database.reason(error)) from error
