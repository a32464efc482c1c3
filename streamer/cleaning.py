"""Values from outside, made fit for JSON, UTF-8 and databases: whatever they hold, they can be told of. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from math import isfinite
from typing import Any

DEEPEST = 32
"""Levels of nesting that are kept; what lies deeper is left out."""
LEFT_OUT = "…"
# Lone surrogates are not UTF-8; no text in PostgreSQL holds a NUL.
_UNFIT = re.compile("[\x00\ud800-\udfff]")


def clean_text(text: str) -> str:
    """Replace what can't be encoded or stored by U+FFFD, the character for what could not be read."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text)


def clean(value: Any, depth: int = 0) -> Any:
    """Give a value as JSON can have it: never raises, and leaves what is fit as it is.

    Names that are not text are made text, numbers that are not finite become None, and so does what is of no type that
    JSON knows become its text.
    """
    match value:
        case str():
            cleaned: Any = clean_text(value)
        case None | bool() | int():
            cleaned = value
        case float():
            cleaned = value if isfinite(value) else None
        case Mapping() | list() | tuple() | Set():
            cleaned = LEFT_OUT if depth >= DEEPEST else _each(value, depth + 1)
        case _:
            cleaned = _text(value)
    return cleaned


def _each(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_text(name): clean(one, depth) for name, one in value.items()}
    cleaned = (clean(one, depth) for one in value)
    return tuple(cleaned) if isinstance(value, tuple) else list(cleaned)


def _text(value: Any) -> str:
    try:
        text = value.decode(errors="replace") if isinstance(value, bytes | bytearray) else str(value)
    except Exception:
        text = type(value).__name__
    return clean_text(text)
