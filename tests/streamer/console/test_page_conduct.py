"""How a call was led, and the rules about it, on the console's page."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from tests.stories import METRICS
from tests.streamer.console import scripted
from tests.streamer.console.pages import connected
from tests.streamer.console.scripted import RULE, Scripted, call

pytestmark = pytest.mark.asyncio(loop_scope="session")
OVER = {"outcome": "completed", "duration": 70.0, "violations": 0, "missing": [], "blind_seconds": 0.0}
PACE = {**RULE, "id": "too-fast", "terms": [], "allow": [], "metric": {"name": "pace", "over": 320}}
SILENCE = {**RULE, "id": "long-silence", "terms": [], "allow": [], "metric": {"name": "silence", "over": 20}}


class TestACall:
    async def test_shows_how_it_was_led_when_it_is_over(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            led = page.locator("#call-head .conduct")
            await expect(page.locator("#call-head")).to_contain_text("live")
            await expect(led).to_be_hidden()
            await script.tell("call.stopped", **OVER, metrics=METRICS)
            await expect(led.locator("thead")).to_have_text("AgentCustomer")
            await expect(led.locator("tbody tr").nth(0)).to_have_text("Talk0:31 (75%)0:10 (25%)")
            await expect(led.locator("tbody tr").nth(1)).to_have_text("Pace262 characters/min–")
            await expect(led.locator("tbody tr").nth(2)).to_have_text("Fastest301 characters/min (0:03–0:34)–")
            await expect(led.locator("p")).to_have_text(
                "Silence 12.5 s (longest 5.1 s, 0:10–0:15) · both at once 1.2 s"
            )

    async def test_shows_it_in_the_language_of_the_page(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script, "zh-CN") as page:
            await page.locator("#calls [role=option]").click()
            await script.tell("call.stopped", **OVER, metrics=METRICS)
            led = page.locator("#call-head .conduct")
            await expect(led.locator("tbody tr").nth(1)).to_have_text("语速262 字/分钟–")
            await page.get_by_role("button", name="English").click()
            await expect(led.locator("tbody tr").nth(1)).to_have_text("Pace262 characters/min–")

    async def test_that_was_not_measured_shows_nothing(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            await script.tell("call.stopped", **OVER, metrics=None)
            await expect(page.locator("#call-head")).to_contain_text("ended: completed")
            await expect(page.locator("#call-head .conduct")).to_be_hidden()

    async def test_shows_its_own_and_not_the_last_ones(self, browser: Browser, script: Scripted) -> None:
        script.calls.append(call("beef"))
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").first.click()
            await script.tell("call.stopped", "c0ffee", **OVER, metrics=METRICS)
            await page.locator("#calls [role=option]").first.click()
            await script.tell("call.stopped", "beef", **OVER, metrics={**METRICS, "overlap_seconds": 9.0})
            await expect(page.locator("#call-head .conduct p")).to_contain_text("both at once 9.0 s")


class TestTheLexicon:
    async def test_shows_a_bound_where_a_rule_has_no_terms(
        self, browser: Browser, script: Scripted, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(scripted, "RULES", [RULE, PACE, SILENCE])
        async with connected(browser, script) as page:
            await page.keyboard.press("4")
            rules = page.locator("#rules .rule-card")
            await expect(rules.filter(has_text="promise-principal").locator(".terms").first).to_contain_text("保本")
            await expect(rules.filter(has_text="too-fast")).to_contain_text("faster than 320 characters/min")
            await expect(rules.filter(has_text="long-silence")).to_contain_text("nobody speaks for over 20 s")
            await expect(rules.filter(has_text="too-fast").locator(".terms")).to_have_count(0)
            await page.locator("#rules-find").fill("nobody")
            await expect(rules).to_have_count(1)
