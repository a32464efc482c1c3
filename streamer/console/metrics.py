"""What the console's process counts, for Prometheus; `/metrics` shows it beside what the media plane counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class ConsoleMetrics:
    """The counters of one console.

    Args:
      registry: where they are registered; a new one for each test.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.healthy = Gauge("huazha_healthy", "Whether what is said in calls is heard: 1 or 0", registry=registry)
        self.lexicon_trouble = Gauge(
            "huazha_lexicon_trouble",
            "Whether the lexicon's files can't be read: 1 or 0",
            registry=registry,
        )
        self.restarts = Gauge("huazha_console_restarts", "Times that the console was started again", registry=registry)
        self.clients = Gauge("huazha_feed_clients", "Clients of the alert feed", registry=registry)
        self.too_slow = Counter("huazha_feed_too_slow", "Clients cut off since they read too slowly", registry=registry)
        self.degraded = Gauge(
            "huazha_journal_degraded", "Whether what happens is not being written down: 1 or 0", registry=registry
        )
        self.waiting = Gauge("huazha_journal_waiting", "Events that are yet to be written", registry=registry)
        self.lost = Counter("huazha_journal_lost", "Events that could not be written down", registry=registry)
        self.evidence_failed = Counter("huazha_evidence_failed", "Clips that could not be written", registry=registry)
        self.webhooks_waiting = Gauge("huazha_webhooks_waiting", "Webhooks that are yet to be sent", registry=registry)
        self.webhooks_failed = Counter("huazha_webhooks_failed", "Attempts to send one that failed", registry=registry)
        self.webhooks_given_up = Counter(
            "huazha_webhooks_given_up", "Webhooks that were not taken in a day", registry=registry
        )
        self.refused = Counter("huazha_access_refused", "Sign-ins that were refused", registry=registry)
        self._totals: dict[Counter, float] = {}

    def raise_to(self, counter: Counter, total: float) -> None:
        """Let a counter show what somebody else has counted so far."""
        counter.inc(max(0.0, total - self._totals.get(counter, 0.0)))
        self._totals[counter] = total
