"""`[platforms.NAME]` in the settings: how each telephony platform streams, and how it is told to block."""

from __future__ import annotations

from streamer.dialects.asterisk import AsteriskSettings
from streamer.dialects.audiohook import AudiohookSettings
from streamer.dialects.dialect import Section
from streamer.dialects.freeswitch import FreeSwitchSettings
from streamer.dialects.jambonz import JambonzSettings
from streamer.dialects.plivo import PlivoSettings
from streamer.dialects.signalwire import SignalWireSettings
from streamer.dialects.telnyx import TelnyxSettings
from streamer.dialects.twilio import TwilioSettings
from streamer.dialects.vonage import VonageSettings


class PlatformSettings(Section):
    """One section for each platform; Huazha's own protocol has none."""

    twilio: TwilioSettings = TwilioSettings()
    signalwire: SignalWireSettings = SignalWireSettings()
    telnyx: TelnyxSettings = TelnyxSettings()
    plivo: PlivoSettings = PlivoSettings()
    audiohook: AudiohookSettings = AudiohookSettings()
    freeswitch: FreeSwitchSettings = FreeSwitchSettings()
    jambonz: JambonzSettings = JambonzSettings()
    asterisk: AsteriskSettings = AsteriskSettings()
    vonage: VonageSettings = VonageSettings()
