"""Scoring of what peers show, their clips, and the processor time of what they start; no peers are needed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.calls import LabelledCall, Mark
from benchmarks.peers import processes
from benchmarks.peers.clips import FRAME, RATE, Clip, choose, in_time
from benchmarks.peers.huazha import Screen
from benchmarks.peers.load import measure
from benchmarks.peers.peer import PeerFailed, Shown
from benchmarks.peers.scoring import Figures, figures, judge, most_at_once, syllables

MARK = Mark(violation=True, term="保本", channel="agent", end=0.1)


def clip(name: str = "c", seconds: float = 0.2, after: float = 0.0) -> Clip:
    return Clip(name, "zh", MARK, np.zeros(round(seconds * RATE), dtype=np.int16), after)


class TestJudge:
    def test_takes_the_first_text_that_holds_the_term(self) -> None:
        shown = [Shown(1.0, "我们"), Shown(2.5, "我们保本"), Shown(3.0, "我们保本的")]
        found = judge("c", "保本", 2.0, shown)
        assert (found.exact, found.sound, found.blocked) == (0.5, 0.5, None)

    def test_finds_by_sound_what_is_written_otherwise(self) -> None:
        found = judge("c", "零风险", 2.0, [Shown(2.5, "是领风显"), Shown(4.0, "是零风险")])
        assert (found.exact, found.sound) == (2.0, 0.5)

    def test_folds_width_script_and_punctuation(self) -> None:
        assert judge("c", "保证收益", 1.0, [Shown(2.0, "保證，收 益")]).exact == 1.0

    def test_text_that_was_taken_back_counts_all_the_same(self) -> None:
        assert judge("c", "保本", 1.0, [Shown(1.5, "保本"), Shown(2.0, "报纸")]).exact == 0.5

    def test_before_the_end_is_negative(self) -> None:
        assert judge("c", "保本", 2.0, [Shown(1.5, "保本")]).exact == -0.5

    def test_what_is_never_shown_is_none(self) -> None:
        found = judge("c", "保本", 2.0, [Shown(3.0, "保"), Shown(4.0, "本")])
        assert (found.exact, found.sound) == (None, None)

    def test_a_signal_may_come_later_in_the_list_than_its_second(self) -> None:
        found = judge("c", "保本", 2.0, [Shown(3.0, ""), Shown(2.4, "", blocked=True)])
        assert found.blocked == pytest.approx(0.4)


class TestSyllables:
    def test_are_the_same_whatever_the_tone(self) -> None:
        assert syllables("零风险") == syllables("领峰显")

    def test_differ_where_the_sound_does(self) -> None:
        assert syllables("零") != syllables("能")

    def test_are_one_to_a_character(self) -> None:
        assert len(syllables("保本，保收益")) == 5


class TestFigures:
    def test_count_what_was_found_only(self) -> None:
        assert figures([1.0, None, 3.0]) == Figures(2.0, 2.9, 2)

    def test_of_nothing_found(self) -> None:
        assert figures([None, None]) == Figures(None, None, 0)


class TestMostAtOnce:
    def test_is_the_greatest_number_that_is_quick_enough(self) -> None:
        by_streams = {1: Figures(1.0, 2.0, 8), 2: Figures(2.0, 3.0, 8), 3: Figures(3.5, 4.0, 8)}
        assert most_at_once(by_streams, 3.0) == 2

    def test_needs_three_quarters_of_what_one_stream_finds(self) -> None:
        by_streams = {1: Figures(1.0, 2.0, 8), 2: Figures(1.0, 2.0, 6), 3: Figures(1.0, 2.0, 5)}
        assert most_at_once(by_streams, 3.0) == 2

    def test_is_none_of_one_that_is_always_late_or_finds_nothing(self) -> None:
        assert most_at_once({1: Figures(3.1, 4.0, 8)}, 3.0) is None
        assert most_at_once({1: Figures(None, None, 0)}, 3.0) is None


class TestScreen:
    def test_shows_committed_text_and_the_tentative_after_it(self) -> None:
        screen = Screen(clip())
        told = [
            {"type": "started"},
            {"type": "transcript", "text": "我", "committed": False},
            {"type": "transcript", "text": "我们", "committed": True},
            {"type": "transcript", "text": "保", "committed": False},
            {"type": "transcript", "text": "保本", "committed": False},
        ]
        shown = [one.text for at, message in enumerate(told) for one in screen.take(at, json.dumps(message))]
        assert shown == ["我", "我们", "我们保", "我们保本"]

    def test_tells_a_signal_as_of_its_own_second(self) -> None:
        screen = Screen(clip())
        violation = {"type": "violation", "violation_id": "v", "start": 0.0, "end": 0.1, "channel": "agent"}
        assert screen.take(1.0, json.dumps(violation)) == []
        assert screen.take(2.0, json.dumps({"type": "block", "violation_id": "v"})) == []
        assert screen.take(2.1, json.dumps(violation)) == [Shown(2.0, "", blocked=True)]

    def test_text_that_comes_after_a_signal_is_not_dated_back_to_it(self) -> None:
        screen = Screen(clip())
        violation = {"type": "violation", "violation_id": "v", "start": 0.0, "end": 0.1, "channel": "agent"}
        told = [
            {"type": "block", "violation_id": "v"},
            violation,
            {"type": "transcript", "text": "保本", "committed": True},
            violation | {"status": "confirmed"},
        ]
        shown = [one for at, message in enumerate(told) for one in screen.take(at, json.dumps(message))]
        assert shown == [Shown(0, "", blocked=True), Shown(2, "保本")]

    def test_leaves_out_a_signal_for_something_else(self) -> None:
        screen = Screen(clip())
        screen.take(2.0, json.dumps({"type": "block", "violation_id": "v"}))
        violation = {"type": "violation", "violation_id": "v", "start": 7.0, "end": 8.0, "channel": "agent"}
        assert screen.take(2.1, json.dumps(violation)) == []

    def test_a_refusal_is_an_error(self) -> None:
        with pytest.raises(PeerFailed):
            Screen(clip()).take(0.0, json.dumps({"type": "error", "message": "no"}))


class TestClips:
    def test_frames_hold_the_clip_and_its_silence(self) -> None:
        one = Clip("c", "zh", MARK, np.ones(FRAME + 1, dtype=np.int16), after=0.04)
        assert [len(frame) // 2 for frame in one.frames()] == [FRAME, FRAME, 1]
        assert np.frombuffer(b"".join(one.frames()), dtype="<i2").sum() == FRAME + 1

    async def test_frames_come_when_their_last_sample_would_be_spoken(self) -> None:
        began = time.monotonic()
        after = [time.monotonic() - began async for _ in in_time(clip(), began)]
        assert all(at >= 0.04 * number for number, at in enumerate(after, 1))

    def test_too_few_calls_are_refused(self) -> None:
        english = LabelledCall(Path("en.wav"), "en", 1.0, (MARK,), {})
        with pytest.raises(SystemExit):
            choose([english], 1)


class Echo:
    """A peer that shows its clip's term at once; some streams of it fail."""

    name = "echo"
    packages: tuple[str, ...] = ()

    def __init__(self, fails: str = "") -> None:
        self.settings: dict[str, object] = {}
        self.live = self.most = 0
        self.streamed: list[str] = []
        self.stopped = False
        self._fails = fails

    async def install(self, folder: Path) -> None: ...

    async def start(self, streams: int) -> None: ...

    async def stream(self, clip: Clip) -> AsyncGenerator[Shown, None]:
        self.live += 1
        self.most = max(self.most, self.live)
        self.streamed.append(clip.name)
        try:
            if clip.name == self._fails:
                raise PeerFailed(self.name, "broke the stream off")
            yield Shown(0.3, clip.mark.term)
            await asyncio.sleep(len(clip.samples) / RATE)
        finally:
            self.live -= 1

    def cpu(self) -> float:
        return float(len(self.streamed))

    async def stop(self) -> None:
        self.stopped = True


class TestMeasure:
    @pytest.fixture(autouse=True)
    def together(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("benchmarks.peers.load.STAGGER", 0.001)

    async def test_judges_every_clip_once_with_all_streams_in_use(self) -> None:
        peer, done = Echo(), list[int]()
        clips = [clip(f"c{number}", 0.03 + 0.05 * (number == 3)) for number in range(4)]
        load = await measure(peer, clips, clip("warm", 0.01), 3, lambda: done.append(1))
        assert sorted(found.clip for found in load.found) == ["c0", "c1", "c2", "c3"]
        assert all(found.exact == pytest.approx(0.2) for found in load.found)
        assert peer.streamed[:3] == ["warm"] * 3
        assert (peer.most, peer.live, len(done), load.streams) == (3, 0, 4, 3)
        assert load.cpu > 0
        assert peer.stopped

    async def test_a_failure_ends_every_stream_and_the_peer(self) -> None:
        peer = Echo(fails="c1")
        with pytest.raises(PeerFailed, match="broke the stream off"):
            await measure(peer, [clip("c0", 5.0), clip("c1")], clip("warm", 0.01), 2, lambda: None)
        assert (peer.live, peer.stopped) == (0, True)


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not buried yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
class TestServer:
    CODE = (
        "import socket, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'while True: pass'])\n"
        "taking = socket.create_server(('127.0.0.1', int(sys.argv[1])))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )

    async def test_counts_and_ends_what_it_started(self) -> None:
        port = processes.free_port()
        server = await processes.begin("p", [sys.executable, "-c", self.CODE, str(port)], port)
        try:
            await server.taken()
            await self.until(lambda: server.cpu() >= 0.2)
            child = int(server.failed("").last)
            assert alive(child)
        finally:
            await server.end()
        # Its parent gone, it is init's to bury.
        await self.until(lambda: not alive(child))

    async def until(self, holds: Callable[[], bool]) -> None:
        for _ in range(600):
            if holds():
                return
            await asyncio.sleep(0.05)
        raise AssertionError

    async def test_one_that_ends_at_once_tells_its_last_words(self) -> None:
        server = await processes.begin("p", [sys.executable, "-c", "raise SystemExit('no model')"], 1)
        try:
            with pytest.raises(PeerFailed, match="no model"):
                await server.taken()
        finally:
            await server.end()
