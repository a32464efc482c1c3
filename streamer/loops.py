"""The event loop that the service, its console and its benchmarks run on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")

if sys.platform == "win32":

    def run(main: Coroutine[object, object, T]) -> T:
        """Run until it is done, as `asyncio.run` does."""
        return asyncio.run(main)

else:
    import uvloop

    def run(main: Coroutine[object, object, T]) -> T:
        """Run until it is done, as `asyncio.run` does, on the faster loop."""
        return uvloop.run(main)
