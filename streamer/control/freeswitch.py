"""Blocks carried out by FreeSWITCH, over its event socket.

- https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Modules/mod_commands_1966741/
- https://github.com/signalwire/freeswitch/blob/master/src/mod/applications/mod_commands/mod_commands.c
- https://github.com/signalwire/freeswitch/blob/master/src/switch_ivr_async.c for uuid_audio and uuid_displace
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from streamer.control.esl import Esl, EslFailed, Told
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import SAID
from streamer.dialects.dialect import LEGS
from streamer.dialects.freeswitch import NAME, FreeSwitchSettings, other

UNKNOWN = "the call came without the uuid of a FreeSWITCH channel"
_QUOTES = frozenset("'\"\\`")


class FreeSwitchPort(Port):
    """The control port of one switch.

    `Target.names` has the uuid of a leg's channel by the leg; one is enough, the other is asked for.
    """

    def __init__(self, settings: FreeSwitchSettings, esl: Esl) -> None:
        self._settings = settings
        self._esl = esl

    async def ready(self, target: Target) -> Answer:
        """Sign in, and see whether the switch has the channels; the connection stays."""
        talk = self._talk()
        known = _known(target)
        if not known:
            return unsupported("ready", UNKNOWN)
        for leg, uuid in known:
            told = await talk.ask(f"uuid_exists {uuid}", again=True)
            if isinstance(told, Answer):
                return told
            if told.text != "true":
                return talk.answer(Outcome.FAILED, f"FreeSWITCH has no channel of the {leg}: {told.text[:SAID]}")
        return talk.answer(Outcome.CONFIRMED)

    async def mute(self, target: Target, channel: str) -> Answer:
        """Silence what a leg's phone sends, where it comes in; or what the other's is sent, if only that is known.

        `uuid_audio` says +OK whatever came of it, so that the channel is asked for its media bugs then.
        """
        places = _places(target, channel)
        if not places:
            return unsupported("mute", UNKNOWN)
        talk = self._talk()
        uuid, direction = places[0]
        told = await talk.ask(f"uuid_audio {uuid} start {direction} mute 1", again=True)
        if isinstance(told, Answer) or not _ok(told):
            return talk.refused(told)
        bugs = await talk.ask(f"uuid_buglist {uuid}", again=True)
        if isinstance(bugs, Answer) or "<media-bugs>" not in bugs.text:
            return talk.answer(Outcome.ACCEPTED, "FreeSWITCH took it, but did not list the channel's media bugs")
        if "<function>audio</function>" not in bugs.text:
            return talk.answer(Outcome.FAILED, "FreeSWITCH took it, but the channel is not muted: is it answered?")
        return talk.answer(Outcome.CONFIRMED)

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let a leg be heard again, wherever it may have been muted while less was known of the call."""
        places = _places(target, channel)
        if not places:
            return unsupported("unmute", UNKNOWN)
        talk = self._talk()
        for uuid, direction in places:
            # Not `stop`: that would let the other leg be heard, too, where both are muted on one channel.
            told = await talk.ask(f"uuid_audio {uuid} start {direction} mute 0", again=True)
            if isinstance(told, Answer) or not _ok(told):
                return talk.refused(told)
        return talk.answer(Outcome.CONFIRMED)

    async def play(self, target: Target, sound: str) -> Answer:
        """Play a sound to both legs, instead of what they hear of each other."""
        return await self._displace("play", target, LEGS, sound, "")

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play a sound to one leg, over what it hears."""
        if channel not in LEGS:
            return unsupported("whisper", f"there is no leg {channel}")
        return await self._displace("whisper", target, (channel,), sound, " 0 mux")

    async def hangup(self, target: Target) -> Answer:
        """Hang up both legs: what a dialplan does with the one that stays is up to it."""
        known = [uuid for _, uuid in _known(target)]
        if not known:
            return unsupported("hangup", UNKNOWN)
        talk = self._talk()
        if len(known) == 1:
            bridged = await self._bridged(talk, known[0])
            if isinstance(bridged, str):
                known.append(bridged)
            elif talk.silent:
                return bridged
        for number, uuid in enumerate(known):
            told = await talk.ask(f"uuid_kill {uuid} {self._settings.cause}", again=True)
            if isinstance(told, Answer):
                return told
            # The second leg goes with the first, mostly; and a command whose answer was lost was carried out.
            gone = "no such channel" in told.text.lower() and (number > 0 or told.twice)
            if not (_ok(told) or gone):
                return talk.refused(told)
        return talk.answer(Outcome.CONFIRMED)

    async def transfer(self, target: Target, to: str) -> Answer:
        """Send the customer's channel to an extension of the dialplan; whether anybody is there, nobody says."""
        if not _plain(to):
            return unsupported("transfer", "must be an extension, without spaces and quotes")
        talk = self._talk()
        uuid = await self._channel(talk, target, "customer")
        if isinstance(uuid, Answer):
            return uuid if uuid.outcome is Outcome.FAILED else unsupported("transfer", uuid.detail)
        where = f"{self._settings.dialplan} {self._settings.context}"
        told = await talk.ask(f"uuid_transfer {uuid} {to} {where}", again=False)
        if isinstance(told, Answer) or not _ok(told):
            return talk.refused(told)
        return talk.answer(Outcome.ACCEPTED, told.text[:SAID])

    async def gone(self, target: Target, channel: str) -> bool:
        """See whether the switch has the channel on which a leg was muted."""
        talk = self._talk()
        for uuid, _ in _places(target, channel)[:1]:
            told = await talk.ask(f"uuid_exists {uuid}", again=True)
            return isinstance(told, Told) and told.text == "false"
        return False

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._esl.aclose()

    def _talk(self) -> _Talk:
        return _Talk(self._esl, self._settings.timeout)

    async def _displace(self, what: str, target: Target, legs: Sequence[str], sound: str, how: str) -> Answer:
        if not _plain(sound):
            return unsupported(what, "must be a file or stream of FreeSWITCH, without spaces and quotes")
        talk = self._talk()
        troubles: list[Answer] = []
        for leg in legs:
            uuid = await self._channel(talk, target, leg)
            if isinstance(uuid, Answer):
                if uuid.outcome is Outcome.UNSUPPORTED:
                    return unsupported(what, uuid.detail)
                troubles.append(uuid)
                continue
            # A file that can't be opened is refused, so that what is taken is played.
            told = await talk.ask(f"uuid_displace {uuid} start {sound}{how}", again=False)
            if isinstance(told, Answer) or not _ok(told):
                refused = talk.refused(told)
                troubles.append(talk.answer(Outcome.FAILED, f"{leg}: {refused.detail}"))
        return troubles[0] if troubles else talk.answer(Outcome.CONFIRMED)

    async def _channel(self, talk: _Talk, target: Target, leg: str) -> str | Answer:
        """Give the uuid of a leg's channel; UNSUPPORTED where none of the call is known, FAILED where there is none."""
        known = dict(_known(target))
        if leg in known:
            return known[leg]
        if not known:
            return Answer(Outcome.UNSUPPORTED, UNKNOWN)
        return await self._bridged(talk, known[other(leg)])

    async def _bridged(self, talk: _Talk, uuid: str) -> str | Answer:
        """Ask which channel another is talking to; FAILED where the switch names none."""
        told = await talk.ask(f"uuid_getvar {uuid} bridge_uuid", again=True)
        if isinstance(told, Answer) or NAME.fullmatch(told.text):
            return told if isinstance(told, Answer) else told.text
        if told.text.startswith("-"):
            return talk.refused(told)
        return talk.answer(Outcome.FAILED, "the channel of the call is talking to no other at present")


@dataclass(slots=True)
class _Talk:
    """The commands that one action takes, in the time that it has.

    Attributes:
      sent: second at which the first had left.
      answered: second of the last answer.
      silent: whether the last got no answer.
    """

    esl: Esl
    within: float
    until: float | None = None
    sent: float | None = None
    answered: float | None = None
    silent: bool = False

    async def ask(self, command: str, *, again: bool) -> Told | Answer:
        """Give what the switch said, or that it said nothing."""
        now = time.monotonic()
        if self.until is None:
            self.until = now + self.within
        try:
            told = await self.esl.api(command, within=max(0.0, self.until - now), again=again)
        except EslFailed as failed:
            self.sent = failed.sent if self.sent is None else self.sent
            self.answered = time.monotonic()
            self.silent = True
            return replace(self.answer(Outcome.FAILED, str(failed)), unsure=failed.sent is not None)
        self.sent = told.sent if self.sent is None else self.sent
        self.answered = told.answered
        return told

    def answer(self, outcome: Outcome, detail: str = "") -> Answer:
        return Answer(outcome, detail, self.sent, self.answered)

    def refused(self, told: Told | Answer) -> Answer:
        return told if isinstance(told, Answer) else self.answer(Outcome.FAILED, f"FreeSWITCH said {told.text[:SAID]}")


def _known(target: Target) -> list[tuple[str, str]]:
    return [(leg, target.names[leg]) for leg in LEGS if NAME.fullmatch(target.names.get(leg, ""))]


def _places(target: Target, channel: str) -> list[tuple[str, str]]:
    """Give where a leg can be silenced, the best first: channel and direction."""
    if channel not in LEGS:
        return []
    known = dict(_known(target))
    ends = ((channel, "read"), (other(channel), "write"))
    return [(known[leg], direction) for leg, direction in ends if leg in known]


def _ok(told: Told) -> bool:
    """Whether a command was carried out. To a channel that is gone, uuid_audio says both -ERR and, beneath it, +OK."""
    lines = told.text.splitlines()
    return any(line.startswith("+OK") for line in lines) and not any(line.startswith("-") for line in lines)


def _plain(word: str) -> bool:
    """Whether a word stays one on a command line; `::` would make an application of it."""
    plain = word.isprintable() and not any(letter.isspace() or letter in _QUOTES for letter in word)
    return plain and bool(word) and not word.startswith("-") and "::" not in word


def open_port(settings: FreeSwitchSettings) -> FreeSwitchPort | None:
    """Give the port; None where the event socket's password is not set."""
    if settings.esl_password is None:
        return None
    password = settings.esl_password.get_secret_value()
    return FreeSwitchPort(settings, Esl(settings.esl_host, settings.esl_port, password, user=settings.esl_user))
