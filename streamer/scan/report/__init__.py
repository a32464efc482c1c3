"""What a scan found, for people: one page that opens on its summary, and tables beside it."""

from streamer.scan.report.sound import AudioOf, clipped
from streamer.scan.report.writing import Bounds, ReportFiles, write

__all__ = ["AudioOf", "Bounds", "ReportFiles", "clipped", "write"]
