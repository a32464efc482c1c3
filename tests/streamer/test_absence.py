"""What a call misses while no socket brings it, and what a pause is none of."""

from __future__ import annotations

from streamer.absence import Absence

BOTH = ("agent", "customer")


def heard(now: float = 10.0) -> Absence:
    absence = Absence()
    absence.received(now)
    return absence


class TestALoss:
    def test_before_any_audio_is_none(self) -> None:
        assert not Absence().begun
        assert heard().begun

    def test_is_missed_from_the_last_audio_on(self) -> None:
        absence = heard(10.0)
        absence.lost(11.0)
        assert absence.back(BOTH, 5.0, 13.0) == (BOTH, 8.0)
        assert absence.missed() is None


class TestAPause:
    def test_misses_nothing(self) -> None:
        absence = heard(10.0)
        absence.pause(10.0, on=True)
        absence.pause(70.0, on=False)
        absence.lost(70.5)
        assert absence.back(BOTH, 5.0, 71.0) == (BOTH, 6.0)

    def test_in_which_the_call_is_lost_leaves_open_what_is_missed(self) -> None:
        absence = heard(10.0)
        absence.pause(10.0, on=True)
        absence.lost(70.0)
        assert absence.back(BOTH, 5.0, 72.0) is None
        assert absence.missed() == (BOTH, 7.0)

    def test_that_goes_on_when_the_call_is_back_has_missed_nothing(self) -> None:
        absence = heard(10.0)
        absence.pause(10.0, on=True)
        absence.lost(70.0)
        assert absence.back(BOTH, 5.0, 72.0) is None
        absence.pause(72.1, on=True)
        absence.pause(80.0, on=False)
        assert absence.missed() is None

    def test_is_over_with_audio(self) -> None:
        absence = heard(10.0)
        absence.pause(10.0, on=True)
        absence.received(70.0)
        absence.lost(71.0)
        assert absence.back(BOTH, 5.0, 72.0) == (BOTH, 7.0)

    def test_before_any_audio_begins_nothing(self) -> None:
        absence = Absence()
        absence.pause(10.0, on=True)
        absence.lost(11.0)
        assert not absence.begun
