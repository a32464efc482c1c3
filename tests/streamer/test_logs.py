"""The log of a process: one record a line, whatever a peer sent."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from streamer import logs

FORGED = "2026-11-28 09:00:00,000 INFO call c-777 is over: 60.0 s, 0.0 s blind"


@pytest.fixture
def page() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    page = io.StringIO()
    root.handlers[:] = []
    logs.set_up("%(asctime)s %(levelname)s %(message)s", logging.INFO, logging.StreamHandler(page))
    yield page
    root.handlers[:], root.level = before, level


def test_a_record_is_one_line(page: io.StringIO) -> None:
    logging.getLogger("streamer.session").warning("refused: %s", f"huazha_\n{FORGED}\n\x1b[31m\ud800")
    (line,) = page.getvalue().splitlines()
    assert line.endswith(f"WARNING refused: huazha_\\n{FORGED}\\n\\x1b[31m\\ud800")


def test_a_traceback_stays_readable_and_nothing_in_it_looks_like_a_record(page: io.StringIO) -> None:
    try:
        raise ValueError(f"bad\n{FORGED}\x1b[2J")
    except ValueError:
        logging.getLogger("anything").exception("failed")
    first, *rest = page.getvalue().splitlines()
    assert first.endswith("ERROR failed")
    assert all(line.startswith("    ") for line in rest)
    assert rest[0] == "    Traceback (most recent call last):"
    assert "\x1b" not in page.getvalue()
    assert f"    {FORGED}\\x1b[2J" in rest


def test_it_is_bounded(page: io.StringIO) -> None:
    logging.getLogger("anything").error("%s", "x" * 1_000_000)
    assert len(page.getvalue()) < 10_000


def test_set_up_again_it_says_everything_once(page: io.StringIO) -> None:
    other = io.StringIO()
    logs.set_up("%(message)s", logging.WARNING, logging.StreamHandler(other))
    logging.getLogger("anything").info("not told")
    logging.getLogger("anything").warning("told")
    assert (page.getvalue(), other.getvalue()) == ("", "told\n")


def test_numbers_of_people_are_masked(page: io.StringIO) -> None:
    logging.getLogger("anything").info("call %s is over: 13.5 s", "13812345678-77@pbx")
    assert "call ＊＊＊＊＊＊＊＊＊＊＊-77@pbx is over: 13.5 s" in page.getvalue()


@pytest.mark.parametrize("library", ["httpx", "httpcore"])
def test_holds_no_address_of_a_request(page: io.StringIO, library: str) -> None:
    logging.getLogger(library).info("HTTP Request: POST https://api.example/Accounts/AC1/Calls/CA1.json")
    logging.getLogger(library).warning("something is wrong")
    (line,) = page.getvalue().splitlines()
    assert line.endswith("something is wrong")


def test_numbers_of_people_that_an_exception_quotes_are_masked(page: io.StringIO) -> None:
    try:
        raise ValueError("no channel of 13812345678")
    except ValueError:
        logging.getLogger("anything").exception("failed")
    assert "ValueError: no channel of ＊＊＊＊＊＊＊＊＊＊＊" in page.getvalue()
    assert "13812345678" not in page.getvalue()
