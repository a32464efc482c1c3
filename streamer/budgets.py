"""How long what others wait for may take, in one table: whoever waits allows more than all that he waits for. Pure.

`deploy/huazha.service` and `deploy/compose.yaml` allow `STOPPED` seconds for stopping; a test holds them to it. The
limits of calls and of platforms are settings: while the service stops, they are cut to what is here.
"""

from __future__ import annotations

# What the console asks the media plane.
MEDIA_ANSWER = 4.0
"""For the media plane to answer a question."""
CONSOLE_ANSWER = 5.0
"""For the console to wait for an answer."""
MEDIA_RELOAD = 120.0
"""For the media plane to read a lexicon again: one of a hundred thousand terms takes half a minute."""
CONSOLE_RELOAD = 125.0
"""For the console to wait for that."""

# Whether the console is alive.
BEAT = 0.5
"""Between two signs of life, in both directions."""
SILENT = 5.0
"""Without a sign of life after which a process counts as hung."""
DUMP = 0.5
"""For a hung console to write down where it hangs, before it is killed."""

# Starting.
DATABASE = 15.0
"""For the database to be had at the start; without it, the service starts degraded."""
CONSOLE_START = 60.0
"""For the console's process to start."""

# Stopping, one after the other. First calls: all of them at once, each step for all of them.
CLOSE = 2.0
"""For a platform to answer that its socket is closed; meanwhile calls are drained."""
DRAIN = 8.0
"""For what was said last to be recognised."""
SIGNALS = 6.0
"""For signals that are on their way to platforms."""
LIFT = 6.0
"""For mutes to be lifted."""
PORTS = 2.0
"""For control ports to be closed."""
CALLS = DRAIN + SIGNALS + LIFT
"""For all calls to end; what is not over then is cut off."""
RECOGNISER = 5.0
"""For a batch that is being recognised."""
# Then the console, which has been told everything by then.
CLIPS = 4.0
"""For the last clips to be written."""
JOURNAL = 5.0
"""For the last events to be written; those that are not, the media plane spools."""
FAREWELL = 2.0
"""For the console's clients to take their last answers."""
CONSOLE_LEAVE = CLIPS + JOURNAL + FAREWELL + 1.0
"""For the console's process to end; it is killed then."""
SPOOL = 2.0
"""For what the journal does not have to be written to the spool."""
STOP = (CALLS + 1.0) + (CLOSE + 1.0) + 2 * PORTS + RECOGNISER + CONSOLE_LEAVE + 3 * SPOOL
"""For the whole service to stop, were every step to take as long as it may."""
STOPPED = 60
"""For systemd and Docker to wait before they kill it."""
