"""Pages that supervisors have open, in a browser and a process of their own, and when each shows which alert.

Prints lines of JSON: `{"ready":true}` when all pages follow the feed, and at the end one for each page. Ends when its
standard input does. `benchmarks.feed` starts it.

    python -m benchmarks.pages http://127.0.0.1:8080/ --pages 10
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.children import say, told_to_end

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names of a browser that is installed, the best first; Playwright's own if none is."""
PATIENCE = 60_000.0
"""Milliseconds that a page has to follow the feed."""
PROBES = 9
"""Looks at a page's clock; the quickest one counts."""

# An alert's row bears its name; the list is virtual, so a row may be another alert's a moment later. When it is in the
# document is noted at once; when the browser begins to draw the next picture, with the row in it, comes after that.
WATCH = """
(() => {
  const now = () => performance.timeOrigin + performance.now();
  const rows = (window.benchmarkRows = new Map());
  let fresh = [];
  const note = (element) => {
    const name = element.classList.contains("alert-row") ? element.dataset.key : null;
    if (!name || rows.has(name)) return;
    const row = [now(), null];
    rows.set(name, row);
    if (fresh.push(row) === 1) {
      requestAnimationFrame(() => {
        const drawn = now();
        for (const one of fresh) one[1] = drawn;
        fresh = [];
      });
    }
  };
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "attributes") note(change.target);
      for (const added of change.addedNodes) {
        if (added.nodeType !== Node.ELEMENT_NODE) continue;
        note(added);
        added.querySelectorAll(".alert-row").forEach(note);
      }
    }
  }).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ["data-key"]});
})();
"""
# What was added last is drawn with the next picture; a page that draws none, for it is hidden, is not waited for.
ROWS = """
() => Promise.race([
  new Promise((done) => requestAnimationFrame(() => setTimeout(done))),
  new Promise((done) => setTimeout(done, 1000)),
]).then(() => Object.fromEntries(window.benchmarkRows))
"""
CLOCK = "() => performance.timeOrigin + performance.now()"


@dataclass(frozen=True, slots=True)
class Probe:
    """A look at a page's clock, in milliseconds since 1970.

    Attributes:
      before, after: this process's own clock.
      page: the page's, somewhere between.
    """

    before: float
    page: float
    after: float


def offset(probes: Sequence[Probe]) -> tuple[float, float]:
    """Tell by how many milliseconds a page's clock is ahead, and how wrong that may be at most."""
    best = min(probes, key=lambda probe: probe.after - probe.before)
    return best.page - (best.before + best.after) / 2, (best.after - best.before) / 2


def browser() -> str | None:
    """Find a browser that is installed."""
    return next(filter(None, map(shutil.which, CHROMIUM)), None)


async def follow(url: str, count: int) -> None:
    """Open pages until told to end, then say what each has shown."""
    # Here, so that its absence is a line and not a traceback.
    from playwright.async_api import Page, async_playwright  # noqa: PLC0415

    async def opened(number: int) -> Page:
        page = await (await chromium.new_context(viewport={"width": 1440, "height": 900})).new_page()
        await page.add_init_script(WATCH)
        page.on("pageerror", lambda error: say({"trouble": f"page {number}: {error}"}))
        await page.goto(url, timeout=PATIENCE)
        await page.wait_for_selector('[data-state="connected"]', timeout=PATIENCE)
        return page

    # Supervisors' browsers run on machines of their own: here they get what the service leaves them.
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    async with async_playwright() as playwright:
        # Chromium's sandbox does not work for root.
        arguments = ["--no-sandbox"] if os.getuid() == 0 else []
        chromium = await playwright.chromium.launch(executable_path=browser(), args=arguments)
        pages = [await opened(number) for number in range(count)]
        say({"ready": True})
        await told_to_end()
        for number, page in enumerate(pages):
            say(await _account(number, page))
        await chromium.close()


async def _account(number: int, page: Any) -> dict[str, Any]:
    probes = []
    for _ in range(PROBES):
        before = time.time_ns() / 1e6
        at = await page.evaluate(CLOCK)
        probes.append(Probe(before, at, time.time_ns() / 1e6))
    ahead, error = offset(probes)
    return {"page": number, "ahead": ahead, "error": error, "rows": await page.evaluate(ROWS)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__.splitlines()[0])
    parser.add_argument("url", help="the console")
    parser.add_argument("--pages", type=int, default=10, help="at once (default: 10)")
    options = parser.parse_args()
    try:
        asyncio.run(follow(options.url, options.pages))
    except ModuleNotFoundError as error:
        say({"failed": f"{error.name} is not installed; `make install` installs it"})
    except TimeoutError:
        say({"failed": f"a page at {options.url} did not follow the feed within {PATIENCE / 1000:.0f} s"})
    # Playwright's errors are imported with it, and tell in their first line what is wrong.
    except Exception as error:
        say({"failed": f"the browser {browser() or 'of Playwright'}: {str(error).splitlines()[0]}"})


if __name__ == "__main__":
    main()
