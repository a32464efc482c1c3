"""What people do on the console's page: judge, act, hear, search, look up; by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Browser, expect

from streamer.record.clips import not_kept
from tests.streamer.console.pages import connected
from tests.streamer.console.scripted import RULE, Scripted, stored, violation

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestTheKeyboard:
    async def test_goes_through_alerts_and_opens_one(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0, term="first"), stored(1, term="second"), stored(2, term="third")]
        async with connected(browser, script) as page:
            await expect(page.locator("#alerts-count")).to_have_text("3")
            for key in "jjjk":
                await page.keyboard.press(key)
            await expect(page.locator("#alert-card strong")).to_have_text("second")
            await page.keyboard.press("Enter")
            await expect(page.locator("#detail-title")).to_contain_text("second")
            await page.keyboard.press("Escape")
            await expect(page.locator("#detail")).to_be_hidden()

    async def test_acknowledges_and_goes_to_the_next(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0, term="first"), stored(1, term="second")]
        async with connected(browser, script) as page:
            await expect(page.locator("#alerts-count")).to_have_text("2")
            await page.keyboard.press("j")
            await page.keyboard.press("a")
            await expect(page.locator("#alerts [role=option][data-rank=done]")).to_contain_text("first")
            await expect(page.locator("#alert-card strong")).to_have_text("second")
            assert script.posted == [
                ("/v1/violations/c0/v-1/review", {"verdict": "acknowledged", "reason": ""}),
            ]

    async def test_asks_why_an_alert_is_false(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0)]
        async with connected(browser, script) as page:
            await expect(page.locator("#alerts-count")).to_have_text("1")
            await page.keyboard.press("j")
            await page.keyboard.press("f")
            await page.get_by_label("Reason").fill("   ")
            await page.get_by_role("button", name="OK").click()
            await expect(page.locator("#question-said")).to_contain_text("Say why")
            assert script.posted == []
            await page.get_by_label("Reason").fill("He quoted the customer.")
            await page.get_by_role("button", name="OK").click()
            await expect(page.locator("#alerts [role=option]")).to_contain_text("false")
            assert script.posted == [
                ("/v1/violations/c0/v-1/review", {"verdict": "false", "reason": "He quoted the customer."}),
            ]

    async def test_acts_on_the_chosen_call(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            await expect(page.locator("#alerts-count")).to_have_text("1")
            await page.keyboard.press("j")
            await page.keyboard.press("m")
            await expect(page.locator("#told")).to_have_text("Mute: the platform took the order.")
            await page.keyboard.press("h")
            await page.get_by_role("button", name="Cancel").click()
            await page.keyboard.press("h")
            await page.get_by_role("button", name="OK").click()
            await expect(page.locator("#told")).to_have_text("Hang up: the platform took the order.")
            path, because = "/v1/calls/c0ffee/actions", {"channel": "agent", "violation_id": "v-1"}
            assert script.posted == [(path, {"action": "mute", **because}), (path, {"action": "hangup", **because})]
            await expect(page.locator("#call-steps")).to_contain_text("Wang Fang asked: Hang up, accepted")

    async def test_finds_search_and_help(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("?")
            await expect(page.locator("#help")).to_contain_text("Acknowledge")
            await page.keyboard.press("Escape")
            await expect(page.locator("#help")).to_be_hidden()
            await page.keyboard.press("/")
            await expect(page.get_by_label("Text")).to_be_focused()
            # What is typed there is text.
            await page.keyboard.type("1amf?")
            await expect(page.get_by_label("Text")).to_have_value("1amf?")
            assert script.posted == []

    async def test_can_be_kept_from_acting_on_single_keys(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("?")
            await page.get_by_label("Single keys act").uncheck()
            await page.keyboard.press("Escape")
            await expect(page.locator("#help")).to_be_hidden()
            await page.keyboard.press("2")
            await page.locator("#tab-live").focus()
            await page.keyboard.press("ArrowRight")
            await page.keyboard.press("ArrowRight")
            await expect(page.locator("#tab-charts")).to_be_focused()


class TestRoles:
    async def test_let_a_viewer_do_nothing(self, browser: Browser, script: Scripted) -> None:
        script.role = "viewer"
        script.violations = [stored(0, evidence=True)]
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            await expect(page.locator("#call-actions button")).to_have_count(5)
            await expect(page.locator("#call-actions button:enabled")).to_have_count(0)
            await page.keyboard.press("m")
            await page.keyboard.press("j")
            await expect(page.locator("#alert-card [data-verdict]")).to_have_count(3)
            await expect(page.locator("#alert-card [data-verdict]:enabled")).to_have_count(0)
            await page.keyboard.press("a")
            await expect(page.locator("#told")).to_have_text("Needs the role supervisor")
            await page.keyboard.press("Enter")
            await expect(page.locator("#detail .clip")).to_contain_text("Only supervisors may listen.")
            assert script.posted == []
            assert not [path for path in script.asked if path.endswith(("evidence.flac?", "waveform?"))]

    async def test_let_only_an_admin_read_the_lexicon_again(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("4")
            await expect(page.locator("#rules")).to_contain_text("promise-principal")
            await expect(page.locator("#rules-reload")).to_be_hidden()


class TestEvidence:
    async def test_is_played_and_drawn_with_the_term_marked(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0, evidence=True)]
        async with connected(browser, script) as page:
            await page.locator("#alerts [role=option]").dblclick()
            term = page.locator("#detail .waveform .term")
            # The term is from 10 to 10.6 s of the call; the clip is of 4 s and begins at 8.
            await expect(term).to_have_attribute("x", "500")
            assert float(await term.get_attribute("width") or 0) == pytest.approx(150)
            await expect(page.locator("#detail .waveform .peaks")).to_have_count(2)
            await page.wait_for_function("document.querySelector('audio').duration === 4")
            box = await page.locator("#detail .waveform").bounding_box()
            assert box is not None
            await page.mouse.click(box["x"] + box["width"] * 0.75, box["y"] + 10)
            await page.wait_for_function("Math.abs(document.querySelector('audio').currentTime - 3) < 0.05")
            await expect(page.locator("#detail .playhead")).to_have_attribute("x1", re.compile(r"^7[45]\d"))

    async def test_comes_when_it_is_kept(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            await page.locator("#alerts [role=option]").dblclick()
            await expect(page.locator("#detail .clip")).to_contain_text("No clip")
            kept = {"seconds": 4.0, "from": 8.0, "sha256": "0" * 64, "bytes": 9}
            await script.tell("evidence", violation_id="v-1", **kept)
            await expect(page.locator("#detail audio")).to_be_visible()
            await expect(page.locator("#detail .steps")).to_contain_text("Clip kept: 4.0 s")

    async def test_that_was_not_kept_is_none_and_the_steps_say_why(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            await script.tell("evidence", **not_kept("v-1", "it can't be written: disk full"))
            await page.locator("#alerts [role=option]").dblclick()
            await expect(page.locator("#detail .steps")).to_contain_text("No clip kept: it can't be written: disk full")
            await expect(page.locator("#detail .clip")).to_contain_text("No clip")
            await expect(page.locator("#detail audio")).to_have_count(0)


class TestHistory:
    async def test_is_searched_and_read_page_by_page(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(n, rule_id="one" if n % 2 else "other") for n in range(150)]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await expect(page.locator("#history-table tbody tr")).to_have_count(50)
            await page.get_by_label("Rule").fill("one")
            await page.get_by_role("button", name="Search").click()
            await expect(page.locator("#history-table tbody tr").first).to_contain_text("one")
            await page.get_by_role("button", name="More").click()
            await expect(page.locator("#history-table tbody tr")).to_have_count(75)
            await expect(page.get_by_role("button", name="More")).to_be_hidden()
            await page.locator("#history-table tbody button").first.click()
            await expect(page.locator("#detail-title")).to_contain_text("保本")

    async def test_finds_a_call_by_the_name_that_people_know(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0), stored(1, call="c0ffee", call_id="p-c0ffee")]
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await expect(page.locator("#history-table tbody tr")).to_have_count(2)
            await page.get_by_label("Call id").fill("p-c0ffee")
            await page.get_by_label("Call id").press("Enter")
            await expect(page.locator("#history-table tbody tr")).to_have_count(1)
            assert "call=c0ffee" in script.asked[-1]

    async def test_has_calls_with_all_that_happened_in_them(self, browser: Browser, script: Scripted) -> None:
        script.event("blind", channel="agent", **{"from": 61.0, "to": 62.0}, reason="late")
        async with connected(browser, script) as page:
            await page.keyboard.press("2")
            await page.get_by_label("Calls", exact=True).check()
            await page.get_by_role("button", name="p-c0ffee").click()
            await expect(page.locator(".expanded")).to_contain_text("Agent not heard from 1:01 to 1:02: late")


class TestCharts:
    async def test_say_in_tables_what_they_draw(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("3")
            tables = page.locator("#charts-drawn table")
            await expect(tables).to_have_count(5)
            await expect(tables.nth(0)).to_contain_text("promise-principal")
            await expect(page.locator("#charts-drawn")).to_contain_text("half within 0.62 s, 95 % within 1.71 s")
            await expect(page.locator("#charts-drawn")).to_contain_text("99.88% of 7,200 s heard, 8.6 s not heard")
            assert await page.locator("#charts-drawn svg").count() == 5
            await page.get_by_role("button", name="30 days").click()
            await expect(page.get_by_role("button", name="30 days")).to_have_attribute("aria-pressed", "true")
            assert len([path for path in script.asked if path.startswith("/v1/stats?from=")]) == 2


class TestTheLexicon:
    async def test_is_shown_and_searched(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("4")
            await expect(page.locator(".rule-card")).to_have_count(3)
            await page.keyboard.press("/")
            await page.keyboard.type("绝对")
            await expect(page.locator(".rule-card")).to_have_count(1)
            await expect(page.locator(".rule-card")).to_contain_text("absolute-claim")

    async def test_says_what_a_sentence_would_fire(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("4")
            await page.get_by_label("Sentence of an agent's").fill("这款产品保本")
            await page.get_by_role("button", name="Try").click()
            await expect(page.locator("#tried mark")).to_have_text("保本")
            await expect(page.locator("#tried .note")).to_contain_text(str(RULE["source"]))
            await page.get_by_label("Sentence of an agent's").fill("<b>您好</b>")
            await page.get_by_role("button", name="Try").click()
            await expect(page.locator("#tried")).to_contain_text("<b>您好</b>")
            await expect(page.locator("#tried")).to_contain_text("Nothing would be said against it.")
