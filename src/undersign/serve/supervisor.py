"""Several processes behind the same sockets: the dead are replaced, a stop is graceful, a restart is one by one.

The parent binds and serves nothing itself. Each child has one pipe to it: over it the child says that it serves, or why
it cannot; and when it closes, the parent is gone and the child stops, so that none is left behind by a parent that was
killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final, TypeAlias

from ..errors import SettingsError, UndersignError
from .server import GRACE

__all__ = ["Serve", "Supervisor"]

Serve: TypeAlias = Callable[[list[socket.socket], Callable[[], None]], None]
"""What each child runs: it serves the sockets until SIGTERM, and calls what it was given once it serves."""

_SPAWN: Final = multiprocessing.get_context("spawn")  # a child that shares no thread, lock or database with its parent
_START: Final = 60.0  # seconds
_STOP: Final = GRACE + 5.0
_RECENT: Final = 60.0  # deaths within so many seconds are counted together
_FIRST_PAUSE: Final = 0.5
_LONGEST_PAUSE: Final = 30.0
_HELP: Final = "What it said stands above; `undersign check FILE` may say more."
_SIGNALS: Final = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class _Child:
    """One process."""

    def __init__(self, serve: Serve, sockets: Sequence[socket.socket], replaces: _Child | None) -> None:
        self.line, theirs = _SPAWN.Pipe()
        self.replaces = replaces
        self.serves = False
        self.reason = ""
        self.help = ""
        self.deadline: float | None = time.monotonic() + _START
        self.stopping = False
        self.process: BaseProcess = _SPAWN.Process(target=_live, args=(serve, list(sockets), theirs), daemon=False)
        self.process.start()
        theirs.close()

    def listen(self) -> None:
        """Hear whether it serves, or why it cannot."""
        with suppress(EOFError, OSError):
            while self.line.poll():
                said = self.line.recv()
                if said is None:
                    self.serves, self.deadline = True, None
                else:
                    self.reason, self.help = said

    def stop(self) -> None:
        """Have it answer what is running and end."""
        if not self.stopping:
            self.stopping = True
            self.deadline = time.monotonic() + _STOP
            self.process.terminate()

    def insist(self) -> None:
        """End it when its time is over."""
        if self.deadline is not None and time.monotonic() > self.deadline:
            self.reason = self.reason or "it took too long"
            self.process.kill()

    def why(self) -> str:
        """Why it ended, as far as is known."""
        code = self.process.exitcode
        return self.reason or (f"signal {-code}" if code is not None and code < 0 else f"exit code {code}")


class Supervisor:
    """Keeps so many processes serving."""

    def __init__(self, serve: Serve, sockets: Sequence[socket.socket], count: int) -> None:
        self._serve = serve
        self._sockets = sockets
        self._count = count
        self._children: list[_Child] = []
        self._to_replace: list[_Child] = []
        self._deaths: deque[float] = deque()
        self._not_before = 0.0
        self._signals: list[int] = []

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT; SIGHUP replaces each process by one that reads its files again.

        Args:
            ready: Called once, when all of them serve.

        Raises:
            SettingsError: A process could not start.
            KeyboardInterrupt: It was SIGINT that ended this.
        """
        said = False
        with self._heard() as ear:
            try:
                while signal.SIGTERM not in self._signals and signal.SIGINT not in self._signals:
                    self._fill()
                    self._wait(ear)
                    self._look()
                    if not said and self._count == sum(child.serves for child in self._children):
                        said = True
                        ready()
            finally:
                self._stop(ear)
        if signal.SIGTERM not in self._signals:
            raise KeyboardInterrupt

    def _fill(self) -> None:
        """Start what is missing, or the next that replaces one."""
        if signal.SIGHUP in self._signals:
            self._signals = [number for number in self._signals if number != signal.SIGHUP]
            self._to_replace = [child for child in self._children if not child.stopping]
        staying = [child for child in self._children if not child.stopping and child.replaces is None]
        if time.monotonic() >= self._not_before:
            for _ in range(self._count - len(staying)):
                self._children.append(_Child(self._serve, self._sockets, None))
        self._to_replace = [child for child in self._to_replace if child in staying]
        if self._to_replace and not any(child.replaces for child in self._children):
            self._children.append(_Child(self._serve, self._sockets, self._to_replace[0]))

    def _look(self) -> None:
        for child in tuple(self._children):
            child.listen()
            child.insist()
            if not child.process.is_alive():
                self._bury(child)
            elif child.serves and child.replaces is not None:
                child.replaces.stop()
                child.replaces = None

    def _bury(self, child: _Child) -> None:
        child.listen()
        child.process.join()
        child.line.close()
        self._children.remove(child)
        for other in self._children:
            if other.replaces is child:
                other.replaces = None
                return
        if child.stopping:
            return
        if child.serves:
            self._mourn(child)
        elif child.replaces is not None:  # what serves goes on as it is
            self._to_replace.clear()
            _say(f"not restarted: a new process cannot start: {child.why()}")
        else:
            raise SettingsError(f"A server process cannot start: {child.why()}", help=child.help or _HELP)

    def _mourn(self, child: _Child) -> None:
        """Say that one died, and wait the longer with the next the more have died of late."""
        now = time.monotonic()
        self._deaths.append(now)
        while self._deaths[0] < now - _RECENT:
            self._deaths.popleft()
        pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** min(16, len(self._deaths) - 1))
        self._not_before = now + pause
        _say(f"process {child.process.pid} died ({child.why()}); another takes its place in {pause:g} s")

    def _wait(self, ear: socket.socket) -> None:
        """Wait for a signal, a death, a word of a child that starts, or a deadline."""
        starting = [child.line for child in self._children if not child.serves and not child.reason]
        wait([ear, *(child.process.sentinel for child in self._children), *starting], self._patience())
        with suppress(BlockingIOError):
            ear.recv(1024)

    def _patience(self) -> float | None:
        """How long to wait at most."""
        moments = [child.deadline for child in self._children if child.deadline is not None]
        if self._not_before > time.monotonic():
            moments.append(self._not_before)
        return max(0.0, min(moments) - time.monotonic()) + 0.01 if moments else None

    def _stop(self, ear: socket.socket) -> None:
        """Stop all, each within its time; a second signal, or an error of ours, is no reason to leave one behind."""
        for child in self._children:
            child.stop()
        while self._children:
            self._wait(ear)
            self._look()

    @contextmanager
    def _heard(self) -> Iterator[socket.socket]:
        """Note signals, and have what is given be readable when there is one."""
        ear, mouth = socket.socketpair()
        ear.setblocking(False)
        mouth.setblocking(False)

        def note(number: int, _frame: Any) -> None:
            self._signals.append(number)

        kept = {number: signal.signal(number, note) for number in _SIGNALS}
        before = signal.set_wakeup_fd(mouth.fileno(), warn_on_full_buffer=False)
        try:
            yield ear
        finally:
            signal.set_wakeup_fd(before)
            for number, handler in kept.items():
                signal.signal(number, handler)
            ear.close()
            mouth.close()


def _live(serve: Serve, sockets: list[socket.socket], line: Connection) -> None:
    """Be a child."""
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # for the parent to follow, also where a terminal sent it to all
    threading.Thread(target=_follow_parent, args=(line,), name="undersign-parent", daemon=True).start()
    try:
        serve(sockets, lambda: line.send(None))
    except UndersignError as error:
        line.send((f"[{error.code}] {error.message}", error.help))
        sys.exit(1)
    except KeyboardInterrupt:
        return
    except Exception as error:
        line.send((type(error).__name__, ""))
        raise


def _follow_parent(line: Connection) -> None:
    """Wait until the pipe closes, which it does when the parent is gone."""
    with suppress(EOFError, OSError):
        line.recv()
    os.kill(os.getpid(), signal.SIGTERM)


def _say(what: str) -> None:
    with suppress(OSError):
        print(f"undersign: {what}", file=sys.stderr, flush=True)  # noqa: T201 - a supervisor's only voice
