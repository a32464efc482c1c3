"""The console's page in a browser: nobody overlooks what is urgent, and nobody is shown what is not so."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from lexicon.loader import parse
from tests.stories import STARTED, VIOLATION
from tests.streamer.console.media import console
from tests.streamer.console.pages import connected, opened
from tests.streamer.console.scripted import TOKEN, Scripted, block, call, stored, violation

pytestmark = pytest.mark.asyncio(loop_scope="session")

PIECES = [
    {"channel": "agent", "text": "您放心，这款产品保", "start": 8.0, "end": 10.3},
    {"channel": "agent", "text": "本，不用担心。", "start": 10.3, "end": 12.0},
    {"channel": "customer", "text": "真的吗？", "start": 12.5, "end": 13.2},
]


class TestAnAlert:
    async def test_has_its_term_and_what_to_say_instead(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            row = page.locator("#alerts [role=option]")
            await expect(row).to_have_count(1)
            await expect(row).to_contain_text("保本")
            await expect(row).to_contain_text("Block")
            await expect(row).to_contain_text("李娜 · p-c0ffee")
            await expect(row).to_contain_text("Say: 本产品不保证本金，理财有风险。")

    async def test_is_one_though_it_is_told_of_in_steps(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("violation", **violation(status="candidate"))
            await script.tell("block", **block())
            await script.tell(
                "block.result", violation_id="v-1", action="mute", outcome="delivered", detail="", took_ms=2
            )
            await script.tell("violation", **violation())
            await script.tell("violation", **violation(status="confirmed"))
            row = page.locator("#alerts [role=option]")
            await expect(row).to_contain_text("confirmed")
            await expect(row).to_have_count(1)
            await expect(page.locator("#calls .badge")).to_have_text("Block 1")

    async def test_of_a_block_that_did_not_arrive_is_the_loudest(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(n) for n in range(5)]
        async with connected(browser, script) as page:
            await script.tell("block", **block())
            await script.tell("violation", **violation())
            gone = {
                "violation_id": "v-1",
                "action": "mute",
                "outcome": "undelivered",
                "detail": "it was gone",
                "took_ms": 9,
            }
            await script.tell("block.result", **gone)
            await script.tell("violation", "c0ffee", **violation("v-2"))
            first = page.locator("#alerts [role=option][aria-posinset='1']")
            await expect(first).to_have_attribute("data-rank", "undelivered")
            await expect(first).to_contain_text("Not carried out")
            await expect(page.locator("#banners [data-banner=undelivered]")).to_contain_text("保本 — 李娜 · p-c0ffee")
            await expect(page.locator("#calls [role=option]")).to_have_attribute("data-rank", "undelivered")

    async def test_of_a_block_is_said_to_those_who_do_not_see(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            await expect(page.locator("#announced")).to_have_text("Block: 保本, 李娜 · p-c0ffee")

    async def test_tells_what_was_not_heard(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("blind", channel="agent", **{"from": 5.0, "to": 8.2}, reason="too much to do")
            await expect(page.locator("#banners [data-banner=blind]")).to_contain_text("3.2 s")
            await expect(page.locator("#alerts [role=option][data-rank=blind]")).to_contain_text("too much to do")
            await page.locator("#banners").get_by_role("button", name="Seen").click()
            await expect(page.locator("#banners [data-banner=blind]")).to_have_count(0)
            await expect(page.locator("#alerts [role=option]")).to_have_attribute("data-rank", "done")

    async def test_tells_of_a_call_that_nobody_listens_to(self, browser: Browser, script: Scripted) -> None:
        refused = {"platform": "twilio", "address": "192.0.2.1", "call_id": "CA7", "count": 1, "call_ids": []}
        async with connected(browser, script) as page:
            await script.tell("call.refused", None, **refused, reason="overloaded", detail="no more calls can be taken")
            alert = page.locator("#alerts [role=option]")
            await expect(alert).to_have_attribute("data-rank", "alert")
            await expect(alert).to_contain_text("A call was refused, and nobody listens to it")
            await expect(alert).to_contain_text("CA7")
            await alert.click()
            await expect(page.locator("#alert-card")).to_contain_text("no more calls can be taken")

    async def test_that_is_taken_back_is_urgent_no_more(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            await expect(page.locator("#calls .badge")).to_have_text("Block 1")
            await script.tell("violation", **violation(status="retracted"))
            await expect(page.locator("#alerts [role=option]")).to_have_attribute("data-rank", "done")
            await expect(page.locator("#calls [role=option]")).to_have_attribute("data-rank", "none")

    async def test_of_a_rank_that_is_left_out_is_not_shown(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0), stored(1, severity="review")]
        async with connected(browser, script) as page:
            await expect(page.locator("#alerts [role=option]")).to_have_count(2)
            await page.locator("#ranks [data-rank=review]").click()
            await expect(page.locator("#alerts [role=option]")).to_have_count(1)
            await expect(page.locator("#alerts [role=option]")).to_have_attribute("data-rank", "block")


class TestManyAlerts:
    async def test_cost_no_more_rows_than_are_seen(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            severities = ("block", "alert", "review")
            await script.tell_all(
                script.event("violation", **violation(f"v-{n}", severity=severities[n % 3], term=f"term {n}"))
                for n in range(10_050)
            )
            await expect(page.locator("#alerts [role=option][aria-posinset='1']")).to_contain_text("term 10047")
            await expect(page.locator("#alerts-count")).to_have_text("10,000")
            assert await page.locator("#alerts [role=option]").count() < 40
            await page.locator("#alerts").press("End")
            # The oldest of the least urgent were forgotten.
            await expect(page.locator("#alerts [aria-selected=true]")).to_contain_text("term 152")
            assert await page.locator("#alerts [role=option]").count() < 40

    async def test_leave_in_view_what_is_being_read(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(n, term=f"term {n}") for n in range(150)]
        async with connected(browser, script) as page:
            await expect(page.locator("#alerts-count")).to_have_text("150")
            await page.locator("#alerts").evaluate(
                "list => { list.scrollTop = 60 * list.querySelector('.row').clientHeight; }"
            )
            read = page.locator("#alerts [role=option]", has_text="term 61")
            await expect(read).to_be_in_viewport()
            before = await read.bounding_box()
            await script.tell_all([script.event("violation", **violation(f"v-{n}")) for n in range(20)])
            await expect(page.locator("#alerts-count")).to_have_text("170")
            await expect(read).to_have_attribute("aria-posinset", "82")
            after = await read.bounding_box()
            assert before is not None
            assert after is not None
            assert abs(before["y"] - after["y"]) < 3

    @pytest.mark.parametrize(
        ("locale", "measured", "shown"),
        [
            ("en-GB", True, "1 of about 8"),
            ("en-GB", False, "1 of 8"),
            ("zh-CN", True, "1 / 约 8"),
            ("zh-CN", False, "1 / 8"),
        ],
    )
    async def test_and_of_how_many_calls_there_may_be(
        self, browser: Browser, script: Scripted, locale: str, measured: bool, shown: str
    ) -> None:
        script.calls = [call("c1")]
        script.most = {"calls_most": 8, "calls_measured": measured}
        async with connected(browser, script, locale) as page:
            await expect(page.locator(".fact-calls dd")).to_have_text(shown)

    async def test_and_hundreds_of_calls_are_shown_worst_first(self, browser: Browser, script: Scripted) -> None:
        script.calls = [call(f"c{n}", lag=n / 100, worst="review" if n == 7 else None) for n in range(300)]
        async with connected(browser, script) as page:
            await expect(page.locator("#calls-count")).to_have_text("300")
            rows = page.locator("#calls [role=option]")
            await expect(page.locator("#calls [aria-posinset='1']")).to_contain_text("p-c7")
            assert await rows.count() < 40
            await script.tell("violation", "c123", **violation())
            await expect(page.locator("#calls [aria-posinset='1']")).to_contain_text("p-c123")
            state = {"duration": 75.0, "monitored": 75.0, "blind": 0.0, "lag": 6.5, "muted": True}
            await script.tell("call.state", "c123", **state)
            first = page.locator("#calls [aria-posinset='1']")
            await expect(first).to_contain_text("6.5 s")
            await expect(first).to_contain_text("1:15")
            await expect(first).to_contain_text("muted")


class TestATranscript:
    async def test_grows_on_two_sides(self, browser: Browser, script: Scripted) -> None:
        script.committed = PIECES
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            agent, customer = page.locator(".turn.agent:visible"), page.locator(".turn.customer:visible")
            await expect(agent).to_contain_text("您放心，这款产品保本，不用担心。")
            more = {"channel": "customer", "text": "那我买。", "committed": True, "start": 13.2, "end": 14.0}
            await script.tell("transcript", **more)
            await expect(customer).to_contain_text("真的吗？那我买。")
            left, right = await agent.bounding_box(), await customer.bounding_box()
            assert left is not None
            assert right is not None
            assert left["x"] < right["x"]
            assert script.followed == ["c0ffee"]

    async def test_marks_what_is_tentative_until_it_is_settled(self, browser: Browser, script: Scripted) -> None:
        script.tentative = {"agent": "保证您"}
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            tentative = page.locator(".turn.tentative:visible")
            await expect(tentative).to_contain_text("保证您")
            await expect(tentative).to_contain_text("tentative")
            await expect(tentative.locator("p")).to_have_css("font-style", "italic")
            said = {"channel": "agent", "text": "保证您满意", "start": 1.0, "end": 2.0}
            await script.tell("transcript", **said, committed=True)
            await expect(tentative).to_have_count(0)
            await expect(page.locator(".turn.agent:visible")).to_contain_text("保证您满意")

    async def test_marks_a_term_with_rule_and_reason_and_advice(self, browser: Browser, script: Scripted) -> None:
        script.committed = PIECES
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            await page.locator("#calls [role=option]").click()
            # The term began in one piece and ended in the next.
            await expect(page.locator("#transcript mark")).to_have_text("保本")
            note = page.locator("#transcript .note")
            await expect(note).to_contain_text("promise-principal · guarantee")
            await expect(note).to_contain_text("资管新规 第二条")
            await expect(note).to_contain_text("Say instead: 本产品不保证本金，理财有风险。")

    async def test_marks_a_term_while_it_is_tentative(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            await script.tell("transcript", channel="agent", text="这款 保本", committed=False, start=9.0, end=10.6)
            await script.tell("block", **block())
            await expect(page.locator(".turn.tentative mark")).to_have_text("保本")

    async def test_unmarks_what_is_taken_back(self, browser: Browser, script: Scripted) -> None:
        script.committed = PIECES
        async with connected(browser, script) as page:
            await script.tell("violation", **violation())
            await page.locator("#calls [role=option]").click()
            await expect(page.locator("#transcript mark")).to_have_count(1)
            await script.tell("violation", **violation(status="retracted"))
            await expect(page.locator("#transcript mark")).to_have_count(0)

    async def test_stays_when_the_call_is_over(self, browser: Browser, script: Scripted) -> None:
        script.committed = PIECES
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            await expect(page.locator(".turn:visible")).to_have_count(2)
            missing = [
                {"rule_id": "disclose-risk", "category": "disclosure", "severity": "alert", "terms": ["投资有风险"]}
            ]
            over = {"outcome": "completed", "duration": 70.0, "violations": 0, "missing": missing, "blind_seconds": 0.0}
            await script.tell("call.stopped", **over)
            await expect(page.locator("#call-head")).to_contain_text("ended: completed")
            await expect(page.locator("#call-head")).to_contain_text("disclose-risk：投资有风险")
            await expect(page.locator("#calls [role=option]")).to_have_count(0)
            await expect(page.locator("#call-actions button:enabled")).to_have_count(0)
            await expect(page.locator(".turn:visible")).to_have_count(2)


class TestAConnection:
    async def test_goes_on_where_it_was_and_shows_nothing_twice(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            seen = await script.tell("blind", channel="agent", **{"from": 1.0, "to": 2.0}, reason="late")
            await expect(page.locator("#alerts-count")).to_have_text("1")
            script.welcoming.clear()
            await script.drop(1012)
            await expect(page.locator("#banners [data-banner=lost]")).to_contain_text("Nothing is lost")
            missed = script.event("violation", **violation())
            script.calls[0]["violations"] = 1
            script.welcoming.set()
            await expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
            await expect(page.locator("#banners [data-banner=lost]")).to_have_count(0)
            assert script.hellos[-1] == {"type": "hello", "after": seen["cursor"]}
            await expect(page.locator("#alerts-count")).to_have_text("2")
            await page.locator("#banners").get_by_role("button", name="Seen").click()
            for event in (seen, missed):
                await script.repeat(event)
            await script.tell("violation", **violation("v-2"))
            await expect(page.locator("#alerts-count")).to_have_text("3")
            await expect(page.locator("#calls .badge")).to_have_text("Block 2")

    async def test_that_was_too_slow_is_made_again(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.drop(4413)
            await script.tell("violation", **violation())
            await expect(page.locator("#alerts-count")).to_have_text("1")
            assert len(script.hellos) == 2

    async def test_follows_the_chosen_call_again(self, browser: Browser, script: Scripted) -> None:
        script.committed = PIECES[:1]
        async with connected(browser, script) as page:
            await page.locator("#calls [role=option]").click()
            await expect(page.locator(".turn:visible")).to_have_count(1)
            script.committed = PIECES
            await script.drop(1012)
            await expect(page.locator(".turn:visible")).to_have_count(2)
            assert script.followed == ["c0ffee", "c0ffee"]

    async def test_says_how_the_service_is(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await expect(page.locator("#service")).to_contain_text("99.88%")
            state = {"lexicon_version": "bank-sales-zh", "lexicon_trouble": "", "detail": "no connection"}
            await script.tell("service", None, durability="degraded", relief=2, **state)
            await expect(page.locator("#banners [data-banner=durability]")).to_contain_text("no connection")
            await expect(page.locator("#banners [data-banner=relief]")).to_contain_text("relief 2")
            await script.tell("service", None, durability="ok", relief=0, **state)
            await expect(page.locator("#banners .banner")).to_have_count(0)


class TestSigningIn:
    async def test_is_asked_for_where_the_service_has_tokens(self, browser: Browser, script: Scripted) -> None:
        script.tokens = True
        context = await browser.new_context(locale="en-GB")
        page = await context.new_page()
        await page.goto(script.url)
        await page.get_by_label("Token").fill("another")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("#sign-in-said")).to_contain_text("doesn't know this token")
        await page.get_by_label("Token").fill(TOKEN)
        await page.get_by_label("Token").press("Enter")
        await expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
        assert script.hellos == [{"type": "hello", "ticket": "a-ticket"}]
        await expect(page.locator("#me")).to_have_text("Wang Fang · supervisor")
        await page.reload()
        await expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_label("Token")).to_be_visible()
        await context.close()

    async def test_is_asked_for_again_when_it_no_longer_holds(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await script.drop(4401)
            await expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
            # Here there are no tokens: the page learns that, and goes on.
            await script.tell("violation", **violation())
            await expect(page.locator("#alerts-count")).to_have_text("1")


class TestSound:
    async def test_is_for_what_is_new(self, browser: Browser, script: Scripted) -> None:
        script.violations = [stored(0)]
        async with connected(browser, script) as page:
            await expect(page.locator("#alerts-count")).to_have_text("1")
            await page.locator("#alerts").click()
            assert await page.evaluate("tones") == 0
            await script.tell("violation", **violation())
            await page.wait_for_function("tones === 2")

    async def test_can_be_turned_off_for_good(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.keyboard.press("s")
            await expect(page.locator("#sound")).to_have_text("Sound off")
            await page.reload()
            await expect(page.locator("#sound")).to_have_text("Sound off")
            await expect(page.locator("#connection")).to_have_attribute("data-state", "connected")
            await page.locator("#alerts-title").click()
            await script.tell("violation", **violation())
            await expect(page.locator("#alerts-count")).to_have_text("1")
            assert await page.evaluate("tones") == 0


class TestTheServiceItself:
    async def test_fills_the_page(self, browser: Browser, tmp_path: Path) -> None:
        rule = "{id: promise, category: guarantee, severity: block, terms: [保本]}"
        async with console(tmp_path) as one:
            one.media.lexicon = parse(f"lexicon: bank\nlanguage: zh\nrules: [{rule}]\n", "bank.yaml")
            one.media.tell("call.started", **STARTED)
            await one.media.kept(one.media.tell("violation", **VIOLATION))
            async with opened(browser, f"http://127.0.0.1:{one.port}/") as page:
                await expect(page.locator("#calls [role=option]")).to_contain_text("c-1")
                alert = page.locator("#alerts [role=option]")
                await expect(alert).to_contain_text("保本")
                await alert.click()
                one.media.tell("transcript", channel="agent", text="这个宝本", committed=True, start=2.0, end=3.6)
                await expect(page.locator("#transcript mark")).to_have_text("宝本")
                await page.keyboard.press("a")
                await expect(alert).to_contain_text("acknowledged")
                for key, part in (("2", "history"), ("3", "charts"), ("4", "lexicon")):
                    await page.keyboard.press(key)
                    await expect(page.locator(f"#{part}")).to_contain_text("promise")
