"""The parties as processes of their own: started, waited for, stopped, and gone when this process is."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Final

import undersign
from undersign.errors import StorageError

from .files import Plan
from .wire import UnreachableError, exchange

__all__ = ["Backend", "Party"]

_START: Final = 30.0  # seconds
_STOP: Final = 15.0
_WRITTEN: Final = 5.0
_LOG_TAIL: Final = 1500


class Party:
    """One process. Its standard input is a pipe that closes when this process ends, however it ends."""

    def __init__(self, name: str, url: str, arguments: list[str], log: Path, *, root: Path | None = None) -> None:
        self.name = name
        self.url = url
        self._arguments = [sys.executable, *arguments]
        self._log = log
        self._root = root
        self._ready = "/readyz"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; ``wait`` until it answers."""
        environment = dict(os.environ, PYTHONUNBUFFERED="1")
        if self._root is not None:
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(self._root), os.environ.get("PYTHONPATH"))))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and modules
                self._arguments, stdin=subprocess.PIPE, stdout=self._output(log.fileno()), stderr=log, env=environment
            )

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            StorageError: It does not.
        """
        deadline = time.monotonic() + _START
        while self._process is not None and time.monotonic() < deadline and self._process.poll() is None:
            with suppress(UnreachableError):
                if exchange("GET", self.url + self._ready).status == 200:  # noqa: PLR2004
                    return
            time.sleep(0.05)
        tail = self._log.read_text("utf-8", "replace")[-_LOG_TAIL:]
        self.stop()
        raise StorageError(f"The {self.name} did not start.", help=f"Its log ends with:\n{tail}")

    def stop(self) -> None:
        """Ask it to stop, wait, and insist."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def log_has(self, text: str) -> bool:
        """Whether a line of its log holds this text, or comes to: lines are written some at a time."""
        deadline = time.monotonic() + _WRITTEN
        while text not in self._log.read_text("utf-8", "replace"):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _output(self, log: int) -> int:
        return log

    @classmethod
    def server(cls, name: str, url: str, file: Path) -> Party:
        """A server of ours, as ``undersign serve FILE`` starts it."""
        arguments = ["-m", "undersign.cli.main", "serve", str(file), "--with-parent"]
        return cls(name, url, arguments, file.parent / "server.log")


class Backend(Party):
    """The backend; its journal comes over its standard output."""

    def __init__(self, plan: Plan) -> None:
        module, root = _example()
        arguments = ["-m", module, str(plan.backend_file), "--with-parent"]
        super().__init__("backend", plan.backend, arguments, plan.folder / "backend" / "backend.log", root=root)
        self._ready = "/"
        self._events: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()

    def start(self) -> None:
        """Start it, and listen to its journal."""
        super().start()
        Thread(target=self._listen, name="undersign-journal", daemon=True).start()

    def journal(self) -> Iterator[dict[str, str]]:
        """What it did since the last time it was asked."""
        with suppress(queue.Empty):
            while True:
                yield self._events.get(timeout=0.3)

    def _output(self, log: int) -> int:  # noqa: ARG002 - the journal is not the log
        return subprocess.PIPE

    def _listen(self) -> None:
        output = self._process.stdout if self._process else None
        if output is None:
            return
        with suppress(ValueError, OSError):
            for line in output:
                with suppress(ValueError):
                    self._events.put(json.loads(line))


def _example() -> tuple[str, Path | None]:
    """Where the example is: inside the package of a wheel, or beside the source in a checkout."""
    package = Path(undersign.__file__).parent
    if (package / "examples" / "signing_backend").is_dir():
        return "undersign.examples.signing_backend", None
    return "examples.signing_backend", package.parents[1]
