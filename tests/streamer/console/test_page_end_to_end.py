"""A supervisor at work: what is said in a call shows on the page, and what is clicked there reaches the platform."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
from playwright.async_api import Browser, expect

from streamer import client, control_plane
from streamer.recordings import Recording
from streamer.service import Service
from tests.faults import Reciter, Running
from tests.streamer.console.pages import opened
from tests.test_on_the_record import FORBIDDEN, play, recording

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


async def test_a_call_begun_before_its_console_was_killed_shows_what_was_said_before(
    browser: Browser, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control_plane, "PATIENCE", (0.0,))
    async with running(Reciter(FORBIDDEN)) as service, opened(browser, service.console_url, may_complain=True) as page:
        talk = recording(6.0)
        talk = replace(talk, samples=np.concatenate([talk.samples] * 100))
        playing = asyncio.create_task(played(talk, service))
        await page.locator(".call-row").first.click()
        await expect(page.locator("#transcript .turn:not(.tentative) p").first).to_contain_text("保本")
        os.kill(service.console.pid, signal.SIGKILL)
        await expect(page.locator('[data-state="lost"]')).to_be_visible()
        await expect(page.locator('[data-state="connected"]')).to_be_visible()
        anew = await page.context.new_page()
        await anew.goto(service.console_url)
        await anew.locator(".call-row").first.click()
        first = anew.locator("#transcript .turn:not(.tentative)").first
        await expect(first.locator("time")).to_have_text("0:00")
        for shown in (page, anew):
            await expect(shown.locator("#transcript .cut")).to_be_hidden()
            await expect(shown.locator("#transcript .turn:not(.tentative) p").first).to_contain_text("保本")
        playing.cancel()


async def played(talk: Recording, service: Service) -> None:
    async for _ in client.play(talk, service.media.url, call_id="c-1", language="zh"):
        pass
