"""Signed places of the journal's chain, in a file beside it: whoever cuts off the end is found out.

Each is signed with Ed25519 (RFC 8032) over the line `huazha POSITION HASH MILLISECONDS`. The key stays in the data
folder; the public one is in `journal.pub`, for whoever checks. To prove it to others, keep copies of `heads.jsonl`
where whoever can change the database can't change them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from streamer.record import private

KINDS: list[type] = [int, str, int, str, str]
"""Of a head's parts."""
BEGIN = '{"position": '
"""Of a line."""
PARTS = ("position", "hash", "at", "signature", "key")
EVERY = 60.0
"""Seconds between two heads while the journal grows."""


@dataclass(frozen=True, slots=True)
class Head:
    """A place of the chain, vouched for.

    Attributes:
      position, hash: the row's.
      at: milliseconds since 1970.
      signature, key: in hexadecimal; the key is the public one.
    """

    position: int
    hash: str
    at: int
    signature: str
    key: str

    @property
    def genuine(self) -> bool:
        """Whether the signature is the key's."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key))
            key.verify(bytes.fromhex(self.signature), _signed(self.position, self.hash, self.at))
        except (InvalidSignature, ValueError):
            return False
        return True


class Signer:
    """Signs heads.

    Args:
      folder: where the key is; made on first use, for nobody else to read.

    Raises:
      OSError, ValueError: the key can't be read or made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        secret = folder / "journal.key"
        if not secret.exists():
            private.folder(folder)
            private.write(secret, Ed25519PrivateKey.generate().private_bytes_raw())
        self._key = Ed25519PrivateKey.from_private_bytes(secret.read_bytes())
        self.public = self._key.public_key().public_bytes_raw().hex()
        with private.opened(folder / "journal.pub", "wb") as out:
            out.write(f"{self.public}\n".encode())

    def sign(self, position: int, row_hash: str, at: int) -> Head:
        """Vouch for a place of the chain, and write it to the file of heads."""
        signature = self._key.sign(_signed(position, row_hash, at)).hex()
        head = Head(position, row_hash, at, signature, self.public)
        line = json.dumps(asdict(head)).encode() + b"\n"
        with private.opened(self._folder / "heads.jsonl", "ab+") as out:
            if out.tell() and _torn(out):
                line = b"\n" + line
            out.write(line)
            out.flush()
            os.fsync(out.fileno())
        return head


def read(file: Path, warn: Callable[[str], object] = lambda _: None) -> list[Head]:
    """Read a file of heads; a line that was being written when the machine died counts as not there.

    Args:
      warn: told of each such line.

    Raises:
      OSError: it can't be read.
      ValueError: it holds something else; the file and the line are named.
    """
    heads = []
    text = file.read_bytes().decode("ascii", errors="replace")
    for number, line in enumerate(text.split("\n"), 1):
        # What follows a torn line may stand in it, and a file system may have filled it up with zeros.
        whole = line[max(0, line.rfind("{")) :].strip(" \r\0")
        head = _head(whole) if whole else None
        if isinstance(head, Head):
            heads.append(head)
        elif head is False:
            raise ValueError(f"{file}, line {number}: {whole[:60]!r} is no head")
        if line and (head is None or whole != line):
            warn(f"{file}, line {number}: was torn while it was written")
    return heads


def _head(line: str) -> Head | Literal[False] | None:
    """Read a line; None where a head breaks off, False where it says something else."""
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return None if line[: len(BEGIN)] == BEGIN[: len(line)] else False
    if not isinstance(told, dict) or [type(told.get(name)) for name in PARTS] != KINDS or len(told) != len(PARTS):
        return False
    return Head(**told)


def _torn(file: IO[bytes]) -> bool:
    """Whether a file ends within a line."""
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def _signed(position: int, row_hash: str, at: int) -> bytes:
    return f"huazha {position} {row_hash} {at}".encode()
