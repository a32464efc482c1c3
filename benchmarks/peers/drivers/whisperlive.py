"""WhisperLive's server, as its own start script makes it; the package brings none.

    python whisperlive.py OPTIONS

OPTIONS are those of `TranscriptionServer.run`, as JSON. Runs in the peer's environment, and imports nothing of Huazha.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module


def main() -> None:
    # By name: it is not there where this file is checked.
    import_module("whisper_live.server").TranscriptionServer().run(**json.loads(sys.argv[1]))


if __name__ == "__main__":
    main()
