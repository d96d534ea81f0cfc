"""From an issuer's name to its key set (OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3).

1. Both well-known places are asked, OpenID's first; the document's ``issuer`` must be the name that was asked for, by
   its characters, or another's keys would speak for it (RFC 8414 section 3.3).
2. The key set it names is at https, like the issuer.
3. The metadata is read again after an hour, and after the set could not be fetched from where it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from ..encoding import parse_object
from ..errors import FetchError, PolicyError, UndersignError, quoted
from ..fetch import URL_CAP, Fetch, Fetched, is_loopback_text

__all__ = ["Discovery", "checked_url"]

_REREAD: Final = 3600.0


class Discovery:
    """Fetches the key set of an issuer, wherever its metadata says that is.

    Args:
        issuer: The issuer's name, as its tokens have it.
        fetch: What fetches documents.
        clock: The time in seconds.

    Raises:
        PolicyError: The name is no https address without query and fragment (RFC 8414 section 2).
    """

    __slots__ = ("_clock", "_fetch", "_found", "_issuer", "_parts", "_served_from")

    def __init__(self, issuer: str, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._parts = checked_url(issuer, "An issuer")
        if "?" in issuer:
            raise PolicyError(f"The issuer {quoted(issuer)} has a query (RFC 8414 section 2).")
        self._issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._found: tuple[str, float] | None = None
        self._served_from: str | None = None

    def __call__(self, _url: str, /) -> Fetched:
        """Fetch the set.

        Raises:
            FetchError: The metadata or the set cannot be fetched, or the metadata is another issuer's.
        """
        return self._served(None)

    def revalidate(self, _url: str, known: Fetched) -> Fetched:
        """Fetch the set again, of which ``known`` is the last version."""
        return self._served(known)

    def _served(self, known: Fetched | None) -> Fetched:
        url = self._jwks_uri()
        again: Any = getattr(self._fetch, "revalidate", None)
        try:
            if known is not None and again is not None and url == self._served_from:
                fetched: Fetched = again(url, known)
            else:
                fetched = self._fetch(url)
        except (UndersignError, OSError):
            self._found = None
            raise
        self._served_from = url
        return fetched

    def _jwks_uri(self) -> str:
        now = self._clock()
        if self._found is None or now - self._found[1] >= _REREAD:
            self._found = (self._stated(), now)
        return self._found[0]

    def _stated(self) -> str:
        at = f"{self._parts.scheme}://{self._parts.netloc}"
        path = self._parts.path.removesuffix("/")
        try:
            fetched = self._fetch(f"{at}{path}/.well-known/openid-configuration")
        except FetchError as first:
            try:
                fetched = self._fetch(f"{at}/.well-known/oauth-authorization-server{path}")
            except FetchError as second:
                raise FetchError(
                    f"Neither metadata of {quoted(self._issuer)} could be fetched. {first.message} {second.message}"
                ) from None
        return self._named(fetched.body)

    def _named(self, body: bytes) -> str:
        metadata = parse_object(body)
        stated, url = metadata.get("issuer"), metadata.get("jwks_uri")
        if stated != self._issuer:
            raise FetchError(
                f"The metadata of {quoted(self._issuer)} is of another issuer, {quoted(stated)}.",
                help="Write the issuer by the very characters of its own metadata, the last slash included.",
            )
        try:
            parts = checked_url(url, "A jwks_uri")
        except PolicyError as error:
            raise FetchError(f"The metadata of {quoted(self._issuer)} is unsound. {error.message}") from None
        if parts.scheme != "https" and self._parts.scheme == "https":
            raise FetchError(f"The metadata of {quoted(self._issuer)} names a key set that is not at https.")
        return str(url)


def checked_url(url: object, what: str) -> SplitResult:
    """Check that an address is https, or http to literal loopback, which a Fetcher allows only when told so.

    Raises:
        PolicyError: It is not, or holds credentials or a fragment.
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) and len(url) <= URL_CAP else urlsplit("")
        host = parts.hostname or ""
    except ValueError:
        raise PolicyError(f"{what}, {quoted(url)}, is not an address.") from None
    sound = host and "@" not in parts.netloc and "#" not in str(url) and str(url).isascii() and str(url).isprintable()
    if (
        not sound
        or " " in str(url)
        or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback_text(host)))
    ):
        raise PolicyError(f"{what} is an https address without credentials and fragment, not {quoted(url)}.")
    return parts
