"""Log lines of every process: one record is one line, and nothing in it can pass for another."""

from __future__ import annotations

import logging
from types import TracebackType
from typing import Any

from detector.masking import mask_json
from streamer.plain_text import plain

LONGEST_TRACEBACK = 20_000
"""Characters of a traceback that are logged; a deep recursion has many more."""
ADDRESSES = ("httpx", "httpcore")
"""Loggers that tell of each request with its address: of control ports, webhooks and recognisers, with ids in them."""
_INDENT = "\n    "


class PlainFormatter(logging.Formatter):
    """Formats records with everything escaped that came from outside: line ends, terminal escapes, lone surrogates.

    A traceback keeps its lines, each indented: what an exception quotes can't look like a record of its own.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        record.message = _masked(record.message)
        return super().formatMessage(record)

    def formatException(  # noqa: N802 - logging's own name
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None],
    ) -> str:
        return _indented(super().formatException(ei))

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 - logging's own name
        return _indented(super().formatStack(stack_info))


def set_up(form: str, level: int, handler: logging.Handler | None = None) -> None:
    """Send this process's log to one handler, through `PlainFormatter`; an earlier set-up is replaced.

    Args:
      form: of a line, as `logging.Formatter` has it.
      handler: where to; standard error when None.
    """
    chosen: logging.Handler = logging.StreamHandler() if handler is None else handler
    chosen.setFormatter(PlainFormatter(form))
    options: dict[str, Any] = {"level": level, "handlers": [chosen], "force": True}
    logging.basicConfig(**options)
    for name in ADDRESSES:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


def _indented(lines: str) -> str:
    shown = lines if len(lines) <= LONGEST_TRACEBACK else f"…{lines[-LONGEST_TRACEBACK:]}"
    return "    " + _INDENT.join(_masked(line) for line in shown.split("\n"))


def _masked(text: str) -> str:
    # Platforms put numbers of people into what they call calls, and exceptions quote them.
    return str(mask_json(plain(text)))
