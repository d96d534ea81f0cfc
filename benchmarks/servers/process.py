"""A server as a process of its own: started, asked whether it is ready, and what it and its children have spent."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from .load import UnexpectedError

TICK = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port: int = held.getsockname()[1]
        return port


def get(port: int, path: str) -> tuple[int, bytes]:
    """Ask once, and give the status and the body; 0 where nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, HTTPException):
        return 0, b""
    finally:
        connection.close()


@contextmanager
def running(words: Sequence[str], folder: Path, port: int, ready: str, **environment: str) -> Iterator[int]:
    """Run a command in a folder until the block ends, and give its process id once the path `ready` answers 200.

    Raises:
        UnexpectedError: It ended by itself, or is not ready after a minute; the end of its log says why.
    """
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own servers
            words, cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, **environment}
        )
    try:
        deadline = time.monotonic() + 60
        while get(port, ready)[0] != 200:  # noqa: PLR2004 - the status of HTTP
            if process.poll() is not None or time.monotonic() > deadline:
                raise UnexpectedError((folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdin is not None
        process.stdin.close()


def spent(pid: int) -> float:
    """CPU seconds, of user and system, that a process and all below it have used."""
    parents: dict[int, tuple[int, float]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(path.parent.name)] = int(words[1]), (int(words[11]) + int(words[12])) / TICK
    family, grown = {pid}, True
    while grown:
        more = {child for child, (parent, _) in parents.items() if parent in family} - family
        family, grown = family | more, bool(more)
    return sum(parents[member][1] for member in family if member in parents)
