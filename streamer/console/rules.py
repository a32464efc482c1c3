"""The lexicon in force, on the console: read from the same files as the media plane reads."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lexicon.types import Rule
from streamer import trying
from streamer.errors import HuazhaError
from streamer.lexicon_store import LexiconStore


class NoSuchLanguage(HuazhaError):
    """No lexicon has rules in it."""

    def __init__(self, language: str, known: list[str]) -> None:
        super().__init__(f"no lexicon here has rules for {language!r}; they have {' and '.join(known)}")


class Rules:
    """Rules to look at and to try sentences on; compiled when first wanted, and again when the version is another.

    Safe to use from several threads.

    Args:
      files, switches: as `LexiconStore` takes them.
    """

    def __init__(self, files: tuple[Path, ...], switches: Mapping[str, str]) -> None:
        self._files = files
        self._switches = switches
        self._store: LexiconStore | None = None
        self._lock = threading.Lock()

    def all(self, version: str) -> list[dict[str, Any]]:
        """Give every rule, as the console shows it.

        Args:
          version: the one in force.
        """
        return [_shown(rule) for rule in self._of(version).current.lexicon.rules]

    def languages(self, version: str) -> list[str]:
        """Give the languages that there are rules in."""
        return sorted(self._of(version).current.tables)

    def try_(self, version: str, text: str, language: str) -> dict[str, Any]:
        """Give what a sentence of an agent's would fire.

        Raises:
          NoSuchLanguage: nothing would, whatever it said.
        """
        tables = self._of(version).current.tables
        if language not in tables:
            raise NoSuchLanguage(language, sorted(tables))
        return trying.answer(text, trying.triggered(tables[language], text))

    def _of(self, version: str) -> LexiconStore:
        with self._lock:
            if self._store is None or self._store.current.lexicon.version != version:
                self._store = LexiconStore(self._files, self._switches)
            return self._store


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
