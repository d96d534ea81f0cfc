"""The playground as a process of its own, reached over real HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path


def free_port() -> int:
    """A port that nobody holds at this moment."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def ask(port: int, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    """Send one request to this machine, with any Host."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(method, path, headers={"Host": f"localhost:{port}", **headers})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def playing(folder: Path, *words: str) -> Iterator[int]:
    """Run `undersign playground` until the block ends, and give its port."""
    port = free_port()
    command = [sys.executable, "-m", "undersign.cli.main", "playground", "--port", str(port), "--with-parent", *words]
    with (folder / "playground.log").open("ab") as log:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ})
    try:
        for _ in range(400):
            try:
                ask(port)
                break
            except (OSError, HTTPException):
                assert process.poll() is None, (folder / "playground.log").read_text()
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdin is not None
        process.stdin.close()
