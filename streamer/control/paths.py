"""Names in the paths of control ports: a name from a socket stays one segment of one path. Pure."""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote

_ASIDE = "/\\\N{REPLACEMENT CHARACTER}"
"""What leads down, and what stands for bytes that are no UTF-8."""


def is_one_segment(name: str) -> bool:
    """Tell whether a name leads nowhere else in a path, however often it is decoded on the way.

    Empty ones, `.` and `..` climb (RFC 3986, section 5.2.4), slashes lead down, servlet containers cut off what a
    semicolon begins, and what is not printable ends lines and terminals.
    """
    decoded = name
    while (plain := unquote(decoded)) != decoded:
        decoded = plain
    # Full-width forms are folded by some servers.
    decoded = unicodedata.normalize("NFKC", decoded)
    return decoded.isprintable() and bool(decoded.partition(";")[0].strip(". ")) and not {*_ASIDE} & {*decoded}


def segment(name: str) -> str:
    """Write a name so that it is one segment of a path, if it can be one."""
    return quote(name, safe="", errors="surrogatepass")


def climbs(path: str) -> bool:
    """Tell whether a path leads elsewhere than its segments say, because of a name in it."""
    return not all(is_one_segment(part) for part in path.strip("/").split("/"))
