"""A mark outside the database that tokens were made: with the database lost, nobody is let in for want of any."""

from __future__ import annotations

import logging
from pathlib import Path

from streamer.record import private

log = logging.getLogger(__name__)

FILE = "tokens.made"
TEXT = """\
Tokens were made for this service. As long as this file is here, nobody is let in without one, even if the database has
none: it may have been lost. Make new ones with `huazha token create`. Only where nobody should need any, remove this
file while the service is stopped.
"""


class Seal:
    """The mark.

    Args:
      folder: of the service's data.
      required: whether tokens are wanted even though none was ever made.
    """

    def __init__(self, folder: Path, *, required: bool = False) -> None:
        self.file = folder / FILE
        self.required = required

    @property
    def closed(self) -> bool:
        """Whether nobody is let in without a token."""
        return self.required or self.file.exists()

    def close(self) -> None:
        """Put the mark there, if it isn't; where that can't be done, the log says so."""
        if self.file.exists():
            return
        try:
            private.folder(self.file.parent)
            private.write(self.file, TEXT.encode())
        except OSError as error:
            log.error(
                "%s can't be written, so that a lost database would be open to all: %s", self.file, error.strerror
            )
