"""The journal, on both databases: whole, once, in order, and there again when the database is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text

from streamer.bus import Bus
from streamer.record import chain, database
from streamer.record.event import Event
from streamer.record.history import CallFilter, History
from streamer.record.journal import Journal, JournalUnavailable
from streamer.record.schema import calls, journal, outbox, violations
from streamer.record.verify import verify
from tests.databases import PostgreSQL
from tests.stories import STARTED, STOPPED, VIOLATION

BEGAN = datetime(2026, 1, 2, tzinfo=UTC)


def event(cursor: int, kind: str, **fields: Any) -> Event:
    return Event(cursor, kind, BEGAN + timedelta(seconds=cursor), "c0ffee", "c-1", "Li Na", fields)


def story() -> list[Event]:
    """Give a call in which something forbidden is said."""
    return [
        event(1, "call.started", **STARTED),
        event(2, "violation", **{**VIOLATION, "status": "candidate"}),
        event(3, "violation", **VIOLATION),
        event(4, "block", violation_id="v-1", action="mute", audio_end=3.5, audio_received=3.9, by="policy"),
        event(5, "block.result", violation_id="v-1", action="mute", outcome="delivered"),
        event(6, "review", violation_id="v-1", verdict="true", reason="", by="Wang"),
        event(7, "evidence", violation_id="v-1", seconds=20.0),
        event(9, "call.stopped", **STOPPED),
    ]


def rows(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(journal).order_by(journal.c.position)))


class TestAppending:
    def test_keeps_events_as_they_were(self, engine: Engine) -> None:
        one = Journal(engine)
        one.append(story()[:3])
        one.append(story()[3:])
        assert one.since(0, 100) == story()
        assert one.since(3, 2) == story()[3:5]
        assert one.last_cursor() == 9

    def test_chains_them_so_that_anybody_can_check(self, engine: Engine) -> None:
        Journal(engine).append(story())
        previous = chain.BEGINNING
        for position, row in enumerate(rows(engine), 1):
            assert (row.position, row.previous) == (position, previous)
            assert row.hash == chain.link(previous, chain.canonical(json.loads(row.body)))
            previous = row.hash

    def test_takes_a_time_that_is_finer_than_it_keeps(self, engine: Engine) -> None:
        Journal(engine).append([Event(1, "blind", BEGAN + timedelta(microseconds=999_999), fields={})])
        assert verify(engine, [], []).flaw is None

    def test_twice_changes_nothing(self, engine: Engine) -> None:
        one = Journal(engine, lambda _: ["https://example.com"])
        one.append(story())
        before = rows(engine)
        one.append(story()[2:])
        assert rows(engine) == before
        with engine.connect() as connection:
            assert len(list(connection.execute(select(outbox)))) == len(story())

    def test_an_older_event_that_comes_late_is_kept(self, engine: Engine) -> None:
        one = Journal(engine)
        one.append([event(5, "blind")])
        one.append([event(4, "blind")])
        assert [told.cursor for told in one.since(0, 10)] == [4, 5]

    def test_keeps_what_another_gateway_tells_in_the_same_microsecond(self, engine: Engine) -> None:
        """Under the same name, too, if somebody copied a file of settings."""
        names = {"gw1": ["c0ffee"], "gw2": ["f00d", "cafe"]}
        at = BEGAN + timedelta(seconds=5)
        for gateway, called in names.items():
            for call in called:
                told = Event(5, "call.started", at, call, "c-1", None, {**STARTED, "gateway": gateway})
                Journal(engine, gateway=gateway).append([told, told])
                Journal(engine, gateway=gateway).append([told])
        assert [json.loads(row.body)["call"] for row in rows(engine)] == ["c0ffee", "f00d", "cafe"]
        assert verify(engine, [], []).flaw is None
        first = History(engine).calls(CallFilter(), limit=1)
        second = History(engine).calls(CallFilter(), limit=1, before=first.next)
        third = History(engine).calls(CallFilter(), limit=1, before=second.next)
        found = [call["call"] for page in (first, second, third) for call in page.items]
        assert sorted(found) == ["c0ffee", "cafe", "f00d"]

    def test_each_gateway_has_cursors_of_its_own(self, engine: Engine) -> None:
        gateways = [Journal(engine, gateway=name) for name in ("gw1", "gw2")]
        for gateway, told in zip(gateways, ([3, 9], [4]), strict=True):
            gateway.append([event(cursor, "blind", by=told) for cursor in told])
        assert [gateway.last_cursor() for gateway in gateways] == [9, 4]
        assert [[told.cursor for told in gateway.since(0, 10)] for gateway in gateways] == [[3, 9], [4]]

    def test_what_was_written_before_gateways_had_names_is_everybody_s(self, engine: Engine) -> None:
        Journal(engine).append([event(3, "blind"), event(8, "blind")])
        here = Journal(engine, gateway="gw1")
        assert here.last_cursor() == 8
        here.append([event(5, "blind", by="gw1"), event(9, "blind")])
        assert [told.cursor for told in here.since(0, 10)] == [3, 5, 8, 9]
        assert [told.cursor for told in here.since(3, 2)] == [5, 8]

    def test_all_or_nothing(self, engine: Engine) -> None:
        one = Journal(engine)
        with pytest.raises(KeyError):
            one.append([event(1, "call.started", **STARTED), event(2, "violation")])
        assert rows(engine) == []

    def test_sums_up_calls_and_violations(self, engine: Engine) -> None:
        Journal(engine).append(story())
        with engine.connect() as connection:
            (call,) = connection.execute(select(calls))
            (violation,) = connection.execute(select(violations))
        assert (call.outcome, call.duration, call.blind, call.violations, call.worst) == (
            "completed",
            9.5,
            0.5,
            1,
            "block",
        )
        assert (violation.status, violation.verdict, violation.verdict_by) == ("fired", "true", "Wang")
        assert (violation.action, violation.outcome, violation.evidence) == ("mute", "delivered", True)
        assert violation.late == pytest.approx(0.4)

    def test_a_block_told_before_its_violation_is_summed_up_all_the_same(self, engine: Engine) -> None:
        """As calls tell it: the signal, then the report."""
        began, _, fired, block, result, *_ = story()
        told = [began, *(event(20 + n, one.type, **one.fields) for n, one in enumerate([block, result, fired]))]
        Journal(engine).append(told)
        with engine.connect() as connection:
            row = connection.execute(select(violations)).one()
        assert (row.action, row.outcome, row.fired, row.late) == ("mute", "delivered", True, pytest.approx(0.4))

    def test_what_is_taken_back_counts_no_more(self, engine: Engine) -> None:
        Journal(engine).append([*story(), event(10, "violation", **{**VIOLATION, "status": "retracted"})])
        with engine.connect() as connection:
            (call,) = connection.execute(select(calls))
        assert (call.violations, call.worst) == (0, None)


class TestFiling:
    """What was never on the feed."""

    def test_gives_cursors_that_the_feed_never_comes_by(self, engine: Engine) -> None:
        one = Journal(engine)
        assert one.file([event(7, "call.started", **STARTED), event(7, "violation", **VIOLATION)])
        assert one.last_cursor() == 0
        assert one.file([event(7, "evidence", violation_id="v-1")])
        one.append([event(7, "blind")])
        assert one.last_cursor() == 7
        assert [told.type for told in one.since(0, 10)] == ["blind"]
        cursors = [row.cursor for row in rows(engine)]
        assert cursors[:3] == sorted(cursors[:3])
        assert max(cursors[:3]) < 0
        assert json.loads(rows(engine)[1].body)["cursor"] == cursors[1]

    def test_leaves_a_call_alone_that_is_there(self, engine: Engine) -> None:
        one = Journal(engine)
        assert one.file([event(0, "call.started", **STARTED)], unless="c0ffee")
        before = rows(engine)
        assert not one.file([event(0, "call.started", **STARTED)], unless="c0ffee")
        assert rows(engine) == before

    def test_of_many_at_once_beside_a_service_loses_nothing(self, engine: Engine) -> None:
        """All of them by a clock that stands still, so that cursors would meet if they could."""
        bus = Bus(lambda: 1_767_312_000.0)

        def serve() -> None:
            for _ in range(40):
                Journal(engine).append([bus.tell("blind")])

        def scan(name: str) -> None:
            for number in range(40):
                told = Event(0, "call.started", BEGAN, f"{name}-{number}", "c", None, STARTED)
                assert Journal(engine).file([told], unless=told.call)

        work: list[Callable[[], None]] = [serve, *(partial(scan, name) for name in "abc")]
        with ThreadPoolExecutor(len(work)) as threads:
            for done in [threads.submit(one) for one in work]:
                done.result()
        found = rows(engine)
        assert len(found) == len({row.cursor for row in found}) == 160
        assert verify(engine, [], []).flaw is None
        with engine.connect() as connection:
            assert len(list(connection.execute(select(calls)))) == 120


def test_a_full_disk_is_said_and_got_over(tmp_path: Path) -> None:
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    pages: list[int] = []

    def bound(connection: Any, _: Any) -> None:
        if pages:
            connection.execute(f"PRAGMA max_page_count = {pages[-1]}")

    from sqlalchemy import event as listened

    listened.listen(engine, "connect", bound)
    one = Journal(engine)
    one.append(story()[:1])
    with engine.connect() as connection:
        pages.append(connection.scalar(text("PRAGMA page_count")) or 0)
    long = event(50, "blind", reason="x" * 100_000)
    with pytest.raises(JournalUnavailable, match="full"):
        one.append([long])
    pages.append(1_000_000)
    one.append([long])
    assert one.since(1, 10) == [long]


def test_a_database_that_is_gone_for_a_while_is_said_and_got_over(postgresql: PostgreSQL) -> None:
    engine = database.open_(postgresql.fresh())
    one = Journal(engine)
    one.append(story()[:1])
    postgresql.stop()
    try:
        with pytest.raises(JournalUnavailable):
            one.append(story()[1:])
        with pytest.raises(JournalUnavailable):
            one.last_cursor()
    finally:
        postgresql.start()
    one.append(story())
    assert one.since(0, 100) == story()
    engine.dispose()


def test_whoever_is_killed_in_mid_writing_leaves_whole_rows(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'journal.db'}"
    code = (
        "import sys, itertools\n"
        "from datetime import UTC, datetime\n"
        "from streamer.record import database\n"
        "from streamer.record.event import Event\n"
        "from streamer.record.journal import Journal\n"
        "one = Journal(database.open_(sys.argv[1]))\n"
        "for n in itertools.count(1, 3):\n"
        "    one.append([Event(n + i, 'blind', datetime.now(UTC)) for i in range(3)])\n"
        "    print(n, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            last = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
    engine = database.open_(url)
    found = rows(engine)
    assert len(found) >= last + 2
    assert len(found) % 3 == 0
    previous = chain.BEGINNING
    for row in found:
        assert row.hash == chain.link(previous, row.body)
        previous = row.hash


def test_an_address_that_is_none_is_said_in_a_line(tmp_path: Path) -> None:
    with pytest.raises(database.DatabaseError, match="no address"):
        database.open_("nonsense")
    (tmp_path / "file").write_text("")
    with pytest.raises(database.DatabaseError, match="journal's database"):
        database.open_(f"sqlite:///{tmp_path / 'file' / 'journal.db'}")


def test_a_password_is_never_shown() -> None:
    with pytest.raises(database.DatabaseError) as failure:
        database.open_("postgresql+psycopg://bank:hunter2@127.0.0.1:1/none")
    assert "hunter2" not in str(failure.value)
