"""Scanned recordings on the console's page: found, heard, judged and counted like live calls, and never acted on."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.streamer.console.pages import connected
from tests.streamer.console.scripted import BEGAN, Scripted, call, scan, scanned, stored, written

pytestmark = pytest.mark.asyncio(loop_scope="session")

OVER = {"ended_at": written(BEGAN), "outcome": "completed"}


class TestHistory:
    async def test_marks_recordings_with_their_files(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0), scanned(1)]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            rows = page.locator("#history-table tbody tr")
            await expect(rows).to_have_count(2)
            await expect(rows.nth(0).locator(".chip")).to_have_count(0)
            await expect(rows.nth(1).locator(".chip")).to_have_text("scan · 1.wav")
            await expect(rows.nth(1).locator(".chip")).to_have_attribute("title", "/rec/1.wav")

    @pytest.mark.parametrize(("source", "expected"), [("live", "p-c0"), ("scan", "scan · 1.wav")])
    async def test_tells_them_from_live_calls(
        self, browser: Browser, script: Scripted, source: str, expected: str
    ) -> None:
        script.violations = [stored(0), scanned(1)]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await page.get_by_role("combobox", name="Source").select_option(source)
            await page.get_by_role("button", name="Search").click()
            await expect(page.locator("#history-table tbody tr")).to_have_count(1)
            await expect(page.locator("#history-table tbody tr")).to_contain_text(expected)

    async def test_marks_calls_too(self, browser: Browser, script: Scripted) -> None:
        script.calls = [call("scan-1", scan="20260102-a1", metadata={"file": "C:\\rec\\7.wav"}, **OVER)]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await page.get_by_label("Calls", exact=True).check()
            await expect(page.locator("#history-table tbody .chip")).to_have_text("scan · 7.wav")

    async def test_says_what_was_scanned_again(self, browser: Browser, script: Scripted) -> None:
        script.violations = [scanned(1, superseded=True)]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await expect(page.locator("#history-table tbody .chip")).to_have_text("scan · 1.wav · scanned again since")

    async def test_lists_scans_and_leads_to_what_they_found(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0), scanned(1), scanned(2, scan="20251231-b2")]
        script.scans = [scan(), scan("20251231-b2", status="interrupted", paths=["a", "b", "c"], unreadable=0)]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await page.get_by_label("Scans", exact=True).check()
            rows = page.locator("#history-table tbody tr")
            await expect(rows).to_have_count(2)
            cells = await rows.nth(0).locator("td").all_inner_texts()
            assert cells[1:-1] == ["finished", "/rec", "31", "5", "2", "2:03:04", "12", "3"]
            await expect(rows.nth(1)).to_contain_text("interrupted")
            await expect(rows.nth(1)).to_contain_text("a b …")
            await rows.nth(1).get_by_role("button", name="Its violations").click()
            await expect(page.locator("#history-table thead")).to_contain_text("Verdict")
            await expect(rows).to_have_count(1)
            await expect(rows).to_contain_text("2.wav")
            await expect(page.get_by_label("Scan", exact=True)).to_have_value("20251231-b2")


class TestAScannedViolation:
    async def test_is_heard_and_judged(self, browser: Browser, script: Scripted) -> None:
        script.violations = [scanned(1)]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await page.locator("#history-table tbody button").first.click()
            await expect(page.locator("#detail audio")).to_have_js_property("duration", 4)
            await expect(page.locator("#detail .fact-file")).to_contain_text("/rec/1.wav")
            await page.get_by_role("button", name="It is one").click()
            await expect(page.locator("#told")).to_have_text("true: noted.")
            assert script.posted == [("/v1/violations/scan-1/v-1/review", {"verdict": "true", "reason": ""})]

    async def test_is_no_alert(self, browser: Browser, script: Scripted) -> None:
        script.violations = [scanned(0), stored(1)]
        async with connected(browser, script) as page:
            await expect(page.locator("#alerts [role=option]")).to_have_count(1)
            await expect(page.locator("#alerts [role=option]")).to_contain_text("p-c1")

    async def test_is_of_a_call_that_nobody_can_act_on(self, browser: Browser, script: Scripted) -> None:
        script.violations = [scanned(1)]
        async with connected(browser, script) as page:
            script.calls = [call("scan-1", scan="20260102-a1", metadata={"file": "/rec/1.wav"}, **OVER)]
            await expect(page.locator("#call-none")).to_be_visible()
            await page.keyboard.press("2")
            await page.locator("#history-table tbody button").first.click()
            await page.get_by_role("button", name="Show the call").click()
            await expect(page.locator("#call-head")).to_contain_text("recording: /rec/1.wav")
            await expect(page.locator("#call-actions")).to_be_hidden()
            await expect(page.locator("#transcript")).to_contain_text("is not at hand")
            await page.keyboard.press("m")
            await expect(page.locator("#call-head")).to_contain_text("ended: completed")
            assert script.posted == []


class TestPrecision:
    async def test_stands_beside_each_rule(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("3")
            first = page.locator("#charts-drawn figure").nth(0)
            await expect(first.locator(".aside")).to_have_text("precision 86.95%")
            rows = first.locator("tbody tr")
            assert [(await rows.nth(n).locator("td").all_inner_texts())[-1] for n in range(2)] == ["86.95%", "–"]

    async def test_is_drawn_week_by_week(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("3")
            drawn = page.locator("#charts-drawn figure").nth(4)
            await expect(drawn.locator("tbody tr")).to_have_count(2)
            heads = await drawn.locator("thead th").all_inner_texts()
            assert heads == ["Rule", "Precision", "15 Dec", "22 Dec", "29 Dec"]
            rows = [await row.locator("th, td").all_inner_texts() for row in await drawn.locator("tbody tr").all()]
            assert rows == [
                ["promise-principal", "86.95%", "12/12", "–", "8/11"],
                ["old-rule", "25%", "–", "–", "1/4"],
            ]
            # Of the last week's column, a quarter is right.
            right, wrong = drawn.locator("svg .bar.true").nth(2), drawn.locator("svg .bar.wrong").nth(2)
            tall = [float(await part.get_attribute("height") or 0) for part in (right, wrong)]
            assert tall[0] / sum(tall) == pytest.approx(0.25)

    async def test_can_be_had_of_scans_alone(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("3")
            await expect(page.locator("#charts-source [aria-pressed=true]")).to_have_text("all")
            await page.get_by_role("button", name="scans", exact=True).click()
            await expect(page.locator("#charts-source [aria-pressed=true]")).to_have_text("scans")
            await expect(page.locator("#charts-drawn figure")).to_have_count(5)
            assert script.asked[-1].endswith("source=scan")
