"""The report as one page that fetches nothing: everything it shows, and says, is in it."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined

from detector.types import Missing
from streamer.scan.report import drawings, wording
from streamer.scan.report.choosing import SEVERITIES, Listed
from streamer.scan.report.days import moment
from streamer.scan.report.marking import measured, parted
from streamer.scan.report.sound import Clip
from streamer.scan.report.summary import Summary
from streamer.scan.report.texts import TEXTS
from streamer.scan.results import Scanned, Unreadable

ROWS = 2000
"""Rows of a table on the page, at most."""
FIRST = 12
"""Of a summary's rows, those that are seen at once."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a page shows.

    Attributes:
      listed: the violations it lists; `clipped` their numbers that may have a clip.
      undisclosed, unreadable: all of them.
      sources: by a rule's id, why it is one.
      tables: the names of the files beside it.
    """

    title: str | None
    summary: Summary
    listed: Sequence[Listed]
    clipped: frozenset[int]
    undisclosed: Sequence[tuple[Scanned, Missing]]
    unreadable: Sequence[Unreadable]
    sources: Mapping[str, str]
    tables: Sequence[str]
    now: datetime
    version: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A violation as the page shows it.

    Attributes:
      rule, agent: numbers of the choices that it is found by.
      before, marked, after: its text.
      measured: it is of a rule that sets a bound; what was heard is by how much it was passed.
      at: when it was said, on the clock.
      clip, wave: None where there is no clip; `gone` where there should have been one.
    """

    one: Listed
    rule: int
    agent: int
    before: str
    marked: str
    after: str
    measured: bool
    at: datetime | None
    clip: Clip | None
    wave: drawings.Wave | None
    gone: bool


ClipOf = Callable[[Listed], Clip | None]
"""Gives a violation's clip, or None where the audio is gone."""


def render(contents: Contents, clip_of: ClipOf) -> Iterator[str]:
    """Write a page, piece by piece: no more than one clip is held at a time."""
    summary = contents.summary
    style, script = _own("style.css"), _own("report.js")
    return _ENVIRONMENT.get_template("report.html").generate(
        contents=contents,
        summary=summary,
        chart=drawings.chart(summary.trend),
        violations=_shown(contents, clip_of),
        agent_numbers={agent.agent: n for n, agent in enumerate(summary.agents)},
        lead=_lead(summary),
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
        texts=TEXTS,
        severities=SEVERITIES,
        clock=lambda call, seconds: moment(call.about.started_at, seconds, contents.now.tzinfo),
        first=FIRST,
        rows=ROWS,
    )


def _shown(contents: Contents, clip_of: ClipOf) -> Iterator[Shown]:
    rules = {rule.rule_id: n for n, rule in enumerate(contents.summary.rules)}
    agents = {agent.agent: n for n, agent in enumerate(contents.summary.agents)}
    for one in contents.listed:
        call, found = one.call, one.found
        wanted = one.number in contents.clipped
        clip = clip_of(one) if wanted else None
        yield Shown(
            one,
            rules[found.rule_id],
            agents[call.about.agent or None],
            *parted(found.text, call.key.language, found.heard, found.term),
            measured(found.match, call.key.language, found.heard, found.term),
            moment(call.about.started_at, found.start, contents.now.tzinfo),
            clip,
            drawings.wave(clip, found) if clip else None,
            wanted and clip is None,
        )


def _lead(summary: Summary) -> list[tuple[str, dict[str, object]]]:
    """List what a manager must know, each a text and its values."""
    lead: list[tuple[str, dict[str, object]]] = []
    if gravest := summary.violations.get(SEVERITIES[0], 0):
        lead.append(("lead.block", {"n": wording.whole(gravest)}))
    if summary.undisclosed_calls:
        lead.append(("lead.undisclosed", {"n": wording.whole(summary.undisclosed_calls)}))
    if summary.heard is not None and summary.heard < 1:
        lead.append(("lead.unheard", {"share": wording.rest(summary.heard)}))
    if summary.unreadable:
        lead.append(("lead.unreadable", {"n": wording.whole(summary.unreadable)}))
    return lead


def _own(name: str) -> str:
    return (resources.files("streamer.scan.report") / "templates" / name).read_text("utf-8")


def _hash(inline: str) -> str:
    """What a content security policy lets in: this text, and no other."""
    return "sha256-" + base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("streamer.scan.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        say=wording.say,
        said=wording.said,
        title=wording.title,
        label=wording.label,
        known=wording.known,
        stacked=drawings.stacked,
    )
    environment.filters.update(
        shown=wording.shown,
        named=wording.named,
        whole=wording.whole,
        hours=wording.hours,
        share=wording.share,
        place=wording.place,
    )
    return environment


_ENVIRONMENT = _environment()
