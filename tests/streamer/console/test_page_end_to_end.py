"""A supervisor at work: what is said in a call shows on the page, and what is clicked there reaches the platform."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from playwright.async_api import Browser, expect

from streamer import control_plane
from tests.faults import Reciter, Running
from tests.streamer.console.pages import opened
from tests.test_on_the_record import FORBIDDEN, play

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_alert_appears_and_the_platform_is_told_to_mute(browser: Browser, running: Running) -> None:
    async with running(Reciter(FORBIDDEN)) as service, opened(browser, service.console_url) as page:
        playing = asyncio.create_task(play(service, 16.0))
        await page.locator(".alert-row", has_text="保本").first.click()
        await expect(page.locator("#transcript mark").first).to_be_visible()
        await page.get_by_role("button", name="Unmute").click()
        messages = await playing
    unblocks = [message for message in messages if message["type"] == "unblock"]
    assert {message.get("by") for message in unblocks} >= {"local"}


async def test_a_page_whose_console_was_killed_misses_nothing(
    browser: Browser, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_plane, "PATIENCE", (0.0,))
    async with running(Reciter(FORBIDDEN)) as service, opened(browser, service.console_url, may_complain=True) as page:
        await expect(page.locator('[data-state="connected"]')).to_be_visible()
        os.kill(service.console.pid, signal.SIGKILL)
        await play(service, 5.0)
        await expect(page.locator(".alert-row", has_text="保本").first).to_be_visible()
        assert service.health().console_restarts == 1
