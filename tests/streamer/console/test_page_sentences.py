"""What the service says in English, on the page in the page's language; what a platform says, as it was said."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, cast

import pytest
from playwright.async_api import Browser, Page, expect

import detector
import streamer
from detector.bounds import bound, value
from detector.detector import NOT_AGREED
from lexicon.types import Metric, MetricName
from streamer.console.rest.calls import TAKEN
from streamer.control.port import unsupported
from streamer.errors import RecognitionFailed
from streamer.outcomes import LEFT
from tests.streamer.console.pages import connected
from tests.streamer.console.scripted import WEB, Scripted, block, violation

pytestmark = pytest.mark.asyncio(loop_scope="session")

SHORTEST = 4
"""Letters of a sentence's part between two values from which on it can be looked for."""
BLIND: dict[str, Any] = {
    "channel": "agent",
    "from": 10.0,
    "to": 14.0,
    "reason": "recognition fell behind",
    "alert": True,
}


def sentences() -> list[tuple[str, str]]:
    """Give the sentences that the page knows, with their Chinese."""
    table = (WEB / "js" / "texts" / "zh-sentences.js").read_text(encoding="utf-8")
    rows = re.sub(r'" \+\s+"', "", re.sub(r"^\s*//.*$", "", table, flags=re.MULTILINE))
    return re.findall(r'\[\s*"([^"]+)",\s+"([^"]+)",?\s*\]', rows)


def literals() -> str:
    """Give all that the programs may say, a literal a line."""
    found = []
    for package in (detector, streamer):
        for path in Path(cast("str", package.__file__)).parent.rglob("*.py"):
            nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            found += [node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return "\n".join(found)


async def known(page: Page, *originals: str) -> list[str]:
    return cast(
        "list[str]",
        await page.evaluate(
            "async (texts) => { const {known} = await import('/web/js/sentences.js'); return texts.map(known); }",
            list(originals),
        ),
    )


class TestTable:
    async def test_holds_what_the_service_does_say(self) -> None:
        said = literals()
        parts = {part for original, _ in sentences() for part in re.split(r"\{\w+\}", original)}
        # What is measured is put together of a name, a number and a unit.
        made = {"silence over ", "overlap over ", "talk ratio over ", "pace over "}
        made |= {" characters a minute", " words a minute"}
        assert len(sentences()) > 60
        assert [part for part in sorted(parts - made) if len(part) >= SHORTEST and part not in said] == []

    async def test_fills_in_the_same_values(self) -> None:
        for original, text in sentences():
            assert set(re.findall(r"\{\w+\}", original)) == set(re.findall(r"\{\w+\}", text)), original

    async def test_says_nothing_twice(self) -> None:
        originals = [original for original, _ in sentences()]
        assert len(originals) == len(set(originals))


class TestKnowing:
    async def test_what_is_measured_is_told_in_chinese(self, browser: Browser, script: Scripted) -> None:
        said = []
        for language in ("zh", "en"):
            for name in MetricName:
                said += [bound(Metric(name, 0.75), language), value(name, 23.4, language)]
        async with connected(browser, script, "zh-CN") as page:
            told = dict(zip(said, await known(page, *said), strict=True))
        assert told["silence over 0.75 s"] == "静默超过 0.75 秒"
        assert told["23 characters a minute"] == "23 字/分钟"
        assert [text for text in told.values() if re.search("[a-z]", text)] == []

    async def test_what_is_said_of_blocks_and_blind_spells_is_told_in_chinese(
        self, browser: Browser, script: Scripted
    ) -> None:
        kinds: list[type[RecognitionFailed]] = [RecognitionFailed, *RecognitionFailed.__subclasses__()]
        said = [kind.reason for kind in kinds] + [NOT_AGREED, *TAKEN.values()]
        said += [LEFT.format(leg="agent"), *(unsupported(what).detail for what in ("mute", "whisper", "transfer"))]
        async with connected(browser, script, "zh-CN") as page:
            told = dict(zip(said, await known(page, *said), strict=True))
        assert told[unsupported("mute").detail] == "静音：此平台没有这种功能"
        assert [text for text in told.values() if re.search("[a-z]", text)] == []

    async def test_what_a_platform_says_stays_as_it_said_it(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script, "zh-CN") as page:
            told = await known(page, "answered 404: no such call", "no such call", "play: no such call")
        assert told == ["平台答复 404：no such call", "no such call", "播放提示：no such call"]

    async def test_of_several_troubles_each_is_told(self, browser: Browser, script: Scripted) -> None:
        journal, evidence = "the journal can't be written: disk full", "evidence can't be written: disk full"
        async with connected(browser, script, "zh-CN") as page:
            told = await known(page, f"{journal}; {evidence}", f"{journal}; -ERR no reply")
        assert told == [
            "日志无法写入：disk full；录音证据无法写入：disk full",
            "日志无法写入：disk full; -ERR no reply",
        ]

    async def test_in_english_all_stays_as_it_is(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            assert await known(page, "silence over 20 s", NOT_AGREED) == ["silence over 20 s", NOT_AGREED]


class TestPage:
    async def test_shows_a_blind_spell_in_chinese_and_keeps_the_original(
        self, browser: Browser, script: Scripted
    ) -> None:
        async with connected(browser, script, "zh-CN") as page:
            await script.tell("blind", **BLIND)
            row = page.locator(".alert-row")
            await expect(row.locator(".advice")).to_have_text("识别跟不上")
            await expect(row).to_have_attribute("title", BLIND["reason"])
            await row.click()
            about = page.locator("#alert-card p", has_text="识别跟不上")
            await expect(about).to_have_attribute("title", BLIND["reason"])
            await expect(page.locator("#call-steps li")).to_contain_text("未监听：识别跟不上")
            await page.get_by_role("button", name="English").click()
            await expect(row.locator(".advice")).to_have_text(BLIND["reason"])
            await expect(page.locator("#call-steps li")).not_to_have_attribute("title", re.compile("."))

    async def test_shows_what_is_odd_about_a_call(self, browser: Browser, script: Scripted) -> None:
        detail = "its language, 'xx-?', is not understood; it is heard as zh"
        async with connected(browser, script, "zh-CN") as page:
            await page.locator("#calls [role=option]").click()
            await script.tell("call.remark", reason="language", detail=detail)
            step = page.locator("#call-steps li")
            await expect(step).to_contain_text("照常监听，但有异常：无法识别所标的语言 'xx-?'，按 zh 监听")
            await page.get_by_role("button", name="English").click()
            await expect(step).to_contain_text(f"Heard, though something is odd: {detail}")

    async def test_shows_why_a_block_failed_and_why_it_was_lifted(self, browser: Browser, script: Scripted) -> None:
        failed = {"violation_id": "v-1", "action": "mute", "outcome": "failed", "took_ms": 900.0, "sent_ms": 2.0}
        async with connected(browser, script, "zh-CN") as page:
            await script.tell("block", **block())
            await script.tell("violation", **violation())
            await page.locator(".alert-row").click()
            await script.tell("block.result", **failed, detail="no answer in time (2 s)")
            await script.tell("unblock", violation_id="v-1", reason="its time is over", by="policy")
            await expect(page.locator("#alert-card")).to_contain_text("平台没有及时答复（2 秒）")
            steps = page.locator("#call-steps li")
            await expect(steps.nth(1)).to_have_attribute("title", "no answer in time (2 s)")
            await expect(steps.nth(0)).to_contain_text("时限已到")

    async def test_shows_what_was_measured(self, browser: Browser, script: Scripted) -> None:
        measured = {"term": "silence over 20 s", "heard": "23.4 s", "rule_id": "long-silence", "text": ""}
        async with connected(browser, script, "zh-CN") as page:
            await script.tell("violation", **violation(severity="alert", **measured))
            row = page.locator(".alert-row")
            await expect(row.locator("strong")).to_have_text("静默超过 20 秒")
            await row.click()
            await page.keyboard.press("Enter")
            await expect(page.locator("#detail-title")).to_contain_text("静默超过 20 秒")
            heard = page.locator(".fact-heard dd")
            await expect(heard).to_have_text("23.4 秒")
            await expect(heard).to_have_attribute("title", "23.4 s")

    async def test_leaves_what_somebody_wrote(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script, "zh-CN") as page:
            await script.tell("violation", **violation())
            await page.locator(".alert-row").click()
            await script.tell("review", violation_id="v-1", verdict="false", reason="overloaded", by="Li Na")
            await expect(page.locator("#call-steps li").first).to_contain_text("Li Na overloaded")
            await expect(page.locator("#alert-card")).to_contain_text("overloaded")
