"""The one door to the network: what passes through it, against real servers on this machine."""

import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import pytest

from undersign.errors import FetchError, PolicyError
from undersign.fetch import Fetched, Fetcher, special_purpose

JSON = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"keys":[]}'


@contextmanager
def server(*answers, delay=0.0):
    """A server that answers each connection with the next octets, and remembers what it was asked."""
    listening = socket.create_server(("127.0.0.1", 0))
    asked = []

    def serve():
        for answer in answers:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection:
                asked.append(connection.recv(65536))
                try:
                    for start in range(0, len(answer), 64) if delay else [0]:
                        connection.sendall(answer[start : start + 64] if delay else answer)
                        time.sleep(delay)
                except OSError:
                    continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
    finally:
        with suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # wakes the thread that still waits for a connection
        listening.close()
        thread.join(5)


def fetcher(**more):
    return Fetcher(plain_loopback=True, **more)


def test_a_document_is_fetched():
    """A small JSON document over loopback comes with its media type, and the request says who asks for what."""
    with server(JSON) as (url, asked):
        fetched = fetcher()(url + "/jwks.json?x=1")

    assert fetched == Fetched(b'{"keys":[]}', "application/json")
    assert asked[0].startswith(b"GET /jwks.json?x=1 HTTP/1.1\r\nHost: 127.0.0.1:")


def test_chunks_are_read():
    """A body in chunks is one document."""
    answer = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"ke\r\n7\r\nys":[]}\r\n0\r\n\r\n'
    with server(answer) as (url, _):
        assert fetcher()(url).body == b'{"keys":[]}'


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/xhtml+xml\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000,
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000,
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"",
    ],
)
def test_every_other_answer_is_refused(answer):
    """Redirects, errors, pages, compression, too much, too little and other protocols are a FetchError."""
    with server(answer) as (url, _), pytest.raises(FetchError):
        fetcher(size=4096)(url)


def test_the_deadline_is_for_everything():
    """A server that drips octets, each in time, does not hold us beyond the one deadline."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 6400\r\n\r\n" + b"x" * 6400
    with server(answer, delay=0.05) as (url, _):
        started = time.monotonic()
        with pytest.raises(FetchError):
            fetcher(timeout=0.3, size=10_000)(url)
        assert time.monotonic() - started < 1.5


@pytest.mark.parametrize(
    "url",
    [
        "http://as.example/jwks",
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "data:application/json,{}",
        "https://",
        "https://user:pass@as.example/",
        "https://user@as.example/",
        "https://as.example/#x",
        "https://as.example/a b",
        "https://as.example/\r\nX: y",
        "https://as.example\\@evil.example/",
        "https://é.example/",
        "https://as.example:99999/",
        "https://[::1/",
        "https://as.example/" + "a" * 3000,
        "",
    ],
)
def test_addresses_that_are_not_plain_https_are_refused(url):
    """Other schemes, credentials, fragments and control characters never reach a socket."""
    with pytest.raises(FetchError):
        fetcher()(url)


def test_plain_http_is_for_loopback_only_when_told_so():
    """Without the permission not even loopback; with it nothing but loopback by its own spelling."""
    with server(JSON) as (url, asked):
        with pytest.raises(FetchError):
            Fetcher()(url)
        assert asked == []


def resolving(monkeypatch, *addresses):
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]
    calls = []

    def getaddrinfo(*arguments, **_):
        calls.append(arguments)
        return answers

    def refuse(address, **_):
        raise ConnectionRefusedError(str(address))

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(socket, "create_connection", refuse)
    return calls


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "169.254.169.254"], ["::ffff:127.0.0.1"], ["fd00::1"]])
def test_a_name_at_an_inner_address_is_refused(monkeypatch, addresses):
    """One inner address among the answers is enough to refuse the name, before anything is connected."""
    resolving(monkeypatch, *addresses)

    with pytest.raises(FetchError, match="special-purpose"):
        Fetcher()("https://rebind.example/jwks")


def test_a_name_is_resolved_once_and_its_answer_is_used(monkeypatch):
    """There is no second resolution that could give another address than the one that was looked at."""
    calls = resolving(monkeypatch, "8.8.8.8")

    with pytest.raises(FetchError, match="ConnectionRefused"):
        Fetcher()("https://as.example/jwks")
    assert len(calls) == 1


def test_a_name_that_resolves_to_loopback_is_not_plain_loopback(monkeypatch):
    """http://anything.example at 127.0.0.1 is refused: the permission is for literal loopback."""
    resolving(monkeypatch, "127.0.0.1")

    with pytest.raises(FetchError, match="must be https"):
        fetcher()("http://rebind.example/jwks")


def test_exceptions_are_by_host_or_range(monkeypatch):
    """What is named passes, and only that."""
    resolving(monkeypatch, "10.1.2.3")
    for allow in (["idp.internal"], ["10.1.0.0/16"], ["10.1.2.3"]):
        with pytest.raises(FetchError, match="ConnectionRefused"):
            Fetcher(allow=allow)("https://idp.internal/jwks")
    for allow in (["other.internal"], ["10.2.0.0/16"], ["internal"]):
        with pytest.raises(FetchError, match="special-purpose"):
            Fetcher(allow=allow)("https://idp.internal/jwks")
    with pytest.raises(PolicyError):
        Fetcher(allow=["10.0.0.0/99"])


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    """No variable of the environment sends the request elsewhere."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with server(JSON) as (url, asked):
        assert fetcher()(url).body == b'{"keys":[]}'
    assert len(asked) == 1


def test_https_is_verified():
    """A server that does not speak TLS, or has no certificate for the name, gives a FetchError."""
    with server(b"HTTP/1.1 200 OK\r\n\r\n") as (url, _), pytest.raises(FetchError):
        Fetcher(allow=["127.0.0.1"])(url.replace("http:", "https:"))


SPECIAL = """
    0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1
    192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
    :: ::1 ::ffff:10.0.0.1 ::ffff:100.64.0.1 64:ff9b::a00:1 64:ff9b:1::1 2002:a00:1:: 2001::1 2001:db8::1 3fff::1
    fc00::1
    fe80::1 fec0::1 ff02::1 5f00::1 100::1 4000::1"""


def test_the_deadline_holds_for_a_slow_handshake():
    """A server that drips its part of the TLS handshake does not hold us either."""
    hello = b"\x16\x03\x03\x40\x00" + b"x" * 16_384
    with server(hello, delay=0.05) as (url, _):
        started = time.monotonic()
        with pytest.raises(FetchError):
            Fetcher(allow=["127.0.0.1"], timeout=0.3)(url.replace("http:", "https:"))
        assert time.monotonic() - started < 1.5


def test_the_deadline_holds_for_a_slow_resolver(monkeypatch):
    """A name server that does not answer is not waited for beyond the deadline."""
    release = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: release.wait(5) and [])
    started = time.monotonic()
    with pytest.raises(FetchError):
        Fetcher(timeout=0.2)("https://slow.example/jwks")
    release.set()

    assert time.monotonic() - started < 1


@pytest.mark.parametrize("address", SPECIAL.split())
def test_special_purpose_addresses(address):
    """Every special-purpose range is refused, IPv4 inside IPv6 included."""
    assert special_purpose(ip_address(address))


PUBLIC = """8.8.8.8 1.1.1.1 172.32.0.1 192.0.1.1 100.128.0.1
    2606:4700::1111 2a00:1450::1 64:ff9b::808:808 2002:808:808::"""


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public_addresses(address):
    """The public internet is not refused."""
    assert not special_purpose(ip_address(address))


def test_importing_fetch_loads_no_network():
    """ssl, http.client, urllib.request and asyncio are read when something is fetched, not before."""
    program = (
        "import sys, undersign.fetch, undersign.jwks.remote\n"
        "print([name for name in ('ssl', 'http.client', 'urllib.request', 'asyncio', 'socket') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
