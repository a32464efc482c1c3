"""The platforms that calls may come from: their sockets, and their control ports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streamer.control import asterisk as asterisk_port
from streamer.control import audiohook as audiohook_port
from streamer.control import freeswitch as freeswitch_port
from streamer.control import jambonz as jambonz_port
from streamer.control import plivo as plivo_port
from streamer.control import signalwire as signalwire_port
from streamer.control import telnyx as telnyx_port
from streamer.control import twilio as twilio_port
from streamer.control import vonage as vonage_port
from streamer.control.port import Port
from streamer.dialects import (
    asterisk,
    audiohook,
    freeswitch,
    jambonz,
    native,
    plivo,
    signalwire,
    telnyx,
    twilio,
    vonage,
)
from streamer.dialects.dialect import Platform
from streamer.platform_settings import PlatformSettings


@dataclass(frozen=True, slots=True)
class Known:
    """A platform and the way to its control port.

    Attributes:
      open_port: given the platform's section of the settings; None where the socket itself carries blocks out.
    """

    platform: Platform
    open_port: Callable[[Any], Port | None] | None


KNOWN: Mapping[str, Known] = {
    one.platform.path: one
    for one in (
        Known(native.PLATFORM, None),
        Known(twilio.PLATFORM, twilio_port.open_port),
        Known(signalwire.PLATFORM, signalwire_port.open_port),
        Known(telnyx.PLATFORM, telnyx_port.open_port),
        Known(plivo.PLATFORM, plivo_port.open_port),
        Known(audiohook.PLATFORM, audiohook_port.open_port),
        Known(freeswitch.PLATFORM, freeswitch_port.open_port),
        Known(jambonz.PLATFORM, jambonz_port.open_port),
        Known(asterisk.PLATFORM, asterisk_port.open_port),
        Known(vonage.PLATFORM, vonage_port.open_port),
    )
}
"""By the path that the platform's sockets come in at."""


def section_of(platform: Platform, settings: PlatformSettings) -> Any:
    """Give a platform's section of the settings; None for Huazha's own protocol."""
    return getattr(settings, platform.name, None)
