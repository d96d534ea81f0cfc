"""One line of JSON for each request: what was asked and answered, never a query, a header field or a token.

``add`` costs some microseconds. Lines are written together, by a thread of its own, so that an output that is slow,
blocked or closed keeps no request waiting; what does not fit into memory meanwhile is dropped, and counted in the log.
"""

from __future__ import annotations

import asyncio
import os
import re
import threading
import time
from collections import deque
from json import dumps
from typing import Final

__all__ = ["RequestLog"]

_PAUSE: Final = 0.1  # seconds
_BATCH: Final = 64 * 1024
_MAX_WAITING: Final = 4 * 1024 * 1024
_MAX_PATH: Final = 256
_PATIENCE: Final = 2.0  # seconds, at the end
_PLAIN: Final = re.compile(r"[ !#-\[\]-~]*")  # what JSON writes as it is: ASCII without controls, quote and backslash


class RequestLog:
    """The log of one process; used from the thread of its event loop."""

    def __init__(self, output: int = 1) -> None:
        """Log to a file descriptor, which stays open; standard output unless told otherwise."""
        self._output = output
        self._lines: list[str] = []
        self._size = 0
        self._second = -1
        self._prefix = ""
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: deque[bytes] = deque()
        self._unwritten = 0
        self._dropped = 0
        self._changed = threading.Condition()
        self._ended = False
        self._writer = threading.Thread(target=self._write, name="undersign-request-log", daemon=True)
        self._writer.start()

    def add(
        self,
        *,
        method: str,
        path: str,
        status: int | None,
        microseconds: int,
        octets: int,
        request_id: str = "",
    ) -> None:
        """Note a request.

        Args:
            path: Without the query; what is longer than 256 characters is cut.
            status: None where the caller went away before there was one.
            octets: Of the answer's content.
            request_id: Its name in the audit log, where it has one.
        """
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            self._prefix = time.strftime('{"time":"%Y-%m-%dT%H:%M:%S.', time.gmtime(second))
        line = (
            f'{self._prefix}{int((now - second) * 1000):03d}Z","method":"{_escaped(method)}","path":"{_escaped(path)}"'
            f',"status":{"null" if status is None else status},"us":{microseconds},"octets":{octets}'
            + (f',"request_id":"{_escaped(request_id)}"}}\n' if request_id else "}\n")
        )
        self._lines.append(line)
        self._size += len(line)
        if self._size >= _BATCH:
            self._hand_over()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PAUSE, self._hand_over)

    def close(self) -> None:
        """Write what is left; what cannot be written within two seconds is lost."""
        self._hand_over()
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._writer.join(_PATIENCE)

    def _hand_over(self) -> None:
        """Give the lines to the thread that writes."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        batch = "".join(self._lines).encode("ascii")
        count = len(self._lines)
        self._lines.clear()
        self._size = 0
        with self._changed:
            if self._unwritten + len(batch) > _MAX_WAITING:
                self._dropped += count
                return
            if self._dropped:
                batch = b'{"dropped":%d}\n' % self._dropped + batch
                self._dropped = 0
            self._waiting.append(batch)
            self._unwritten += len(batch)
            self._changed.notify()

    def _write(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._ended:
                    self._changed.wait()
                if not self._waiting:
                    return
                batch = self._waiting.popleft()
            rest = memoryview(batch)
            try:
                while rest:
                    rest = rest[os.write(self._output, rest) :]
            except BlockingIOError:  # somebody made this output so: wait, as a blocking one would
                time.sleep(_PAUSE)
                with self._changed:
                    self._waiting.appendleft(bytes(rest))
                    self._unwritten += len(rest) - len(batch)
                continue
            except OSError:
                pass  # nobody reads it any more, and what comes next may find somebody
            with self._changed:
                self._unwritten -= len(batch)


def _escaped(text: str) -> str:
    """Write text as the inside of a JSON string, in ASCII, so that no control or direction mark reaches a terminal."""
    text = text[:_MAX_PATH]
    return text if _PLAIN.fullmatch(text) else dumps(text)[1:-1]
