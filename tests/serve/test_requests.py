"""Requests that two parties may read differently never reach an application, whichever of ours it is."""

import pytest

from tests.serve.serving import GET, HEAD, exchange, serving, told


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize(
    "request_,status",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no Host"),
        pytest.param(b"GET / HTTP/1.0\r\n\r\n", 400, id="no Host in HTTP/1.0"),
        pytest.param(HEAD % (b"GET /", b"Host: here\r\n\r\n"), 400, id="two Hosts, alike"),
        pytest.param(HEAD % (b"GET /", b"host: there\r\n\r\n"), 400, id="two Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", 400, id="a Host with a user"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, id="a list of Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, id="a Host with a path"),
        pytest.param(HEAD % (b"GET http://a@there/", b"\r\n"), 400, id="a target with a user"),
        pytest.param(HEAD % (b"GET ftp://there/", b"\r\n"), 400, id="a target of another scheme"),
        pytest.param(b"GET http://there/ HTTP/1.1\r\n\r\n", 400, id="a whole target and no Host"),
        pytest.param(HEAD % (b"GET /a#b", b"\r\n"), 400, id="a fragment"),
        pytest.param(HEAD % (b"OPTIONS *", b"\r\n"), 400, id="a star"),
        pytest.param(HEAD % (b"CONNECT there:443", b"\r\n"), 501, id="CONNECT"),
        pytest.param(HEAD % (b"get /", b"\r\n"), 501, id="a method in lower case"),
        pytest.param(HEAD % (b"PROPFIND /", b"\r\n"), 501, id="a method of WebDAV"),
        pytest.param(HEAD % (b"SIGN /", b"\r\n"), 501, id="a method of nobody"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, id="HTTP/2"),
        pytest.param(HEAD % (b"POST /", b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501, id="gzip, chunked"),
        pytest.param(
            HEAD % (b"POST /", b"Transfer-Encoding: gzip\r\n" + CHUNKED + b"\r\n"), 501, id="gzip and chunked"
        ),
        pytest.param(HEAD % (b"POST /", CHUNKED + CHUNKED + b"\r\n0\r\n\r\n"), 400, id="chunked twice"),
        pytest.param(HEAD % (b"POST /", CHUNKED + b"Content-Length: 3\r\n\r\n"), 400, id="chunked and a length"),
        pytest.param(HEAD % (b"POST /", b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n"), 400, id="two lengths"),
        pytest.param(b"POST / HTTP/1.0\r\nHost: here\r\n" + CHUNKED + b"\r\n0\r\n\r\n", 400, id="chunked in HTTP/1.0"),
        pytest.param(b"GET / HTTP/1.1\nHost: here\n\n", 400, id="bare LF"),
        pytest.param(HEAD % (b"GET /", b"A : b\r\n\r\n"), 400, id="a blank before the colon"),
        pytest.param(HEAD % (b"GET /", b"A: b\r\n c\r\n\r\n"), 400, id="a folded line"),
        pytest.param(HEAD % (b"GET /", b"A: b\0c\r\n\r\n"), 400, id="a NUL"),
    ],
)
def test_a_request_with_two_readings_is_refused(address, request_, status):
    """It is answered once, with its status, and the connection ends: what follows it could be anything."""
    answer, closed = exchange(address, request_ + GET)

    assert told(answer) == ([status], None)
    assert b"connection: close" in answer.lower()
    assert closed


@pytest.mark.parametrize(
    "target,path", [(b"http://There:8080/a", "/a"), (b"HTTPS://There:8080", "/"), (b"http://There:8080?a", "/")]
)
def test_the_target_outranks_the_host(address, target, path):
    """A target in absolute-form is where a request goes to, so that its authority is what an application judges."""
    answer, _ = exchange(address, HEAD % (b"GET " + target, b"A: b\r\n\r\n"))

    assert told(answer)[1]["fields"] == [["host", "There:8080"], ["a", "b"]]
    assert told(answer)[1]["path"] == path


@pytest.mark.parametrize("pieces", [1, 2])
def test_a_trailer_field_is_no_header_field(address, pieces):
    """Host and Authorization behind the content are not those of the request, in one segment or in two."""
    rest = b"5\r\nhello\r\n0\r\nHost: there\r\nAuthorization: Bearer x\r\nExpect: 100-continue\r\n\r\n"
    first = HEAD % (b"POST /all", CHUNKED + b"\r\n")
    answer, _ = exchange(address, *([first + rest] if pieces == 1 else [first, rest]))

    assert told(answer)[0] == [200]
    assert told(answer)[1]["fields"] == [["host", "here"], ["transfer-encoding", "chunked"]]
    assert told(answer)[1]["size"] == 5


def test_a_host_in_the_trailer_section_is_none(address):
    """A request whose only Host stands behind its content has none."""
    answer, _ = exchange(address, b"POST /all HTTP/1.1\r\n" + CHUNKED + b"\r\n1\r\na\r\n0\r\nHost: here\r\n\r\n")

    assert told(answer)[0] == [400]


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
HIDDEN = HEAD % (b"GET /hidden", b"\r\n")


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("is_chunked", [True, False])
def test_content_after_a_wish_to_upgrade_is_content(address, at_once, is_chunked):
    """What a client posts that offers HTTP/2 arrives whole, and a request hidden in it is not taken for one."""
    size = len(HIDDEN)
    content = b"%x\r\n%b\r\n0\r\n\r\n" % (size, HIDDEN) if is_chunked else HIDDEN
    framing = CHUNKED if is_chunked else b"Content-Length: %d\r\n" % size
    head = HEAD % (b"POST /all", UPGRADE + framing + b"\r\n")
    answer, closed = exchange(address, *([head + content] if at_once else [head, content[:5], content[5:]]))

    assert told(answer)[0] == [200]
    assert (told(answer)[1]["path"], told(answer)[1]["size"]) == ("/all", size)
    assert closed


def test_requests_after_a_wish_to_upgrade_are_answered(address):
    """A wish that is not followed leaves the connection as it was (RFC 9110 section 7.8)."""
    answer, closed = exchange(address, HEAD % (b"GET /", UPGRADE + b"\r\n") + GET)

    assert told(answer)[0] == [200, 200]
    assert not closed


def test_an_answer_that_is_owed_comes_before_the_end(address):
    """A bad request behind a good one costs that one nothing, and gets no answer that could be taken for another."""
    answer, closed = exchange(address, HEAD % (b"GET /slow", b"\r\n") + b"nonsense\r\n\r\n" + GET)

    assert told(answer)[0] == [200]
    assert closed
