"""The redialling of lost media sockets, against a small ARI: for as long as the leg lives, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from deploy.asterisk import redial
from deploy.asterisk.redial import PAUSES, Ari, Redialler, Tap
from tests.platforms.asterisk_media import MediaStandIn
from tests.platforms.ports import serving

VARIABLES = {"HUAZHA_LEG": "agent", "HUAZHA_CALL": "c-1", "HUAZHA_AGENT_CHANNEL": "a-1", "HUAZHA_CAMPAIGN": "spring"}


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redial, "PAUSES", (0.0,))
    monkeypatch.setattr(redial, "ENTERING", (0.0, 0.0))


@asynccontextmanager
async def following(exchange: MediaStandIn) -> AsyncIterator[Redialler]:
    """Run the script's work against an exchange until the block ends."""
    async with serving(exchange.app) as address:
        ari = Ari(f"{address}/ari/", "huazha", "ari-secret")
        variables = [*redial.VARIABLES, "HUAZHA_CAMPAIGN"]
        redialler = Redialler(ari, app="dialer", connection="huazha", audio="ulaw", variables=variables)
        task = asyncio.create_task(redialler.run("huazha-redial"))
        await exchange.becomes(lambda: exchange.followed > 0)
        try:
            yield redialler
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await ari.aclose()


async def until(so: Callable[[], bool]) -> None:
    """Wait until the script has learnt of something, which no request to the exchange tells."""
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - the script has no event to wait for, nor does it need one
            await asyncio.sleep(0)


async def test_a_lost_socket_is_dialled_again_as_it_was_and_put_back_in_its_bridge() -> None:
    exchange = MediaStandIn()
    async with following(exchange) as redialler:
        await exchange.tap("c-1-agent", VARIABLES)
        await until(lambda: bool(redialler.taps))
        await exchange.destroy("c-1-agent-media")
        await exchange.becomes(lambda: exchange.bridges["c-1-agent-tap"] == ["c-1-agent-spy", "c-1-agent-media"])
        again = exchange.media["c-1-agent-media"]
    assert again.variables == VARIABLES
    assert again.asked == {
        "app": "dialer",
        "channelId": "c-1-agent-media",
        "external_host": "huazha",
        "transport": "websocket",
        "encapsulation": "none",
        "format": "ulaw",
        "transport_data": "f(json)",
    }
    allowed = [{"type": "ChannelEnteredBridge"}, {"type": "ChannelDestroyed"}]
    assert exchange.filters == {"huazha-redial": {"allowed": allowed}}


async def test_it_is_dialled_until_somebody_answers() -> None:
    exchange = MediaStandIn()
    async with following(exchange) as redialler:
        await exchange.tap("c-1-agent", VARIABLES)
        await until(lambda: bool(redialler.taps))
        exchange.huazha = False
        await exchange.destroy("c-1-agent-media")
        await exchange.becomes(lambda: exchange.dialled.get("c-1-agent-media", 0) >= 5)
        exchange.huazha = True
        await exchange.becomes(lambda: "c-1-agent-media" in exchange.bridges["c-1-agent-tap"])


async def test_a_leg_that_is_over_is_dialled_no_more() -> None:
    exchange = MediaStandIn()
    async with following(exchange) as redialler:
        await exchange.tap("c-1-agent", VARIABLES)
        await exchange.tap("c-1-customer", VARIABLES)
        await until(lambda: len(redialler.taps) == 2)
        exchange.bridges["c-1-agent-tap"].remove("c-1-agent-spy")
        await exchange.destroy("c-1-agent-media")
        del exchange.bridges["c-1-customer-tap"]
        await exchange.destroy("c-1-customer-media")
        await until(lambda: not redialler.taps)
    assert exchange.dialled == {}


async def test_other_channels_are_left_alone() -> None:
    exchange = MediaStandIn()
    async with following(exchange) as redialler:
        exchange.bridges["call"] = ["agent", "customer"]
        await exchange.tap("c-1-agent", VARIABLES)
        await until(lambda: bool(redialler.taps))
        await exchange.destroy("c-1-agent-media")
        await exchange.becomes(lambda: bool(exchange.dialled))
        assert list(redialler.taps) == ["c-1-agent-media"]


async def test_what_was_there_before_and_what_was_lost_while_nothing_was_heard_is_found() -> None:
    exchange = MediaStandIn()
    await exchange.tap("c-1-agent", VARIABLES)
    async with following(exchange) as redialler:
        await until(lambda: bool(redialler.taps))
        await exchange.cut()
        await exchange.becomes(lambda: not exchange.followed)
        await exchange.destroy("c-1-agent-media")
        await exchange.becomes(lambda: "c-1-agent-media" in exchange.bridges["c-1-agent-tap"])
    assert exchange.dialled == {"c-1-agent-media": 1}


async def test_one_that_ended_before_it_was_known_whose_it_is_is_left_alone() -> None:
    exchange = MediaStandIn()
    async with following(exchange) as redialler:
        await exchange.tap("c-1-agent", VARIABLES)
        await exchange.destroy("c-1-agent-media")
        await exchange.tap("c-2-agent", VARIABLES)
        await until(lambda: bool(redialler.taps))
        assert not any(tap.variables != VARIABLES for tap in redialler.taps.values())


def test_a_channel_that_does_not_hold_is_dialled_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redial, "PAUSES", PAUSES)
    tap = Tap("m", "b", {})
    pauses = []
    for _ in range(len(PAUSES) + 1):
        pauses.append(tap.lost(100.0))
        tap.dialled = 99.0
    assert pauses == [*PAUSES, PAUSES[-1]]
    tap.dialled = 10.0
    assert tap.lost(100.0) == PAUSES[0]


class TestTheCommand:
    def test_says_how_it_is_used(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as left:
            redial.main(["--help"])
        assert left.value.code == 0
        assert "ARI_PASSWORD=... python3 redial.py" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ([], "--app"),
            (["--app", "dialer"], "ARI_PASSWORD"),
            (["--app", "dialer", "--password-file", "/nowhere"], "No such file"),
            (["--app", "huazha-redial"], "--own-app must be another"),
            (["--app", "dialer", "--ari", "127.0.0.1:8088"], "http://127.0.0.1:8088/ari"),
        ],
    )
    def test_says_what_is_wrong(
        self, given: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv(redial.ENVIRONMENT, raising=False)
        with pytest.raises(SystemExit) as left:
            redial.main(given)
        assert left.value.code == 2
        assert said in capsys.readouterr().err

    def test_reads_the_password_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "secret").write_text("ari-secret\n")
        options = redial._arguments(["--app", "dialer", "--password-file", str(tmp_path / "secret")])
        assert options.password == "ari-secret"

    def test_that_is_not_let_in_says_so_in_a_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(redial.ENVIRONMENT, "wrong")
        exchange = MediaStandIn()

        async def refused() -> str:
            async with serving(exchange.app) as address:
                with pytest.raises(SystemExit) as left:
                    await asyncio.to_thread(redial.main, ["--app", "dialer", "--ari", f"{address}/ari"])
                return str(left.value.code)

        said = asyncio.run(refused())
        assert "--user and its password in ari.conf" in said
        assert "wrong" not in said
