"""The guards of the one door, by the attacks they are there for (DESIGN safety rule 6)."""

import socket
import ssl
import threading
import time

import pytest

from tests.jwks.tls import HOST, authority, fetcher, no_thread_left, octets, reply, serving, trusting
from undersign.errors import FetchError
from undersign.fetch import Fetched, Fetcher

BODY = b'{"keys":[]}'


@pytest.fixture(autouse=True)
def threads():
    """No test leaves a thread behind."""
    before = set(threading.enumerate())
    yield
    no_thread_left(before)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.2",
        "10.0.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "192.0.0.192",
        "0.0.0.0",  # noqa: S104 - an address that is refused
        "255.255.255.255",
        "::1",
        "::",
        "::7f00:1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::169.254.169.254",
        "64:ff9b:1::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:7f00:1::",
        "fd00:ec2::254",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_server_side_request_forgery_by_name(address):
    """A name that leads to a metadata service, loopback or inner network, embedded or not, is refused unconnected."""
    for addresses in ([address], ["8.8.8.8", address], [address, "8.8.8.8"]):
        with pytest.raises(FetchError, match="special-purpose"):
            Fetcher(resolve=lambda *_, found=addresses: found)("https://as.example/")


@pytest.mark.parametrize(
    "host",
    ["127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1.", "[::ffff:127.0.0.1]", "[::1]", "localhost"],
)
def test_other_spellings_of_loopback(host):
    """Loopback in decimal, hexadecimal, octal, short, dotted or embedded is refused over https, and over http."""
    for url in (f"https://{host}/", f"http://{host}/"):
        with pytest.raises(FetchError):
            Fetcher()(url)


@pytest.mark.parametrize(
    "host", ["127.1", "2130706433", "0x7f000001", "[::ffff:7f00:1]", "localhost.", "localhost.example"]
)
def test_plain_http_is_for_loopback_by_its_own_spelling(host):
    """Where http to loopback is allowed, only its plain spellings are it."""
    with pytest.raises(FetchError):
        Fetcher(plain_loopback=True, resolve=lambda *_: ["127.0.0.1"])(f"http://{host}:1/")


def test_localhost_that_resolves_elsewhere_is_refused():
    """A hosts file or resolver that sends localhost away does not open http to it."""
    with pytest.raises(FetchError, match="must be https"):
        Fetcher(plain_loopback=True, resolve=lambda *_: ["8.8.8.8"])("http://localhost/")


def test_dns_rebinding_between_check_and_connection():
    """The address that was looked at is the one that is connected to: the name is resolved once for each document."""
    answers = iter([["127.0.0.1"], ["127.0.0.2"]])
    with serving(reply(BODY), address="0.0.0.0") as server:  # noqa: S104 - so that 127.0.0.2 would answer
        guarded = fetcher(lambda *_: next(answers))
        assert guarded(server.url()).body == BODY
        with pytest.raises(FetchError, match="special-purpose"):
            guarded(server.url())

    assert len(server.asked) == 1


def test_a_connection_that_arrives_elsewhere_is_dropped(monkeypatch):
    """A network that hands over another peer than the one that was checked gets no request."""
    with serving(reply(BODY)) as server:
        connect = socket.create_connection
        monkeypatch.setattr(socket, "create_connection", lambda _, **more: connect(("127.0.0.1", server.port), **more))
        with pytest.raises(FetchError, match="another address"):
            fetcher(lambda *_: ["8.8.8.8"])(server.url())

    assert server.asked == []


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch):
    """Of several addresses one that swallows packets takes its share of the time and no more."""
    connect = socket.create_connection
    tried = []

    def swallow(address, timeout):
        tried.append(address[0])
        if address[0] == "8.8.8.8":
            time.sleep(timeout)
            raise TimeoutError
        return connect(address, timeout=timeout)

    monkeypatch.setattr(socket, "create_connection", swallow)
    with serving(reply(BODY)) as server:
        assert fetcher(lambda *_: ["8.8.8.8", "127.0.0.1"], timeout=1)(server.url()).body == BODY
    assert tried == ["8.8.8.8", "127.0.0.1"]


def failing(error):
    def resolve(_host, _port):
        raise error

    return resolve


@pytest.mark.parametrize(
    "resolve",
    [
        failing(socket.gaierror(socket.EAI_NONAME, "no such name")),
        failing(UnicodeError("label too long")),
        lambda *_: [],
        lambda *_: ["as.example"],
        lambda *_: ["1.2.3"],
        lambda *_: [""],
    ],
    ids=range(6),
)
def test_a_name_without_an_address_is_a_fetch_error(resolve):
    """No answer, an empty one and one that is no address are refused alike."""
    with pytest.raises(FetchError):
        Fetcher(resolve=resolve)("https://as.example/")


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_are_not_used_for_tls(name, monkeypatch):
    """A variable that an attacker of the process's environment could set sends nothing elsewhere."""
    with serving(reply(BODY)) as proxy, serving(reply(BODY)) as server:
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert fetcher()(server.url()).body == BODY
        assert (len(proxy.asked), len(server.asked)) == (0, 1)


def drip(data, pause=0.02):
    def answer(connection, _):
        for octet in data:
            connection.sendall(bytes([octet]))
            time.sleep(pause)

    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"H" * 400,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 90,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20,
        b"HTTP/1.1 200 OK\r\nContent-Length: 400\r\n\r\n" + b" " * 400,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 60,
    ],
    ids=["status", "headers", "continue", "body", "chunks"],
)
def test_slow_loris_at_every_stage(data):
    """Octets that each come in time do not stretch the one deadline, wherever they are dripped."""
    with serving(drip(data)) as server:
        started = time.monotonic()
        with pytest.raises(FetchError):
            fetcher(timeout=0.4)(server.url())
        assert time.monotonic() - started < 2


def test_slow_loris_in_the_handshake():
    """A genuine handshake that is dripped ends with the deadline as well."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with serving(reply(BODY)) as honest:
        context = honest._context
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(5)

    def shake():
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(5)
            speaking = context.wrap_bio(incoming, outgoing, server_side=True)
            incoming.write(connection.recv(65536))
            with pytest.raises(ssl.SSLWantReadError):
                speaking.do_handshake()
            try:
                for octet in outgoing.read():
                    connection.sendall(bytes([octet]))
                    time.sleep(0.02)
            except OSError:
                return

    thread = threading.Thread(target=shake)
    thread.start()
    started = time.monotonic()
    with pytest.raises(FetchError, match=r"Timeout|timed out"):
        fetcher(timeout=0.4)(f"https://{HOST}:{listening.getsockname()[1]}/")
    assert time.monotonic() - started < 2
    thread.join()
    listening.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, identity\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"Content-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 206 Partial Content\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 999 What\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 20 OK\r\n\r\n{}",
        b"\xff\xfe\x00\r\n\r\n",
    ],
    ids=range(14),
)
def test_answers_that_lie(answer):
    """Compression by any header, impossible lengths, too many headers and other statuses are refused."""
    with serving(octets(answer)) as server, pytest.raises(FetchError):
        fetcher(size=4096)(server.url())


@pytest.mark.parametrize("length", [4095, 4096, 4097])
@pytest.mark.parametrize("stated", [True, False])
def test_the_cap_on_size_is_exact(length, stated):
    """A document of the allowed size is read, one octet more is refused, whether its length is stated or not."""
    head = b"HTTP/1.1 200 OK\r\n" + (b"Content-Length: %d\r\n" % length if stated else b"")
    with serving(octets(head + b"\r\n" + b" " * length)) as server:
        if length <= 4096:
            assert len(fetcher(size=4096)(server.url()).body) == length
        else:
            with pytest.raises(FetchError, match="larger than 4096"):
                fetcher(size=4096)(server.url())


def test_nothing_of_a_large_document_is_read_beyond_the_cap():
    """A gigabyte that is announced is hung up on after the cap, not drained."""
    sent = [0]

    def pour(connection, _):
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n")
        while sent[0] < 64 * 1024 * 1024:
            connection.sendall(b" " * 65536)
            sent[0] += 65536

    with serving(pour) as server, pytest.raises(FetchError, match="larger"):
        fetcher(size=4096)(server.url())
    assert sent[0] < 32 * 1024 * 1024


def test_a_known_version_comes_back_on_304():
    """A revalidation answered by 304 gives the document that was known, with the freshness of the new answer."""
    known = Fetched(BODY, "application/json", '"v1"', 60)
    with serving(reply(b"", "304 Not Modified", "Cache-Control: max-age=7")) as server:
        assert fetcher().revalidate(server.url(), known) == known._replace(fresh_for=7)
        assert b'If-None-Match: "v1"\r\n' in server.asked[0]
        with pytest.raises(FetchError, match="304"):
            fetcher().revalidate(server.url(), known._replace(etag=None))
        with pytest.raises(FetchError, match="304"):
            fetcher()(server.url())


def test_a_client_certificate_authority_is_the_only_one_trusted():
    """A context for a private authority does not trust the public ones, and the default one not the private."""
    assert len(trusting().get_ca_certs()) == 1
    assert authority()[0].subject == authority()[0].issuer
    with serving(reply(BODY)) as server, pytest.raises(FetchError, match="SSLCertVerificationError"):
        Fetcher(allow=["127.0.0.1"], resolve=lambda *_: ["127.0.0.1"])(server.url())
