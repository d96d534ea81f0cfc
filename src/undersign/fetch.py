"""The one door to the network: fetches a public document and lets nothing else through (DESIGN safety rule 6).

1. https only; http to a literal loopback address where the caller says so.
2. One resolution. Every address that it gives is looked at, and the connection goes to one that was looked at.
3. Addresses of special-purpose ranges (IANA registries, RFC 6890) are refused, embedded IPv4 addresses unwrapped,
   unless a host or range was named as an exception.
4. No redirects, no proxies from the environment, one deadline for everything, a cap on size, no compression, no HTML.
5. Of HTTP caching (RFC 9111) it reads Cache-Control, Age and ETag, and asks with If-None-Match; it stores nothing.

The standard library's http.client and ssl are imported when the first document is fetched, not before.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeAlias
from urllib.parse import SplitResult, urlsplit

from .errors import FetchError, PolicyError, quoted

if TYPE_CHECKING:
    from http.client import HTTPResponse
    from socket import socket
    from ssl import SSLContext

__all__ = ["Fetch", "Fetched", "Fetcher", "Resolve", "is_loopback_text", "special_purpose"]

URL_CAP: Final = 2048
_CHUNK: Final = 16 * 1024
_MAX_AGE_DIGITS: Final = 9  # thirty years; what is longer is no number of seconds
# Strict, because it is sent back in a header (RFC 9110 section 8.8.3).
_ETAG: Final = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,256}"')

Resolve: TypeAlias = "Callable[[str, int], Iterable[str]]"
"""Gives the addresses of a host, as text; raises OSError."""

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network


class Fetched(NamedTuple):
    """A document.

    Attributes:
        body: Its octets.
        media_type: What the server calls it, lower case, without parameters.
        etag: The server's name for this version of it, as it would be sent back; None where there is none to keep.
        fresh_for: For how many seconds the server lets it be taken as fresh; None where it does not say.
    """

    body: bytes
    media_type: str
    etag: str | None = None
    fresh_for: float | None = None


class Fetch(Protocol):
    """Anything that fetches a document, or raises FetchError.

    One that can ask whether a document has changed also has ``revalidate(url, known)``, as Fetcher has.
    """

    def __call__(self, url: str, /) -> Fetched:
        """Fetch it."""


class Fetcher:
    """Fetches documents; made once, used from any thread.

    Args:
        timeout: Seconds for everything: resolution, connection, the last octet.
        size: The most octets of a document.
        allow: Hosts and ranges that are otherwise forbidden, such as ``"idp.internal"`` and ``"10.1.0.0/16"``.
        plain_loopback: Let http reach literal loopback addresses and ``localhost``.
        context: TLS settings, where a private certificate authority is to be trusted.
        resolve: What resolves names, where that is not the system; its answers are looked at like the system's.

    Raises:
        PolicyError: An exception is neither a host nor a range.
    """

    def __init__(
        self,
        *,
        timeout: float = 5.0,
        size: int = 256 * 1024,
        allow: Iterable[str] = (),
        plain_loopback: bool = False,
        context: SSLContext | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        self._timeout = timeout
        self._size = size
        self._hosts, self._ranges = _exceptions(allow)
        self._plain_loopback = plain_loopback
        self._context = context
        self._resolve = resolve

    def __call__(self, url: str) -> Fetched:
        """Fetch one document.

        Raises:
            FetchError: Anything but a 200 with a document of the allowed size, in time, from an allowed address.
        """
        return self._get(url, None)

    def revalidate(self, url: str, known: Fetched) -> Fetched:
        """Fetch a document again, of which ``known`` is the last version; it comes back where that is still the one.

        Raises:
            FetchError: As for a first fetch.
        """
        return self._get(url, known)

    def _get(self, url: str, known: Fetched | None) -> Fetched:
        deadline = time.monotonic() + self._timeout
        parts, host, port = self._parsed(url)
        try:
            sock = self._connect(self._addresses(host, port, parts.scheme, deadline), port, deadline)
            try:
                sock = self._secured(sock, host, deadline) if parts.scheme == "https" else sock
                return self._exchange(sock, parts, known, deadline)
            finally:
                sock.close()
        except (
            OSError,
            ValueError,
        ) as error:  # ssl.SSLError and timeouts are OSError; bad certificates' names ValueError
            raise FetchError(f"{quoted(url)} could not be fetched: {type(error).__name__}.") from error

    # 1. the address as written

    def _parsed(self, url: str) -> tuple[SplitResult, str, int]:
        if len(url) > URL_CAP or not url.isascii() or any(character <= " " or character == "\x7f" for character in url):
            raise FetchError("The address is too long, or holds white space or characters outside ASCII.")
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise FetchError(f"{quoted(url)} is not an address.") from None
        if not host or parts.username is not None or parts.password is not None or parts.fragment or "\\" in url:
            raise FetchError(f"{quoted(url)} must be a scheme, a host, a path and a query, and nothing else.")
        if parts.scheme == "https" or (parts.scheme == "http" and self._plain_loopback):
            return parts, host, port or (443 if parts.scheme == "https" else 80)
        raise FetchError(
            f"{quoted(url)} is not https.", help="Plain http is for loopback, where configuration allows it."
        )

    # 2. resolved once, every answer looked at

    def _addresses(self, host: str, port: int, scheme: str, deadline: float) -> Sequence[_Address]:
        addresses = _resolved(self._resolve or _system, host, port, deadline)
        for address in addresses:
            if scheme == "http":
                if not address.is_loopback or not is_loopback_text(host):
                    raise FetchError(f"{quoted(host)} is not loopback, so it must be https.")
            elif host not in self._hosts and special_purpose(address) and not self._excepted(address):
                raise FetchError(
                    f"{quoted(host)} is at {address}, in a special-purpose range.",
                    help="If that is meant, name the host or range for this issuer under [fetch] allow.",
                )
        return addresses

    def _excepted(self, address: _Address) -> bool:
        return any(address in network for network in self._ranges if network.version == address.version)

    # 3. connected to an address that was looked at

    def _connect(self, addresses: Sequence[_Address], port: int, deadline: float) -> socket:
        from socket import create_connection  # noqa: PLC0415

        failure: OSError = OSError("no address")
        for index, address in enumerate(addresses):
            try:  # an address that does not answer leaves time for the next
                share = _left(deadline) / (len(addresses) - index)
                sock = create_connection((str(address), port), timeout=share)
            except OSError as error:
                failure = error
                continue
            if ip_address(str(sock.getpeername()[0]).partition("%")[0]) != address:
                sock.close()
                raise FetchError("The connection reached another address than the one that was checked.")
            return sock
        raise failure

    def _secured(self, sock: socket, host: str, deadline: float) -> socket:
        import ssl  # noqa: PLC0415

        context = self._context or ssl.create_default_context()
        try:
            sock.settimeout(_left(deadline))
            return context.wrap_socket(sock, server_hostname=host)
        except OSError:
            sock.close()
            raise

    # 4. one request, one answer

    def _exchange(self, sock: socket, parts: SplitResult, known: Fetched | None, deadline: float) -> Fetched:
        from http.client import HTTPException, HTTPResponse  # noqa: PLC0415

        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        condition = f"If-None-Match: {known.etag}\r\n" if known is not None and known.etag else ""
        request = (
            f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: application/json, application/jwk-set+json\r\n"
            f"Accept-Encoding: identity\r\n{condition}User-Agent: undersign\r\nConnection: close\r\n\r\n"
        )
        sock.settimeout(_left(deadline))
        sock.sendall(request.encode("ascii"))
        response = HTTPResponse(_Deadlined(sock, deadline), method="GET")  # type: ignore[arg-type]
        try:
            response.begin()
            if condition and known is not None and response.status == 304:  # noqa: PLR2004 - Not Modified
                fresh_for = _fresh_for(response)
                return known if fresh_for is None else known._replace(fresh_for=fresh_for)
            return self._document(response)
        except HTTPException as error:
            raise FetchError(f"{quoted(parts.netloc)} does not speak HTTP: {type(error).__name__}.") from error
        finally:
            response.close()

    def _document(self, response: HTTPResponse) -> Fetched:
        if response.status != 200:  # noqa: PLR2004 - the one status that carries the document
            raise FetchError(f"The answer was {response.status}, not 200; redirects are not followed.")
        media_type = (response.getheader("Content-Type") or "").partition(";")[0].strip().lower()
        if "html" in media_type:
            raise FetchError("The answer is a page for people, not a document.")
        encodings = response.getheader("Content-Encoding") or "identity", response.getheader("Transfer-Encoding") or ""
        if encodings[0].strip().lower() != "identity" or encodings[1].strip().lower() not in {"", "chunked"}:
            raise FetchError("The answer is compressed, which was not asked for.")
        body = response.read(self._size + 1)
        if len(body) > self._size:
            raise FetchError(f"The document is larger than {self._size} octets.")
        if response.length:
            raise FetchError("The document broke off before its end.")
        return Fetched(body, media_type, _etag(response), _fresh_for(response))


# -- what an answer says about keeping it (RFC 9111) --


def _directives(response: HTTPResponse) -> dict[str, str]:
    found = (part.strip().partition("=") for part in (response.getheader("Cache-Control") or "").split(","))
    return {name.strip().lower(): value.strip().strip('"') for name, _, value in found}


def _fresh_for(response: HTTPResponse) -> float | None:
    directives = _directives(response)
    if "no-store" in directives or "no-cache" in directives:
        return 0
    if "max-age" not in directives:
        return None
    # What cannot be read is stale (section 4.2.1), and time spent in caches on the way counts (section 4.2.3).
    return max(0, _seconds(directives["max-age"]) - _seconds(response.getheader("Age") or "0"))


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_AGE_DIGITS else 0


def _etag(response: HTTPResponse) -> str | None:
    etag = response.getheader("ETag") or ""
    return etag if _ETAG.fullmatch(etag) and "no-store" not in _directives(response) else None


class _Deadlined:
    """A socket as http.client reads it, whose every read keeps to the one deadline."""

    def __init__(self, sock: socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def makefile(self, _mode: str) -> Any:
        """Give the buffered reader that http.client asks for."""
        from io import BufferedReader, RawIOBase  # noqa: PLC0415

        sock, deadline = self._sock, self._deadline

        class Raw(RawIOBase):
            def readable(self) -> bool:
                return True

            def readinto(self, buffer: Any) -> int:
                sock.settimeout(_left(deadline))
                return sock.recv_into(buffer)

        return BufferedReader(Raw(), _CHUNK)


def _system(host: str, port: int) -> Iterable[str]:
    import socket  # noqa: PLC0415 - read when something is fetched

    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return [str(answer[4][0]) for answer in answers]


def _resolved(resolver: Resolve, host: str, port: int, deadline: float) -> Sequence[_Address]:
    """Resolve once, in a thread that ends when the resolver answers, which may be later than the deadline."""
    from threading import Thread  # noqa: PLC0415

    found: list[_Address] = []
    failures: list[OSError | ValueError] = []

    def resolve() -> None:
        try:
            answers = resolver(host, port)
            found.extend(dict.fromkeys(ip_address(answer.partition("%")[0]) for answer in answers))
        except (OSError, ValueError) as error:  # no such host, a name that is none (UnicodeError), no address
            failures.append(error)

    thread = Thread(target=resolve, name="undersign-resolve", daemon=True)
    thread.start()
    thread.join(_left(deadline))
    if failures:
        raise failures[0]
    if thread.is_alive() or not found:
        raise TimeoutError
    return tuple(found)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _exceptions(allow: Iterable[str]) -> tuple[frozenset[str], tuple[_Network, ...]]:
    hosts: set[str] = set()
    ranges: list[_Network] = []
    for entry in allow:
        try:
            ranges.append(ip_network(entry))
        except ValueError:
            if "/" in entry or not entry.isascii() or not entry:
                raise PolicyError(f"{quoted(entry)} is neither a host nor a range.") from None
            hosts.add(entry.lower())
    return frozenset(hosts), tuple(ranges)


def is_loopback_text(host: str) -> bool:
    """Say whether a host is loopback by its own spelling; the address that it leads to is looked at as well."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


# -- special-purpose ranges: the IANA registries for IPv4 and IPv6, with multicast and what is reserved --

_IPV4: Final = (
    "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 "
    "192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 "
    "198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4"
)
_GLOBAL_IPV6: Final = IPv6Network("2000::/3")  # all else is not global unicast: loopback, local, multicast, reserved
_IPV6: Final = "2001::/23 2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20"
_RANGES_4: Final = tuple(map(IPv4Network, _IPV4.split()))
_RANGES_6: Final = tuple(map(IPv6Network, _IPV6.split()))
_NAT64: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))


def special_purpose(address: _Address) -> bool:
    """Say whether an address is not one of the public internet; an IPv4 address inside an IPv6 one counts as itself."""
    if isinstance(address, IPv4Address):
        return any(address in network for network in _RANGES_4)
    inner = _embedded(address)
    if inner is not None:
        return special_purpose(inner)
    return address not in _GLOBAL_IPV6 or any(address in network for network in _RANGES_6)


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Unwrap IPv4-mapped (RFC 4291), NAT64 (RFC 6052), 6to4 (RFC 3056); Teredo stays refused as it is."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64[0]:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour
