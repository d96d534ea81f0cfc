"""Content over its size or its time, for an application that asks neither."""

import asyncio

import pytest

from tests.serve.serving import HEAD, app, drip, exchange, flood, serving, told
from undersign.serve.content import Bounded

CHUNKED = HEAD % (b"POST /all", b"Transfer-Encoding: chunked\r\n\r\n")


@pytest.fixture(scope="module")
def address():
    with serving(Bounded(app, octets=10_000, seconds=0.6)) as found:
        yield found


def test_content_without_end_is_413(address):
    """It is refused while it comes, and the connection ends."""
    answer, ended = flood(address, CHUNKED, b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    assert told(answer)[0] in ([413], [])  # none where the reset overtook it
    assert ended


def test_content_of_just_that_size_is_served(address):
    """The bound itself is allowed, one octet more is not."""
    good, bad = (HEAD % (b"POST /all", b"Content-Length: %d\r\n\r\n" % n) + b"x" * n for n in (10_000, 10_001))

    assert told(exchange(address, good)[0])[1]["size"] == 10_000
    assert told(exchange(address, bad)[0])[0] == [413]


@pytest.mark.parametrize("drop", [b"1\r\nx\r\n", b""], ids=["dripping", "silent"])
def test_content_in_drops_is_408(address, drop):
    """It is refused when its time is over, however alive the caller looks."""
    answer, took = drip(address, CHUNKED, drop)

    assert told(answer)[0] == [408]
    assert b"connection: close" in answer.lower()
    assert took < 6


def test_what_takes_long_to_answer_is_not_late():
    """The time is the content's alone: an answer may take longer, and hear that its caller went away."""
    heard = []

    async def patient(scope, receive, send):
        if scope["type"] != "http":
            raise NotImplementedError
        await receive()
        try:
            async with asyncio.timeout(0.3):
                heard.append(await receive())
        except TimeoutError:
            heard.append("still there")
        await app(scope, receive, send)

    with serving(Bounded(patient, octets=10, seconds=0.1)) as address:
        answer, _ = exchange(address, HEAD % (b"GET /", b"\r\n"))

    assert heard == ["still there"]
    assert told(answer)[0] == [200]


def test_what_an_application_says_of_a_refused_caller_is_not_sent():
    """One that makes an answer of its own of every exception does not get it through."""

    async def answering(scope, receive, send):
        try:
            while scope["type"] == "http":
                await receive()
        except Exception:  # noqa: BLE001 - as a framework does
            await app(scope, receive, send)

    with serving(Bounded(answering, octets=10, seconds=30)) as address:
        answer, _ = exchange(address, HEAD % (b"POST /", b"Content-Length: 11\r\n\r\n") + b"x" * 11)

    assert told(answer)[0] == [413]
