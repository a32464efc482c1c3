"""Metadata of a call, cut to what is kept of it. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

DEPTH = 16
"""Objects and lists within each other, the metadata themselves being the first."""
NAMES = 128
"""Fields of an object, or items of a list."""
NAME = 128
"""Characters of a field's name."""
TEXT = 1024
"""Characters of a text; a number of more digits than 18 is one."""
BYTES = 16 * 1024
"""Bytes of all of it, as JSON in UTF-8."""
CUT = "_cut"
"""The field that tells which of these were passed: a list of `depth`, `names`, `text`, `bytes` and `value`."""
ELLIPSIS = "…"
"""Where a text ends that was cut, and what stands for an object or a list that is too deep."""


def bounded(metadata: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Give a copy that is within the bounds, and that JSON in UTF-8 can hold; where it is less, `_cut` tells so.

    Returns:
      the copy, and the names of the bounds that were passed.
    """
    cutting = _Cutting()
    # Who speaks is kept, whatever else has to go.
    first = {name: metadata[name] for name in ("agent",) if name in metadata}
    kept: dict[str, Any] = cutting.copy({**first, **metadata}, 1)
    passed = sorted(cutting.passed)
    return ({**kept, CUT: passed} if passed else kept), passed


def too_deep(value: Any, left: int = DEPTH) -> bool:
    """Tell whether JSON has more than `left` objects and lists within each other."""
    match value:
        case Mapping():
            return left == 0 or any(too_deep(inner, left - 1) for inner in value.values())
        case list():
            return left == 0 or any(too_deep(inner, left - 1) for inner in value)
        case _:
            return False


class _Cutting:
    """Copies JSON until it is too much.

    Attributes:
      passed: names of the bounds that were passed.
    """

    def __init__(self) -> None:
        self.passed: set[str] = set()
        self._left = BYTES

    def copy(self, value: Any, depth: int) -> Any:
        match value:
            case Mapping() | list() if depth > DEPTH:
                self.passed.add("depth")
                return self._text(ELLIPSIS)
            case Mapping():
                return self._object(value, depth)
            case list():
                return self._list(value, depth)
            case float() if not math.isfinite(value):
                # Python reads 1e999 and NaN from JSON, but JSON has neither.
                self.passed.add("value")
                return self._spent(None)
            case None | float() | int() if not isinstance(value, int) or abs(value) < 10**18:
                return self._spent(value)
            case int():
                # Readers that know numbers of 64 bits at most would round it.
                self.passed.add("value")
        return self._text(str(value))

    def _object(self, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        self._left -= 2
        kept: dict[str, Any] = {}
        for name, inner in value.items():
            if self._full(len(kept)):
                break
            short = self._text(str(name), NAME)
            self._left -= 4
            kept[short] = self.copy(inner, depth + 1)
        return kept

    def _list(self, value: list[Any], depth: int) -> list[Any]:
        self._left -= 2
        kept: list[Any] = []
        for inner in value:
            if self._full(len(kept)):
                break
            self._left -= 2
            kept.append(self.copy(inner, depth + 1))
        return kept

    def _full(self, number: int) -> bool:
        if number == NAMES:
            self.passed.add("names")
        elif self._left <= 0:
            self.passed.add("bytes")
        return number == NAMES or self._left <= 0

    def _text(self, text: str, longest: int = TEXT) -> str:
        if len(text) > longest:
            self.passed.add("text")
            text = text[: longest - 1] + ELLIPSIS
        clean = text.encode(errors="replace").decode()
        if clean != text:
            # An escaped lone surrogate can be read from JSON, but never written out again.
            self.passed.add("value")
        return str(self._spent(clean))

    def _spent(self, value: Any) -> Any:
        cost = len(json.dumps(value, ensure_ascii=False).encode())
        if cost > self._left:
            self.passed.add("bytes")
            self._left = 0
            return ELLIPSIS if isinstance(value, str) else None
        self._left -= cost
        return value
