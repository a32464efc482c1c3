"""The lexicon in force, on the console: as the media plane has it, whatever its files hold by now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import TypeAdapter

from lexicon.compiler import Table, compile_lexicon
from lexicon.types import Lexicon, Rule
from streamer import trying
from streamer.errors import HuazhaError

RULES = TypeAdapter(tuple[Rule, ...])
"""Rules as the link brings them."""


class Asked(Protocol):
    """The media plane, as far as rules go."""

    async def ask(self, name: str, about: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask it something."""
        ...


class NoSuchLanguage(HuazhaError):
    """No lexicon has rules in it."""

    def __init__(self, language: str, known: list[str]) -> None:
        super().__init__(f"no lexicon here has rules for {language!r}; they have {' and '.join(known)}")


@dataclass(frozen=True, slots=True)
class InForce:
    """What calls are answered with.

    Attributes:
      trouble: why the files could not be read when they last changed, or an empty string.
    """

    lexicon: Lexicon
    trouble: str

    def shown(self) -> list[dict[str, Any]]:
        """Give every rule, as the console shows it."""
        return [_shown(rule) for rule in self.lexicon.rules]


class Rules:
    """Rules to look at and to try sentences on; asked for, and compiled, once for each version that is looked at.

    Args:
      media: whose they are.
    """

    def __init__(self, media: Asked) -> None:
        self._media = media
        self._one_at_a_time = asyncio.Lock()
        self._known: Lexicon | None = None
        self._tables: dict[str, Table] = {}

    async def in_force(self) -> InForce:
        """Give the rules in force.

        Raises:
          MediaFailed, MediaGone: they can't be had.
        """
        async with self._one_at_a_time:
            return await self._in_force()

    async def try_(self, text: str, language: str) -> dict[str, Any]:
        """Give what a sentence of an agent's would fire.

        Raises:
          NoSuchLanguage: nothing would, whatever it said.
          MediaFailed, MediaGone: as `in_force`.
        """
        async with self._one_at_a_time:
            lexicon = (await self._in_force()).lexicon
            languages = sorted({rule.language for rule in lexicon.rules})
            if language not in languages:
                raise NoSuchLanguage(language, languages)
            table = self._tables.get(language)
            if table is None:
                table = self._tables[language] = await asyncio.to_thread(compile_lexicon, lexicon, language)
        return await asyncio.to_thread(lambda: trying.answer(text, trying.triggered(table, text)))

    async def _in_force(self) -> InForce:
        """Ask for them by pages: no message is so large that it would hold anybody up."""
        while True:
            version = self._known.version if self._known is not None else ""
            rules: list[Any] = []
            page = await self._media.ask("rules", {"known": version, "after": 0})
            if page["version"] == version and self._known is not None:
                return InForce(self._known, page["trouble"])
            version = page["version"]
            while page["version"] == version and page["rules"]:
                rules += page["rules"]
                page = await self._media.ask("rules", {"known": "", "after": len(rules)})
            if page["version"] == version:
                read = await asyncio.to_thread(RULES.validate_python, rules)
                self._known, self._tables = Lexicon(page["name"], version, read), {}
                return InForce(self._known, page["trouble"])


def _shown(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "language": rule.language,
        "category": rule.category,
        "severity": str(rule.severity),
        "channel": str(rule.channel),
        "terms": list(rule.terms),
        "allow": list(rule.allow),
        "near": None if rule.near is None else list(rule.near.any),
        "required": None if rule.required is None else {"within": rule.required.within},
        "say_instead": rule.say_instead,
        "source": rule.source,
        "metric": None if rule.metric is None else {"name": str(rule.metric.name), "over": rule.metric.over},
    }
