"""A report's files, and what its page holds."""

from __future__ import annotations

import os
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from detector.types import Missing
from streamer.scan.report import Bounds
from streamer.scan.report.writing import page_path
from streamer.scan.results import About, Result, Unreadable
from tests.streamer.scan.invented import BEGAN, found, result
from tests.streamer.scan.report.reports import gone, hum, written

NASTY = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)',
    "' autofocus onfocus='alert(1)",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    "&lt;script&gt;",
    "a\u202egnp.wav\x00",
    "]]><!-- x --!>",
)


class Page(HTMLParser):
    """A page as a browser takes it: its elements, and its text.

    Attributes:
      elements: names and attributes.
      text: outside of scripts and styles.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside not in {"script", "style"}:
            self.text += data

    def count(self, tag: str, **attributes: str) -> int:
        wanted = {name.rstrip("_"): value for name, value in attributes.items()}
        return sum(one == tag and wanted.items() <= given.items() for one, given in self.elements)


def many(number: int, **fields: str) -> list[Result]:
    """Give a call with so many violations."""
    heard = tuple(found(f"v-{n}", start=float(n), end=n + 0.5, **fields) for n in range(number))
    return [result(found=heard, duration=number + 1.0)]


class TestThePage:
    def test_tells_what_was_found(self, tmp_path: Path) -> None:
        files = written([result(), Unreadable("b.wav", "is empty")], tmp_path, sources={"promise": "资管新规 第二条"})
        text = " ".join(Page(files.html).text.split())
        for told in (
            "1 of 1 call holds something that may not be said",
            "A required disclosure was not heard in 1 call.",
            "1 file could not be read, and was not checked.",
            "这款产品宝本的",
            "heard as “宝本”",
            "Say instead: 理财有风险",
            "资管新规 第二条",
            "2026-01-05 10:00:12",
            "In the recording 0:12",
            "90.0%",
            "any of: 投资有风险",
            "is empty",
            "bank-1",
            "Whisper base",
            "2026-01-06 09:30:00 UTC+08:00",
        ):
            assert told in text
        assert files.clips == 2
        assert Page(files.html).count("audio", preload="none") == 2

    def test_says_of_a_measure_by_how_much_it_was_passed(self, tmp_path: Path) -> None:
        silence = found(term="silence over 20 s", heard="23.4 s", match="exact", text="23.4 s", severity="review")
        page = Page(written([result(found=(silence,))], tmp_path).html)
        assert re.search(r"Measured\s*23\.4 s", page.text)
        assert "word for word" not in page.text
        assert page.count("blockquote") == page.count("mark") == 0

    def test_of_a_scan_that_found_nothing_says_so(self, tmp_path: Path) -> None:
        page = Page(written([result(found=(), undisclosed=(), unheard_seconds=0.0)], tmp_path).html)
        for told in ("Nothing forbidden was heard in 1 call", "All required disclosures", "All files could be read."):
            assert told in page.text
        assert page.count("article") == page.count("form") == 0

    def test_of_a_scan_of_nothing_says_so(self, tmp_path: Path) -> None:
        assert "No call was scanned" in Page(written([], tmp_path).html).text

    def test_says_why_a_violation_has_no_clip(self, tmp_path: Path) -> None:
        files = written([result()], tmp_path, audio=gone)
        assert files.clips == 0
        assert Page(files.html).text.count("No clip: the recording is not there any more") == 2

    def test_takes_all_clips_from_the_audio_it_is_given(self, tmp_path: Path) -> None:
        asked: list[tuple[str, float, float]] = []

        def audio(file: str, start: float, end: float) -> tuple[NDArray[np.float32], int]:
            asked.append((file, start, end))
            return hum(file, start, end)

        written([result(found=(found(start=12.5, end=13.0),))], tmp_path, audio=audio)
        assert asked == [("rec/0001.wav", 7.5, 18.0)]


class TestWhatOthersWrote:
    @pytest.mark.parametrize("text", NASTY)
    def test_is_text_wherever_it_stands(self, text: str, tmp_path: Path) -> None:
        harmless = self._page("harmless", tmp_path)
        nasty = self._page(text, tmp_path)
        # Not one element or attribute more, and nothing is run or fetched that was not before.
        assert [(tag, attributes.keys()) for tag, attributes in nasty.elements] == [
            (tag, attributes.keys()) for tag, attributes in harmless.elements
        ]
        addresses = [
            attributes[name] for _, attributes in nasty.elements for name in ("src", "href") if name in attributes
        ]
        assert addresses
        assert all(re.match(r"#|data:audio/mpeg;base64,|data:image/svg", address or "") for address in addresses)

    @staticmethod
    def _page(text: str, folder: Path) -> Page:
        heard = found(
            rule_id=text, category=text, term=text, heard=text, text=f"a{text}b", say_instead=text, match=text
        )
        call = result(
            text,
            about=About(text, text, BEGAN.isoformat()),
            found=(heard,),
            undisclosed=(Missing(text, text, "alert", (text, text), 5.0),),
        )
        return Page(written([call, Unreadable(text, text)], folder, title=text, sources={text: text}).html)

    def test_hides_nothing(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"\xff") + "\u202egpj.wav"
        text = Page(written([result(name), Unreadable(name, "is empty")], tmp_path).html).text
        assert "\u202e" not in text
        assert text.count("\\xff\\u202egpj.wav") == 4


class TestBounds:
    def test_of_clips_hold_and_are_told(self, tmp_path: Path) -> None:
        files = written(many(8), tmp_path, bounds=Bounds(clips=3))
        page = Page(files.html)
        assert (files.clips, page.count("audio"), page.count("article")) == (3, 3, 8)
        assert "Clips are given for 3 of the violations listed" in page.text
        assert page.text.count("No clip: this page holds clips of 3 violations.") == 5

    def test_of_the_list_hold_and_are_told(self, tmp_path: Path) -> None:
        files = written(many(8), tmp_path, bounds=Bounds(listed=5))
        page = Page(files.html)
        assert page.count("article") == 5
        assert "This page lists 5 of 8 violations" in page.text
        assert files.csv.read_text("utf-8").count("\nviolation,") == 8

    def test_are_not_told_of_where_all_is_there(self, tmp_path: Path) -> None:
        text = Page(written(many(8), tmp_path).html).text
        assert "Clips are given" not in text
        assert "This page lists" not in text

    def test_of_what_is_seen_at_once_hide_nothing(self, tmp_path: Path) -> None:
        heard = tuple(found(f"v-{n}", rule_id=f"rule-{n}") for n in range(15))
        page = Page(written([result(found=heard)], tmp_path, audio=gone).html)
        assert "3 more" in page.text
        assert page.count("details") == 1
        assert sum(tag == "a" and "data-rule" in attributes for tag, attributes in page.elements) == 15

    def test_of_rows_hold_and_are_told(self, tmp_path: Path) -> None:
        unreadable = [Unreadable(f"{number}.wav", "is empty") for number in range(2003)]
        text = Page(written(unreadable, tmp_path).html).text
        assert "1999.wav" in text
        assert "2000.wav" not in text
        assert "3 more: see the CSV beside this page." in text


class TestFiles:
    def test_have_one_stem(self, tmp_path: Path) -> None:
        files = written([result()], tmp_path)
        assert (files.html.name, files.csv.name) == ("report.html", "report.csv")
        assert {path.name for path in tmp_path.iterdir()} >= {"report.html", "report.csv"}

    @pytest.mark.parametrize(
        ("asked", "given"),
        [
            ("a.html", "a.html"),
            ("a.HTM", "a.HTM"),
            ("a", "a.html"),
            ("2026.11", "2026.11.html"),
            ("a.csv", "a.html"),
            ("a.parquet", "a.html"),
        ],
    )
    def test_never_have_one_name(self, asked: str, given: str) -> None:
        assert page_path(Path(asked)) == Path(given)

    def test_that_could_not_be_finished_leave_the_one_before(self, tmp_path: Path) -> None:
        def full(file: str, start: float, end: float) -> None:
            raise OSError(28, "No space left on device")

        before = written([], tmp_path).html.read_text("utf-8")
        with pytest.raises(OSError, match="No space left"):
            written([result()], tmp_path, audio=full)
        assert (tmp_path / "report.html").read_text("utf-8") == before
        assert not list(tmp_path.glob("*.part"))

    def test_go_into_a_folder_that_is_made(self, tmp_path: Path) -> None:
        assert written([], tmp_path / "deep" / "er").html.is_file()
