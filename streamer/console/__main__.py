"""The console's process; `streamer.control_plane` starts it with the two sockets that it needs."""

from __future__ import annotations

import faulthandler
import logging
import signal
import socket
import sys

from streamer import logs, loops
from streamer.console import plane


def main() -> None:
    """Run until the media plane is gone."""
    # They are for the media plane, which ends this process when all is written; service managers tell both.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    # Before the media plane kills a console that hangs, it has it say where.
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    logs.set_up("console: %(message)s", logging.WARNING)
    link, listening = (socket.socket(fileno=int(number)) for number in sys.argv[1:3])
    loops.run(plane.run(link, listening))


if __name__ == "__main__":
    main()
