"""Recordings, scanned whole after the fact by the same machines as live calls."""
