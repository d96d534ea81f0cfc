"""A real TLS server on this machine, under a certificate authority of its own, that answers as badly as it is told."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from undersign.encoding import dump_json
from undersign.errors import UnknownKeyError
from undersign.fetch import Fetcher
from undersign.jwk import Key
from undersign.jwks import KeySource

HOST = "as.example"
Answer = Callable[[Any, bytes], None]


def reply(body: bytes = b"", status: str = "200 OK", *headers: str) -> Answer:
    """An honest answer."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/jwk-set+json", f"Content-Length: {len(body)}", *headers]
    return octets("\r\n".join([*lines, "", ""]).encode() + body)


def octets(answer: bytes) -> Answer:
    """An answer, octet by octet as given."""
    return lambda connection, _: connection.sendall(answer)


def issue(name: str, key: Any, issuer: Any = None) -> x509.Certificate:
    """A certificate for a host, or for an authority where it has no issuer."""
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    by, signing = (None, key) if issuer is None else issuer
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if by is None else by.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=by is None, path_length=None), critical=True)
        .add_extension(key_usage(authority=by is None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if by is not None:
        certificate = certificate.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    return certificate.sign(signing, hashes.SHA256())


def key_usage(*, authority: bool) -> x509.KeyUsage:
    """What Python 3.13 wants to see: an authority signs certificates, a server signs handshakes."""
    rest = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        decipher_only=False,
        **dict.fromkeys(rest, False),
    )


@cache
def authority() -> tuple[x509.Certificate, Any]:
    """The certificate authority that clients of these tests trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    return issue("Test authority", key), key


def _server_context(host: str, issuer: Any) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    pem = issue(host, key, issuer).public_bytes(Encoding.PEM)
    pem += key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_bytes(pem)
        context.load_cert_chain(path)
    return context


@cache
def trusting() -> ssl.SSLContext:
    """TLS settings of a client that trusts the test's authority and no other."""
    return ssl.create_default_context(cadata=authority()[0].public_bytes(Encoding.PEM).decode())


def document(*keys: Key) -> bytes:
    """A JWK Set of the public halves."""
    return dump_json({"keys": [key.public().to_jwk() for key in keys]})


def find(keys: KeySource, key: Key) -> str | None:
    """Find a key of these tests by its kid."""
    return keys.find(key.kid, None, "ES256").kid


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """The time that the test says."""
        return self.now


class Server:
    """Answers each connection in a thread of its own; counts what it is asked, and how much of that at once."""

    def __init__(self, answer: Answer, host: str = HOST, issuer: Any = None, address: str = "127.0.0.1") -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.most_at_once = 0
        self.port = 0
        self._address = address
        self._now = 0
        self._lock = threading.Lock()
        self._context = _server_context(host, issuer or authority())
        self._listening: socket.socket | None = None
        self._threads: list[threading.Thread] = []
        self._closing = threading.Event()

    def start(self) -> None:
        """Listen, on the port of the last time where there was one."""
        self._closing.clear()
        self._listening = socket.create_server((self._address, self.port))
        self._listening.settimeout(0.05)
        self.port = self._listening.getsockname()[1]
        self._spawn(self._accept, self._listening)

    def stop(self) -> None:
        """Die: nothing listens, nothing answers any more."""
        self._closing.set()
        for thread in self._threads:
            thread.join(10)
        self._threads.clear()

    def wait(self, seconds: float) -> None:
        """Take time over an answer, but not beyond the end of the test."""
        self._closing.wait(seconds)

    def _spawn(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name="test-server", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listening: socket.socket) -> None:
        with listening:
            while not self._closing.is_set():
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                connection.settimeout(5)
                self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            with self._context.wrap_socket(connection, server_side=True) as secured:
                request = secured.recv(65536)
                self.asked.append(request)
                self.answer(secured, request)
        except OSError:  # the client hung up, which is what many of these tests are about
            connection.close()
        finally:
            with self._lock:
                self._now -= 1

    def url(self, path: str = "/jwks.json") -> str:
        """An address on this server, by name."""
        return f"https://{HOST}:{self.port}{path}"


@contextmanager
def serving(answer: Answer, **more: Any) -> Iterator[Server]:
    """A server for the length of a test."""
    server = Server(answer, **more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def fetcher(resolve: Callable[[str, int], list[str]] = lambda _host, _port: ["127.0.0.1"], **more: Any) -> Fetcher:
    """A guarded fetcher that may reach exactly 127.0.0.1 and trusts the test's authority."""
    more.setdefault("timeout", 3)
    return Fetcher(allow=["127.0.0.1/32"], context=trusting(), resolve=resolve, **more)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait, for no more than some seconds, until something holds; a key that is not known yet does not."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with suppress(UnknownKeyError):
            if condition():
                return
        time.sleep(0.005)
    raise AssertionError("it never came")


def no_thread_left(before: set[threading.Thread]) -> None:
    """Assert that whatever was started has ended, allowing it a moment."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if not set(threading.enumerate()) - before:
            return
        time.sleep(0.01)
    raise AssertionError(set(threading.enumerate()) - before)
