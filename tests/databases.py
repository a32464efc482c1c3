"""A real PostgreSQL for tests, in a folder of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import uuid
from pathlib import Path

import psycopg
import psycopg.sql


class PostgreSQL:
    """A server on loopback that can be stopped and started again.

    Args:
      programs: where `initdb` and `pg_ctl` are.
      folder: empty.
    """

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self._run("initdb", "-D", str(folder / "data"), "-U", "huazha", "-A", "trust", "-N")
        self.start()

    def start(self) -> None:
        options = f"-p {self._port} -k '' -c listen_addresses=127.0.0.1"
        self._run(
            "pg_ctl", "-D", str(self._folder / "data"), "-w", "-l", str(self._folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "-m", "immediate", "stop")

    def fresh(self) -> str:
        """Make an empty database; give its address."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        return self._address(name).replace("postgresql://", "postgresql+psycopg://")

    def _address(self, name: str) -> str:
        return f"postgresql://huazha@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        user = "postgres" if os.getuid() == 0 else None
        command = [str(self._programs / program), *arguments]
        done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr or done.stdout
