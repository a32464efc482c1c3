"""From files to a `Lexicon`: the only place in this room that reads files."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lexicon.errors import LexiconConflict, LexiconError, LexiconInvalid, LexiconUnreadable
from lexicon.normalize import fold
from lexicon.pronunciation import MOST, inventory, read_sounds
from lexicon.types import Lexicon, Metric, MetricName, Near, Required, Rule, Scope, Severity
from lexicon.yaml_lines import Located, Place, locate

MAX_BYTES = 4 * 1024 * 1024
"""Of one file; ten thousand terms take a tenth of it."""
COLUMNS = ("category", "severity", "lang", "term")
"""Those that a TSV must have; `sounds`, pronunciations parted by semicolons, is read where it is there."""
BOUNDS = {"silence": (1.0, 3600.0), "overlap": (0.5, 3600.0), "talk_ratio": (0.01, 0.99), "pace": (10.0, 2000.0)}
"""The least and the most that a metric's bound may be: beyond, every call passes it, or none."""
TERMS_ONLY = ("terms", "allow", "near", "required", "sounds")
"""What a rule with a metric can't have."""

Phrase = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[\w.+-]{1,100}$")]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")]
Sounds = Annotated[
    list[Annotated[str, StringConstraints(max_length=500)]],
    Field(min_length=1, max_length=MOST),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
]


class _Section(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")


class _Near(_Section):
    any: Annotated[list[Phrase], Field(min_length=1)]
    within: Annotated[int, Field(ge=0, le=100)]
    ordered: bool = False


class _Required(_Section):
    by: Literal["end"] | None = None
    within: Annotated[float, Field(gt=0, strict=False, allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _one(self) -> _Required:
        if (self.by is None) == (self.within is None):
            raise ValueError("is {by: end} or {within: SECONDS}")
        return self


class _Metric(_Section):
    name: Literal["silence", "overlap", "talk_ratio", "pace"]
    over: Annotated[float, Field(allow_inf_nan=False)]

    @field_validator("over")
    @classmethod
    def _sensible(cls, over: float, known: ValidationInfo) -> float:
        name = known.data.get("name")
        least, most = BOUNDS.get(str(name), (over, over))
        if not least <= over <= most:
            raise ValueError(f"of {name} must be from {least:g} to {most:g}")
        return over


class _Rule(_Section):
    id: Identifier
    category: Identifier
    severity: Literal["block", "alert", "review"]
    terms: Annotated[list[Phrase], Field(min_length=1)] | None = None
    channel: Literal["agent", "customer", "any"] = "agent"
    allow: list[Phrase] = []
    near: _Near | None = None
    required: _Required | None = None
    say_instead: str | None = None
    source: str | None = None
    metric: _Metric | None = None
    sounds: dict[Phrase, Sounds] = {}


class _File(_Section):
    lexicon: Identifier
    language: Language
    rules: Annotated[list[_Rule], Field(min_length=1)]


_CELLS: dict[str, TypeAdapter[str]] = {
    "category": TypeAdapter(Identifier),
    "lang": TypeAdapter(Language),
    "term": TypeAdapter(Phrase),
}


def shipped() -> tuple[Path, ...]:
    """List the lexicons that come with Huazha."""
    folder = Path(str(resources.files("lexicon"))) / "data"
    return tuple(sorted(folder.glob("*.yaml")))


def load(paths: Sequence[Path]) -> Lexicon:
    """Read files, YAML or TSV by their names, and merge them.

    Raises:
      LexiconError: a file can't be read, a field is wrong, or two rules have the same id.
    """
    lexicons = [_read(path) for path in paths]
    # By file, not by the lexicon's name: an edited copy has the name of what it was copied from.
    owners: dict[str, Path] = {}
    for path, lexicon in zip(paths, lexicons, strict=True):
        for rule in lexicon.rules:
            if rule.id in owners:
                problem = f"rule {rule.id} is in {owners[rule.id]} already; rename one, or leave one file out"
                raise LexiconConflict(str(path), None, None, problem)
        owners |= dict.fromkeys((rule.id for rule in lexicon.rules), path)
    return Lexicon(
        "+".join(lexicon.name for lexicon in lexicons),
        "+".join(lexicon.version for lexicon in lexicons),
        tuple(rule for lexicon in lexicons for rule in lexicon.rules),
    )


def parse(text: str, source: str) -> Lexicon:
    """Read one lexicon from YAML.

    Args:
      source: what errors call it.

    Raises:
      LexiconError: it is no YAML, or a field is wrong.
    """
    document = locate(text, source)
    try:
        file = _File.model_validate(document.value)
    except ValidationError as error:
        raise _located(error, document, source) from None
    rules = []
    lines: dict[str, int] = {}
    for index, entry in enumerate(file.rules):
        line = document.line("rules", index, "id")
        if entry.id in lines:
            raise LexiconConflict(
                source,
                line,
                f"rules.{index}.id",
                f"{entry.id} is used in line {lines[entry.id]} already; rename one",
            )
        lines[entry.id] = line
        _check_kind(entry, index, document, source)
        _check_phrases(entry, index, file.language, document, source)
        _check_sounds(entry, index, file.language, document, source)
        rules.append(_rule(entry, file.language))
    return Lexicon(file.lexicon, _version(file.lexicon, text), tuple(rules))


def parse_tsv(text: str, source: str) -> Lexicon:
    """Read one lexicon from a spreadsheet's TSV: one rule for each category, severity and language.

    Rows of severity `allow` hold phrases that silence every rule of their language; those of severity `required` are
    each a disclosure by the call's end. `cue` rows, and required phrases with a gap (`*`), are for people and skipped.

    Raises:
      LexiconError: a column is missing, or a row is wrong.
    """
    rows = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    try:
        return _lexicon_of_rows(rows, text, source)
    except csv.Error as error:
        raise LexiconUnreadable(source, rows.line_num + 1, None, f"is no TSV: {error}") from None


def _lexicon_of_rows(rows: csv.DictReader[str], text: str, source: str) -> Lexicon:
    missing = [column for column in COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise LexiconInvalid(source, 1, missing[0], f"is missing; the columns are {' '.join(COLUMNS)}")
    name = Path(source).stem
    terms: dict[tuple[str, str, str], list[str]] = {}
    sounds: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in rows:
        category, severity, language, term = (str(row[column] or "").strip() for column in COLUMNS)
        if severity == "cue" or (severity == "required" and "*" in term):
            continue
        if severity not in (*Severity, "allow", "required"):
            right = "block, alert, review, allow, required or cue"
            raise LexiconInvalid(source, rows.line_num, "severity", f"must be {right}, not {severity!r}")
        if problem := _row_problem(category, language, term):
            raise LexiconInvalid(source, rows.line_num, *problem)
        terms.setdefault((category, severity, language), []).append(term)
        if written := str(row.get("sounds") or "").strip():
            sounds[language, term] = tuple(part.strip() for part in written.split(";"))
            if wrong := _sounds_problem(sounds[language, term], language):
                raise LexiconInvalid(source, rows.line_num, "sounds", wrong)
    rules = _rules_of_rows(terms, sounds)
    if not rules:
        raise LexiconInvalid(source, None, None, "holds no rule")
    return Lexicon(name, _version(name, text), tuple(rules))


def _row_problem(category: str, language: str, term: str) -> tuple[str, str] | None:
    """Give the column that is wrong, and what would be right, by the limits that YAML has too."""
    for (field, validator), value in zip(_CELLS.items(), (category, language, term), strict=True):
        try:
            validator.validate_python(value)
        except ValidationError as error:
            return field, f"{value[:20]!r}: {error.errors()[0]['msg']}"
    if "*" in term:
        return "term", f"{term!r} has a gap (*), which is never heard; write it without"
    return None if fold(term, language).text.strip() else ("term", f"{term!r} holds no letter or digit")


def _rules_of_rows(
    terms: Mapping[tuple[str, str, str], Sequence[str]], sounds: Mapping[tuple[str, str], tuple[str, ...]]
) -> list[Rule]:
    allowed: dict[str, list[str]] = {}
    for (_, severity, language), phrases in terms.items():
        if severity == "allow":
            allowed.setdefault(language, []).extend(phrases)
    rules = []
    for (category, severity, language), phrases in terms.items():
        prefix = f"{category}-{severity}-{language}"
        if severity == "required":
            rules += [
                Rule(f"{prefix}-{number}", category, Severity.ALERT, (phrase,), language, required=Required())
                for number, phrase in enumerate(phrases, 1)
            ]
        elif severity != "allow":
            allow = tuple(allowed.get(language, ()))
            rules.append(Rule(prefix, category, Severity(severity), tuple(phrases), language, allow=allow))
    return [replace(rule, sounds=_own_sounds(rule, sounds)) for rule in rules] if sounds else rules


def _own_sounds(
    rule: Rule, sounds: Mapping[tuple[str, str], tuple[str, ...]]
) -> tuple[tuple[str, tuple[str, ...]], ...]:
    phrases = dict.fromkeys((*rule.terms, *rule.allow))
    return tuple((phrase, sounds[rule.language, phrase]) for phrase in phrases if (rule.language, phrase) in sounds)


def _read(path: Path) -> Lexicon:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise LexiconUnreadable(str(path), None, None, error.strerror or str(error)) from None
    if len(raw) > MAX_BYTES:
        raise LexiconUnreadable(str(path), None, None, f"is over {MAX_BYTES >> 20} MB; split it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LexiconUnreadable(str(path), None, None, f"must be UTF-8 text ({error.reason})") from None
    return parse_tsv(text, str(path)) if path.suffix == ".tsv" else parse(text, str(path))


def _version(name: str, text: str) -> str:
    return f"{name}@{hashlib.sha256(text.encode()).hexdigest()[:12]}"


def _rule(entry: _Rule, language: str) -> Rule:
    near, required, metric = entry.near, entry.required, entry.metric
    return Rule(
        id=entry.id,
        category=entry.category,
        severity=Severity(entry.severity),
        terms=tuple(entry.terms or ()),
        language=language,
        channel=Scope(entry.channel),
        allow=tuple(entry.allow),
        near=Near(tuple(near.any), near.within, near.ordered) if near else None,
        required=Required(required.within) if required else None,
        say_instead=entry.say_instead,
        source=entry.source,
        metric=Metric(MetricName(metric.name), metric.over) if metric else None,
        sounds=tuple((phrase, tuple(ways)) for phrase, ways in entry.sounds.items()),
    )


def _check_kind(entry: _Rule, index: int, document: Located, source: str) -> None:
    """Refuse a rule that has neither terms nor a metric, or a metric and what goes with terms only."""

    def refuse(field: str, problem: str) -> None:
        raise LexiconInvalid(source, document.line("rules", index, field), f"rules.{index}.{field}", problem)

    if entry.metric is None:
        if entry.terms is None:
            refuse("terms", "is missing; a rule has terms, or else a metric")
        return
    for field in TERMS_ONLY:
        if getattr(entry, field):
            refuse(field, "can't stand beside a metric; make two rules of them")
    if entry.severity == "block":
        refuse("severity", "must be alert or review with a metric: when it is measured, nothing is left to stop")
    if not MetricName(entry.metric.name).of_channel and "channel" in entry.model_fields_set:
        refuse("channel", f"says nothing beside {entry.metric.name}, which is the whole call's; leave it out")


def _check_phrases(entry: _Rule, index: int, language: str, document: Located, source: str) -> None:
    """Refuse phrases that could never be heard, because nothing of them is left when folded."""
    near = entry.near.any if entry.near else []
    groups = {("terms",): entry.terms or [], ("allow",): entry.allow, ("near", "any"): near}
    for path, phrases in groups.items():
        for number, phrase in enumerate(phrases):
            if not fold(phrase, language).text.strip():
                place: Place = ("rules", index, *path, number)
                field = ".".join(map(str, place))
                raise LexiconInvalid(source, document.line(*place), field, f"{phrase!r} holds no letter or digit")


def _check_sounds(entry: _Rule, index: int, language: str, document: Located, source: str) -> None:
    """Refuse sounds of a phrase that the rule doesn't have, and those that are none."""
    phrases = {*(entry.terms or ()), *entry.allow, *(entry.near.any if entry.near else ())}
    for phrase, ways in entry.sounds.items():
        problem = "is none of the rule's phrases; write it as it is written there"
        if phrase in phrases:
            problem = _sounds_problem(ways, language)
        if problem:
            place: Place = ("rules", index, "sounds", phrase)
            raise LexiconInvalid(source, document.line(*place), ".".join(map(str, place)), problem)


def _sounds_problem(ways: Sequence[str], language: str) -> str:
    """Say what is wrong with the pronunciations of a phrase; nothing if they are right."""
    if inventory(language) is None:
        return f"can't be heard in {language!r}; sounds are for zh and en"
    for way in ways:
        try:
            read_sounds(way, language)
        except ValueError as error:
            return str(error)
    return ""


def _located(error: ValidationError, document: Located, source: str) -> LexiconError:
    first: Any = error.errors()[0]
    path = first["loc"]
    problem = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        problem = "is no field of a lexicon here"
    elif first["type"] == "missing":
        problem = "is missing"
    return LexiconInvalid(source, document.line(*path), ".".join(map(str, path)) or None, problem)
