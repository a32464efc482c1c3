"""The benchmark of the alert feed: what is said and blocked, what a page shows of it, and what that comes to."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import count
from typing import Any

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from benchmarks import children, pages, replay
from benchmarks.children import Broken
from benchmarks.feed import busy
from benchmarks.pages import Probe, offset
from benchmarks.replay import FORBIDDEN, HARMLESS, Listening, Replay, Script
from benchmarks.seen import Phase, Sent, Shown, blocks_of, figures, judge, ratio
from detector.detector import Detector
from detector.policy import ACTIONS
from lexicon.compiler import Table, compile_lexicon
from lexicon.loader import load, shipped
from streamer.call import Call
from streamer.recognition.recognizer import Window
from streamer.recognition.sounds.search import search_of
from streamer.recognition.vad import SileroModel
from streamer.trying import triggered
from streamer.types import AudioFrame, Block, CallStarted, Encoding, Outgoing
from tests.streamer.calls_in_hand import receive


@pytest.fixture(scope="module")
def table() -> Table:
    return compile_lexicon(load(shipped()), "zh")


def call(table: Table) -> Call:
    started = CallStarted("line-000", Encoding.MULAW, replay.WIRE_RATE, ("agent",), "zh")
    ticks = count()
    return Call(
        started,
        language="zh",
        detector=Detector(table, ACTIONS),
        speech_models={"agent": SileroModel()},
        clock=lambda: next(ticks) / 1000,
    )


def hear(call: Call, recognizer: Replay, turns: int) -> list[tuple[float, Outgoing]]:
    """Stream turns of audio, as fast as can be; what is told, with the second of call audio."""
    told: list[tuple[float, Outgoing]] = []
    audio, step = replay.turn_of_audio() * turns, replay.WIRE_RATE // 10
    for at in range(0, len(audio), step):
        receive(call, AudioFrame("agent", at, audio[at : at + step]))
        now = (at + step) / replay.WIRE_RATE
        for turn in call.due(now):
            window = turn.cut(True)
            if window is not None:
                (heard,) = recognizer.recognize([window])
                told += [(now, event) for event in (*call.heard(window, heard), *call.reread())]
    return told


class TestWhatIsSaid:
    @pytest.mark.parametrize("sentence", FORBIDDEN)
    def test_is_blocked_where_it_is_forbidden(self, table: Table, sentence: str) -> None:
        assert [violation.severity for violation in triggered(table, sentence)] == ["block"]

    @pytest.mark.parametrize("sentence", HARMLESS)
    def test_passes_where_it_is_harmless(self, table: Table, sentence: str) -> None:
        assert triggered(table, sentence) == []

    @pytest.mark.parametrize("sentence", [*FORBIDDEN, *HARMLESS])
    def test_is_said_while_there_is_speech(self, sentence: str) -> None:
        assert replay.BEGINS + len(sentence) * replay.SYLLABLE < replay.SPEECH

    def test_is_the_same_however_often_it_is_asked_for(self) -> None:
        script = Script(calls=100, rate=1.0)
        assert script.words("line-007", 0.0, 60.0) == script.words("line-007", 0.0, 60.0)

    def test_is_given_as_far_as_it_was_said_to_its_end(self) -> None:
        script = Script(calls=100, rate=1.0)
        whole = script.words("line-007", 6.0, 12.0)
        assert "".join(word.text for word in whole) == script.sentence("line-007", 1)
        cut = script.words("line-007", whole[2].start, whole[5].end - 0.01)
        assert cut == whole[2:5]

    def test_is_forbidden_as_often_as_is_wanted(self) -> None:
        script = Script(calls=100, rate=2.0)
        said = [script.sentence(f"line-{line:03d}", turn) for line in range(100) for turn in range(50)]
        forbidden = sum(sentence in FORBIDDEN for sentence in said)
        # 5000 sentences in 300 s, two forbidden ones a second; chance is allowed for by five deviations.
        assert abs(forbidden - 600) < 5 * (5000 * 0.12 * 0.88) ** 0.5


class TestReplay:
    def test_hears_what_each_window_holds(self) -> None:
        script = Script(calls=1, rate=1 / 6)
        windows = [
            Window("line-000", "agent", number, np.zeros(16_000 * 6, dtype=np.float32), 6.0 * number, "zh")
            for number in range(3)
        ]
        heard = Replay(script, 0.0).recognize(windows)
        texts = ["".join(word.text for word in hypothesis.words) for hypothesis in heard]
        assert texts == [script.sentence("line-000", turn) for turn in range(3)]

    def test_has_every_forbidden_sentence_blocked_once(self, table: Table) -> None:
        script = Script(calls=1, rate=1 / replay.TURN)
        told = hear(call(table), Replay(script, 0.0), turns=8)
        blocks = [(at, event) for at, event in told if isinstance(event, Block)]
        assert len(blocks) == 8
        for turn, (at, block) in enumerate(blocks):
            assert turn * replay.TURN < block.violation.end <= at < (turn + 1) * replay.TURN
            assert block.violation.term in script.sentence("line-000", turn)

    def test_has_nothing_blocked_where_all_is_harmless(self, table: Table) -> None:
        told = hear(call(table), Replay(Script(calls=1, rate=0.0), 0.0), turns=3)
        assert not any(isinstance(event, Block) for _, event in told)

    def test_hears_the_sounds_of_what_each_window_holds(self, table: Table) -> None:
        script = Script(calls=1, rate=1 / replay.TURN)
        recognizer = Listening(script, 0.0)
        search = search_of(table, recognizer.abilities("zh").sounds)
        assert search is not None
        (heard,) = recognizer.hear([Window("line-000", "agent", 0, np.zeros(16_000 * 6, dtype=np.float32), 0.0, "zh")])
        hits = search(heard, "agent", paused=True).hits
        assert any(hit.sure and hit.use.phrase in script.sentence("line-000", 0) for hit in hits)

    def test_finds_the_densest_speech(self) -> None:
        assert replay.densest(np.array([0, 1, 0, 1, 1, 1, 0], dtype=np.float32), 3) == 3


def sent(alert: str, at: float, signal: float = 1.0, after_term: float = 0.5) -> Sent:
    return Sent(alert, at, signal, after_term)


class TestJudging:
    def test_counts_from_a_block_to_its_row_on_every_page_by_the_platforms_clock(self) -> None:
        pages = [
            Shown(0, ahead=10.0, error=0.1, rows={"a/v-1": (1060.0, 1070.0)}),
            Shown(1, ahead=-5.0, error=0.1, rows={"a/v-1": (1015.0, 1030.0)}),
        ]
        seen = judge([sent("a/v-1", 1000.0)], pages)
        assert (seen.row, seen.drawn, seen.missing) == ((50.0, 20.0), (60.0, 35.0), ())

    def test_names_what_a_page_never_showed(self) -> None:
        shown = [Shown(3, 0.0, 0.0, {"a/v-1": (1.0, None)})]
        seen = judge([sent("a/v-1", 0.0), sent("a/v-2", 0.0)], shown)
        assert seen.missing == ("page 3: a/v-2",)
        assert (seen.row, seen.drawn) == ((1.0,), ())

    def test_names_alerts_as_the_service_names_their_calls(self) -> None:
        told: list[dict[str, Any]] = [
            {"call_id": "line-1", "violation_id": "v-1", "received": 5.0, "match_to_signal": 0.2, "after_term": 0.4},
            {"late": 0.01},
        ]
        assert blocks_of(told, {"line-1": "0f"}) == [Sent("0f/v-1", 5.0, 0.2, 0.4)]

    def test_keeps_phases_apart(self) -> None:
        phase = Phase(0, 100.0, 200.0, {})
        blocks = [sent("before", 99.9), sent("first", 100.0), sent("last", 199.9), sent("after", 200.0)]
        assert [block.alert for block in phase.of(blocks)] == ["first", "last"]

    def test_puts_both_phases_side_by_side(self) -> None:
        without = figures(Phase(0, 0.0, 1.0, {"service": 0.5}), [sent("a", 0.0, 1.0, 0.5), sent("b", 0.0, 3.0, 0.7)])
        beside = figures(Phase(10, 0.0, 1.0, {"service": 0.6}), [sent("c", 0.0, 3.0, 0.6)])
        assert (without["blocks"], without["signal_ms_p50"], without["term_to_block_max"]) == (2, 2.0, 0.7)
        compared = ratio(without, beside)
        assert (compared["signal_ms_p50"], compared["term_to_block_p50"], compared["cores_service"]) == (1.5, 1.0, 1.2)

    def test_compares_nothing_with_nothing(self) -> None:
        nothing = figures(Phase(0, 0.0, 1.0, {}), [])
        assert nothing["signal_ms_p95"] is None
        assert ratio(nothing, nothing)["signal_ms_p95"] is None

    def test_takes_the_quickest_look_at_a_clock(self) -> None:
        probes = [Probe(before=0.0, page=90.0, after=100.0), Probe(before=200.0, page=206.0, after=202.0)]
        assert offset(probes) == (5.0, 1.0)

    def test_counts_what_is_neither_idle_nor_waiting_for_a_disk(self) -> None:
        ticks = os.sysconf("SC_CLK_TCK")
        assert busy(f"cpu  {ticks} {ticks} {ticks} 9999 9999 {ticks} {ticks} 0 0 0\ncpu0 1 1 1\n") == 5.0


PAGE = """<!doctype html><meta charset="utf-8"><title>t</title><ul></ul><script>
const list = document.querySelector("ul");
const feed = new WebSocket(location.href.replace("http", "ws") + "v1/alerts");
feed.onmessage = ({data}) => {
  const {type, name} = JSON.parse(data);
  if (type === "welcome") document.body.dataset.state = "connected";
  if (type === "new") list.insertAdjacentHTML("afterbegin", `<li><b class="alert-row" data-key="${name}"></b></li>`);
  if (type === "recycled") list.querySelector("b").dataset.key = name;
  if (type === "last") feed.send("all are shown");
};
</script>"""


@asynccontextmanager
async def console(messages: Sequence[str], all_shown: asyncio.Barrier) -> AsyncIterator[str]:
    """A console in small: it says that there are alerts as soon as a page asks."""

    async def tell(socket: ServerConnection) -> None:
        for message in ('{"type":"welcome"}', *messages, '{"type":"last"}'):
            await socket.send(message)
        await socket.recv()
        await all_shown.wait()
        await socket.wait_closed()

    def answer(connection: ServerConnection, request: Request) -> Response | None:
        if request.path == "/v1/alerts":
            return None
        headers = Headers({"Content-Type": "text/html", "Content-Length": str(len(PAGE)), "Connection": "close"})
        return Response(HTTPStatus.OK.value, "OK", headers, PAGE.encode())

    async with serve(tell, "127.0.0.1", 0, process_request=answer) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.fixture
def chromium() -> None:
    if pages.browser() is None:
        assert "CI" not in os.environ, "Chromium is not installed"
        pytest.skip("Chromium is not installed")


@pytest.mark.usefixtures("chromium")
class TestPages:
    async def test_tell_when_each_row_was_in_the_document_whether_it_was_new_or_another_alerts_before(self) -> None:
        messages = ['{"type":"new","name":"c/v-1"}', '{"type":"recycled","name":"c/v-2"}']
        all_shown = asyncio.Barrier(3)
        async with (
            console(messages, all_shown) as url,
            children.started("benchmarks.pages", url, "--pages", "2") as browser,
        ):
            await browser.ready()
            await all_shown.wait()
            told = await browser.end()
        shown = [Shown(**one) for one in told]
        assert [page.page for page in shown] == [0, 1]
        for page in shown:
            assert set(page.rows) == {"c/v-1", "c/v-2"}
            first, second = page.rows["c/v-1"], page.rows["c/v-2"]
            assert first[0] <= second[0]
            assert first[1] is not None
            assert first[0] <= first[1]
            assert page.error >= 0


class TestChildren:
    async def test_say_why_they_could_not_begin(self) -> None:
        async with children.started("benchmarks.steady", "ws://127.0.0.1:9/v1/calls", "--calls", "1") as child:
            with pytest.raises(Broken, match=r"benchmarks\.steady: .*(refused|failed)"):
                await child.ready()

    async def test_are_gone_when_the_benchmark_has_no_more_use_for_them(self) -> None:
        async with children.started("benchmarks.steady", "ws://127.0.0.1:9/v1/calls", "--calls", "1") as child:
            pid = child.pid
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
