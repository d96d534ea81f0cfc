"""A light load: ready octets over connections that are kept, one process, one request at a time on each."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import cast

import uvloop

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class UnexpectedError(Exception):
    """A server answered otherwise than it must, or not at all: what follows would measure something else."""


@dataclass(slots=True)
class Answered:
    """What came back: how many answers of 200 in how many seconds of wall time, and how long each took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return len(self.latencies) / self.seconds

    def percentile(self, percent: int) -> float:
        """How long so many percent of the requests took at most."""
        return sorted(self.latencies)[min(len(self.latencies) * percent // 100, len(self.latencies) - 1)]


def request(method: str, path: str, host: str, body: bytes = b"", **headers: str) -> bytes:
    """Write one request as octets; a header's name has _ for -."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def send(port: int, requests: Sequence[bytes], clients: int, *, keep: list[bytes] | None = None) -> Answered:
    """Send every request once, so many at a time; the answers' bodies are kept where a list is given for them.

    Raises:
        UnexpectedError: An answer is not 200, or a connection was lost.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send(port, requests, clients, keep))


async def _send(port: int, requests: Sequence[bytes], clients: int, keep: list[bytes] | None) -> Answered:
    loop = asyncio.get_running_loop()
    answered, left = Answered(), iter(requests)
    ends = [loop.create_future() for _ in range(clients)]
    start = time.perf_counter()
    made = [_Connection(left, answered, end, keep) for end in ends]
    try:
        for connection in made:
            await loop.create_connection(lambda connection=connection: connection, "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.wait_for(asyncio.gather(*ends), 120)
    except TimeoutError:
        raise UnexpectedError(f"{len(answered.latencies)} of {len(requests)} answers came in two minutes") from None
    finally:
        for connection in made:
            connection.close()
        await asyncio.sleep(0)
    answered.seconds = time.perf_counter() - start
    return answered


class _Connection(asyncio.Protocol):
    """One client: the next request goes out when the answer before is whole."""

    def __init__(
        self, left: Iterator[bytes], answered: Answered, end: asyncio.Future[None], keep: list[bytes] | None
    ) -> None:
        self._left, self._answered, self._end, self._keep = left, answered, end, keep
        self._buffer, self._whole, self._sent = b"", 0, 0.0
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._next()

    def _next(self) -> None:
        octets = next(self._left, None)
        if octets is None:
            self._end.set_result(None)
            self.close()
            return
        self._buffer, self._whole, self._sent = b"", 0, time.perf_counter()
        if self._transport is not None:
            self._transport.write(octets)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._whole:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            length = LENGTH.search(self._buffer, 0, head)
            self._whole = head + 4 + int(length[1]) if length else -1
        if 0 <= self._whole <= len(self._buffer):
            self._judge()
        elif self._whole < 0:
            self._fail("an answer without a length")

    def _judge(self) -> None:
        if self._buffer[9:12] != b"200":
            self._fail(self._buffer[:2000].decode("utf-8", "replace"))
            return
        self._answered.latencies.append(time.perf_counter() - self._sent)
        if self._keep is not None:
            self._keep.append(self._buffer.partition(b"\r\n\r\n")[2])
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection was lost: {exc}")

    def _fail(self, what: str) -> None:
        if not self._end.done():
            self._end.set_exception(UnexpectedError(what))
            self.close()

    def close(self) -> None:
        """Close it, if it is open."""
        if self._transport is not None:
            self._transport.close()
