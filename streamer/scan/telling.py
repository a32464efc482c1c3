"""What a scan shows while it runs and when it is over, at the prompt."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from lexicon.types import Severity
from streamer.plain_text import plain
from streamer.scan.forms import AMBIGUOUS, ending
from streamer.scan.results import Result, Scanned, Unreadable
from streamer.scan.scanner import Job
from streamer.scan.sheet import Matched
from streamer.scan.sources import Listing

STYLES = {Severity.BLOCK: "bold red", Severity.ALERT: "yellow", Severity.REVIEW: "cyan"}
LISTED = 10
"""Unreadable files that are named at the end; the results name all of them."""
SHOWN = 5
"""Names on one line, of files that were left out."""
SOME_UNREAD, NOTHING_READ = 3, 4
"""Exit statuses, where not all recordings could be read."""


class Bar:
    """A progress bar: by bytes, since how long a recording lasts is known only when it has been read.

    Args:
      console: to show it on.
    """

    def __init__(self, jobs: Sequence[Job], console: Console) -> None:
        self._sizes = {job.source.name: max(1, job.source.size) for job in jobs}
        self._shares = dict.fromkeys(self._sizes, 0.0)
        self._audio = 0.0
        self._files = 0
        self._began = time.monotonic()
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[speed]}", style="dim"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=sum(self._sizes.values()), speed="")

    def __enter__(self) -> Self:
        self._progress.start()
        self._show()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    @property
    def took(self) -> float:
        """Seconds since the bar was made."""
        return time.monotonic() - self._began

    def at(self, job: Job, share: float) -> None:
        """A recording is done up to a share of it, from 0 to 1."""
        name = job.source.name
        self._progress.advance(self._task, max(0.0, share - self._shares[name]) * self._sizes[name])
        self._shares[name] = max(share, self._shares[name])

    def done(self, result: Result, *, reused: bool) -> None:
        """A recording is done, or was before (`reused`)."""
        self._files += 1
        if isinstance(result, Scanned) and not reused:
            self._audio += result.duration
        self._show()

    def _show(self) -> None:
        speed = f"{self._audio / max(0.001, self.took):.1f} x real time" if self._audio else ""
        self._progress.update(self._task, description=f"{self._files} of {len(self._sizes)}", speed=speed)


def sum_up(results: Sequence[Result], reused: int, took: float, console: Console) -> None:
    """Say what was found.

    Args:
      reused: of the results, those that were known before.
      took: seconds.
    """
    scanned = [one for one in results if isinstance(one, Scanned)]
    unreadable = [one for one in results if isinstance(one, Unreadable)]
    hours = sum(one.duration for one in scanned) / 3600
    news = "" if not reused else f", {reused} of them known before"
    console.print(f"{len(scanned)} recordings, {hours:.2f} hours{news}, in {took:.0f} s", highlight=False)
    table = Table("", "rule", "found", "in calls", box=None, pad_edge=False, header_style="dim")
    for (severity, rule), count in sorted(_by_rule(scanned).items(), key=lambda one: (one[0][0].rank, -one[1])):
        calls = sum(any(found.rule_id == rule for found in one.found) for one in scanned)
        table.add_row(f"[{STYLES[severity]}]{severity}[/]", rule, str(count), str(calls))
    missing = Counter(one.rule_id for result in scanned for one in result.undisclosed)
    for rule, count in missing.most_common():
        table.add_row("[magenta]missing[/]", rule, "", str(count))
    if table.row_count:
        console.print(table)
    else:
        console.print("Nothing was found that must not be said, and nothing was missing.")
    unheard = sum(one.unheard_seconds for one in scanned)
    if unheard >= 1:
        console.print(f"{unheard:.0f} s of speech could not be recognised", style="yellow", highlight=False)
    detected = Counter(one.key.language for one in scanned if one.language_from == "detected")
    if detected:
        shares = ", ".join(f"{language} {count}" for language, count in sorted(detected.items()))
        console.print(f"languages that were heard: {shares}", style="dim", highlight=False)
    unsure = Counter(one.key.language for one in scanned if one.language_from == "default")
    for language, count in sorted(unsure.items()):
        line = f"{count} recordings were taken to be in {language}, since what is spoken there was not certain"
        console.print(line, style="yellow", highlight=False)
    odd = [f"{one.file}: {note}" for one in scanned for note in one.notes]
    _list("odd", odd, console, "yellow")
    _list("not read", [f"{one.file}: {one.error}" for one in unreadable], console, "red")


def tell_skipped(listing: Listing, console: Console) -> None:
    """Say what was asked for and left out."""
    for name in listing.empty:
        problem = plain(f"{name}: holds no recording")
        console.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)
    if not listing.skipped:
        return
    first: dict[str, str] = {}
    for name in listing.skipped:
        first.setdefault(ending(name), name)
    # One of each kind before more of the same: a thousand notes must not hide one recording.
    shown = list(dict.fromkeys([*first.values(), *listing.skipped]))[:SHOWN]
    several = len(listing.skipped) > 1
    line = f"skipped: {len(listing.skipped)} file{'s' if several else ''} with {'' if several else 'an'}other name"
    line += f"{'s' if several else ''}: {_names(shown, len(listing.skipped))}"
    if AMBIGUOUS & first.keys():
        line += "; --headerless ulaw (or alaw, sln, ...) says what .raw and .pcm files hold"
    console.print(plain(line), style="yellow", markup=False, highlight=False, soft_wrap=True)


def tell_rows(matched: Matched, sheet: str, console: Console) -> None:
    """Say what of a sheet came to nothing."""
    for names, problem in (
        (matched.unused, "rows that match no recording"),
        (matched.ambiguous, "names that could be several, and were left alone"),
        (matched.without, "recordings without a row"),
    ):
        if names:
            line = plain(f"{sheet}: {problem}: {len(names)} ({_names(names[:SHOWN], len(names))})")
            console.print(line, style="yellow", markup=False, highlight=False, soft_wrap=True)


def exit_status(results: Sequence[Result], listing: Listing) -> int:
    """Give how the command ends: 0 when all was read, 3 when some was not, 4 when nothing was."""
    read = [one for one in results if isinstance(one, Scanned)]
    if not read:
        return NOTHING_READ
    whole = len(read) == len(results) and not listing.empty and not any(one.broken_off for one in read)
    return 0 if whole else SOME_UNREAD


def _list(kind: str, lines: Sequence[str], console: Console, style: str) -> None:
    for line in lines[:LISTED]:
        told = plain(f"{kind:<8}  {line}")
        console.print(told, style=style, markup=False, highlight=False, soft_wrap=True)
    if len(lines) > LISTED:
        console.print(f"{kind:<8}  {len(lines) - LISTED} more", style=style, highlight=False)


def _names(shown: Sequence[str], of: int) -> str:
    more = f" and {of - len(shown)} more" if of > len(shown) else ""
    return f"{', '.join(shown)}{more}"


def _by_rule(scanned: Sequence[Scanned]) -> Counter[tuple[Severity, str]]:
    return Counter((Severity(found.severity), found.rule_id) for one in scanned for found in one.found)
