"""The card of a head."""

from __future__ import annotations

import hashlib
from pathlib import Path

from streamer.recognition.sounds.training import card
from streamer.recognition.sounds.training.calibrate import LENGTHS
from streamer.recognition.sounds.training.shards import Row


def test_a_card_says_what_a_head_is_made_of(tmp_path: Path) -> None:
    file = tmp_path / "base.zh.npz"
    file.write_bytes(b"weights")
    rows = [
        *(Row(0, 180_000, "", (), f"people:{name}", "CC0-1.0", False) for name in "aab"),
        Row(0, 90_000, "", (), "kokoro-zh-held", "Apache-2.0", True),
    ]
    text = card.written(
        file,
        "base",
        "zh",
        card.Report(
            command="huazha model train-sounds --language zh",
            options={"seed": 1},
            rows=rows,
            error_rate=0.25,
            thresholds={"sure": (0.0, -0.1, -0.2, -0.3, -0.4, -0.5, -0.6, -0.7)},
            recall={"sure": dict.fromkeys(LENGTHS["zh"], 0.5)},
            reliability=[(0.0, 0.05, 10, 0.01, 0.02)],
        ),
    )
    lines = text.splitlines()
    assert hashlib.sha256(b"weights").hexdigest() in text
    assert "    huazha model train-sounds --language zh" in lines
    assert "| people | CC0-1.0 | 2 | 3 | 3.00 |  |" in lines
    assert "| kokoro-zh-held | Apache-2.0 | a new mixture each | 1 | 0.50 | yes |" in lines
    assert "| 4 | -0.30 | 50% |" in lines
    assert "25.0%" in text
