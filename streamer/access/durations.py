"""Times as they are typed: `30m`, `12h`, `90d`. Pure."""

from __future__ import annotations

import re

UNITS = {"m": 60.0, "h": 3600.0, "d": 86400.0}
"""Seconds in each."""
# Six digits of days are 2700 years: no sum with them leaves the calendar.
_WRITTEN = re.compile(r"([0-9]{1,6})([mhd])")


def seconds(written: str) -> float:
    """Read a time.

    Raises:
      ValueError: it is none, or is nothing.
    """
    found = _WRITTEN.fullmatch(written)
    if found is None or not int(found[1]):
        raise ValueError(f"{written!r} is no time; minutes, hours or days, as in 30m, 12h or 90d")
    return int(found[1]) * UNITS[found[2]]
