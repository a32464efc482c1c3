"""Platforms in small: each plays a recording to the service as that platform would, message for message."""
