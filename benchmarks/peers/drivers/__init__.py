"""What runs inside a peer's own environment; the peer's module starts it."""
