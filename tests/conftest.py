"""What tests share: the real model, loaded once, and services to run it in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from streamer import service
from streamer.recognition.recognizer import Recognizer
from streamer.recognition.whisper import WhisperRecognizer
from streamer.service import Service
from streamer.settings import Limits, Settings
from tests.faults import Running


@pytest.fixture(scope="session")
def whisper() -> WhisperRecognizer:
    """The real model."""
    recognizer = service.load_recognizer(Settings())
    assert isinstance(recognizer, WhisperRecognizer)
    return recognizer


@pytest.fixture
def running() -> Running:
    """Run a service on free ports: `async with running(recognizer, **limits) as service`."""

    @asynccontextmanager
    async def run(recognizer: Recognizer, **limits: float) -> AsyncIterator[Service]:
        settings = Settings(media_port=0, console_port=0, limits=Limits.model_validate(limits))
        async with service.running(settings, recognizer) as started:
            yield started

    return run
