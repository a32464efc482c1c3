"""One validated, frozen settings object, read once: defaults, then a TOML file, then the command line."""

from __future__ import annotations

import base64
import binascii
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import httpx
from platformdirs import user_data_path
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationError,
    field_serializer,
    field_validator,
    model_validator,
)

from detector.policy import Measure, OnBlind, Policy
from detector.types import Action
from streamer.blame import Blame
from streamer.dialects.dialect import Section as _Section
from streamer.errors import SettingsError
from streamer.languages import NotALanguage, language_of
from streamer.platform_settings import PlatformSettings
from streamer.ray import addresses
from streamer.recognition.devices import ComputeType, Device, Wanted

Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=3600)]
KeptType = Literal[
    "call.started",
    "call.remark",
    "violation",
    "block",
    "block.result",
    "control",
    "unblock",
    "blind",
    "call.stopped",
    "call.refused",
    "call.displaced",
    "review",
    "action",
    "evidence",
    "access",
    "lexicon.changed",
    "lexicon.failed",
    "background",
]
"""Types of events that are in the journal, as `docs/feed.md` has them."""


class Limits(_Section):
    """What one peer may cost the others.

    Attributes:
      max_calls: calls at once; one more is refused as overloaded. None is what the machine bears, by how fast it
        recognises, which is measured at the start.
      max_message_bytes: of one WebSocket message.
      message_rate, message_burst: messages a second of one call, and at once.
      audio_rate, audio_burst: seconds of audio a second of one call, and at once; over 1, so that a platform
        may catch up after a stall.
      start_timeout: seconds from the socket's opening to the call's start, its handshake among them.
      request_timeout: seconds in which a request to the console must come whole.
      max_connections: sockets at once, on either port.
      max_connections_per_address: of these, from one address; behind a proxy that is its own.
      ping_interval, ping_timeout: seconds between keep-alive pings, and for the answer.
      send_timeout: seconds that a peer may leave a message unread.
      drain_timeout: seconds for what was said last, once the audio has ended.
      rejoin_timeout: seconds that a call waits for its platform to connect again, where its socket was lost.
    """

    max_calls: Annotated[int, Field(ge=1)] | None = None
    max_message_bytes: Annotated[int, Field(ge=1024, le=16 * 1024 * 1024)] = 1024 * 1024
    message_rate: Annotated[float, Field(gt=0)] = 1000.0
    message_burst: Annotated[float, Field(gt=0)] = 2000.0
    audio_rate: Annotated[float, Field(ge=1)] = 8.0
    audio_burst: Annotated[float, Field(ge=1)] = 20.0
    start_timeout: Seconds = 10.0
    request_timeout: Seconds = 10.0
    max_connections: Annotated[int, Field(ge=1)] = 2000
    max_connections_per_address: Annotated[int, Field(ge=1)] = 1000
    ping_interval: Seconds = 20.0
    ping_timeout: Seconds = 20.0
    send_timeout: Seconds = 5.0
    drain_timeout: Seconds = 30.0
    rejoin_timeout: Seconds = 5.0


class EvidenceSettings(_Section):
    """What is kept of the audio around violations.

    Attributes:
      keep: false keeps none.
      before, after: seconds around what was said.
      days: after which a clip is removed.
      megabytes: of all clips together; the oldest go first.
    """

    keep: bool = True
    before: Annotated[float, Field(ge=0, le=60)] = 10.0
    after: Annotated[float, Field(ge=0, le=60)] = 10.0
    days: Annotated[float, Field(gt=0)] = 180.0
    megabytes: Annotated[int, Field(ge=1)] = 10_000


class Tls(_Section):
    """A certificate for both servers.

    Attributes:
      certificate, key: PEM files; the certificate with the chain that leads to it.
    """

    certificate: Path
    key: Path


class Webhook(_Section):
    """Where events are posted to.

    Attributes:
      url: of http or https; names one endpoint.
      secret: what posts are signed with, `whsec_` and base64 of 24 to 64 bytes. Written as it is to JSON alone, which
        is how the console's process gets it.
      types: of events that it wants; all that are kept when empty.
      allow_private: whether it may be at an address that isn't of the open internet.
    """

    url: Annotated[str, Field(max_length=2000)]
    secret: SecretStr
    types: tuple[KeptType, ...] = ()
    allow_private: bool = False

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        try:
            parts = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ValueError(str(error)) from None
        if parts.scheme not in {"http", "https"} or not parts.host or not url.isprintable() or " " in url:
            raise ValueError("must be an address of http or https")
        if parts.userinfo or parts.fragment or not 0 < (parts.port or 80) < 65536:
            raise ValueError("must have no user, no fragment, and a port up to 65535")
        return url

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, secret: SecretStr) -> SecretStr:
        scheme, _, key = secret.get_secret_value().partition("_")
        try:
            length = len(base64.b64decode(key, validate=True))
        except (binascii.Error, ValueError):
            length = 0
        if scheme != "whsec" or not 24 <= length <= 64:
            raise ValueError("must be whsec_ and base64 of 24 to 64 bytes")
        return secret

    @field_serializer("secret", when_used="json")
    def _handed_over(self, secret: SecretStr) -> str:
        return secret.get_secret_value()


def _language(tag: object) -> object:
    if not isinstance(tag, str):
        return tag
    if (language := language_of(tag)) is None:
        raise NotALanguage()
    return language


def _each_once(webhooks: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
    if len({webhook.url for webhook in webhooks}) < len(webhooks):
        raise ValueError("must each have a url of its own")
    return webhooks


class MeasureSettings(_Section):
    """What a block does.

    Attributes:
      action: `mute` the agent, `play` a sound to both, `whisper` one to the agent, `hangup`, `transfer` the customer
        to a supervisor, or only `alert`.
      seconds: after which a mute is lifted by itself; 0 leaves it until the violation is retracted or a supervisor
        lifts it.
      sound: for `play` and `whisper`, as the platform names it: an address, a file.
      to: for `transfer`, as the platform names people: a number, an extension.
    """

    action: Action = Action.MUTE
    seconds: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    sound: str = ""
    to: str = ""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.action in {Action.PLAY, Action.WHISPER} and not self.sound:
            raise ValueError(f"{self.action} needs a sound")
        if self.action is Action.TRANSFER and not self.to:
            raise ValueError("transfer needs to whom: to")
        return self

    @property
    def measure(self) -> Measure:
        """The same, as the detector has it."""
        return Measure(self.action, self.seconds or None, self.sound, self.to)


class PolicySettings(MeasureSettings):
    """What is done about violations.

    Attributes:
      rules: measures of their own, by rule.
      on_blind: while what the agent says is not monitored, `alert` supervisors, `mute` the agent too, or do `nothing`.
      blind_after: seconds without audio of a leg, on a socket that lives, after which the leg counts as not monitored.
      flat_after: the same for audio that is digital silence: longer, since some lines send that between sentences.
    """

    rules: dict[str, MeasureSettings] = Field(default_factory=dict)
    on_blind: OnBlind = OnBlind.ALERT
    blind_after: Annotated[float, Field(ge=1, le=60)] = 2.0
    flat_after: Annotated[float, Field(ge=2, le=600)] = 10.0

    @property
    def policy(self) -> Policy:
        """The same, as the detector has it."""
        rules = {rule: section.measure for rule, section in self.rules.items()}
        return Policy(self.measure, rules, self.on_blind, self.blind_after, self.flat_after)


class Settings(_Section):
    """Everything that can be set.

    Attributes:
      host: the address that both servers bind.
      media_port, console_port: 0 picks a free one.
      lexicon: files; the shipped lexicons when empty.
      model: `base`, a directory, or a name that faster-whisper knows.
      models: other models than that, by language.
      device: what recognises: `cpu`, `cuda`, or `auto`, which is a GPU where there is one that works.
      device_index: of the GPU, as CUDA counts them.
      compute_type: of weights, as CTranslate2 names it; what the device does best when absent.
      recognizer: `local`, or where a cluster's recognisers are: `ray://HOST:8000/huazha`; several hosts, with commas
        between them, are asked in turn. The cluster then has the models, and their settings.
      language: of calls that don't say theirs.
      workers: batches recognised at once; when absent, one to a core on a processor, and few on a GPU. Of a cluster,
        windows that are asked for at once; 64 when absent.
      max_batch: windows recognised together, at most; when absent, what suits the device.
      rules: switched off or graded otherwise than in their lexicon, by id.
      max_queue_age: seconds that a window may wait before the service calls itself unhealthy.
      data: the folder of the journal, the evidence and the key that the journal's heads are signed with.
      database: where the journal is instead, `postgresql+psycopg://...`; a file in `data` when absent.
      gateway: this service's name among those that share a database; the machine's and the media port when empty.
      tokens: whether the service asks for them: `auto`, on loopback only once one was made, elsewhere always;
        `required`, always.
      origins: where pages that use the feed may come from, beside the console itself.
      webhooks: where events are posted to.
      policy: what a block does, and what is done while nobody listens.
      platforms: how each telephony platform streams, and how it is told to block.
    """

    host: str = "127.0.0.1"
    media_port: Port = 8765
    console_port: Port = 8080
    lexicon: tuple[Path, ...] = ()
    model: str = "base"
    models: dict[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], str] = Field(default_factory=dict)
    device: Device = "auto"
    device_index: Annotated[int, Field(ge=0)] = 0
    compute_type: ComputeType | None = None
    recognizer: Annotated[str, AfterValidator(addresses.checked)] = addresses.LOCAL
    language: Annotated[str, BeforeValidator(_language)] = "zh"
    workers: Annotated[int, Field(ge=1, le=256)] | None = None
    max_batch: Annotated[int, Field(ge=1, le=256)] | None = None
    max_queue_age: Seconds = 5.0
    rules: dict[str, Literal["off", "block", "alert", "review"]] = Field(default_factory=dict)
    limits: Limits = Limits()
    data: Path = Field(default_factory=lambda: user_data_path("huazha"))
    database: str | None = None
    gateway: str = ""
    evidence: EvidenceSettings = EvidenceSettings()
    tokens: Literal["auto", "required"] = "auto"
    origins: tuple[str, ...] = ()
    webhooks: Annotated[tuple[Webhook, ...], AfterValidator(_each_once)] = ()
    tls: Tls | None = None
    policy: PolicySettings = PolicySettings()
    platforms: PlatformSettings = PlatformSettings()

    @property
    def name(self) -> str:
        """The gateway's name."""
        return self.gateway or f"{socket.gethostname()}:{self.media_port}"

    @property
    def wanted(self) -> Wanted:
        """What is set about computing, as recognition has it."""
        return Wanted(self.device, self.device_index, self.compute_type, self.workers, self.max_batch)

    @property
    def journal(self) -> str:
        """Where the journal is, as SQLAlchemy has it."""
        return self.database or f"sqlite:///{self.data / 'journal.db'}"


def load(config: Path | None, overrides: Mapping[str, Any]) -> Settings:
    """Read settings.

    Args:
      config: a TOML file with the fields of `Settings`; `[limits]` is a table in it. Paths in it are relative to it.
      overrides: fields that the command line sets; None means not set.

    Raises:
      SettingsError: the file can't be read, or fields are wrong or unknown; it holds all of them.
    """
    values: dict[str, Any] = {}
    if config is not None:
        values = _read(config)
        if isinstance(values.get("lexicon"), list):
            values["lexicon"] = [config.parent / str(file) for file in values["lexicon"]]
    values |= {field: value for field, value in overrides.items() if value is not None}
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise Blame(config, overrides).errors(error, Settings) from None


def _read(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(str(config), None, error.strerror or str(error)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(str(config), None, f"is not TOML: {error}") from None
