"""A request to sign, as the domain sees it: a document of any kind, and who brought it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256, sha512
from hmac import compare_digest
from typing import Any, Final, NamedTuple, NoReturn, final

from undersign.access.issuers import VerifiedCaller
from undersign.encoding import b64url_decode, dump_json, parse_object
from undersign.errors import DigestMismatchError, RequestError, UndersignError, quoted
from undersign.limits import DEFAULT, Limits

__all__ = ["MAKER", "Call", "Document", "Permit", "SigningRequest", "check_digest", "from_envelope"]


class Call(NamedTuple):
    """A worker is called; its document was not read yet.

    Attributes:
        token: The bearer token that was sent; None where none was.
        address: The caller's address.
    """

    worker: str
    token: str | None
    address: str
    request_id: str


class Document:
    """What is to be signed.

    Attributes:
        detached: Whether the caller asks for a detached signature; None leaves it to the worker.
        sha256: The hash of the octets, in hex, as the log and the receipt name the document.
    """

    __slots__ = ("detached", "media_type", "octets", "sha256")

    def __init__(self, octets: bytes, media_type: str, detached: bool | None = None) -> None:  # noqa: FBT001 - three states
        self.octets = octets
        self.media_type = media_type
        self.detached = detached
        self.sha256 = sha256(octets).hexdigest()


@dataclass(frozen=True, slots=True)
class SigningRequest:
    """A document for a worker.

    Attributes:
        caller: The evidence of the caller's token; None where no token was sent.
        address: The caller's address.
    """

    worker: str
    request_id: str
    document: Document
    caller: VerifiedCaller | None
    address: str

    def meta(self) -> Mapping[str, object]:
        """What rules and mappings may read as ``request.*``."""
        return {
            "id": self.request_id,
            "worker": self.worker,
            "ip": self.address,
            "media_type": self.document.media_type,
            "size": len(self.document.octets),
            "sha256": self.document.sha256,
        }


MAKER: Final = object()  # for the authorizers alone; tests/architecture counts who imports it


@final
class Permit:
    """Evidence that the rules let this caller use this worker for this request. Made by an authorizer only.

    What a worker makes for a permit is sealed: the same token could be permitting the same thing somewhere else at
    this moment. Only the commit that uses up what the permit rests on opens the seal (``audit.sealed``).

    Attributes:
        worker: The worker's name.
        request_id: The request it is for.
        caller: Whose token it was; None where the worker is for anyone.
        rule: The name of the rule that held.
    """

    __slots__ = ("caller", "request_id", "rule", "worker")

    worker: str
    request_id: str
    caller: VerifiedCaller | None
    rule: str

    def __init__(
        self, maker: object, *, worker: str, request_id: str, caller: VerifiedCaller | None, rule: str
    ) -> None:
        if maker is not MAKER:
            raise TypeError("A Permit is made by an authorizer only.")
        write = object.__setattr__
        write(self, "worker", worker)
        write(self, "request_id", request_id)
        write(self, "caller", caller)
        write(self, "rule", rule)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("Evidence is read-only.")

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("Evidence cannot be copied or pickled: authorize again where it is needed.")

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Evidence cannot be derived from.")


def from_envelope(body: bytes, limits: Limits = DEFAULT) -> Document:
    """Read a document from a JSON envelope: one of ``data`` (base64url), ``text`` or ``json``, and ``options``.

    Raises:
        RequestError: The envelope is not of that form.
    """
    try:
        envelope = parse_object(body, limits)
    except UndersignError as error:
        raise RequestError(f"The body is not a JSON envelope: {error.message}") from error
    unknown = sorted(envelope.keys() - {*_READERS, "options", "media_type"})
    if unknown:
        raise RequestError(f"The envelope has a member that is not known: {quoted(unknown[0])}.")
    given = [name for name in _READERS if name in envelope]
    if len(given) != 1:
        raise RequestError("The envelope holds exactly one of data, text and json.")
    octets, media_type = _READERS[given[0]](envelope[given[0]])
    named = envelope.get("media_type", media_type)
    if not isinstance(named, str) or len(named) > _MAX_MEDIA_TYPE:
        raise RequestError("media_type is not a short string.")
    return Document(octets, named, _detached(envelope.get("options", {})))


def check_digest(document: Document, header: str) -> None:
    """Hold the document against the Content-Digest that came with it, so that a change on the way shows (RFC 9530).

    Raises:
        DigestMismatchError: A digest differs.
        RequestError: The header names no digest that is known here.
    """
    known = 0
    for member in header.split(","):
        name, _, value = member.strip().partition("=")
        make = _DIGESTS.get(name.lower())
        if make is None:
            continue
        known += 1
        expected = _byte_sequence(make(document.octets).digest())
        if not compare_digest(value.encode("utf-8"), expected):
            raise DigestMismatchError("The document is not the one that Content-Digest names.")
    if not known:
        raise RequestError("Content-Digest names no digest that is known here.", help="Use sha-256 or sha-512.")


def _byte_sequence(octets: bytes) -> bytes:
    """Spell octets as a byte sequence of structured fields (RFC 9651 section 3.3.5)."""
    return b":" + b64encode(octets) + b":"


_MAX_MEDIA_TYPE: Final = 127
_DIGESTS: Final = {"sha-256": sha256, "sha-512": sha512}


def _detached(options: Any) -> bool | None:
    if not isinstance(options, Mapping) or options.keys() - {"detached"}:
        raise RequestError("options is an object, and its only member is detached.")
    wanted = options.get("detached")
    if wanted is not None and not isinstance(wanted, bool):
        raise RequestError("detached is true or false.")
    return wanted


def _data(value: Any) -> tuple[bytes, str]:
    if not isinstance(value, str):
        raise RequestError("data is a string in base64url.")
    try:
        return b64url_decode(value), "application/octet-stream"
    except UndersignError as error:
        raise RequestError(f"data is not base64url: {error.message}") from error


def _text(value: Any) -> tuple[bytes, str]:
    if not isinstance(value, str):
        raise RequestError("text is a string.")
    return value.encode("utf-8"), "text/plain; charset=utf-8"


def _json(value: Any) -> tuple[bytes, str]:
    return dump_json(value), "application/json"


_READERS: Final = {"data": _data, "text": _text, "json": _json}
