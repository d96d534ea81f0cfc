"""The log of requests: what it says, what it never says, and that no output can hold it up."""

import asyncio
import json
import os
import socket
import time

import pytest

from undersign.web.app import Application
from undersign.web.exchange import Reply
from undersign.web.operation import Operation
from undersign.web.request_log import RequestLog

ASKED = {"method": "POST", "path": "/token", "status": 200, "microseconds": 412, "octets": 900}


def lines_of(*requests):
    """What the log writes of these requests."""
    reading, writing = os.pipe()

    async def note():
        log = RequestLog(writing)
        for each in requests:
            log.add(**each)
        log.close()

    asyncio.run(note())
    os.close(writing)
    with os.fdopen(reading, "rb") as found:
        return found.read().splitlines()


def read_while(reading, condition):
    """Read what comes as long as it is so, without waiting for more than there will be."""
    os.set_blocking(reading, False)
    found = b""
    while condition():
        try:
            found += os.read(reading, 1 << 20)
        except BlockingIOError:
            time.sleep(0.001)
    os.set_blocking(reading, True)
    return found


def test_a_line_is_one_object():
    """Each request is one line of JSON, with the names of what was measured."""
    first, second = lines_of(ASKED, ASKED | {"request_id": "r-1", "status": None})
    found = json.loads(first)

    assert time.strptime(found.pop("time"), "%Y-%m-%dT%H:%M:%S.%fZ")
    assert found == {"method": "POST", "path": "/token", "status": 200, "us": 412, "octets": 900}
    assert (json.loads(second)["request_id"], json.loads(second)["status"]) == ("r-1", None)


@pytest.mark.parametrize(
    "text", ['/"', "/\\", "/a\nb", "/\x1b[31m", "/\x7f", "/\u202e", "/\u0085", "/\ufffd", "/\U0001f600"]
)
@pytest.mark.parametrize("member", ["method", "path", "request_id"])
def test_what_came_from_outside_is_escaped(text, member):
    """Nothing that a caller sends ends a line, ends a string, or reaches a terminal as a control or as a direction."""
    (line,) = lines_of(ASKED | {member: text})

    assert line.isascii()
    assert all(32 <= octet < 127 for octet in line)
    assert json.loads(line)[member] == text


def test_a_long_path_is_cut():
    """A line has its size, whatever was asked for."""
    (line,) = lines_of(ASKED | {"path": "/" + "a" * 60_000})

    assert json.loads(line)["path"] == "/" + "a" * 255


def test_a_blocked_output_keeps_nobody_waiting():
    """Where nobody reads, lines are kept up to a bound, then dropped and counted; who reads again learns how many."""
    reading, writing = os.pipe()

    async def note():
        log = RequestLog(writing)
        begun = time.monotonic()
        for _ in range(60_000):  # more than what may wait, and than what a pipe holds
            log.add(**ASKED | {"path": "/" + "a" * 100})
        took = time.monotonic() - begun
        got = await asyncio.to_thread(read_while, reading, lambda: log._unwritten)
        log.close()
        return took, got

    took, found = asyncio.run(note())
    os.close(writing)
    with os.fdopen(reading, "rb") as rest:
        lines = (found + rest.read()).splitlines()

    assert took < 20  # it would be for ever
    assert sum(json.loads(line).get("dropped", 1) for line in lines) <= 60_000
    assert 10_000 < len(lines) < 60_000


def test_what_was_dropped_is_counted():
    """The first line after a gap says how many are missing, so that all add up."""
    reading, writing = os.pipe()
    found = b""

    async def note():
        nonlocal found
        log = RequestLog(writing)
        for _ in range(60_000):
            log.add(**ASKED | {"path": "/" + "a" * 100})
        log._hand_over()
        found = await asyncio.to_thread(read_while, reading, lambda: log._unwritten)
        log.add(**ASKED)
        log.close()

    asyncio.run(note())
    os.close(writing)
    with os.fdopen(reading, "rb") as rest:
        lines = [json.loads(line) for line in (found + rest.read()).splitlines()]

    assert sum(line.get("dropped", 1) for line in lines) == 60_001


def test_a_closed_output_harms_nobody():
    """Where the reader went away, requests are still served and the end comes at once."""

    async def note():
        ours, theirs = socket.socketpair()
        log = RequestLog(ours.fileno())
        theirs.close()
        for _ in range(1000):
            log.add(**ASKED)
            log._hand_over()
        log.close()
        ours.close()
        return log._writer.is_alive()

    assert not asyncio.run(note())


@pytest.mark.slow
def test_a_blocked_output_does_not_keep_the_end_waiting():
    """A server that is told to stop stops, though nobody reads its log."""
    reading, writing = os.pipe()

    async def note():
        log = RequestLog(writing)
        for _ in range(10_000):
            log.add(**ASKED)
        log.close()
        return log

    log = asyncio.run(note())

    assert log._writer.is_alive()  # it still waits for a reader
    read_while(reading, log._writer.is_alive)
    os.close(reading)
    os.close(writing)


def test_lines_are_written_together():
    """A thousand requests cost a few writes, and nobody waits for more than a moment to read them."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # each write is one message
    theirs.settimeout(10)

    async def note():
        log = RequestLog(ours.fileno())
        for _ in range(1000):
            log.add(**ASKED)
        first = await asyncio.to_thread(theirs.recv, 1 << 20)
        second = await asyncio.to_thread(theirs.recv, 1 << 20)  # the rest, which nothing but time has written
        log.close()
        return first, second

    first, second = asyncio.run(note())
    ours.close()
    theirs.close()

    assert len(first) >= 64 * 1024
    assert len((first + second).splitlines()) == 1000


class Log:
    """What an application noted."""

    def __init__(self):
        self.noted = []

    def add(self, **members):
        self.noted.append(members)


async def ask(app, **members):
    scope = {"type": "http", "method": "GET", "query_string": b"token=s3cret", "path": "/a"}
    headers = [(b"host", b"localhost:8080"), (b"cookie", b"s3cret")]

    async def send(message):
        pass

    await app(scope | {"headers": headers} | members, None, send)


def serving(endpoint, log):
    operation = Operation("a", "GET", "/a", "", endpoint, ())
    return Application([operation], url="http://localhost:8080", lifespan=None, log=log)


def test_an_application_is_logged_without_its_query():
    """Path, status, octets and the request's name are noted; query and header fields are not."""
    log = Log()
    names = []

    async def endpoint(request):
        names.append(request.request_id)
        return Reply(201, b"abcde")

    asyncio.run(ask(serving(endpoint, log)))
    (found,) = log.noted

    assert found.pop("microseconds") >= 0
    assert found == {"method": "GET", "path": "/a", "status": 201, "octets": 5, "request_id": names[0]}


def test_what_is_not_served_is_logged_too():
    """An address that is not here, and another server's name, are noted with the answer that they got."""
    log = Log()

    async def endpoint(request):
        return Reply(200, b"")

    asyncio.run(ask(serving(endpoint, log), path="/b"))
    asyncio.run(ask(serving(endpoint, log), headers=[(b"host", b"evil.example")]))

    assert [each["status"] for each in log.noted] == [404, 421]


def test_a_request_that_failed_is_logged_too():
    """An endpoint that raises is noted as an error of ours, and the error goes on to the server."""
    log = Log()

    async def endpoint(request):
        raise NotImplementedError

    with pytest.raises(NotImplementedError):
        asyncio.run(ask(serving(endpoint, log)))
    assert [each["status"] for each in log.noted] == [500]
