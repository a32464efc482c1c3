"""Which language a recording is in, by what its windows are heard to be. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

ENOUGH = 2
"""Windows of the agent's that settle it: one may be a greeting, or a name spelt out."""


class Ballot:
    """Counts in which language windows are; what the agent says decides, since that is what most rules are for.

    Args:
      languages: that may win: those that have rules.
      agent: the leg that decides; where it never says anything for certain, the others do.
    """

    def __init__(self, languages: Collection[str], agent: str) -> None:
        self._languages = languages
        self._agent = agent
        self._votes: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}

    def count(self, channel: str, spoken: str | None) -> None:
        """Take in the language of a window; None where it was not certain."""
        if spoken is not None and spoken in self._languages:
            self._votes[channel == self._agent][spoken] += 1

    @property
    def settled(self) -> str | None:
        """The language, once there is no doubt; None before."""
        return next((one for one, votes in self._votes[True].most_common(1) if votes >= ENOUGH), None)

    @property
    def likeliest(self) -> str | None:
        """The language when there is no more to hear; None where nothing was certain."""
        for votes in (self._votes[True], self._votes[False]):
            if votes:
                return votes.most_common(1)[0][0]
        return None
