"""A browser, and a service, for tests of the page."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from tests.streamer.console.scripted import Scripted, call, serving

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium; without one installed the test is skipped, but never in CI."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        assert "CI" not in os.environ, "Chromium is not installed"
        pytest.skip("Chromium is not installed")
    async with async_playwright() as playwright:
        one = await playwright.chromium.launch(executable_path=found, args=list(OPTIONS), timeout=120_000)
        yield one
        await one.close()


@pytest_asyncio.fixture(loop_scope="session")
async def script() -> AsyncIterator[Scripted]:
    """A service with one call."""
    async with serving(Scripted(calls=[call()])) as one:
        yield one
