"""Calls in, blocks out: the service and its command."""

from __future__ import annotations

import os

# Since 1.29 ONNX Runtime tells Microsoft of the machine and of the models that it runs, and keeps an identifier in the
# cache, unless this is set before it is loaded.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
