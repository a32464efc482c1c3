"""A report's page in a browser: it is read as it is, and asks for nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from detector.types import Missing
from streamer.scan.report import Bounds
from streamer.scan.results import About, Result, Unreadable
from tests.streamer.console.pages import PATIENCE
from tests.streamer.scan.invented import BEGAN, found, result
from tests.streamer.scan.report.reports import written

pytestmark = pytest.mark.asyncio(loop_scope="session")

RESULTS: list[Result] = [
    result("a.wav", about=About("c-1", "李娜", BEGAN.isoformat())),
    result(
        "b.wav",
        about=About("c-2", "Wang Qiang", BEGAN.isoformat()),
        found=(
            found(
                "v-1", rule_id="insider", term="内部消息", heard="内部消息", match="exact", text="我有内部消息，快买"
            ),
            found("v-2", rule_id="rude", severity="review", term="你听不懂吗", heard="你听不懂吗", text="你听不懂吗"),
        ),
    ),
    Unreadable("c.wav", "is empty"),
]


@asynccontextmanager
async def opened(browser: Browser, path: Path, locale: str = "en-GB", **options: Any) -> AsyncIterator[Page]:
    """Open a report; on leaving, the browser has asked for nothing else and complained of nothing."""
    context = await browser.new_context(locale=locale, **{"viewport": {"width": 1440, "height": 900}, **options})
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda said: complaints.append(said.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: complaints.append(dialog.message))
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(path.as_uri())
    yield page
    elsewhere = [url for url in asked if not url.startswith("data:") and url != path.as_uri()]
    await context.close()
    assert complaints == []
    assert elsewhere == []


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a report with four violations in two calls, and a file that could not be read."""
    return written(RESULTS, tmp_path_factory.mktemp("report")).html


def shown(page: Page) -> Any:
    return page.locator("article:visible")


async def comes(audio: Locator, so: str) -> bool:
    """Wait until a condition on `audio` holds; by a function, since the page's policy lets no text be run."""
    look = f"() => ({so}) ? done(true) : Date.now() > end ? done(false) : setTimeout(look, 20)"
    return bool(
        await audio.evaluate(
            f"audio => new Promise(done => {{ const end = Date.now() + {PATIENCE}; const look = {look}; look(); }})"
        )
    )


class TestTheSummary:
    async def test_is_seen_first(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            await expect(
                page.get_by_role("heading", name="2 of 2 calls hold something that may not be said")
            ).to_be_in_viewport()
            await expect(page.locator(".tiles")).to_contain_text("Violations 4")
            await expect(page.locator(".tiles")).to_contain_text("Block 2")
            await expect(page.locator(".tiles")).to_contain_text("unreadable file: 1")

    async def test_leads_to_the_violations_of_a_rule_and_of_an_agent(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            await page.get_by_role("link", name="insider").click()
            await expect(shown(page)).to_have_count(1)
            await expect(shown(page)).to_contain_text("我有内部消息，快买")
            await page.get_by_role("link", name="李娜").click()
            await expect(shown(page)).to_have_count(2)
            await expect(shown(page).first).to_contain_text("李娜")


class TestTheList:
    async def test_marks_the_term_in_what_was_said(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            await expect(page.locator("article mark").first).to_have_text("宝本")
            box = await page.locator("article .marked").first.bounding_box()
            assert box is not None
            assert box["width"] > 5

    async def test_is_filtered_by_severity_rule_agent_and_text(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            await expect(shown(page)).to_have_count(4)
            await page.get_by_role("button", name="Review").click()
            await expect(shown(page)).to_have_count(3)
            await page.get_by_role("combobox", name="Agent").select_option("李娜")
            await expect(page.locator("#shown")).to_have_text("Shown: 2 of 4")
            await page.get_by_role("combobox", name="Rule").select_option("insider")
            await expect(page.get_by_text("No violation is like that.")).to_be_visible()
            await page.get_by_role("button", name="Show all").click()
            await expect(shown(page)).to_have_count(4)
            await page.get_by_label("Search").fill("ＷANG ")
            await expect(shown(page)).to_have_count(2)
            await page.get_by_label("Search").fill("快买")
            await expect(shown(page)).to_have_count(1)

    async def test_shows_a_violation_that_a_link_leads_to_though_it_is_filtered(
        self, browser: Browser, report: Path
    ) -> None:
        async with opened(browser, report) as page:
            await page.get_by_label("Search").fill("nothing is like that")
            await expect(shown(page)).to_have_count(0)
            await page.evaluate("location.hash = '#v-2'")
            await expect(page.locator("#v-2")).to_be_in_viewport()

    async def test_is_worked_by_keys_alone(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            await page.get_by_role("button", name="Block").focus()
            await page.keyboard.press("Enter")
            await expect(shown(page)).to_have_count(2)
            await page.keyboard.press("Tab")
            await page.keyboard.press("Space")
            await expect(shown(page)).to_have_count(1)
            await expect(shown(page)).to_contain_text("你听不懂吗")


class TestAClip:
    async def test_can_be_played(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            audio = page.locator("article audio").first
            assert await audio.evaluate("audio => audio.readyState") == 0
            await audio.evaluate("audio => { audio.preload = 'metadata'; audio.load(); }")
            assert await comes(audio, "Number.isFinite(audio.duration)")
            length = await audio.evaluate("audio => audio.duration")
            assert length == pytest.approx(10.6, abs=0.1)

    async def test_is_played_from_the_term(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            article = page.locator("article").first
            await article.get_by_role("button", name="Play from the term").click()
            assert await comes(article.locator("audio"), "audio.currentTime >= 4.5")
            await expect(article.locator(".playhead")).to_have_css("visibility", "visible")

    async def test_is_stopped_by_another(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            first, second = page.locator("article audio").nth(0), page.locator("article audio").nth(1)
            await first.evaluate("audio => audio.play()")
            await second.evaluate("audio => audio.play()")
            await expect(first).to_have_js_property("paused", True)
            assert not await second.evaluate("audio => audio.paused")

    async def test_goes_where_its_waveform_is_clicked(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report) as page:
            drawing = page.locator("article .wave svg").first
            box = await drawing.bounding_box()
            assert box is not None
            await drawing.click(position={"x": box["width"] * 0.75, "y": 10})
            assert await comes(page.locator("article audio").first, "audio.currentTime > 7")


class TestTheLanguage:
    async def test_is_the_browser_s_and_can_be_switched(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report, "zh-CN") as page:
            await expect(page.get_by_role("heading", name="2 通通话中，2 通说了不该说的话")).to_be_visible()
            await expect(page.locator("html")).to_have_attribute("lang", "zh")
            await expect(page.get_by_label("按级别")).to_be_visible()
            await expect(page).to_have_title("话闸录音扫描报告")
            await page.get_by_label("Search").or_(page.get_by_label("搜索")).fill("快买")
            await page.locator("#language").click()
            await expect(page.get_by_role("heading", name="2 of 2 calls hold something")).to_be_visible()
            await expect(page.locator("html")).to_have_attribute("lang", "en")
            await expect(page.locator("#shown")).to_have_text("Shown: 1 of 4")
            await expect(page).to_have_title("Huazha scan report")

    async def test_is_complete(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report, "zh-CN") as page:
            same = await page.evaluate(
                """() => [...document.querySelectorAll('[data-text]')].filter(one => one.textContent === ''
                || one.textContent.includes('{')).map(one => one.dataset.text)"""
            )
            assert same == []

    async def test_is_english_without_scripts(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report, "zh-CN", java_script_enabled=False) as page:
            await expect(page.get_by_role("heading", name="2 of 2 calls hold something")).to_be_visible()
            await expect(page.locator("article").first).to_contain_text("Say instead: 理财有风险")
            await expect(page.locator("#filter")).to_be_hidden()


class TestTheColours:
    @pytest.mark.parametrize(("scheme", "ground"), [("light", "rgb(238, 240, 243)"), ("dark", "rgb(13, 16, 21)")])
    async def test_are_the_system_s(self, browser: Browser, report: Path, scheme: Any, ground: str) -> None:
        async with opened(browser, report, color_scheme=scheme) as page:
            await expect(page.locator("body")).to_have_css("background-color", ground)

    async def test_are_light_on_paper(self, browser: Browser, report: Path) -> None:
        async with opened(browser, report, color_scheme="dark") as page:
            await page.emulate_media(media="print")
            for place in ("body", "article >> nth=0"):
                await expect(page.locator(place)).to_have_css("background-color", "rgb(255, 255, 255)")
            await expect(page.locator("article blockquote").first).to_have_css("color", "rgb(20, 24, 31)")
            await expect(page.locator("#filter")).to_be_hidden()
            await expect(page.locator("article audio").first).to_be_hidden()
            await expect(page.locator("article .wave svg").first).to_be_visible()


async def test_a_phone_shows_it_without_sideways_scrolling(browser: Browser, report: Path) -> None:
    async with opened(browser, report, viewport={"width": 390, "height": 844}) as page:
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await expect(page.locator("article .wave svg").first).to_be_visible()


async def test_what_others_wrote_is_run_by_nobody(browser: Browser, tmp_path: Path) -> None:
    text = "</script><script>alert(1)</script><img src=x onerror=alert(1)>\"'><svg onload=alert(1)>"
    call = result(
        text,
        about=About(text, text, BEGAN.isoformat()),
        found=(found(rule_id=text, category=text, term=text, heard=text, text=text, say_instead=text),),
        undisclosed=(Missing(text, text, "alert", (text,), None),),
    )
    files = written([call, Unreadable(text, text)], tmp_path, title=text, sources={text: text})
    async with opened(browser, files.html) as page:
        await expect(page.locator("h1")).to_have_text(text)
        await expect(page.locator("article .say")).to_have_text(f"Say instead: {text}")
        await page.locator("#language").click()
        await expect(page.locator("article .say")).to_have_text(f"应改说：{text}")
        await page.get_by_label("搜索").fill("<img")
        await expect(shown(page)).to_have_count(1)


def more_in(report: Path, more: str, folder: Path) -> Path:
    """Give a copy of a report with something more in it."""
    worse = folder / "report.html"
    worse.write_text(report.read_text("utf-8").replace("<main>", f"{more}<main>"), "utf-8")
    return worse


async def test_what_is_run_is_its_own_alone(browser: Browser, report: Path, tmp_path: Path) -> None:
    """The page's own policy holds, should something ever get by."""
    more = "<script>document.documentElement.dataset.run = 'yes'</script><style>h1 { color: rgb(1, 2, 3) }</style>"
    worse = more_in(report, more, tmp_path)
    context = await browser.new_context(locale="en-GB")
    page = await context.new_page()
    await page.goto(worse.as_uri())
    await expect(page.locator("#filter")).to_be_visible()
    await expect(page.locator("html")).not_to_have_attribute("data-run", "yes")
    await expect(page.locator("h1")).not_to_have_css("color", "rgb(1, 2, 3)")
    await context.close()


async def test_thousands_of_violations_are_opened_and_filtered(browser: Browser, tmp_path: Path) -> None:
    heard = tuple(
        found(f"v-{n}", rule_id=f"rule-{n % 40}", text=f"第{n}句宝本的", start=n * 1.0, end=n + 0.5)
        for n in range(1200)
    )
    files = written([result(found=heard, duration=1201.0)], tmp_path, bounds=Bounds(clips=2))
    async with opened(browser, files.html) as page:
        await expect(page.locator("#shown")).to_have_text("Shown: 1200 of 1200")
        await page.get_by_label("Search").fill("第1199句")
        await expect(shown(page)).to_have_count(1)
        await expect(page.locator("audio")).to_have_count(2)
