"""What a scan finds in a recording, and the JSON lines that say so; `docs/scan.md` lists the fields. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args
from urllib.parse import quote, unquote_to_bytes

from detector.types import Missing
from streamer.plain_text import plain
from streamer.scan.forms import BY_HEADER, form_before

DETECTED = "detected"
"""In the place of a key's language: whatever was heard to be spoken. With a colon and a language behind it: that one,
where it could not be heard for certain."""
LanguageFrom = Literal["given", "detected", "default"]
"""How a recording's language came to be known: it was told, it was heard, or it could not be heard for certain."""


@dataclass(frozen=True, slots=True)
class Key:
    """What a result depends on: the same recording with the same of these is not scanned again.

    Attributes:
      sha256: of the file's bytes, in hexadecimal digits.
      lexicon_version, model, language: what it was heard with.
      legs: that it was told to have, joined by commas.
      form: how its bytes were read, as `streamer.scan.forms` has it.
    """

    sha256: str
    lexicon_version: str
    model: str
    language: str
    legs: str
    form: str = BY_HEADER


@dataclass(frozen=True, slots=True)
class About:
    """What is known of a recorded call beforehand.

    Attributes:
      call_id: the platform's name for it; the file's, where nothing else is known.
      agent: who called, or None.
      started_at: on the wall clock, UTC, as RFC 3339 has it; when the file was written, where nothing else is known.
    """

    call_id: str
    agent: str | None
    started_at: str


@dataclass(frozen=True, slots=True)
class Found:
    """A violation that was spoken.

    Attributes:
      violation_id: unique in its recording, `v-1` and up.
      term: as in the lexicon; `heard` as recognised; `text` with what was said around it.
      start, end: seconds from the recording's start.
    """

    violation_id: str
    channel: str
    rule_id: str
    category: str
    severity: str
    term: str
    heard: str
    match: str
    confidence: float
    start: float
    end: float
    text: str
    say_instead: str | None


@dataclass(frozen=True, slots=True)
class Line:
    """What was said on a channel without a pause."""

    channel: str
    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Scanned:
    """A recording that was scanned to its end. Numbers of people are masked in all texts.

    Attributes:
      file: as it was named: a path, or an address.
      channels: the legs, in the order of the recording's columns.
      duration: seconds.
      speech_seconds: of all channels together.
      unheard_seconds: of speech that could not be recognised.
      metrics: of the call's conduct, as `detector.conduct` has them.
      silenced: spans in which numbers of people were spoken, by channel: nothing of their audio may be kept.
      transcript: all that was said, in the order of time; None where it was not asked for.
      notes: what is odd about the file, though it was read.
      broken_off: whether some of the file is damaged and could not be read.
      language_from: how the language in the key came to be known.
    """

    file: str
    key: Key
    about: About
    channels: tuple[str, ...]
    duration: float
    speech_seconds: float
    unheard_seconds: float
    found: tuple[Found, ...]
    undisclosed: tuple[Missing, ...]
    metrics: Mapping[str, Any]
    silenced: Mapping[str, tuple[tuple[float, float], ...]]
    transcript: tuple[Line, ...] | None = None
    notes: tuple[str, ...] = ()
    broken_off: bool = False
    language_from: LanguageFrom = "given"

    @property
    def keys(self) -> tuple[Key, ...]:
        """What may be asked for, so that this is the answer: its key, and that of who leaves the language open."""
        match self.language_from:
            case "given":
                return (self.key,)
            case "detected":
                return (self.key, replace(self.key, language=DETECTED))
            case "default":
                return (self.key, replace(self.key, language=f"{DETECTED}:{self.key.language}"))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is no recording, and why."""

    file: str
    error: str


Result = Scanned | Unreadable


def rows(result: Result) -> Iterator[dict[str, Any]]:
    """Give a result's lines, the last of which says that all of them were written."""
    if isinstance(result, Unreadable):
        yield {**named(result.file), "error": plain(result.error)}
        return
    version = result.key.lexicon_version
    file = named(result.file)
    for found in result.found:
        yield {**file, **_rounded(asdict(found)), "lexicon_version": version}
    for undisclosed in result.undisclosed:
        told = asdict(undisclosed)
        terms = list(told.pop("terms"))
        yield {
            **file,
            "missing": True,
            **told,
            "term": terms[0],
            "terms": terms,
            "lexicon_version": version,
        }
    yield {
        **file,
        "summary": True,
        **_rounded({"duration": result.duration, "speech_seconds": result.speech_seconds}),
        "violations": len(result.found),
        "missing": len(result.undisclosed),
        **_rounded({"unheard_seconds": result.unheard_seconds}),
        **asdict(result.about),
        "channels": list(result.channels),
        **asdict(result.key),
        "language_from": result.language_from,
        **({"notes": list(result.notes)} if result.notes else {}),
        **({"broken_off": True} if result.broken_off else {}),
        "metrics": dict(result.metrics),
        "silenced": {name: [list(span) for span in spans] for name, spans in result.silenced.items() if spans},
        **({} if result.transcript is None else {"transcript": [_rounded(asdict(line)) for line in result.transcript]}),
    }


def ends(row: Mapping[str, Any]) -> bool:
    """Whether a line is its file's last."""
    return "summary" in row or "error" in row


def read(lines: Iterable[Mapping[str, Any]]) -> Result:
    """Put together again what `rows` took apart.

    Args:
      lines: of one file, in order.

    Raises:
      KeyError, TypeError, ValueError: they are not what `rows` gives.
    """
    *before, last = lines
    if "error" in last:
        return Unreadable(name_in(last), str(last["error"]))
    transcript = last.get("transcript")
    return Scanned(
        file=name_in(last),
        key=Key(
            str(last["sha256"]),
            str(last["lexicon_version"]),
            str(last["model"]),
            str(last["language"]),
            str(last["legs"]),
            str(last["form"]) if "form" in last else form_before(str(last["file"])),
        ),
        about=About(str(last["call_id"]), last["agent"], str(last["started_at"])),
        channels=tuple(last["channels"]),
        duration=float(last["duration"]),
        speech_seconds=float(last["speech_seconds"]),
        unheard_seconds=float(last["unheard_seconds"]),
        found=tuple(Found(**_only(row, Found)) for row in before if "missing" not in row),
        undisclosed=tuple(
            Missing(**{**_only(row, Missing), "terms": tuple(row["terms"])}) for row in before if "missing" in row
        ),
        metrics=last["metrics"],
        silenced={name: tuple((a, b) for a, b in spans) for name, spans in last["silenced"].items()},
        transcript=None if transcript is None else tuple(Line(**line) for line in transcript),
        notes=tuple(map(str, last.get("notes", ()))),
        broken_off=bool(last.get("broken_off", False)),
        language_from=_language_from(last.get("language_from", "given")),
    )


def named(file: str) -> dict[str, str]:
    """Give a file's name as lines have it: printable and, where that is not the whole truth, its bytes, too.

    Returns:
      `file`, and `file_bytes` where they differ: the name's bytes as in a URL (RFC 3986, section 2.1).
    """
    shown = plain(file)
    if shown == file:
        return {"file": file}
    try:
        name = file.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        # No path of this machine's has such a name.
        name = file.encode("utf-8", "surrogatepass")
    return {"file": shown, "file_bytes": quote(name)}


def name_in(row: Mapping[str, Any]) -> str:
    """Give the name that `named` took apart; a row without one has none."""
    if "file_bytes" in row:
        return unquote_to_bytes(str(row["file_bytes"])).decode("utf-8", "surrogateescape")
    return str(row["file"])


def _language_from(value: object) -> LanguageFrom:
    for known in get_args(LanguageFrom):
        if value == known:
            return known  # type: ignore[no-any-return]
    raise ValueError(f"language_from: {value!r}")


def _only(row: Mapping[str, Any], kind: type[Found | Missing]) -> dict[str, Any]:
    return {field.name: row[field.name] for field in fields(kind)}


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Round seconds to three digits: a sample at 8 kHz is an eighth of a millisecond."""
    return {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}
