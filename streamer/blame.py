"""Where a setting that is wrong was set: on the command line, or in which line of the file."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from streamer.errors import SettingsError

Place = tuple[str | int, ...]
"""Names of tables and fields, and numbers in lists, from the outermost."""

_HEADER = re.compile(r"\s*(\[\[?)\s*(.*?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


class Blame:
    """Makes errors that name the source of a value.

    Args:
      config: the file, if there is one.
      overrides: fields that the command line sets; None means not set.
    """

    def __init__(self, config: Path | None, overrides: Mapping[str, Any]) -> None:
        self._config = config
        self._given = {field for field, value in overrides.items() if value is not None}

    def error(self, place: Place, message: str) -> SettingsError:
        """Give an error about the value at a place."""
        field = ".".join(map(str, place))
        if self._config is None or (place and place[0] in self._given):
            return SettingsError("command line", field, message)
        return SettingsError(str(self._config), field, message, self._line(place))

    def errors(self, invalid: ValidationError, model: type[BaseModel]) -> SettingsError:
        """Give all that is wrong as one error, the first of them with the others."""
        found = [self.error(one["loc"], _said(one, model)) for one in invalid.errors()]
        return found[0].with_others(found[1:])

    def _line(self, place: Place) -> int | None:
        if self._config is None:
            return None
        try:
            known = lines(self._config.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):
            return None
        return next((known[place[:end]] for end in range(len(place), 0, -1) if place[:end] in known), None)


def lines(text: str) -> dict[Place, int]:
    """Give the line, from 1, of each key and table of a TOML file. Roughly: strings of several lines mislead it."""
    found: dict[Place, int] = {}
    tables: Counter[Place] = Counter()
    inside: Place = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := _HEADER.match(line):
            inside = _parts(header[2])
            if header[1] == "[[":
                tables[inside] += 1
                inside = (*inside, tables[inside] - 1)
            found.setdefault(inside, number)
        elif key := _KEY.match(line):
            found.setdefault((*inside, *_parts(key[1])), number)
    return found


def _parts(dotted: str) -> Place:
    return tuple(part.strip("\"'") for part in _PART.findall(dotted))


def _said(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """Say what is wrong and, of a name that is not known, which may have been meant."""
    if error["type"] != "extra_forbidden":
        return str(error["msg"]).removeprefix("Value error, ")
    *tables, name = error["loc"]
    known = _fields(model, tables)
    near = difflib.get_close_matches(str(name), known, 1)
    if near:
        return f"is no setting; {near[0]} is"
    return f"is no setting; known are {', '.join(known)}" if known else "is no setting"


def _fields(model: type[BaseModel], tables: Sequence[str | int]) -> list[str]:
    """Give the fields of the table that is so many tables within a model."""
    for table in tables:
        inner = model.model_fields.get(str(table))
        if inner is None:
            continue
        kinds = [inner.annotation, *get_args(inner.annotation)]
        below = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not below:
            return []
        model = below[0]
    return sorted(model.model_fields)
