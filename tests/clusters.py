"""A real cluster of Ray on this machine: a head that computes nothing and two workers, with recognisers on each.

Run as a module it is the cluster: a process of its own, so that nothing of Ray is in the tests', whose gateways need
none of it. It says where it is on standard output, and ends with its standard input.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from socket import create_server

from streamer.ray.addresses import APPLICATION

WORKERS = 2
MEMORY = 100 * 1024 * 1024
"""Bytes of a node's object store: what is sent is windows."""
ENDS = 60.0
"""Seconds that it may take to end."""
REPLICA = f"ray::ServeReplica:{APPLICATION}:".encode()
SCANNER = b"ray::MapWorker(MapBatches(Worker))"
"""How Ray names its processes."""


class RayCluster:
    """A cluster in processes of its own.

    Attributes:
      recognizer: `ray://HOST:PORT/huazha`, for a gateway.
      client: `ray://HOST:PORT`, for a scan.
    """

    def __init__(self) -> None:
        # Paths of sockets in it must be short.
        self._folder = tempfile.TemporaryDirectory(prefix="hz", dir="/tmp")
        environment = {
            **os.environ,
            "RAY_TMPDIR": self._folder.name,
            "RAY_USAGE_STATS_ENABLED": "0",
            # Else what Ray Client forks dies at birth now and then, and half a minute goes by until that is noticed.
            "GRPC_ENABLE_FORK_SUPPORT": "0",
            "PYTHONWARNINGS": "ignore",
        }
        root = Path(__file__).parent.parent
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(root), environment.get("PYTHONPATH")]))
        with (Path(self._folder.name) / "said").open("wb") as said:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.clusters"],
                cwd=root,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                start_new_session=True,
            )
        where = json.loads(self._hear())
        self.recognizer, self.client = str(where["recognizer"]), str(where["client"])

    @property
    def replicas(self) -> list[int]:
        """Process numbers of the replicas there are."""
        return self._named(REPLICA)

    @property
    def scanners(self) -> list[int]:
        """Process numbers of a scan's workers."""
        return self._named(SCANNER)

    def _named(self, name: bytes) -> list[int]:
        return [number for number in self._processes() if _command(number).startswith(name)]

    def kill(self, number: int) -> None:
        """Kill a process as a machine's failure would: with what it has in hand."""
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)

    def settle(self) -> None:
        """Wait until every replica is there and well."""
        self._ask("settle")
        while len(self.replicas) != WORKERS:
            # That one has died was not noticed yet.
            time.sleep(0.1)
            self._ask("settle")

    def withdraw(self) -> None:
        """Take the recognisers away; what was their door stays."""
        self._ask("withdraw")

    def _ask(self, what: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{what}\n".encode())
        self._process.stdin.flush()
        assert self._hear() == what

    def _hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode().strip()
        if not line:
            said = (Path(self._folder.name) / "said").read_text(errors="replace")[-3000:]
            self.stop()
            raise AssertionError(f"the cluster is gone: {said}")
        return line

    def stop(self) -> None:
        """End all of it."""
        started = [(number, _command(number)) for number in self._processes()]
        with suppress(subprocess.TimeoutExpired):
            self._process.communicate(timeout=ENDS)
        for number, command in started:
            if command and _command(number) == command:
                self.kill(number)
        self._process.wait()
        self._folder.cleanup()

    def _processes(self) -> list[int]:
        """Give the numbers of all of its processes."""
        parents = dict(_parents())
        mine = {self._process.pid}
        while more := {number for number, parent in parents.items() if parent in mine} - mine:
            mine |= more
        return sorted(mine)


def _parents() -> Iterator[tuple[int, int]]:
    """Give each process and its parent."""
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            yield int(file.parent.name), int(file.read_text(errors="replace").rpartition(")")[2].split()[1])


def _command(number: int) -> bytes:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes()
    except OSError:
        return b""


def _free() -> int:
    with create_server(("127.0.0.1", 0)) as socket:
        return int(socket.getsockname()[1])


def main() -> None:
    """Be a cluster until standard input ends."""
    import ray
    from ray import serve
    from ray.cluster_utils import Cluster

    from streamer.ray.deployment import Application, app

    # As few at once as show what happens when there are more.
    wanted = Application(min_replicas=WORKERS, max_replicas=WORKERS, max_batch=2, max_queued=2)

    def settle() -> None:
        while not settled():
            time.sleep(0.1)

    def settled() -> bool:
        states = serve.status().applications[APPLICATION].deployments["Recognisers"].replica_states
        return {str(state): count for state, count in states.items() if count} == {"RUNNING": WORKERS}

    out, sys.stdout = sys.stdout, sys.stderr
    client, ingress = _free(), _free()
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "object_store_memory": MEMORY,
            "ray_client_server_port": client,
            "include_dashboard": False,
        },
    )
    try:
        for _ in range(WORKERS):
            # One for a recogniser, one for a scan.
            cluster.add_node(num_cpus=2, object_store_memory=MEMORY)
        ray.init(address=cluster.address, log_to_driver=False)
        # On one machine only one node can have the port.
        serve.start(proxy_location="HeadOnly", http_options={"host": "127.0.0.1", "port": ingress})
        serve.run(app(wanted), name=APPLICATION, route_prefix=f"/{APPLICATION}")
        where = {"recognizer": f"ray://127.0.0.1:{ingress}/{APPLICATION}", "client": f"ray://127.0.0.1:{client}"}
        print(json.dumps(where), file=out, flush=True)
        does: dict[str, Callable[[], None]] = {"settle": settle, "withdraw": partial(serve.delete, APPLICATION)}
        for line in sys.stdin:
            does[line.strip()]()
            print(line.strip(), file=out, flush=True)
        serve.shutdown()
        ray.shutdown()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
