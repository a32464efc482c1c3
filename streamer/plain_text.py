"""Text from outside, made safe for a terminal, a log or a line of results. Pure.

Callers, platforms and names of files may hold anything: a line break forges a line of the log, an escape sequence
drives the terminal of whoever reads it (CWE-117, CWE-150), and a bidirectional control shows a name as another
("Trojan Source", CVE-2021-42574). Everything that reaches people as text goes through `plain`.
"""

from __future__ import annotations

import json
import unicodedata

LONGEST = 4000
"""Characters of one text, at most."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def plain(text: object, longest: int = LONGEST) -> str:
    """Escape every character that is not visible: controls, line ends, bidirectional marks, halves of characters.

    A byte of a file's name that is not UTF-8 becomes `\\xb5`, as Python shows it. What is visible stays as it is, the
    backslash among it: escapes are to be read by people, not undone.

    Args:
      text: its `str` is taken.
      longest: characters that are given, at most; an ellipsis takes the place of the rest.
    """
    whole = str(text)
    if len(whole) > longest:
        whole = f"{whole[: longest - 1]}…"
    if whole.isprintable():
        return whole
    escaped = "".join(sign if _visible(sign) else _escaped(sign) for sign in whole)
    return escaped if len(escaped) <= longest else f"{escaped[: longest - 1]}…"


def json_line(value: object) -> str:
    """Write a JSON value as one line for a terminal: as `json.dumps` does, with every invisible character escaped.

    Raises:
      ValueError: it holds what JSON does not have, such as infinity.
    """
    return plain_json(json.dumps(value, ensure_ascii=False, allow_nan=False))


def plain_json(line: str) -> str:
    """Escape the invisible characters of a line of JSON in JSON's own way: its value stays the same."""
    return line if line.isprintable() else "".join(sign if _visible(sign) else _as_json(sign) for sign in line)


def _visible(sign: str) -> bool:
    # Every kind of space has a width; the ideographic one is common in Chinese.
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _escaped(sign: str) -> str:
    number = ord(sign)
    if 0xDC80 <= number <= 0xDCFF:
        # A byte that could not be decoded (PEP 383).
        return f"\\x{number - 0xDC00:02x}"
    if number > 0xFFFF:
        return f"\\U{number:08x}"
    return _SHORT.get(sign) or (f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}")


def _as_json(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
