"""The lexicon that new calls are answered with: read once, read again when its files change, never half."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from watchfiles import awatch

from lexicon.compiler import Table, compile_lexicon
from lexicon.errors import LexiconError
from lexicon.loader import load
from lexicon.switches import SwitchError, switched
from lexicon.types import Lexicon
from streamer.errors import SettingsError

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """One version of the rules; a call keeps the one that it began with."""

    lexicon: Lexicon
    tables: Mapping[str, Table]


class LexiconStore:
    """Holds the current version.

    Args:
      files: the lexicons.
      switches: rules switched off or graded otherwise.

    Raises:
      LexiconError: a file can't be read.
      SettingsError: a switch is for no rule, or can't be carried out.
    """

    def __init__(self, files: Sequence[Path], switches: Mapping[str, str]) -> None:
        self._files = tuple(files)
        self._switches = switches
        self.trouble = ""
        try:
            self.current = self._compile()
        except SwitchError as error:
            raise SettingsError("rules", error.rule_id, error.problem) from None

    async def watch(self) -> None:
        """Follow the files, for ever: a change is built aside and swapped in whole; a wrong one changes nothing."""
        # Folders, since editors put a new file in an old one's place.
        async for changes in awatch(*{file.parent for file in self._files}, recursive=False):
            if {file.name for file in self._files} & {Path(changed).name for _, changed in changes}:
                await self.reload()

    async def reload(self) -> None:
        """Read the files again."""
        # A large lexicon is a million objects: to look through them for garbage, now or later, would hold up calls.
        gc.disable()
        try:
            compiled = await asyncio.to_thread(self._compile)
        except (LexiconError, SwitchError) as error:
            self.trouble = f"the lexicon was not renewed: {error}"
            log.error("%s; calls go on with %s", self.trouble, self.current.lexicon.version)
            return
        finally:
            gc.freeze()
            gc.enable()
        self.current, self.trouble = compiled, ""
        log.info("new calls are answered with %s", compiled.lexicon.version)

    def _compile(self) -> Compiled:
        lexicon = switched(load(self._files), self._switches)
        languages = {rule.language for rule in lexicon.rules}
        return Compiled(lexicon, {language: compile_lexicon(lexicon, language) for language in languages})
