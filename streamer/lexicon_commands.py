"""The commands `huazha lexicon check` and `huazha lexicon try`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from detector.types import Violation
from lexicon.checks import problems
from lexicon.compiler import compile_lexicon
from lexicon.errors import LexiconError
from lexicon.loader import load, shipped
from lexicon.pronunciation import inventory, written
from lexicon.spoken import said_by
from lexicon.types import Lexicon, Rule
from streamer.languages import language_of
from streamer.plain_text import json_line, plain
from streamer.trying import answer, triggered

UNSAID = "can't be said as it is written: give its sounds"

app = typer.Typer(name="lexicon", help="Check lexicons, and try sentences on them.", no_args_is_help=True)


@app.command(epilog="Example: huazha lexicon check bank.yaml")
def check(
    files: Annotated[list[Path], typer.Argument(help="Lexicon files, YAML or TSV.")],
    sounds: Annotated[
        bool, typer.Option("--sounds", help="Show how every term is said, not only those in doubt.")
    ] = False,
) -> None:
    """Read lexicons as the service would, and look for rules that can't do what they say."""
    console = Console()
    found = 0
    for file in files:
        try:
            lexicon = load([file])
        except LexiconError as error:
            console.print(plain(f"error    {error}"), markup=False, highlight=False, soft_wrap=True)
            found += 1
            continue
        for problem in problems(lexicon):
            console.print(plain(f"problem  {file}: {problem}"), markup=False, highlight=False, soft_wrap=True)
            found += 1
        read = plain(f"read     {file}: {len(lexicon.rules)} rules, {lexicon.version}")
        console.print(read, markup=False, highlight=False, soft_wrap=True)
        if sounds:
            console.print(_table_of(lexicon), markup=False, highlight=False)
            continue
        for line in _doubtful(lexicon):
            console.print(plain(f"sounds   {file}: {line}"), markup=False, highlight=False, soft_wrap=True)
    if len(files) > 1 and not found:
        load(files)
    raise typer.Exit(2 if found else 0)


@app.command(
    name="try", epilog="Example: huazha lexicon try 本产品不承诺保本 · echo 保本 | huazha lexicon try - --json"
)
def try_(
    text: Annotated[str, typer.Argument(help="A sentence of the agent's; - reads one a line from standard input.")],
    lexicon: Annotated[
        list[Path] | None, typer.Option("--lexicon", metavar="FILE", help="The shipped ones if not given.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the sentence.")] = "zh",
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each sentence.")] = False,
) -> None:
    """Show what a sentence would trigger, and why."""
    language = language_of(language) or "zh"
    table = compile_lexicon(load(lexicon or shipped()), language)
    if not table.rules:
        raise typer.BadParameter(f"no lexicon here has rules for {language!r}", param_hint="--language")
    console = Console()
    for sentence in _lines(sys.stdin) if text == "-" else [text]:
        found = triggered(table, sentence)
        if as_json:
            typer.echo(json_line(answer(sentence, found)))
            continue
        console.print(plain(sentence), style="bold", markup=False, highlight=False)
        for violation in found:
            console.print(plain(f"  {_why(violation)}"), markup=False, highlight=False, soft_wrap=True)
        if not found:
            console.print("  nothing", style="dim")


def _said(lexicon: Lexicon) -> Iterator[tuple[Rule, str, str]]:
    """Give each term with the ways in which it is said, parted by commas, in languages that are listened to so."""
    for rule in lexicon.rules:
        for term in rule.terms if inventory(rule.language) else ():
            yield rule, term, ", ".join(written(code, rule.language) for code in said_by(rule, term))


def _doubtful(lexicon: Lexicon) -> Iterator[str]:
    """Say which terms nobody could tell how to say, and which characters may be read in several ways."""
    for rule, term, ways in _said(lexicon):
        if not ways:
            yield f"rule {rule.id}: {term} {UNSAID}"
        elif "," in ways and rule.language == "zh" and term not in dict(rule.sounds):
            yield f"rule {rule.id}: {term} is listened for as {ways}"


def _table_of(lexicon: Lexicon) -> Table:
    table = Table("term", "sounds", box=None, pad_edge=False, header_style="dim")
    for _, term, ways in _said(lexicon):
        table.add_row(plain(term), plain(ways or f"- ({UNSAID})"))
    return table


def _lines(stream: Iterable[str]) -> Iterator[str]:
    return (line.rstrip("\r\n") for line in stream)


def _why(violation: Violation) -> str:
    return f"{violation.severity}  {violation.rule_id} ({violation.category}): {violation.heard} is {violation.term}"
