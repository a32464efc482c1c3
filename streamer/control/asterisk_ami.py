"""Asterisk's other control port: its manager interface (AMI), which mutes any channel, be it in Stasis or in `Dial`.

- https://docs.asterisk.org/Latest_API/API_Documentation/AMI_Actions/MuteAudio/
- `res/res_mutestream.c` and `main/manager.c` of Asterisk
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping

from streamer.control.ami import Message, Reply
from streamer.control.ami_client import Ami, AmiFailed, Told
from streamer.control.asterisk_channels import muted_at, nameless, not_ready, nowhere, place_of
from streamer.control.legs import is_address, worst
from streamer.control.port import Answer, Outcome, Port, Target, unsupported
from streamer.control.rest import SAID
from streamer.dialects.asterisk import AsteriskSettings
from streamer.dialects.dialect import LEGS

LOOKS = (0.01, 0.03, 0.1, 0.2, 0.4)
"""Seconds between looks for what came of an action."""
NAME = 200
"""Characters that a channel's name may have."""
NO_CHANNEL = "No such channel"
NORMAL_CLEARING = "16"
_LOOSE = frozenset(",\"'$\\{}()[]<>&|^`")
"""What means something else to the dialplan than itself."""


class AmiPort(Port):
    """AMI, for all calls of one Asterisk.

    `names` of a call are the ids or the names of its channels: `agent`, `customer`.
    """

    def __init__(self, settings: AsteriskSettings, ami: Ami) -> None:
        self._ami = ami
        self._mute = settings.mute
        self.hears_muted = settings.mute == "ear"
        self._sounds = settings.ami_sounds
        self._timeout = settings.timeout
        self._permitted = False

    async def ready(self, target: Target) -> Answer:
        """Sign in, and see whether the channel that a block mutes is there, and whether we may mute; both stay."""
        leg, _ = muted_at("agent", self._mute)
        name = _named(target, leg)
        if name is None:
            return not_ready(leg)
        seen = await self._ask("Status", {"Channel": name}, again=True)
        if seen.answer.outcome is Outcome.FAILED or self._permitted:
            return seen.answer
        listed = await self._ask("ListCommands", {}, again=True)
        self._permitted = listed.reply is not None and bool(listed.reply.response["muteaudio"])
        return listed.answer if self._permitted or listed.reply is None else listed.failed(FORBIDDEN)

    async def mute(self, target: Target, channel: str) -> Answer:
        """Silence what a leg says: what comes in on its channel, or what goes out on the other's."""
        return await self._set_mute(target, channel, "on", "mute")

    async def unmute(self, target: Target, channel: str) -> Answer:
        """Let what a leg says be heard again."""
        return await self._set_mute(target, channel, "off", "unmute")

    async def play(self, target: Target, sound: str) -> Answer:
        """Play to both legs: mixed into what the agent's channel hears and says."""
        return await self._whisper(target, "play", "agent", "both", sound)

    async def whisper(self, target: Target, channel: str, sound: str) -> Answer:
        """Play to one leg: mixed into what its channel hears."""
        return await self._whisper(target, "whisper", channel, "one", sound)

    async def hangup(self, target: Target) -> Answer:
        """Hang up every leg that is known: what a dialplan does with the one that stays is up to it."""
        names = [name for leg in LEGS if (name := _named(target, leg)) is not None]
        if not names:
            return nameless("hangup", "agent")
        asked = await asyncio.gather(*(self._hang_up(name) for name in names))
        # One leg mostly goes with the other; of none of both being there, nothing is known.
        there = [answer for answer in asked if answer.detail != NO_CHANNEL]
        return worst(there or asked)

    async def transfer(self, target: Target, to: str) -> Answer:
        """Send the customer's channel to `CONTEXT,EXTENSION[,PRIORITY]`."""
        name = _named(target, "customer")
        if name is None:
            return nameless("transfer", "customer")
        place = place_of(to)
        if place is None or not to.isprintable():
            return unsupported("transfer", "write CONTEXT,EXTENSION or CONTEXT,EXTENSION,PRIORITY")
        return await self._redirect(name, place, to)

    async def gone(self, target: Target, channel: str) -> bool:
        """See whether there is the channel on which a leg is muted."""
        name = _named(target, muted_at(channel, self._mute)[0])
        return name is not None and (await self._ask("Status", {"Channel": name}, again=True)).gone

    async def aclose(self) -> None:
        """Let go of the connection."""
        await self._ami.aclose()

    async def _set_mute(self, target: Target, channel: str, state: str, what: str) -> Answer:
        leg, direction = muted_at(channel, self._mute)
        name = _named(target, leg)
        if name is None:
            return nameless(what, leg)
        fields = {"Channel": name, "Direction": direction, "State": state}
        # Answered only once it was done, whatever else the channel does.
        return (await self._ask("MuteAudio", fields, again=True)).answer

    async def _redirect(self, name: str, place: Mapping[str, str], to: str) -> Answer:
        wanted = place["context"], place["extension"]
        began = time.monotonic()
        before = await self._ask("Status", {"Channel": name}, again=True)
        if before.answer.outcome is Outcome.FAILED:
            return before.answer
        fields = {"Context": place["context"], "Exten": place["extension"], "Priority": place["priority"]}
        asked = await self._ask("Redirect", {"Channel": name, **fields}, again=False, began=began)
        if asked.answer.outcome is Outcome.FAILED:
            return asked.answer
        # Who stood there before can't be seen to arrive.
        if before.place != wanted and await self._became(name, lambda seen: seen.place == wanted, began):
            return asked.seen(done=True)
        if (await self._ask("Status", {"Channel": name}, again=True, began=began)).gone:
            return asked.failed(nowhere(to))
        return asked.seen(done=False)

    async def _hang_up(self, name: str) -> Answer:
        began = time.monotonic()
        asked = await self._ask("Hangup", {"Channel": name, "Cause": NORMAL_CLEARING}, again=True)
        if asked.gone and asked.told is not None and asked.told.twice:
            return asked.seen(done=True)
        if asked.answer.outcome is Outcome.FAILED:
            return Answer(Outcome.FAILED, NO_CHANNEL, asked.sent, asked.answered) if asked.gone else asked.answer
        return asked.seen(await self._became(name, lambda seen: seen.gone, began))

    async def _whisper(self, target: Target, what: str, leg: str, extension: str, sound: str) -> Answer:
        """Call an extension that whispers into a leg's channel, and play to it."""
        name = _named(target, leg)
        if name is None:
            return nameless(what, leg)
        if self._sounds is None:
            return unsupported(
                what, "[platforms.asterisk] has no ami_sounds: the context of the dialplan that mixes sounds into calls"
            )
        file = sound.removeprefix("sound:")
        if not _plain(file) or (":" in file and not is_address(file)):
            return unsupported(
                what, "must be the name of a sound file, such as custom/notice, or its address, https://..."
            )
        made = f"huazha-{uuid.uuid4().hex}"
        began = time.monotonic()
        asked = await self._ask(
            "Originate",
            {
                "Channel": f"Local/{extension}@{self._sounds}/n",
                "Application": "Playback",
                "Data": file,
                "Variable": f"HUAZHA_CHANNEL={name}",
                "ChannelId": made,
                "OtherChannelId": f"{made}-2",
                # Otherwise all actions wait until it is answered.
                "Async": "true",
            },
            again=False,
        )
        if asked.answer.outcome is Outcome.FAILED:
            return asked.answer
        playing = await self._became(made, lambda seen: seen.application == "Playback", began)
        return asked.seen(
            playing, f"taken, but it does not play: see whether the dialplan has {extension}@{self._sounds}"
        )

    async def _became(self, name: str, so: Callable[[_Asked], bool], began: float) -> bool:
        for wait in LOOKS:
            asked = await self._ask("Status", {"Channel": name}, again=True, began=began)
            if so(asked):
                return True
            if asked.reply is None:
                return False
            await asyncio.sleep(wait)
        return False

    async def _ask(self, action: str, fields: Mapping[str, str], *, again: bool, began: float | None = None) -> _Asked:
        """Ask for an action.

        Args:
          began: second of the monotonic clock from which the time-out counts; None begins it now.
        """
        now = time.monotonic()
        within = self._timeout - (0.0 if began is None else now - began)
        try:
            return _Asked(await self._ami.ask(action, fields, within=max(0.0, within), again=again))
        except AmiFailed as failed:
            trouble = f"{failed} ({self._timeout:g} s)" if failed.late else str(failed)
            return _Asked(None, trouble, failed.sent, time.monotonic())


class _Asked:
    """What came of one action."""

    def __init__(
        self, told: Told | None, trouble: str = "", sent: float | None = None, answered: float | None = None
    ) -> None:
        self.told = told
        self.reply: Reply | None = None if told is None else told.reply
        self.sent = sent if told is None else told.sent
        self.answered = answered if told is None else told.answered
        self._trouble = trouble

    @property
    def answer(self) -> Answer:
        if self.reply is None:
            return self.failed(self._trouble)
        if self.reply.done:
            return Answer(Outcome.CONFIRMED, "", self.sent, self.answered)
        text = self.reply.text
        more = f"; {FORBIDDEN}" if text.startswith(("Permission denied", "Invalid/unknown")) else ""
        return self.failed(f"Asterisk said {text[:SAID]}{more}")

    @property
    def gone(self) -> bool:
        return self.reply is not None and not self.reply.done and self.reply.text.startswith(NO_CHANNEL)

    @property
    def place(self) -> tuple[str, str]:
        return self._status["context"], self._status["exten"]

    @property
    def application(self) -> str:
        return self._status["application"]

    @property
    def _status(self) -> Message:
        events = () if self.reply is None else self.reply.events
        return next((event for event in events if event["event"] == "Status"), Message())

    def failed(self, why: str) -> Answer:
        return Answer(
            Outcome.FAILED, why, self.sent, self.answered, unsure=self.sent is not None and self.reply is None
        )

    def seen(self, done: bool, otherwise: str = "taken, but not seen to be carried out") -> Answer:
        if done:
            return Answer(Outcome.CONFIRMED, "", self.sent, time.monotonic())
        return Answer(Outcome.ACCEPTED, otherwise, self.sent, self.answered)


FORBIDDEN = (
    "in manager.conf, the user needs write = system,call,reporting (and originate, for sounds); in modules.conf,"
    " res_mutestream.so must not be left out"
)


def _named(target: Target, leg: str) -> str | None:
    """Give a leg's channel; None where it is not known, or is what could mean another.

    `Hangup` takes what begins with a slash for a regular expression, and an empty name stands for all channels.
    """
    name = target.names.get(leg, "")
    return name if len(name) <= NAME and not name.startswith("/") and _plain(name) else None


def _plain(word: str) -> bool:
    """Whether a word is one, to the manager interface and to the dialplan."""
    return bool(word) and word.isprintable() and not any(sign.isspace() or sign in _LOOSE for sign in word)
