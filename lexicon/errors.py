"""What can be wrong with a lexicon.

```
LexiconError             one problem, with its file, line and field
├── LexiconUnreadable    the file is not there, is no text, or is no YAML or TSV
├── LexiconInvalid       a field is missing, unknown or wrong
└── LexiconConflict      two rules, each right by itself, can't stand together
```
"""

from __future__ import annotations


class LexiconError(Exception):
    """One problem of a lexicon.

    Attributes:
      file: as it was named to the loader.
      line: from 1, or None where the file as a whole is wrong.
      field: dotted, as in `rules.3.terms.0`, or None.
      problem: what is wrong, and what would be right.
    """

    def __init__(self, file: str, line: int | None, field: str | None, problem: str) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {f'{field}: ' if field else ''}{problem}")
        self.file = file
        self.line = line
        self.field = field
        self.problem = problem


class LexiconUnreadable(LexiconError):
    """The file can't be read at all."""


class LexiconInvalid(LexiconError):
    """A field is missing, unknown or wrong."""


class LexiconConflict(LexiconError):
    """Two rules can't stand together."""
