"""Audio read again from recordings: the right seconds, without what must not be kept, and only if it is the same."""

from __future__ import annotations

import hashlib
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile

from streamer.errors import RecordingError
from streamer.scan.excerpts import HELD, Player, clips, excerpts
from streamer.scan.results import Scanned
from streamer.scan.sources import Source, digest
from tests.streamer.scan.test_ledger import FOUND, SCANNED

RATE = 8000


@pytest.fixture
def recording(tmp_path: Path) -> tuple[Source, Scanned]:
    """A minute in which each sample says its second, on the agent's channel, and the negative on the customer's."""
    path = tmp_path / "a.wav"
    seconds = np.repeat(np.arange(60) / 100, RATE).astype(np.float32)
    soundfile.write(path, np.stack([seconds, -seconds], axis=1), RATE, "FLOAT")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    result = replace(SCANNED, file=str(path), key=replace(SCANNED.key, sha256=sha256), duration=60.0, silenced={})
    return Source(str(path), 0, None), result


def test_the_seconds_that_are_asked_for_are_given(recording: tuple[Source, Scanned]) -> None:
    first, last = excerpts(*recording, [(10.5, 12.5), (58.0, 70.0)])
    assert (first.start, first.sample_rate) == (10.5, RATE)
    assert first.samples[:, 0] == pytest.approx(np.repeat([0.10, 0.11, 0.12], [RATE // 2, RATE, RATE // 2]))
    assert first.samples[:, 1] == pytest.approx(-first.samples[:, 0])
    assert len(last.samples) == 2 * RATE


def test_what_must_not_be_kept_is_silent_on_its_channel_alone(recording: tuple[Source, Scanned]) -> None:
    source, result = recording
    (part,) = excerpts(source, replace(result, silenced={"agent": ((11.0, 11.5),)}), [(10.0, 13.0)])
    silent = np.flatnonzero(part.samples[:, 0] == 0)
    assert (silent[0], silent[-1]) == (RATE, round(1.5 * RATE) - 1)
    assert not (part.samples[:, 1] == 0).any()


def test_another_recording_under_the_same_name_is_none(recording: tuple[Source, Scanned]) -> None:
    source, result = recording
    soundfile.write(source.name, np.zeros((RATE, 2)), RATE)
    with pytest.raises(RecordingError, match="another recording"):
        excerpts(source, result, [(0.0, 1.0)])
    assert Player([result]).audio(result.file, 0.0, 1.0) is None


def test_a_violation_has_a_clip_of_both_sides_around_it(recording: tuple[Source, Scanned]) -> None:
    source, result = recording
    found = replace(FOUND, start=20.0, end=21.0)
    (clip,) = clips(source, replace(result, found=(found,)), before=2.0, after=3.0)
    assert (clip.violation_id, clip.start, clip.sample_rate) == ("v-1", 18.0, RATE)
    agent, customer = (np.frombuffer(clip.audio[name], "<i2") / 32_768 for name in ("agent", "customer"))
    assert (agent[0], agent[-1]) == pytest.approx((0.18, 0.23), abs=0.001)
    assert customer == pytest.approx(-agent)
    assert len(agent) == 6 * RATE


def test_what_goes_on_for_long_has_no_clip(recording: tuple[Source, Scanned]) -> None:
    source, result = recording
    assert clips(source, replace(result, found=(replace(FOUND, start=0.0, end=61.0),)), before=2.0, after=3.0) == []


@pytest.mark.parametrize("duration", [60.0, 5000.0])
def test_a_player_gives_any_part_of_any_recording(recording: tuple[Source, Scanned], duration: float) -> None:
    _, result = recording
    player = Player([replace(result, duration=duration)])
    for start, end in ((30.0, 31.0), (5.0, 6.0)):
        given = player.audio(result.file, start, end)
        assert given is not None
        samples, rate = given
        assert rate == RATE
        assert samples[:, 0] == pytest.approx(np.full(RATE, start / 100))


def test_a_player_forgets_what_it_held_longest(tmp_path: Path, recording: tuple[Source, Scanned]) -> None:
    _, result = recording
    others = []
    for number in range(6):
        path = tmp_path / f"{number}.wav"
        path.write_bytes(Path(result.file).read_bytes())
        others.append(replace(result, file=str(path)))
    player = Player(others)
    for other in others:
        assert player.audio(other.file, 1.0, 2.0) is not None
    for other in others:
        Path(other.file).unlink()
    heard = [player.audio(other.file, 1.0, 2.0) is not None for other in others]
    assert heard == [False, False, True, True, True, True]


def test_a_long_recording_is_read_once_for_all_its_clips(
    recording: tuple[Source, Scanned], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, result = recording
    long = replace(result, duration=5000.0)
    reads = 0

    def counted(file: BinaryIO) -> str:
        nonlocal reads
        reads += 1
        return digest(file)

    monkeypatch.setattr("streamer.scan.excerpts.digest", counted)
    wanted = [(float(at), at + 2.0) for at in range(0, 50, 5)]
    player = Player([long], lambda _: wanted)
    for start, end in [*wanted[3:], *wanted[:3]]:
        given = player.audio(result.file, start, end)
        assert given is not None
        assert given[0][:, 0] == pytest.approx(np.repeat([start / 100, start / 100 + 0.01], RATE))
    assert reads == 1
    assert player.audio(result.file, 1.0, 4.0) is not None
    assert reads == 2


def test_no_more_of_a_long_recording_is_held_than_there_is_room_for(recording: tuple[Source, Scanned]) -> None:
    _, result = recording
    player = Player([replace(result, duration=5000.0)], lambda _: [(0.0, 59.0)] * 20)
    tracemalloc.start()
    assert player.audio(result.file, 1.0, 4.0) is not None
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.9 < held / (HELD * RATE * 2 * np.dtype(np.float32).itemsize) < 1.1
