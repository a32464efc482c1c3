"""The REST interface is as OpenAPI describes it, whatever is asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.stories import BLOCK, STARTED, VIOLATION
from tests.streamer.console.media import LI, console


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A console in a thread of its own, with a call going on in which something forbidden was said."""
    data = tmp_path_factory.mktemp("schema")
    found: list[str] = []
    ready, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: asyncio.run(_serve(data, found, ready, over)))
    thread.start()
    ready.wait()
    yield found[0]
    over.set()
    thread.join()


async def _serve(data: Path, found: list[str], ready: threading.Event, over: threading.Event) -> None:
    async with console(data) as one:
        one.media.live = [LI.call]
        one.media.tell("call.started", **STARTED)
        one.media.tell("violation", **VIOLATION)
        await one.media.kept(one.media.tell("block", **BLOCK))
        found.append(f"http://127.0.0.1:{one.port}")
        ready.set()
        while not await asyncio.to_thread(over.wait, 0.5):
            one.media.be()


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
def test_every_answer_is_as_it_is_described(address: str, mode: schemathesis.GenerationMode) -> None:
    schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(operations) > 10
    for operation in operations:
        _try(operation, mode)


def _try(operation: Any, mode: schemathesis.GenerationMode) -> None:
    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def holds(case: schemathesis.Case[Any]) -> None:
        # Whether a time zone or a page exists, no schema says.
        case.call_and_validate(excluded_checks=[positive_data_acceptance])

    # What takes nothing can't be asked for wrongly.
    with suppress(*[Unsatisfiable] if mode is schemathesis.GenerationMode.NEGATIVE else []):
        holds()
