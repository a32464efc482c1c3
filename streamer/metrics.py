"""What Huazha counts, for Prometheus. No label holds a call's id or anything said in it."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from detector.types import Violation
from streamer.recognition.scheduler import Batch

BACKGROUND = (
    *("media.health", "media.lexicon", "media.tokens", "media.mutes", "media.feed", "media.link", "media.spool"),
    *("media.recogniser.worker", "media.recogniser.model"),
    *("console.journal", "console.calls", "console.clips", "console.heads", "console.evidence", "console.tokens"),
    *("console.webhooks", "console.database", "console.beat", "console.health"),
)
"""Names of what runs in the background, of both processes."""


class Metrics:
    """The counters of one service.

    Args:
      registry: where they are registered; a new one for each test.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.calls_live = Gauge("huazha_calls_live", "Calls going on", registry=registry)
        self.calls = Counter(
            "huazha_calls",
            "Calls that have ended, and those that were refused, by the refusal's reason",
            ["outcome", "reason"],
            registry=registry,
        )
        self.received = Counter("huazha_audio_received_seconds", "Audio received, all channels", registry=registry)
        self.monitored = Counter("huazha_audio_monitored_seconds", "Audio recognised, or silent", registry=registry)
        self.blind = Counter("huazha_audio_blind_seconds", "Audio received but not monitored", registry=registry)
        self.calls_blind = Gauge(
            "huazha_calls_blind", "Calls going on in which the agent is not monitored at present", registry=registry
        )
        self.audio_late = Gauge(
            "huazha_audio_late_seconds",
            "Audio that has not come in time, in the call that lacks the most",
            registry=registry,
        )
        self.lag = Histogram(
            "huazha_recognition_lag_seconds",
            "From a window's last sample coming in to its text",
            buckets=(0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1, 1.5, 2, 3, 5, 10, 30),
            registry=registry,
        )
        self.real_time_factor = Histogram(
            "huazha_recognition_real_time_factor",
            "Seconds of recognition to a second of audio in its windows, by batch",
            buckets=(0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 2, 5),
            registry=registry,
        )
        self.busy = Counter(
            "huazha_recognition_busy_seconds",
            "Recogniser's time; its rate against that of audio received is the load of real time",
            registry=registry,
        )
        self.waited = Histogram(
            "huazha_recognition_wait_seconds",
            "A batch's oldest window in the queue",
            buckets=(0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3, 10, 30),
            registry=registry,
        )
        self.unrecognised = Counter(
            "huazha_recognition_failures", "Windows that were not recognised, by why", ["reason"], registry=registry
        )
        self.restarts = Counter(
            "huazha_recogniser_restarts",
            "Workers of the recogniser that failed and were started again, and models loaded in a hung one's place",
            ["what"],
            registry=registry,
        )
        for what in ("worker", "model"):
            # So that the first of all is seen to be more than none.
            self.restarts.labels(what)
        self.queue_age = Gauge(
            "huazha_recognition_queue_age_seconds", "Age of the oldest window unanswered", registry=registry
        )
        self.relief = Gauge(
            "huazha_recognition_relief",
            "What is given up under load: 0 nothing, 1 the customers' channels, 2 new calls as well",
            registry=registry,
        )
        self.tasks = Gauge("huazha_tasks", "Tasks in the event loop that calls are heard in", registry=registry)
        self.background = Counter(
            "huazha_background_restarts",
            "Times that background work of either process failed and was started again: alert on any",
            ["name"],
            registry=registry,
        )
        # So that the first failure is seen as an increase.
        for name in BACKGROUND:
            self.background.labels(name)
        self.match_to_signal = Histogram(
            "huazha_match_to_signal_seconds",
            "From words reaching the detector to the block being on the socket",
            buckets=(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 1),
            registry=registry,
        )
        self.violations = Counter("huazha_violations", "Violations found", ["rule", "severity"], registry=registry)
        self.undelivered = Counter(
            "huazha_blocks_undelivered", "Blocks that were not carried out: alert on any", registry=registry
        )
        self.displaced = Counter(
            "huazha_sockets_displaced",
            "Sockets that go on sending what is taken from another one since: alert on any",
            registry=registry,
        )
        self.dropped = Counter(
            "huazha_messages_dropped",
            "Messages that a platform's socket did not take: it reads too slowly or not at all, or was lost",
            registry=registry,
        )
        self.carried = Counter(
            "huazha_controls",
            "What control ports were asked for, by what came of it",
            ["platform", "action", "outcome"],
            registry=registry,
        )
        self.skipped = Counter(
            "huazha_messages_skipped",
            "Messages in mid-call that were not understood, and passed over",
            ["platform", "reason"],
            registry=registry,
        )
        seconds = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
        self.match_to_request = Histogram(
            "huazha_match_to_request_seconds",
            "From words reaching the detector to the request having left for the platform's control port",
            ["platform"],
            buckets=seconds,
            registry=registry,
        )
        self.match_to_confirmed = Histogram(
            "huazha_match_to_confirmed_seconds",
            "From words reaching the detector to the platform saying that it was carried out",
            ["platform"],
            buckets=seconds,
            registry=registry,
        )

    def count_batch(self, batch: Batch) -> None:
        self.busy.inc(batch.took)
        self.waited.observe(batch.waited)
        if batch.audio:
            self.real_time_factor.observe(batch.took / batch.audio)

    def count_lost(self, reason: str) -> None:
        self.unrecognised.labels(reason).inc()

    def count_restart(self, what: str) -> None:
        self.restarts.labels(what).inc()

    def count_violation(self, violation: Violation) -> None:
        self.violations.labels(violation.rule_id, violation.severity).inc()

    def value(self, metric: Counter | Gauge) -> float:
        """Read a counter or gauge, summed over its labels."""
        return sum(
            sample.value
            for family in metric.collect()
            for sample in family.samples
            if not sample.name.endswith("_created")
        )
