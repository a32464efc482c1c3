"""The command `huazha scan`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from threadpoolctl import threadpool_limits

from lexicon.loader import shipped
from lexicon.types import Lexicon
from streamer import service, settings
from streamer.errors import ScanError
from streamer.lexicon_store import Compiled, LexiconStore
from streamer.options import Channels, ConfigFile, DataFolder, LexiconFiles, Model, legs
from streamer.plain_text import plain
from streamer.ray.scanning import plan, scan_on_ray
from streamer.recognition.recognizer import Recognizer
from streamer.recordings import LEGS
from streamer.scan import sheet, sources
from streamer.scan.excerpts import Player
from streamer.scan.forms import HEADERLESS
from streamer.scan.journaling import Archive
from streamer.scan.keeping import Keeper
from streamer.scan.ledger import Ledger
from streamer.scan.report import clipped, write
from streamer.scan.results import Result
from streamer.scan.scanner import Job, Rules, at_once, scan_all, scanning
from streamer.scan.sheet import Row, Sheet
from streamer.scan.telling import Bar, exit_status, sum_up, tell_rows, tell_skipped
from streamer.settings import Settings

SAMPLES = ("ulaw", "alaw", "sln", "sln16", "g729")
"""Of the forms that `--headerless` takes, those that its help names."""

stderr = Console(stderr=True)


def add_to(app: typer.Typer) -> None:
    """Add the command to the program's others."""
    app.command(name="scan", epilog="Example: huazha scan recordings/ --out hits.jsonl --report report.html")(scan)


def scan(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH ...",
            help="Recordings, folders of them, patterns, or addresses that fsspec knows, as in s3://bucket/calls.",
        ),
    ],
    lexicon: LexiconFiles = None,
    language: Annotated[
        str | None,
        typer.Option(
            help="Of all calls.  [dim]heard in each recording; the settings' where that is not certain[/dim]",
        ),
    ] = None,
    model: Model = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where results go, as JSON lines. What is there and has not changed is not scanned again. "
            "Standard output if not given.",
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="Write a report to read, and the same as CSV and Parquet beside it."),
    ] = None,
    channels: Channels = None,
    transcripts: Annotated[bool, typer.Option("--transcripts", help="Keep all that was said, too.")] = False,
    calls: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="What is known of the calls: columns file, agent, call_id, started_at, language, channels.",
        ),
    ] = None,
    headerless: Annotated[
        str | None,
        typer.Option(
            metavar="FORM",
            help="What .raw and .pcm files hold, which their names don't say: " + ", ".join(SAMPLES) + " and others.",
        ),
    ] = None,
    journal: Annotated[
        bool,
        typer.Option(help="Write results to the journal, where the console shows them beside live calls."),
    ] = True,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Ray cluster to scan on: ray://HOST:10001 from anywhere, auto or HOST:6379 on one of its nodes. "
            "Its nodes must see the recordings under the same names.",
        ),
    ] = None,
    data: DataFolder = None,
    config: ConfigFile = None,
) -> None:
    """Scan recordings for what must not be said, and for disclosures that were not made.

    Exit status: 0 when all that was asked for has been read, whatever was found in it; 2 on bad use; 3 when some
    recordings could not be read; 4 when none was read at all.
    """
    overrides = {"lexicon": lexicon, "model": model, "language": language, "data": data}
    chosen = settings.load(config, overrides)
    compiled = LexiconStore(chosen.lexicon or shipped(), chosen.rules).current
    known = Sheet() if calls is None else sheet.read(calls)
    if report is not None and report.suffix.lower() not in {".html", ".htm"}:
        raise typer.BadParameter("ends in .html", param_hint="--report")
    if headerless is not None and headerless not in HEADERLESS:
        raise typer.BadParameter(f"is one of {', '.join(HEADERLESS)}", param_hint="--headerless")
    # However the tag was written: the settings have the language that it means.
    wanted = None if language is None else chosen.language
    if wanted is not None and wanted not in compiled.tables:
        raise ScanError("--language", f"{wanted}: no lexicon here has rules for it, but for {_names(compiled)}")
    listing = sources.find(paths, ambiguous=headerless is not None)
    matched = known.match([(source.name, source.below) for source in listing.sources])
    told = Told(wanted, chosen.language, legs(channels), headerless)
    jobs = [_job(source, matched.of(source.name), told) for source in listing.sources]
    rules = Rules(compiled.lexicon.version, compiled.tables)
    scope = Scope(tuple(paths), jobs, len(listing.skipped), compiled.lexicon, rules, transcripts)
    with ExitStack() as stack:
        book = None if out is None else stack.enter_context(Ledger(out))
        archive = stack.enter_context(Archive.open(chosen)) if journal else None
        keeper = Keeper(book, archive, chosen.evidence, _print, transcripts=transcripts)
        try:
            took = _scan(chosen, scope, keeper, on) if jobs else 0.0
        except KeyboardInterrupt:
            if out is not None:
                stopped = plain(f"Stopped; {out} holds what is finished, and the same command goes on.")
                stderr.print(stopped, markup=False, highlight=False, soft_wrap=True)
            raise
        if book is not None:
            book.tidy()
        results = keeper.results if book is None else book.results
    sum_up(keeper.results, keeper.reused, took, stderr)
    tell_skipped(listing, stderr)
    if calls is not None:
        tell_rows(matched, calls.name, stderr)
    if archive is not None and archive.left_out:
        stderr.print(f"{archive.left_out} clips were not kept as evidence: there was no room", style="yellow")
    if keeper.trouble:
        stderr.print(f"not in the journal: {keeper.trouble}; the same command writes it", style="red", markup=False)
    if report is not None:
        _report(results, report, compiled.lexicon)
    status = exit_status(keeper.results, listing)
    if status:
        raise typer.Exit(status)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one scan is about."""

    paths: tuple[str, ...]
    jobs: Sequence[Job]
    skipped: int
    lexicon: Lexicon
    rules: Rules
    transcripts: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What the command line says of all recordings; None where it says nothing."""

    language: str | None
    default: str
    legs: tuple[str, ...] | None
    headerless: str | None


def _job(source: sources.Source, row: Row, told: Told) -> Job:
    return Job(
        source,
        row.language or told.language,
        legs(row.channels) or told.legs or LEGS,
        row.agent,
        row.call_id,
        row.started_at,
        told.headerless,
        told.default,
    )


def _names(compiled: Compiled) -> str:
    return " and ".join(sorted(compiled.tables))


def _print(lines: str) -> None:
    typer.echo(lines, nl=False)


def _scan(chosen: Settings, scope: Scope, keeper: Keeper, on: str | None) -> float:
    """Scan all that there is, here or on a cluster; give the seconds that it took."""
    recognizer: Recognizer | None = None
    if on is None:
        with stderr.status("Starting") as status:
            recognizer = service.load_recognizer(chosen, status.update)
    began, state = datetime.now(UTC), "interrupted"
    with Bar(scope.jobs, stderr) as bar:
        try:
            if recognizer is not None:
                asyncio.run(_here(recognizer, scope, keeper, bar))
            elif on is not None:
                planned = plan(chosen, scope.lexicon, keeper.keys, transcripts=scope.transcripts)
                for job, result in scan_on_ray(on, scope.jobs, planned, keeper.known):
                    keeper.take(job, result)
                    bar.at(job, 1.0)
                    bar.done(result, reused=keeper.was_known(result))
            state = "finished"
        finally:
            span = (began, datetime.now(UTC))
            keeper.conclude(state, span, scope.paths, len(scope.jobs), scope.rules.version, chosen.model, scope.skipped)
    return bar.took


async def _here(recognizer: Recognizer, scope: Scope, keeper: Keeper, bar: Bar) -> None:
    # NumPy's products here are small: more threads only spin, and take a core from recognition.
    with threadpool_limits(1, user_api="blas"):
        async with scanning(recognizer, scope.rules, transcripts=scope.transcripts) as scanner:
            running = scan_all(scanner, scope.jobs, at_once=at_once(recognizer), progress=bar.at, known=keeper.known)
            async for job, result in running:
                await asyncio.to_thread(keeper.take, job, result)
                bar.done(result, reused=keeper.was_known(result))


def _report(results: Sequence[Result], path: Path, lexicon: Lexicon) -> None:
    sourced = {rule.id: rule.source for rule in lexicon.rules if rule.source}
    with stderr.status("Writing the report"):
        try:
            files = write(
                results,
                path,
                Player(results, clipped).audio,
                now=datetime.now().astimezone(),
                version=version("huazha"),
                sources=sourced,
            )
        except OSError as error:
            raise ScanError(str(path), (error.strerror or str(error)).lower()) from None
    beside = [file.name for file in (files.csv, files.parquet) if file is not None]
    line = plain(f"Report: {files.html}, and beside it {', '.join(beside)}")
    stderr.print(line, markup=False, highlight=False, soft_wrap=True)
    for warning in files.warnings:
        stderr.print(warning, style="yellow", markup=False, highlight=False, soft_wrap=True)
