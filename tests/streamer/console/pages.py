"""The console's page, opened in a browser that complains of nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, expect

from tests.streamer.console.scripted import Scripted

PATIENCE = 60_000
"""Milliseconds: browsers crawl on machines that have more to do."""
expect.set_options(timeout=PATIENCE)

COUNT_TONES = """
window.tones = 0;
const make = AudioContext.prototype.createOscillator;
AudioContext.prototype.createOscillator = function () { window.tones++; return make.call(this); };
"""


@asynccontextmanager
async def opened(
    browser: Browser, url: str, locale: str = "en-GB", *, may_complain: bool = False, **options: Any
) -> AsyncIterator[Page]:
    """Open the page; on leaving, the browser has had nothing to complain of, unless it may."""
    context = await browser.new_context(locale=locale, viewport={"width": 1600, "height": 900}, **options)
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.add_init_script(COUNT_TONES)
    await page.goto(url)
    yield page
    await context.close()
    assert may_complain or complaints == []


@asynccontextmanager
async def connected(browser: Browser, script: Scripted, locale: str = "en-GB", **options: Any) -> AsyncIterator[Page]:
    async with opened(browser, script.url, locale, **options) as page:
        await expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
        yield page
