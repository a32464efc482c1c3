"""Webhooks, over real sockets and on both databases: each event at least once, and for an hour or a day again."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select
from standardwebhooks.webhooks import Webhook as Standard

from streamer.record import database
from streamer.record.event import Event
from streamer.record.journal import Journal
from streamer.record.outbox import HELD, KEPT, Outbox, Waiting
from streamer.record.schema import journal, outbox
from streamer.record.standard_webhooks import pause
from streamer.record.webhooks import AT_ONCE, GONE, LOOK, Sender
from streamer.settings import Webhook
from tests.databases import PostgreSQL
from tests.streamer.record.endpoints import Answer, Endpoint, Post, VirtualTime, always, at_work

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOUR = 3600.0
BEGAN = 1_800_000_000.0


def endpoint(port: int, host: str = "127.0.0.1", **changes: Any) -> Webhook:
    settings = {"url": f"http://{host}:{port}/hook?of=bank", "secret": SECRET, "allow_private": True}
    return Webhook.model_validate(settings | changes)


def events(*cursors: int, kind: str = "blind") -> list[Event]:
    began = datetime(2026, 1, 2, tzinfo=UTC)
    fields = {"reason": "保本 · “quoted”"}
    return [Event(n, kind, began + timedelta(seconds=n), "c0ffee", "c-1", "Li Na", fields) for n in cursors]


def left(engine: Engine) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(outbox).order_by(outbox.c.position)))


def cursors(received: Endpoint) -> list[int]:
    return sorted(post.cursor for post in received.posts)


class TestSending:
    async def test_each_event_is_posted_once_as_the_standard_has_it(self, engine: Engine) -> None:
        clock = VirtualTime(time.time(), 2 * HOUR)
        received = Endpoint(always(204))
        async with received.open() as port:
            sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
            began, told = clock.now, events(*range(1, 30))
            Journal(engine, sender.wanted).append(told)
            with engine.connect() as connection:
                ids = {row.cursor: f"evt_{row.hash[:32]}" for row in connection.execute(select(journal))}
            async with at_work(sender.run()):
                await clock.over()
        assert cursors(received) == [event.cursor for event in told]
        for post in received.posts:
            assert post.path == "/hook?of=bank"
            assert post.headers["content-type"] == "application/json"
            assert post.headers["webhook-id"] == ids[post.cursor]
            assert post.headers["webhook-timestamp"] == str(int(began))
            assert Standard(SECRET).verify(post.body, post.headers) == told[post.cursor - 1].to_json()
        assert left(engine) == []
        assert (sender.waiting, sender.failed, sender.given_up) == (0, 0, 0)

    async def test_goes_on_when_it_is_run_again_after_it_failed(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = VirtualTime(time.time(), 2 * HOUR)
        received = Endpoint(always(204))

        def fails(*_: Any) -> None:
            raise RuntimeError("no such luck")

        async with received.open() as port:
            sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
            Journal(engine, sender.wanted).append(events(1))
            with monkeypatch.context() as broken:
                broken.setattr(sender._outbox, "keep_only", fails)
                with pytest.raises(RuntimeError):
                    await sender.run()
            async with at_work(sender.run()):
                await clock.over()
        assert cursors(received) == [1]

    async def test_what_comes_later_is_sent_when_it_comes(self, engine: Engine) -> None:
        clock = VirtualTime(BEGAN, 0)
        received = Endpoint(always())
        async with received.open() as port:
            sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
            async with at_work(sender.run()):
                await clock.over()
                await asyncio.to_thread(Journal(engine, sender.wanted).append, events(1))
                sender.wake()
                await received.until(lambda: cursors(received) == [1])

    async def test_an_endpoint_gets_the_types_that_it_asked_for(self, engine: Engine) -> None:
        clock = VirtualTime(BEGAN, 0, waiters=2)
        all_of_them, some = Endpoint(always()), Endpoint(always())
        async with all_of_them.open() as one, some.open() as other:
            endpoints = [endpoint(one), endpoint(other, types=["access", "evidence"])]
            sender = Sender(engine, endpoints, clock=clock, wait=clock.wait)
            Journal(engine, sender.wanted).append(events(1, 2) + events(3, kind="access"))
            async with at_work(sender.run()):
                await clock.over()
        assert cursors(all_of_them) == [1, 2, 3]
        assert cursors(some) == [3]


class TestAnEndpointThatFails:
    async def test_for_an_hour_gets_everything_once_when_it_is_back(self, engine: Engine) -> None:
        clock = VirtualTime(BEGAN, 3 * HOUR)
        attempts: list[float] = []
        taken: list[int] = []

        async def decide(post: Post) -> Answer:
            if post.cursor == 1:
                attempts.append(clock.now - BEGAN)
            if clock.now < BEGAN + HOUR:
                return Answer(503)
            taken.append(post.cursor)
            return Answer(200)

        received = Endpoint(decide)
        async with received.open() as port:
            sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
            Journal(engine, sender.wanted).append(events(*range(1, 21)))
            async with at_work(sender.run()):
                await clock.over()
        assert attempts == pytest.approx([0, 5, 35, 155, 755, 2555, 6155])
        assert sorted(taken) == list(range(1, 21))
        assert left(engine) == []
        assert (sender.waiting, sender.failed) == (0, 20 * 6)

    async def test_loses_nothing_when_the_service_is_killed_in_mid_sending(self, engine: Engine) -> None:
        killed = asyncio.Event()

        async def hang(post: Post) -> Answer:
            if post.cursor != 1:
                await killed.wait()
            return Answer(200)

        code = (
            "import asyncio, sys\n"
            "from streamer.record import database\n"
            "from streamer.record.webhooks import Sender\n"
            "from streamer.settings import Webhook\n"
            "one = Webhook.model_validate_json(sys.argv[2])\n"
            "asyncio.run(Sender(database.open_(sys.argv[1]), [one]).run())\n"
        )
        received = Endpoint(hang)
        async with received.open() as port:
            clock = VirtualTime(BEGAN, 0)
            sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
            Journal(engine, sender.wanted).append(events(*range(1, AT_ONCE + 3)))
            url = engine.url.render_as_string(hide_password=False)
            one = endpoint(port).model_dump_json()
            process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, url, one)
            await received.until(lambda: len(received.posts) == AT_ONCE)
            process.kill()
            await process.wait()
            assert cursors(received) == list(range(1, AT_ONCE + 1))
            killed.set()
            received.posts.clear()
            async with at_work(sender.run()):
                await clock.over()
        # The first was taken, but nobody could write that down.
        assert cursors(received) == list(range(1, AT_ONCE + 3))
        assert left(engine) == []

    async def test_for_a_day_is_given_up(self, engine: Engine, caplog: pytest.LogCaptureFixture) -> None:
        clock = VirtualTime(BEGAN, 30 * HOUR)
        received = Endpoint(always(500))
        async with received.open() as port:
            sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
            Journal(engine, sender.wanted).append(events(7))
            async with at_work(sender.run()):
                await clock.over()
        most = next(attempts for attempts in range(1, 100) if pause(attempts) is None)
        assert len(received.posts) == most
        (row,) = left(engine)
        assert (row.given_up, row.attempts) == (True, most)
        assert (sender.waiting, sender.failed, sender.given_up) == (0, most, 1)
        assert "event 7 was given up" in caplog.text
        assert "it answered 500" in caplog.text

    async def test_delays_no_other(self, engine: Engine) -> None:
        never = asyncio.Event()

        async def hang(_: Post) -> Answer:
            await never.wait()
            return Answer()

        dead, alive = Endpoint(hang), Endpoint(always())
        async with dead.open() as one, alive.open() as other:
            clock = VirtualTime(BEGAN, 0)
            sender = Sender(engine, [endpoint(one), endpoint(other)], clock=clock, wait=clock.wait)
            Journal(engine, sender.wanted).append(events(*range(1, 41)))
            async with at_work(sender.run()):
                await alive.until(lambda: cursors(alive) == list(range(1, 41)))
                assert len(dead.posts) <= AT_ONCE

    async def test_is_logged_once_and_again_when_it_is_well(
        self, engine: Engine, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock = VirtualTime(BEGAN, 3 * HOUR)

        async def decide(_: Post) -> Answer:
            return Answer(500 if len(received.posts) < 4 else 200)

        received = Endpoint(decide)
        async with received.open() as port:
            sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
            Journal(engine, sender.wanted).append(events(1))
            async with at_work(sender.run()):
                await clock.over()
        assert caplog.messages == [
            f"the webhook at http://127.0.0.1:{port} took nothing: it answered 500; it is tried again",
            f"the webhook at http://127.0.0.1:{port} takes events again",
        ]


async def test_what_waits_for_an_endpoint_that_is_gone_from_the_settings_is_dropped(engine: Engine) -> None:
    clock = VirtualTime(BEGAN, 0)
    received = Endpoint(always())
    async with received.open() as port:
        old = Sender(engine, [endpoint(port), endpoint(1)], clock=clock, wait=clock.wait)
        Journal(engine, old.wanted).append(events(1, 2))
        async with at_work(Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait).run()):
            await clock.over()
        assert cursors(received) == [1, 2]
        assert left(engine) == []


class TestGatewaysThatShareADatabase:
    async def test_post_each_event_once_between_them(self, engine: Engine) -> None:
        clock = VirtualTime(BEGAN, 0, waiters=2)
        received = Endpoint(always())
        async with received.open() as port:
            senders = [
                Sender(engine, [endpoint(port)], gateway=name, clock=clock, wait=clock.wait) for name in ("gw1", "gw2")
            ]
            for number, sender in enumerate(senders):
                told = events(*range(1 + number, 80, 2))
                Journal(engine, sender.wanted, gateway=f"gw{number + 1}").append(told)
            async with at_work(senders[0].run()), at_work(senders[1].run()):
                await clock.over()
        assert cursors(received) == list(range(1, 80))
        assert left(engine) == []

    async def test_look_again_at_once_where_another_was_quicker(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        clock = VirtualTime(BEGAN, 0)
        waits: list[float] = []

        async def wait(seconds: float) -> None:
            waits.append(seconds)
            await clock.wait(seconds)

        hold = Outbox.hold

        def too_late(outbox: Outbox, endpoint: str, limit: int, now: int) -> list[Waiting]:
            hold(Outbox(engine, "gw2"), endpoint, limit, now)
            return hold(outbox, endpoint, limit, now)

        monkeypatch.setattr(Outbox, "hold", too_late)
        Journal(engine, lambda _: [endpoint(1).url], gateway="gw1").append(events(1))
        async with at_work(Sender(engine, [endpoint(1)], gateway="gw1", clock=clock, wait=wait).run()):
            await clock.over()
        assert waits == [0.0, LOOK]

    async def test_drop_nothing_of_another_s(self, engine: Engine) -> None:
        clock = VirtualTime(BEGAN, 0)
        Journal(engine, lambda _: ["https://siem.bank/a"], gateway="gw1").append(events(1))
        await Sender(engine, [], gateway="gw2", clock=clock, wait=clock.wait).run()
        assert len(left(engine)) == 1
        await Sender(engine, [], gateway="gw1", clock=clock, wait=clock.wait).run()
        assert left(engine) == []

    async def test_send_what_one_of_them_held_when_it_died_a_minute_later_with_the_same_id(
        self, engine: Engine
    ) -> None:
        received = Endpoint(always())
        async with received.open() as port:
            url = endpoint(port).url
            Journal(engine, lambda _: [url], gateway="gw1").append(events(1))
            (held,) = Outbox(engine, "gw1").hold(url, 8, round(BEGAN * 1000))
            assert Outbox(engine, "gw2").hold(url, 8, round(BEGAN * 1000)) == []
            clock = VirtualTime(BEGAN, 2 * HELD)
            async with at_work(Sender(engine, [endpoint(port)], gateway="gw2", clock=clock, wait=clock.wait).run()):
                await clock.over()
        assert [post.headers["webhook-id"] for post in received.posts] == [held.id]
        assert left(engine) == []

    def test_what_another_took_over_is_not_put_off_again(self, engine: Engine) -> None:
        Journal(engine, lambda _: ["https://siem.bank/a"]).append(events(1))
        slow, quick = Outbox(engine, "gw1"), Outbox(engine, "gw2")
        (held,) = slow.hold("https://siem.bank/a", 8, 0)
        assert quick.hold("https://siem.bank/a", 8, round(HELD * 1000)) == [held]
        slow.settle([], {held.number: None})
        assert left(engine)[0].given_up is False
        quick.settle([held.number], {})
        assert left(engine) == []

    def test_events_of_one_cursor_have_ids_of_their_own(self, engine: Engine) -> None:
        for gateway in ("gw1", "gw2"):
            told = Event(1, "blind", datetime(2026, 1, 2, tzinfo=UTC), gateway, "c-1", None, {})
            Journal(engine, lambda _: ["https://siem.bank/a"], gateway=gateway).append([told])
        assert len({one.id for one in Outbox(engine).hold("https://siem.bank/a", 8, 0)}) == 2


def test_what_was_given_up_is_removed_a_month_later(engine: Engine) -> None:
    Journal(engine, lambda _: ["https://siem.bank/a"]).append(events(1))
    outgoing = Outbox(engine)
    (held,) = outgoing.hold("https://siem.bank/a", 8, round(BEGAN * 1000))
    outgoing.settle([], {held.number: None})
    outgoing.keep_only(["https://siem.bank/a"], BEGAN + KEPT)
    assert left(engine)
    outgoing.keep_only(["https://siem.bank/a"], BEGAN + KEPT + 2 * HELD)
    assert left(engine) == []


async def test_without_endpoints_nothing_waits(engine: Engine) -> None:
    Journal(engine, lambda _: ["https://example.com"]).append(events(1, 2))
    sender = Sender(engine, [])
    assert sender.wanted(events(3)[0]) == []
    await sender.run()
    assert left(engine) == []


async def test_many_that_wait_are_counted(engine: Engine) -> None:
    clock = VirtualTime(BEGAN, 4)
    received = Endpoint(always(500))
    async with received.open() as port:
        sender = Sender(engine, [endpoint(port)], clock=clock, wait=clock.wait)
        Journal(engine, sender.wanted).append(events(*range(1, 3 * AT_ONCE)))
        async with at_work(sender.run()):
            await clock.over()
    assert sender.waiting == 3 * AT_ONCE - 1


async def test_a_database_that_is_gone_for_a_while_is_waited_for(
    postgresql: PostgreSQL, caplog: pytest.LogCaptureFixture
) -> None:
    engine = database.open_(postgresql.fresh())
    clock = VirtualTime(BEGAN, HOUR)
    missed, back = asyncio.Event(), asyncio.Event()

    async def wait(seconds: float) -> None:
        if seconds == GONE and not back.is_set():
            missed.set()
            await back.wait()
        else:
            await clock.wait(seconds)

    async def decide(_: Post) -> Answer:
        if not missed.is_set():
            # Taken, but that can't be written down.
            await asyncio.to_thread(postgresql.stop)
        return Answer(200)

    received = Endpoint(decide)
    async with received.open() as port:
        sender = Sender(engine, [endpoint(port)], clock=clock, wait=wait)
        Journal(engine, sender.wanted).append(events(1))
        async with at_work(sender.run()):
            await missed.wait()
            await asyncio.to_thread(postgresql.start)
            back.set()
            await clock.over()
    assert cursors(received) == [1]
    assert left(engine) == []
    assert [message for message in caplog.messages if "database can't be had" in message]
    engine.dispose()


async def test_no_secret_is_in_any_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    engine = database.open_(f"sqlite:///{tmp_path / 'journal.db'}")
    clock = VirtualTime(BEGAN, 30 * HOUR)
    received = Endpoint(always(500))
    async with received.open() as port:
        one = endpoint(port, url=f"http://127.0.0.1:{port}/very/secret?path")
        sender = Sender(engine, [one], clock=clock, wait=clock.wait)
        Journal(engine, sender.wanted).append(events(1))
        async with at_work(sender.run()):
            await clock.over()
    shown = [*(record.getMessage() for record in caplog.records if record.name.startswith("streamer")), repr(one)]
    assert len(shown) > 2
    assert SECRET.removeprefix("whsec_") not in caplog.text + repr(one) + str(one)
    assert not [line for line in shown[:-1] if "very/secret" in line]
