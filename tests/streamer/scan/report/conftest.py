"""The browser that the console's page is opened in opens reports, too."""

from tests.streamer.console.conftest import browser

__all__ = ["browser"]
