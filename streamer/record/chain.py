"""The journal's chain: each row's hash takes in the one before, so that no row can be changed, left out or moved. Pure.

A row's hash is the SHA-256, in hexadecimal, of the hash before it, a line feed and the event as canonical JSON: its
members sorted by name, no spaces between them, in UTF-8. The first row follows 64 zeros. So anybody can compute it:

    printf '%s\\n%s' "$PREVIOUS" "$BODY" | sha256sum
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

BEGINNING = "0" * 64


def canonical(message: Mapping[str, Any]) -> str:
    """Write a JSON object in the one way that is hashed.

    Raises:
      ValueError: it holds what JSON can't.
    """
    return json.dumps(message, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))


def link(previous: str, body: str) -> str:
    """Give the hash of a row.

    Args:
      previous: the hash of the row before it.
      body: the event, as `canonical` writes it.
    """
    return hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()
