"""Makes the pictures of the console, by the bundled calls through the whole service, and of a report, seen in Chromium.

python docs/screenshots.py
"""

from __future__ import annotations

import asyncio
import re
import shutil
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

import invented_scan
from playwright.async_api import Browser, Page, async_playwright, expect

from streamer import client, recordings, service, settings
from streamer.scan import report
from streamer.service import Service

DOCS = Path(__file__).parent
DATA = DOCS.parent / "streamer" / "data"
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync", "--no-first-run"]


async def play(running: Service, language: str) -> None:
    recording = recordings.read(DATA / f"demo-{language}.wav")
    async for _ in client.play(recording, running.media.url, call_id=f"demo-{language}", language=language):
        pass


async def live(page: Page, running: Service) -> None:
    """A call going on in which something forbidden was said."""
    playing = [asyncio.create_task(play(running, language)) for language in ("zh", "en")]
    await page.locator(".alert-row", has_text="内部消息").first.click(timeout=60_000)
    await expect(page.locator("#transcript mark").first).to_be_visible(timeout=60_000)
    await page.screenshot(path=DOCS / "console-live.png")
    await asyncio.gather(*playing)


async def evidence(page: Page) -> None:
    """A violation, with the term marked in its clip."""
    await page.locator(".alert-row", has_text="内部消息").first.click()
    await page.keyboard.press("Enter")
    await expect(page.locator("dialog audio")).to_be_visible(timeout=60_000)
    await page.locator("dialog audio").scroll_into_view_if_needed()
    await page.screenshot(path=DOCS / "console-evidence.png")
    await page.keyboard.press("Escape")


async def judge(page: Page, running: Service) -> None:
    """Somebody has judged what was found: all true, but for the alerts."""
    url = f"{running.console_url}v1"
    items = (await (await page.request.get(f"{url}/violations")).json())["items"]
    for item in items:
        verdict = {"verdict": "true"} if item["severity"] == "block" else {"verdict": "false", "reason": "没有这么说"}
        path = f"{url}/violations/{item['call']}/{item['violation_id']}/review"
        await expect(await page.request.post(path, data=verdict)).to_be_ok()
    while True:
        # The journal is written a moment after.
        stats = await (await page.request.get(f"{url}/stats")).json()
        if sum(rule["true"] + rule["false"] for rule in stats["by_rule"]) == len(items):
            return
        await asyncio.sleep(0.2)


async def charts(page: Page) -> None:
    """What came of them all."""
    await page.get_by_role("tab", name=re.compile("图表")).click()
    await expect(page.get_by_text(re.compile("65 秒.*中监听了"))).to_be_visible()
    await page.set_viewport_size({"width": 1440, "height": 960})
    await page.mouse.move(0, 0)
    await page.screenshot(path=DOCS / "console-charts.png")


async def scan_report(browser: Browser, folder: Path) -> None:
    """The report of a scan, down to its first violation."""
    made = datetime(2026, 11, 23, 9, 0, tzinfo=timezone(timedelta(hours=8)))
    files = report.write(
        invented_scan.results(),
        folder / "report.html",
        invented_scan.audio,
        now=made,
        version="0.1.0",
        sources=invented_scan.sources(),
    )
    page = await browser.new_page(locale="zh-CN", color_scheme="dark", viewport={"width": 1440, "height": 1800})
    await page.goto(files.html.as_uri())
    await expect(page.locator("#v-1 audio")).to_be_visible()
    await page.screenshot(path=DOCS / "scan-report.png")


async def main() -> None:
    browser_path = shutil.which("chromium")
    if browser_path is None:
        sys.exit("Chromium is not installed")
    with TemporaryDirectory(prefix="huazha") as data:
        chosen = settings.load(None, {"media_port": 0, "console_port": 0, "data": data})
        recognizer = await asyncio.to_thread(service.load_recognizer, chosen)
        async with service.running(chosen, recognizer) as running, async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=browser_path, args=OPTIONS)
            page = await browser.new_page(locale="zh-CN", color_scheme="dark", viewport={"width": 1440, "height": 900})
            await page.goto(running.console_url)
            await live(page, running)
            await evidence(page)
            await judge(page, running)
            await charts(page)
            await scan_report(browser, Path(data))
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
