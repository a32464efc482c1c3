"""Webhooks as Standard Webhooks (version 1.0.0) has them: how one is signed, and when it is tried again. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac

AFTER = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0)
"""Seconds between the first attempts."""
THEN = 7200.0
"""Seconds between all later ones."""
FOR = 86_400.0
"""Seconds after the first attempt in which others are made."""


def pause(attempts: int) -> float | None:
    """Give the seconds until the next attempt, after so many that came to nothing; None when that was the last."""
    if attempts <= len(AFTER):
        return AFTER[attempts - 1]
    next_one = sum(AFTER) + (attempts - len(AFTER)) * THEN
    return THEN if next_one <= FOR else None


def signed(message_id: str, body: bytes, secret: str, at: float) -> dict[str, str]:
    """Give the headers that vouch for a message.

    Args:
      message_id: the same at each attempt, so that repeats can be dropped.
      secret: `whsec_` and base64.
      at: when it is sent, in seconds since 1970; whoever gets it may refuse what is old.
    """
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{message_id}.{int(at)}.".encode() + body
    signature = base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    return {"webhook-id": message_id, "webhook-timestamp": str(int(at)), "webhook-signature": f"v1,{signature}"}
