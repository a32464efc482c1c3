"""Values as a page writes them, the same in both languages. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil, floor

from markupsafe import Markup, escape

from detector.masking import mask_json
from streamer.plain_text import plain
from streamer.scan.report.texts import TEXTS, filled


def shown(text: str | None) -> str:
    """Give a text in which nothing is hidden; a file's name may look like another, or be in another encoding."""
    return plain(text or "")


def named(file: str | None) -> str:
    """Give the name of a file or of a call: numbers of people often stand in it, and a report is passed on."""
    return str(mask_json(plain(file or "")))


def say(key: str, **values: object) -> Markup:
    """Give a text of the page: English, until the page's script puts it into another language."""
    return Markup("<span {}>{}</span>").format(said(key, **values), english(key, **values))


def title(key: str, **values: object) -> Markup:
    """Give a text that a drawing shows to whoever points at it."""
    return Markup("<title {}>{}</title>").format(said(key, **values), english(key, **values))


def said(key: str, **values: object) -> Markup:
    """Give the attributes of an element that holds nothing but `key`'s text."""
    return _attributes("text", key, values)


def label(key: str, **values: object) -> Markup:
    """Give the attributes that name an element for those who don't see it."""
    return Markup('aria-label="{}" {}').format(english(key, **values), _attributes("label", key, values))


def english(key: str, **values: object) -> str:
    return filled(TEXTS[key][0], {name: shown(str(value)) for name, value in values.items()})


def _attributes(kind: str, key: str, values: Mapping[str, object]) -> Markup:
    attributes = Markup('data-{}="{}"').format(kind, key)
    if values:
        packed = json.dumps({name: shown(str(value)) for name, value in values.items()}, ensure_ascii=False)
        attributes += Markup(' data-{}-values="{}"').format(kind, packed)
    return attributes


def known(kind: str, value: str) -> Markup:
    """Give a text for a value of which there may one day be more: `known("severity", "block")`."""
    key = f"{kind}.{value}"
    return say(key) if key in TEXTS else escape(shown(value))


def whole(number: float) -> str:
    return f"{number:,.0f}"


def hours(seconds: float) -> str:
    """Hours, as exactly as is of use."""
    value = seconds / 3600
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 1 else f"{value:.2f}"


def share(part: float | None) -> str:
    """A share of 1 in per cent; never 100 % where something is missing."""
    if part is None:
        return "–"
    return "100%" if part >= 1 else f"{floor(part * 1000) / 10:.1f}%"


def rest(part: float) -> str:
    """What a share of 1 leaves, in per cent; never 0 % where something is missing."""
    return f"{ceil((1 - part) * 1000) / 10:.1f}%"


def place(seconds: float) -> str:
    """Seconds of a recording as a clock shows them: 3:07, 1:02:05."""
    at = max(0, int(seconds))
    h, m, s = at // 3600, at // 60 % 60, at % 60
    return f"{h}:{m:02}:{s:02}" if h else f"{m}:{s:02}"
