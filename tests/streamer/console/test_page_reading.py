"""The console's page can be read: in two languages, in light and dark."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.streamer.console.pages import connected
from tests.streamer.console.scripted import WEB, Scripted, violation

pytestmark = pytest.mark.asyncio(loop_scope="session")


class TestLanguages:
    @pytest.mark.parametrize(
        ("locale", "title"), [("zh-CN", "进行中的通话"), ("en-US", "Live calls"), ("fr-FR", "Live calls")]
    )
    async def test_are_the_browsers(self, browser: Browser, script: Scripted, locale: str, title: str) -> None:
        async with connected(browser, script, locale) as page:
            await expect(page.locator("#calls-title")).to_contain_text(title)

    async def test_can_be_changed_for_good(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script, "zh-CN") as page:
            await script.tell("violation", **violation())
            await expect(page.locator("#alerts [role=option]")).to_contain_text("阻断")
            await page.get_by_role("button", name="English").click()
            await expect(page.locator("#alerts [role=option]")).to_contain_text("Block")
            await expect(page.locator("html")).to_have_attribute("lang", "en")
            await page.reload()
            await expect(page.locator("#calls-title")).to_contain_text("Live calls")

    async def test_have_every_text_that_is_asked_for(self) -> None:
        tables = {name: (WEB / "js" / "texts" / f"{name}.js").read_text(encoding="utf-8") for name in ("en", "zh")}
        keys = {name: re.findall(r'^  "([\w.]+)":', text, re.MULTILINE) for name, text in tables.items()}
        assert keys["en"] == keys["zh"]
        assert len(keys["en"]) == len(set(keys["en"]))
        sources = [path.read_text(encoding="utf-8") for path in (*WEB.glob("js/*.js"), WEB / "index.html")]
        asked = {key for text in sources for key in re.findall(r'(?:\bt\(|data-text=|data-label=)"([\w.]+)"', text)}
        assert asked - set(keys["en"]) == set()

    async def test_fill_in_the_same_values(self) -> None:
        def values(name: str) -> dict[str, set[str]]:
            text = (WEB / "js" / "texts" / f"{name}.js").read_text(encoding="utf-8")
            found = re.findall(r'^  "([\w.]+)": "(.*)",$', text, re.MULTILINE)
            return {key: set(re.findall(r"\{\w+\}", said)) for key, said in found}

        assert values("en") == values("zh")


class TestWhatIsGone:
    @pytest.mark.parametrize("said", [[], [{"channel": "agent", "text": "您好", "start": 90.0, "end": 91.0}]])
    async def test_is_said_in_its_place_in_both_languages(
        self, browser: Browser, script: Scripted, said: list[dict[str, Any]]
    ) -> None:
        script.complete, script.committed = False, said
        async with connected(browser, script, "zh-CN") as page:
            await page.locator(".call-row").click()
            gone = page.locator("#transcript .cut")
            await expect(gone).to_have_text("此前所说的话已不在此处，违规中留有前后所说的话。")
            await expect(page.get_by_text("尚未说话。")).to_be_hidden()
            await expect(page.locator("#transcript .turn:not(.tentative)")).to_have_count(len(said))
            await page.get_by_role("button", name="English").click()
            await expect(gone).to_contain_text("not here any more")

    async def test_is_not_said_where_all_is_there(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script) as page:
            await page.locator(".call-row").click()
            await expect(page.get_by_text("Nothing has been said yet.")).to_be_visible()
            await expect(page.locator("#transcript .cut")).to_be_hidden()


class TestReadability:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_every_text_stands_out_from_its_ground(self, browser: Browser, script: Scripted, scheme: str) -> None:
        pairs = [
            *((text, ground) for text in ("text", "quiet") for ground in ("ground", "panel", "raised", "chosen")),
            *((name, f"{name}-ground") for name in ("block", "alert", "review", "done", "blind")),
            *((name, "panel") for name in ("block", "alert", "review", "good", "blind")),
            *(("good", ground) for ground in ("agent", "customer", "raised")),
            *((name, ground) for name in ("text", "quiet") for ground in ("agent", "customer", "blind-ground")),
            ("on-undelivered", "undelivered"),
            ("on-main", "main"),
            ("panel", "blind"),
        ]
        async with connected(browser, script, color_scheme=scheme) as page:
            await expect(page.locator("html")).to_have_attribute("data-theme", scheme)
            names = sorted({name for pair in pairs for name in pair})
            read = (
                "names => names.map((name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`))"
            )
            colours = dict(zip(names, await page.evaluate(read, names), strict=True))
        faint = {pair: round(contrast(colours[pair[0]], colours[pair[1]]), 2) for pair in pairs}
        assert {pair: value for pair, value in faint.items() if value < 4.5} == {}

    async def test_the_scheme_can_be_chosen(self, browser: Browser, script: Scripted) -> None:
        async with connected(browser, script, color_scheme="light") as page:
            await page.get_by_role("button", name="Colours").click()
            await page.get_by_role("button", name="Colours").click()
            await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
            await page.reload()
            await expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours as WCAG 2 has it, 1 to 21."""

    def luminance(colour: str) -> float:
        parts = [int(colour.strip()[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)
