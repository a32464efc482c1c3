"""Signed places of the journal's chain, in a file beside it: whoever cuts off the end is found out.

Each is signed with Ed25519 (RFC 8032) over the line `huazha POSITION HASH MILLISECONDS`. The key stays in the data
folder; the public one is in `journal.pub`, for whoever checks. To prove it to others, keep copies of `heads.jsonl`
where whoever can change the database can't change them.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

KINDS: list[type] = [int, str, int, str, str]
"""Of a head's parts."""
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
            folder.mkdir(parents=True, exist_ok=True)
            made = Ed25519PrivateKey.generate()
            # In whole, and never to be read by others, not even for a moment.
            beside = os.open(secret.with_suffix(".part"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(beside, "wb") as out:
                out.write(made.private_bytes_raw())
            secret.with_suffix(".part").replace(secret)
        self._key = Ed25519PrivateKey.from_private_bytes(secret.read_bytes())
        self.public = self._key.public_key().public_bytes_raw().hex()
        (folder / "journal.pub").write_text(self.public + "\n", encoding="ascii")

    def sign(self, position: int, row_hash: str, at: int) -> Head:
        """Vouch for a place of the chain, and write it to the file of heads."""
        signature = self._key.sign(_signed(position, row_hash, at)).hex()
        head = Head(position, row_hash, at, signature, self.public)
        with (self._folder / "heads.jsonl").open("a", encoding="ascii") as out:
            out.write(json.dumps(asdict(head)) + "\n")
            out.flush()
            os.fsync(out.fileno())
        return head


def read(file: Path) -> list[Head]:
    """Read a file of heads; one that was being written when the machine died counts as not there.

    Raises:
      OSError: it can't be read.
      ValueError: it is no such file.
    """
    heads = []
    lines = file.read_text(encoding="ascii").split("\n")
    for line in lines[:-1]:
        try:
            head = Head(**json.loads(line))
        except TypeError:
            raise ValueError(f"{file}: {line[:60]!r} is no head") from None
        if [type(value) for value in (head.position, head.hash, head.at, head.signature, head.key)] != KINDS:
            raise ValueError(f"{file}: {line[:60]!r} is no head")
        heads.append(head)
    return heads


def _signed(position: int, row_hash: str, at: int) -> bytes:
    return f"huazha {position} {row_hash} {at}".encode()
