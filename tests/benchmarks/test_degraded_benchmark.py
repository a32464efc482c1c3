"""What lines do to recordings."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.degraded import BABBLE, DEGRADATIONS, RATE, generator, over_gsm, with_babble, with_packets_lost
from streamer.recognition.sounds.training.augment import Samples


def tone(frequency: float, seconds: float = 4.0) -> Samples:
    return (0.1 * np.sin(2 * np.pi * frequency * np.arange(round(RATE * seconds)) / RATE)).astype(np.float32)


OTHERS = [tone(hertz, 3.0) for hertz in (500.0, 700.0, 900.0)]


@pytest.mark.parametrize("name", sorted(DEGRADATIONS))
def test_leaves_the_length_and_gives_the_same_for_the_same_seed(name: str) -> None:
    speech = tone(300.0)[:-77]
    once, again, otherwise = (DEGRADATIONS[name](speech, OTHERS, generator(seed, "a.wav")) for seed in (1, 1, 2))
    assert once.dtype == np.float32
    assert len(once) == len(speech)
    assert np.array_equal(once, again)
    assert not np.array_equal(once, speech)
    # GSM has nothing of chance.
    assert np.array_equal(once, otherwise) == (name == "gsm")


def test_babble_is_so_far_below() -> None:
    speech = tone(300.0)
    added = with_babble(speech, OTHERS, generator(1, "a.wav")) - speech
    assert 20 * np.log10(np.std(speech) / np.std(added)) == pytest.approx(BABBLE, abs=0.1)


def test_gsm_keeps_what_was_said_and_its_place() -> None:
    speech = tone(400.0)
    heard = over_gsm(speech, (), generator(1, "a.wav"))
    assert np.corrcoef(speech, heard)[0, 1] > 0.9


def test_one_packet_in_twenty_is_lost_and_the_others_are_whole() -> None:
    speech = np.ones(RATE * 60, dtype=np.float32)
    packets = with_packets_lost(speech, (), generator(1, "a.wav")).reshape(-1, RATE // 50)
    assert set(packets.mean(axis=1)) == {0.0, 1.0}
    assert np.mean(packets == 0) == pytest.approx(0.05, abs=0.01)
