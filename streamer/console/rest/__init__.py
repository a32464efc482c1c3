"""The REST interface, by subject; `docs/feed.md` lists it."""
