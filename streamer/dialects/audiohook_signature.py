"""The signature on AudioHook's upgrade: an HTTP message signature with a shared secret. Pure.

As of https://developer.genesys.cloud/devapps/audiohook/security, which follows the draft of RFC 9421.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from streamer.dialects.dialect import Upgrade
from streamer.dialects.replays import Replays

CLOCK_SKEW = 3.0
"""Seconds that Genesys Cloud's clock and ours may be apart."""
COVERED = frozenset(
    {
        "@request-target",
        "@authority",
        "audiohook-organization-id",
        "audiohook-session-id",
        "audiohook-correlation-id",
        "x-api-key",
    }
)
"""What a signature must cover."""
NONCE_LENGTH = 22
"""Characters that a nonce has at least: base64 of 128 bits."""

_KEY = r"[a-z*][a-z0-9_\-.*]*"
_TEXT = r'"[\x20\x21\x23-\x5b\x5d-\x7e]*"'
_INPUT = re.compile(rf"({_KEY})=\( *({_TEXT}(?: +{_TEXT})*)? *\)((?:; *{_KEY}=(?:{_TEXT}|[0-9]{{1,15}}))*)")
_SIGNATURE = re.compile(rf"({_KEY})=:([A-Za-z0-9+/]*={{0,2}}):")
_PARAMETER = re.compile(rf"; *({_KEY})=({_TEXT}|[0-9]+)")
_BETWEEN = re.compile(r"[ \t]*,[ \t]*")


class SignatureRefused(Exception):
    """A signature that is none; says why, without the signature."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature, as its two headers have it (RFC 9421, section 4).

    Attributes:
      components: what it covers, in order.
      parameters: as they stand, quoted where they are strings; in order.
      value: the signature itself.
    """

    components: tuple[str, ...]
    parameters: dict[str, str]
    value: bytes

    def text(self, name: str) -> str:
        """Give a parameter that is a string."""
        value = self.parameters.get(name, "")
        if not value.startswith('"'):
            raise SignatureRefused(f"signature-input: {name} is missing")
        return value[1:-1]

    def second(self, name: str) -> int:
        """Give a parameter that is a time, in seconds since 1970."""
        value = self.parameters.get(name, "")
        if not value.isdigit():
            raise SignatureRefused(f"signature-input: {name} is missing")
        return int(value)

    def base(self, upgrade: Upgrade, target: str, authority: str) -> str:
        """Write what was signed (RFC 9421, section 2.5)."""
        derived = {"@request-target": target, "@authority": authority}
        lines = []
        for name in self.components:
            value = derived.get(name) if name.startswith("@") else upgrade.headers.get(name)
            if value is None:
                raise SignatureRefused(f"signature-input: covers {name}, which is not here")
            lines.append(f'"{name}": {value.strip()}')
        covered = " ".join(f'"{name}"' for name in self.components)
        parameters = "".join(f";{name}={value}" for name, value in self.parameters.items())
        return "\n".join([*lines, f'"@signature-params": ({covered}){parameters}'])


def check(
    upgrade: Upgrade,
    *,
    api_key: str,
    secret: bytes,
    target: str,
    authority: str,
    max_age: float,
    now: float,
    replays: Replays,
) -> None:
    """Check the signature on a request.

    Args:
      target, authority: of the request as the signer sent it.
      max_age: seconds after its making in which it is good.
      now: seconds since 1970.

    Raises:
      SignatureRefused: it is missing, wrong, too old, or was here before.
    """
    signature = read(upgrade.headers.get("signature-input", ""), upgrade.headers.get("signature", ""))
    if len(set(signature.components)) < len(signature.components):
        raise SignatureRefused("signature-input: covers something twice")
    if missing := COVERED - set(signature.components):
        raise SignatureRefused(f"signature-input: doesn't cover {', '.join(sorted(missing))}")
    if signature.text("alg") != "hmac-sha256":
        raise SignatureRefused("signature-input: alg must be hmac-sha256")
    if signature.text("keyid") != api_key:
        raise SignatureRefused("signature-input: keyid is not the api key")
    nonce, created, expires = signature.text("nonce"), signature.second("created"), signature.second("expires")
    if len(nonce) < NONCE_LENGTH:
        raise SignatureRefused("signature-input: the nonce is too short")
    if created > now + CLOCK_SKEW:
        raise SignatureRefused("signature-input: created lies in the future")
    until = min(expires, created + max_age) + CLOCK_SKEW
    if until < now:
        raise SignatureRefused("signature-input: the signature has expired")
    made = hmac.digest(secret, signature.base(upgrade, target, authority).encode(errors="replace"), hashlib.sha256)
    if not hmac.compare_digest(made, signature.value):
        raise SignatureRefused("signature: is wrong")
    # Only now, so that nobody without the secret fills the memory.
    if not replays.take((api_key, nonce), now, until):
        raise SignatureRefused("signature-input: the nonce was used before")


def secret_of(written: str) -> bytes:
    """Give the bytes of a client secret, base64; its padding may be left out, as the vendor's own client lets it be.

    Raises:
      ValueError: it is no base64.
    """
    return base64.b64decode(written + "=" * (-len(written) % 4), validate=True)


def as_dialled(url: str) -> tuple[str, str]:
    """Give the target and the authority of a request for a URL; a scheme's own port goes unsaid."""
    parts = urlsplit(url)
    authority = parts.netloc.lower().removesuffix({"wss": ":443", "ws": ":80"}.get(parts.scheme, ""))
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), authority


def read(signature_input: str, signature: str) -> Signature:
    """Read a signature's two headers; of several, the first.

    Raises:
      SignatureRefused: they are not there, or can't be read.
    """
    values = {match[1]: match[2] for match in _members(_SIGNATURE, signature, "signature")}
    first, *_ = _members(_INPUT, signature_input, "signature-input")
    if first[1] not in values:
        raise SignatureRefused("signature: none of that label")
    try:
        value = base64.b64decode(values[first[1]], validate=True)
    except binascii.Error:
        raise SignatureRefused("signature: can't be read") from None
    components = tuple(name[1:-1] for name in re.findall(_TEXT, first[2] or ""))
    return Signature(components, dict(_PARAMETER.findall(first[3])), value)


def _members(member: re.Pattern[str], header: str, name: str) -> Iterator[re.Match[str]]:
    """Read a dictionary of structured fields (RFC 8941, section 3.2), as far as signatures need it."""
    at, found = 0, False
    while match := member.match(header, at):
        found = True
        yield match
        at = match.end()
        if between := _BETWEEN.match(header, at):
            at = between.end()
        else:
            break
    if not found or header[at:].strip():
        raise SignatureRefused(f"{name}: can't be read" if header else f"{name}: is missing")
