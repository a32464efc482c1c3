"""What is read of a service from outside."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from benchmarks.served import Died, totals, usage
from streamer.metrics import Metrics

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class TestUsage:
    def test_counts_what_this_process_holds(self) -> None:
        before = usage(os.getpid())
        done = threading.Event()
        thread = threading.Thread(target=done.wait)
        reading, writing = os.pipe()
        thread.start()
        held = usage(os.getpid())
        done.set()
        thread.join()
        os.close(reading)
        os.close(writing)
        assert held.handles == before.handles + 2
        assert held.threads == before.threads + 1
        assert 10 < held.rss < 100_000
        assert held.cpu >= before.cpu > 0

    def test_of_a_process_that_is_gone_is_an_error(self) -> None:
        ended = subprocess.Popen([sys.executable, "-c", ""])
        ended.wait()
        with pytest.raises(Died):
            usage(ended.pid)


def test_totals_are_summed_over_labels() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.calls.labels("completed", "").inc(3)
    metrics.calls.labels("refused", "overloaded").inc(2)
    metrics.tasks.set(7)
    found = totals(generate_latest(metrics.registry).decode())
    assert (found["huazha_calls_total"], found["huazha_tasks"]) == (5.0, 7.0)
