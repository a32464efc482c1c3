"""The lexicon that new calls are answered with: read once, read again when its files change, never half."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lexicon.changes import changes
from lexicon.compiler import Table, compile_lexicon
from lexicon.errors import LexiconError
from lexicon.loader import load
from lexicon.switches import SwitchError, switched
from lexicon.types import Lexicon
from streamer.errors import SettingsError
from streamer.record.event import written

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at the files."""
LONGEST = 3
"""Looks after which a file that is still being written to is read as it is."""
BY_FILE = "file"
"""Who changed the lexicon where nobody asked for it: whoever wrote the file."""

Tell = Callable[[str, Mapping[str, Any]], object]
"""Told the type and the fields of an event."""
Look = tuple[tuple[int, ...] | None, ...]


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
      tell: told of each change, and of each that failed.

    Attributes:
      change: the last change: when, by whom, and how much is different; None where there was none.
      trouble: why the last change could not be taken over, or an empty string.

    Raises:
      LexiconError: a file can't be read.
      SettingsError: a switch is for no rule, or can't be carried out.
    """

    def __init__(
        self, files: Sequence[Path], switches: Mapping[str, str], tell: Tell = lambda _kind, _fields: None
    ) -> None:
        self._files = tuple(files)
        self._switches = switches
        self._tell = tell
        self._one_at_a_time = asyncio.Lock()
        self._read = self._look()
        self.trouble = ""
        self.change: Mapping[str, Any] | None = None
        try:
            self.current = self._compile()
        except SwitchError as error:
            raise SettingsError("rules", error.rule_id, error.problem) from None

    async def watch(self, every: float = EVERY) -> None:
        """Follow the files, for ever: a change is built aside and swapped in whole; a wrong one changes nothing.

        The files are looked at, not their folders: so a change is seen however it comes about (an editor's new file in
        an old one's place, a folder swapped behind a link as Kubernetes does, a network's file system that tells of
        nothing), and what else is written beside them is not.

        Args:
          every: seconds between two looks. A change counts once two of them see the same: a file may be half written.
        """
        before, looks = self._read, 0
        while True:
            await asyncio.sleep(every)
            now = await asyncio.to_thread(self._look)
            looks = 0 if now == self._read else looks + 1
            if looks and (now == before or looks >= LONGEST):
                await self.reload()
            before = now

    async def reload(self, by: str = BY_FILE) -> None:
        """Read the files again.

        Args:
          by: who asked for it.
        """
        # One after the other, each reading when it is its turn: what is in force at the end is what was written last.
        async with self._one_at_a_time:
            self._read = await asyncio.to_thread(self._look)
            before, trouble = self.current.lexicon, self.trouble
            try:
                compiled, changed = await asyncio.to_thread(self._renew, before)
            except (LexiconError, SwitchError, OSError) as error:
                self.trouble = f"the lexicon was not renewed: {error}"
                log.error("%s; calls go on with %s", self.trouble, before.version)
                if self.trouble != trouble or by != BY_FILE:
                    self._tell("lexicon.failed", {"version": before.version, "trouble": str(error), "by": by})
                return
            self.current, self.trouble = compiled, ""
            log.info("new calls are answered with %s", compiled.lexicon.version)
            if changed:
                self.change = {"at": written(datetime.now(UTC)), "by": by, "counts": changed["counts"]}
                self._tell("lexicon.changed", {**changed, "by": by})

    def _look(self) -> Look:
        """Give what tells whether a file is another, or has been written to; None for one that is not there."""
        return tuple(_state(file) for file in self._files)

    def _renew(self, before: Lexicon) -> tuple[Compiled, dict[str, Any]]:
        """Compile anew, and say what is different; nothing where the version is the same."""
        with _no_full_collection():
            compiled = self._compile()
        after = compiled.lexicon
        return compiled, changes(before, after) if after.version != before.version else {}

    def _compile(self) -> Compiled:
        lexicon = switched(load(self._files), self._switches)
        languages = {rule.language for rule in lexicon.rules}
        return Compiled(lexicon, {language: compile_lexicon(lexicon, language) for language in languages})


def _state(file: Path) -> tuple[int, ...] | None:
    try:
        # Of what a link leads to, in the end.
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@contextmanager
def _no_full_collection() -> Iterator[None]:
    """Look through no more than young objects for garbage: a compiler makes a million, and holds up calls at each look.

    They are not frozen for that: calls that go on would be, too, and would never be freed.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(thresholds[0], thresholds[1], 1 << 30)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
