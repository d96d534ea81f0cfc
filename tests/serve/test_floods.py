"""Whatever part of a request has no end, the connection has one, and no memory is taken meanwhile."""

import socket
import threading
import time
from contextlib import ExitStack, suppress

import pytest

from tests.serve.serving import GET, HEAD, drip, exchange, flood, serving, told

CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
PARTS = {
    "header fields": (b"", b"x: y\r\n" * 20_000),
    "one header field": (b"x: ", b"y" * 120_000),
    "the target": (None, b"y" * 120_000),
    "trailer fields": (CHUNKED + b"1\r\na\r\n0\r\n", b"x: y\r\n" * 20_000),
    "one trailer field": (CHUNKED + b"1\r\na\r\n0\r\nx: ", b"y" * 120_000),
    "a chunk extension": (CHUNKED + b"1;x=", b"y" * 120_000),
    "the extension of the last chunk": (CHUNKED + b"1\r\na\r\n0;x=", b"y" * 120_000),
    "fields after a wish to upgrade": (
        b"Connection: upgrade\r\nUpgrade: h2c\r\n" + CHUNKED + b"0\r\n",
        b"x: y\r\n" * 20_000,
    ),
}


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


@pytest.mark.parametrize("path", [b"/all", b"/"], ids=["awaited", "answered already"])
@pytest.mark.parametrize("part", PARTS)
def test_a_part_without_end_ends(address, part, path):
    """It is refused when it has had 64 KiB, whether the application waits for it or has long answered."""
    first, drop = PARTS[part]
    start = HEAD % (b"POST " + path, first) if first is not None else b"GET /"
    answer, ended = flood(address, start, drop)

    assert ended
    assert told(answer)[0] in ([], [431], [200])  # none where the reset overtook it


def test_a_head_may_have_64_kib_and_no_more(address):
    """The count is exact, however the head arrives."""
    size = 64 * 1024 - len(HEAD % (b"GET /", b"x: \r\n\r\n"))
    good, bad = (HEAD % (b"GET /", b"x: " + b"y" * count + b"\r\n\r\n") for count in (size, size + 1))

    assert told(exchange(address, good)[0])[0] == [200]
    assert told(exchange(address, good[:70], good[70:])[0])[0] == [200]
    assert told(exchange(address, bad[:-1])[0])[0] == [431]
    assert told(exchange(address, bad[:70], bad[70:-1])[0])[0] == [431]


def test_a_trailer_section_may_have_as_much_as_a_head(address):
    """One of 50 kB is read past; one of more than twice 64 KiB is refused while its request waits for an answer."""
    start = HEAD % (b"POST /all", CHUNKED + b"1\r\na\r\n0\r\n")
    good, bad = (start + b"x: " + b"y" * count + b"\r\n\r\n" for count in (50_000, 140_000))

    assert told(exchange(address, good)[0])[0] == [200]
    assert told(exchange(address, bad)[0])[0] == [431]


def test_a_hundred_fields_are_enough(address):
    """Each costs much more memory than octets, so they are counted too."""
    good, bad = (HEAD % (b"GET /", b"x:\r\n" * count + b"\r\n") for count in (99, 100))

    assert told(exchange(address, good)[0])[0] == [200]
    assert told(exchange(address, bad)[0])[0] == [431]


def test_large_content_is_no_head(address):
    """A document of megabytes passes, framed either way, in small chunks too."""
    whole = HEAD % (b"POST /all", b"Content-Length: 5000000\r\n\r\n") + b"x" * 5_000_000
    small = HEAD % (b"POST /all", CHUNKED) + b"400\r\n" + b"\r\n400\r\n".join([b"x" * 1024] * 5000) + b"\r\n0\r\n\r\n"

    assert told(exchange(address, whole)[0])[1]["size"] == 5_000_000
    assert told(exchange(address, small)[0])[1]["size"] == 5_120_000


def test_pipelined_requests_without_end_end(address):
    """Some may wait for their turn; a caller who sends them without end gets those answers and no more."""
    answer, ended = flood(address, b"", GET * 1000)

    assert ended
    assert 0 < told(answer)[0].count(200) <= 40
    assert set(told(answer)[0]) == {200}


def test_pipelined_requests_are_answered_in_order(address):
    """As many as may wait are all answered."""
    answer, closed = exchange(address, HEAD % (b"GET /slow", b"\r\n") + GET * 31 + HEAD % (b"GET /last", b"\r\n"))

    assert told(answer)[0] == [200] * 33
    assert told(answer)[1]["path"] == "/last"
    assert not closed


@pytest.mark.slow
@pytest.mark.parametrize(
    "first,drop,answered",
    [
        pytest.param(b"", b"", [], id="nothing"),
        pytest.param(b"GET / HT", b"", [408], id="a line"),
        pytest.param(HEAD % (b"GET /", b""), b"A: b\r\n", [408], id="fields"),
        pytest.param(GET + b"GET", b"", [200, 408], id="the second request"),
        pytest.param(GET, b"\r\n", [200, 408], id="blank lines for ever"),
        pytest.param(HEAD % (b"POST /", b"Content-Length: 1000000\r\n\r\n"), b"x", [200], id="content nobody wanted"),
        pytest.param(HEAD % (b"POST /", CHUNKED + b"0\r\n"), b"x: y\r\n", [200], id="trailer fields nobody wanted"),
    ],
)
def test_a_head_has_its_time(first, drop, answered):
    """A connection that never completes its request is closed, with an answer where a request had begun."""
    with serving(head_seconds=0.6) as address:
        answer, took = drip(address, first, drop)

    assert told(answer)[0] == answered
    assert took < 6


def read(caller):
    """One answer of the application, which ends in a brace."""
    answer = b""
    while not answer.endswith(b"}"):
        got = caller.recv(65536)
        assert got
        answer += got
    return answer


def test_a_stop_waits_for_what_is_on_its_way():
    """A connection that was just accepted, or whose request is half there, is answered before the server ends."""
    with ExitStack() as callers:
        with serving(stop_seconds=5) as address:
            fresh, half, idle = (callers.enter_context(socket.create_connection(address)) for _ in range(3))
            half.sendall(GET[:9])
            idle.sendall(GET)
            assert told(read(idle))[0] == [200]
            stop = threading.Timer(0.3, lambda: (fresh.sendall(GET), half.sendall(GET[9:])))
            stop.start()
        stop.join()
        for caller in (fresh, half):
            answer = read(caller)
            assert told(answer)[0] == [200]
            assert b"connection: close" in answer
        assert idle.recv(1) == b""


@pytest.mark.slow
def test_an_answer_that_takes_long_is_not_cut_by_the_next_head():
    """A half head behind a request that is being answered ends the connection after that answer."""
    with serving(head_seconds=0.1) as address:
        answer, closed = exchange(address, HEAD % (b"GET /slow", b"\r\n") + b"GET")

    assert told(answer)[0] == [200]
    assert closed


@pytest.mark.slow
def test_an_answer_that_nobody_takes_is_given_up():
    """A caller who asks for a lot and reads nothing is left; one who reads slowly is served."""
    with serving(stall_seconds=0.5) as address:
        first = HEAD % (b"GET /large", b"\r\n")
        with socket.create_connection(address, timeout=10) as idle, socket.create_connection(address) as slow:
            idle.sendall(first)
            slow.sendall(first)
            received = 0
            while received < 16_000_000:
                got = len(slow.recv(400_000))
                assert got
                received += got
                time.sleep(0.03)
            taken = 0
            with suppress(ConnectionError):  # a reset, perhaps after what had been on its way
                while chunk := idle.recv(1 << 20):
                    taken += len(chunk)
    assert taken < 16_000_000


@pytest.mark.slow
def test_too_many_connections_are_told():
    """Beyond its limit the server answers 503 at once, drops what comes in masses, and serves again later."""
    ask = HEAD % (b"GET /", b"Connection: close\r\n\r\n")
    with serving(connections=4) as address:
        with ExitStack() as idle:
            for count, answered in ((4, [503]), (80, [])):
                for _ in range(count):
                    idle.enter_context(socket.create_connection(address))
                time.sleep(0.2)
                answer, closed = exchange(address, ask)
                assert (told(answer)[0], closed) == (answered, True)
        time.sleep(0.2)
        assert told(exchange(address, ask)[0])[0] == [200]
