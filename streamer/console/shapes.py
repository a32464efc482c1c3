"""What the REST interface takes and gives, as OpenAPI shows it; `docs/feed.md` has the same in words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field


def _no_number(moment: object) -> object:
    """Refuse what would be taken for seconds since 1970: OpenAPI promises RFC 3339."""
    if isinstance(moment, str) and "T" not in moment.upper():
        raise ValueError("must be a time as RFC 3339 has it, 2026-01-31T12:00:00Z")
    return moment


Moment = Annotated[AwareDatetime, BeforeValidator(_no_number)]
Name = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
Severity = Literal["block", "alert", "review"]
Status = Literal["candidate", "fired", "confirmed", "retracted"]
Verdict = Literal["acknowledged", "true", "false"]
NoVerdict = Literal["none"]
Channel = Literal["agent", "customer"]
Source = Literal["live", "scan"]
Phrase = Annotated[str, Field(min_length=1, max_length=256)]
Limit = Annotated[int, Field(ge=1, le=200)]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Trouble(BaseModel):
    """What went wrong."""

    code: str
    message: str


class Refusal(BaseModel):
    """The body of every error."""

    error: Trouble


class Me(BaseModel):
    """Who asks.

    Attributes:
      tokens: whether the service has any; without, everybody on this machine is admin.
    """

    name: str
    role: str
    tokens: bool


class Ticket(BaseModel):
    """Opens one socket, once."""

    ticket: str
    expires_in: float


class Call(BaseModel):
    """A call; `scan` names the one that heard its recording, null where it was heard while it was made.

    `superseded`: the recording was heard again since, with other rules or another model.
    """

    model_config = ConfigDict(extra="allow")

    call: str
    call_id: str
    agent: str | None
    language: str
    channels: list[str]
    metadata: dict[str, Any]
    model: str
    lexicon_version: str
    started_at: str
    ended_at: str | None
    outcome: str | None
    duration: float
    monitored: float
    blind: float
    lag: float
    muted: bool
    violations: int
    worst: Severity | None
    missing: list[dict[str, Any]]
    metrics: dict[str, Any] | None = None
    scan: str | None = None
    superseded: bool = False


class CallWithEvents(Call):
    """A call, and all that happened in it."""

    events: list[dict[str, Any]]


class Calls(BaseModel):
    """A page of calls; `next` asks for the one after it."""

    items: list[Call]
    next: str | None


class BlockOf(BaseModel):
    """What was done about a violation."""

    action: str
    match_to_signal_ms: float | None
    audio_end: float | None
    audio_received: float | None
    by: str | None
    outcome: str | None
    lifted: bool


class Violation(BaseModel):
    """A violation, as it stands now; `scan`, `file` and `superseded` are of a recording's."""

    model_config = ConfigDict(extra="allow")

    call: str
    call_id: str
    agent: str | None
    at: str
    violation_id: str
    status: Status
    rule_id: str
    category: str
    severity: Severity
    term: str
    heard: str
    match: str
    confidence: float
    channel: str
    start: float
    end: float
    say_instead: str | None
    text: str
    lexicon_version: str
    verdict: Verdict | None
    verdict_by: str | None
    verdict_reason: str | None
    block: BlockOf | None
    evidence: bool
    scan: str | None = None
    file: str | None = None
    superseded: bool = False


class ViolationWithEvents(Violation):
    """A violation, its steps, and who did what."""

    events: list[dict[str, Any]]


class Violations(BaseModel):
    """A page of violations; `next` asks for the one after it."""

    items: list[Violation]
    next: str | None


class Scan(BaseModel):
    """A scan of recordings that has ended; `seconds` of audio, `violations` and `missing` are those of all of them."""

    model_config = ConfigDict(extra="allow")

    scan: str
    status: Literal["finished", "interrupted"]
    began: str
    ended: str
    paths: list[str]
    files: int
    scanned: int
    reused: int
    unreadable: int
    seconds: float
    violations: int
    missing: int
    lexicon_version: str
    model: str


class Scans(BaseModel):
    """A page of scans; `next` asks for the one after it."""

    items: list[Scan]
    next: str | None


class AccessEvent(BaseModel):
    """Somebody was refused, was given a token or lost it, renewed the lexicon, or heard evidence."""

    model_config = ConfigDict(extra="allow")

    type: Literal["access"]
    at: str
    cursor: int
    what: str
    detail: str
    by: str | None


class Access(BaseModel):
    """A page of them; `next` asks for the one after it."""

    items: list[AccessEvent]
    next: str | None


class RefusedCall(BaseModel):
    """A call that was offered and not taken, or several of one address."""

    model_config = ConfigDict(extra="allow")

    type: Literal["call.refused"]
    at: str
    cursor: int
    platform: str
    address: str
    call_id: str | None
    reason: str
    detail: str
    count: int
    call_ids: list[str]


class RefusedCalls(BaseModel):
    """A page of them; `next` asks for the one after it."""

    items: list[RefusedCall]
    next: str | None


class Review(_Asked):
    """A supervisor's judgement; `reason` is wanted where a violation is said to be none."""

    verdict: Verdict
    reason: Annotated[str, Field(max_length=1000)] = ""


class Reviewed(BaseModel):
    """The judgement's place among all events."""

    cursor: int


class Act(_Asked):
    """What a supervisor wants done."""

    action: Literal["mute", "unmute", "play", "hangup", "transfer"]
    channel: Channel = "agent"
    violation_id: Name | None = None


class Acted(BaseModel):
    """Whether the platform took the order."""

    accepted: bool
    detail: str


class Waveform(BaseModel):
    """A clip to be drawn: 20 peaks a second, 0 to 1."""

    seconds: float
    start: Annotated[float, Field(serialization_alias="from")]
    peaks: dict[str, list[float]]


class OfRule(BaseModel):
    """How often a rule fired, was taken back, and was judged right or wrong; `precision` is the share of right."""

    rule_id: str
    severity: Severity
    fired: int
    retracted: int
    true: int
    false: int
    precision: float | None


class OfWeek(BaseModel):
    """How people judged what a rule found in a week; `week` is its Monday."""

    week: str
    rule_id: str
    true: int
    false: int


class OfDay(BaseModel):
    """Violations of a day, by severity."""

    day: str
    block: int
    alert: int
    review: int


class Blocks(BaseModel):
    """Blocks, and the seconds from the term's end to the signal; `histogram` has each bar's upper end and count."""

    count: int
    undelivered: int
    p50: float | None
    p95: float | None
    histogram: list[tuple[float | None, int]]


class Coverage(BaseModel):
    """Seconds of audio, all channels of the calls that are over."""

    received: float
    monitored: float
    blind: float


class Statistics(BaseModel):
    """Sums over a span of time."""

    by_rule: list[OfRule]
    by_day: list[OfDay]
    precision: list[OfWeek]
    blocks: Blocks
    coverage: Coverage


class Lexicon(BaseModel):
    """The rules in force."""

    version: str
    trouble: str
    rules: list[dict[str, Any]]


class Sentence(_Asked):
    """A sentence of an agent's, to try."""

    text: Annotated[str, Field(min_length=1, max_length=2000)]
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] = "zh"


class Tried(BaseModel):
    """What it would fire."""

    text: str
    violations: list[dict[str, Any]]


class Reloaded(BaseModel):
    """The rules in force after reading the files again."""

    version: str
    trouble: str
