"""The DPoP proof, ``dpop+jwt``: a client shows with each request that it holds a key (RFC 9449).

1. This is the one place that takes a key from the ``jwk`` header parameter, since the key is the client's own claim:
   a proof shows that its sender holds the key, never who the sender is.
2. So a proof says something only about what is bound to the key: a code, a refresh token, an access token (``cnf``).
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from ...encoding import b64url_encode
from ...errors import (
    AlgorithmNotAllowedError,
    IncorrectClaimError,
    InvalidHeaderError,
    MalformedTokenError,
    MissingClaimError,
    PolicyError,
    quoted,
)
from ...header import names_of
from ...header import parse as parse_header
from ...jwa.signature import ALGORITHMS, named
from ...jwk import load_public
from ...jwk.key import Key
from ...jws.compact import Token, Unverified, token_octets
from ...jws.signer import Signer as ExternalSigner
from ...limits import DEFAULT, Limits
from ...replay import Burn, ReplayStore
from ..claims import check_jti, seconds
from ..sign import Signer
from ..verified import VerifiedJWT
from ..verify import Verifier as JWTVerifier
from .checked import check_same, text, with_checks

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = ["PURPOSE", "TYP", "Minter", "Verifier", "confirmation", "normalized", "token_hash"]

TYP: Final = "dpop+jwt"
PURPOSE: Final = "dpop"
ASYMMETRIC: Final = tuple(row.name for row in ALGORITHMS.values() if row.kty != "oct")

_METHOD: Final = re.compile(r"\A[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}\Z")
_URL: Final = re.compile(r"\A([Hh][Tt][Tt][Pp][Ss]?)://([^/?#]+)([^?#]*)")
_AUTHORITY: Final = re.compile(r"\A([A-Za-z0-9._~!$&'()*+,;=-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{0,5}))?\Z")
_CHARACTERS: Final = re.compile(r"\A(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+\Z")
_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")
_PORTS: Final = {"http": "80", "https": "443"}
_LONGEST_URL: Final = 4096


class Minter:
    """A client's way of making proofs.

    Args:
        key: The client's private key, or a Signer with the ``public`` key.
        clock: What tells the time.

    Raises:
        PolicyError: The key is a secret, or a Signer that does not know its public key.
    """

    __slots__ = ("_clock", "_signer", "thumbprint")

    def __init__(self, key: Key | ExternalSigner, *, clock: Callable[[], float] = time.time) -> None:
        public = _public(key)
        self.thumbprint = public.thumbprint()
        self._signer = Signer(key, lifetime=None, typ=TYP, header={"jwk": _embedded(public)}, clock=clock)
        self._clock = clock

    def mint(self, method: str, url: str, *, access_token: str | None = None, nonce: str | None = None) -> str:
        """Make the proof for one request.

        Args:
            method: The request's method.
            url: Its address; query and fragment are left out (RFC 9449 section 4.2).
            access_token: The access token that it is sent with, if any.
            nonce: The server's newest ``DPoP-Nonce``, if it gave one.

        Raises:
            PolicyError: The method or the address is none.
        """
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": _method(method),
            "htu": _request_url(url),
            "iat": int(self._clock()),
        }
        if access_token is not None:
            claims["ath"] = token_hash(access_token)
        if nonce is not None:
            claims["nonce"] = nonce
        return self._signer.sign(claims)


class Verifier:
    """A server's check of proofs (RFC 9449 section 4.3).

    Args:
        replay: Where a proof's ``jti`` is used up once everything else of it holds. None must be written out: the
            caller then consumes ``burn(verified)``, as a server does that first authenticates the client.
        algorithms: What is accepted; every asymmetric algorithm unless said.
        max_age: How long ago a proof may have been made.
        leeway: How far the clocks may differ, so also how far ahead its ``iat`` may lie.
        clock: What tells the time.
        limits: Caps.

    Raises:
        PolicyError, AlgorithmNotAllowedError: The policy does not make sense.
    """

    __slots__ = ("_algorithms", "_clock", "_leeway", "_limits", "_max_age", "_replay")

    def __init__(
        self,
        *,
        replay: ReplayStore | None,
        algorithms: Iterable[str] | None = None,
        max_age: str | timedelta | float = "60s",
        leeway: str | timedelta | float = "10s",
        clock: Callable[[], float] = time.time,
        limits: Limits = DEFAULT,
    ) -> None:
        names = ASYMMETRIC if algorithms is None else names_of(algorithms, "algorithms")
        if not names or any(named(name).kty == "oct" for name in names):
            raise PolicyError("A proof is signed by an asymmetric algorithm (RFC 9449 section 4.2).")
        self._algorithms = names
        self._replay = replay
        self._max_age = seconds(max_age, "max_age")
        self._leeway = seconds(leeway, "leeway")
        self._clock = clock
        self._limits = limits

    @property
    def algorithms(self) -> tuple[str, ...]:
        """What is accepted, for metadata and for the ``algs`` of a challenge."""
        return self._algorithms

    def verify(
        self,
        proof: Token | Sequence[str],
        *,
        method: str,
        url: str,
        access_token: str | None = None,
        jkt: str | None = None,
        nonce: str | Iterable[str] | None = None,
    ) -> VerifiedJWT:
        """Check the proof of one request; ``verified.key.thumbprint()`` is what a new token is bound to.

        Args:
            proof: The value of the ``DPoP`` header field, or a sequence of all that were sent.
            method: The request's method.
            url: The address that it was sent to, as the client sees it.
            access_token: The access token that came with it; then ``jkt`` is needed.
            jkt: The thumbprint of the key that the access token, refresh token or code is bound to.
            nonce: The value that this server demands, or those that it still takes; None where it demands none.

        Raises:
            UndersignError: The proof is refused; a claim error about ``nonce`` is answered with ``use_dpop_nonce``.
        """
        if access_token is not None and jkt is None:
            raise PolicyError(
                "A proof with an access token is held against the key that the token is bound to.",
                help="Pass jkt=dpop.confirmation(verified.claims).",
            )
        # 1. and 2. One header field, whose value is a single well-formed JWT.
        token = _single(proof)
        # 3. to 7. Claims, typ, algorithm, signature, and a public key.
        verified = self._open(token)
        added = ["htm", "htu", "iat", "max_age", "jti"]
        # 8. htm is the request's method.
        if text(verified, "htm") != _method(method):
            raise IncorrectClaimError("htm", "The proof is for another method than the request's.")
        # 9. htu is the request's address, without query and fragment.
        _check_url(text(verified, "htu"), _request_url(url))
        # 10. The server's nonce.
        if nonce is not None:
            _check_nonce(verified, (nonce,) if isinstance(nonce, str) else tuple(nonce))
            added.append("nonce")
        # 11. Made within the window: the JWT verifier held iat against max_age and leeway in step 3.
        # 12. The access token's hash, and the key that the token is bound to.
        if access_token is not None:
            check_same(verified, "ath", token_hash(access_token), "the hash of the access token")
            added.append("ath")
        if jkt is not None:
            _check_key(verified.key, jkt)
            added.append("jkt")
        # RFC 9449 section 11.1: once, and only now, so that nobody fills the store with what would be refused anyway.
        check_jti(verified.claims)
        if self._replay is not None:
            self._replay.consume(self.burn(verified))
            added.append("once")
        return with_checks(verified, added)

    def burn(self, verified: VerifiedJWT) -> Burn:
        """The one-time thing that the proof is: its ``jti`` among those of its key."""
        expires_at = float(verified.claims["iat"]) + self._max_age + self._leeway
        return Burn(PURPOSE, verified.key.thumbprint(), check_jti(verified.claims), expires_at)

    def _open(self, token: Token) -> VerifiedJWT:
        octets = token_octets(token)
        segment, dot, _ = octets.partition(b".")
        if not dot or len(octets) > self._limits.jwt:
            raise MalformedTokenError("A proof is a compact JWT.")
        header = parse_header(segment, self._limits)
        if header.alg not in self._algorithms:
            raise AlgorithmNotAllowedError(f"{quoted(header.alg)} is not an algorithm that proofs may be signed with.")
        return JWTVerifier(
            _embedded_key(header.members),
            algorithms=(header.alg,),  # of the accepted ones, and only if the key is of its kind
            typ=TYP,
            require=("jti", "htm", "htu", "iat"),
            waive=("iss", "aud", "exp"),
            leeway=self._leeway,
            max_age=self._max_age,
            clock=self._clock,
            limits=self._limits,
        ).verify(token)


def token_hash(access_token: str) -> str:
    """The ``ath`` of an access token (RFC 9449 section 4.2).

    Raises:
        PolicyError: The token is not ASCII text.
    """
    if not access_token or not access_token.isascii():
        raise PolicyError("An access token is ASCII text.")
    return b64url_encode(sha256(access_token.encode("ascii")).digest())


def confirmation(claims: Mapping[str, Any]) -> str:
    """The thumbprint that an access token's ``cnf`` names (RFC 9449 section 6.1).

    Raises:
        MissingClaimError: The token is bound to no key by DPoP.
    """
    cnf = claims.get("cnf")
    jkt = cnf.get("jkt") if isinstance(cnf, Mapping) else None
    if not isinstance(jkt, str) or not jkt:
        raise MissingClaimError("cnf", "The token is not bound to a key by DPoP: its 'cnf' has no 'jkt'.")
    return jkt


def normalized(url: str) -> str | None:
    """An http or https address for comparing, without query and fragment; None where it is no such address.

    Case of scheme and host, default ports, dot segments and needless escapes do not tell addresses apart (RFC 3986
    sections 6.2.2 and 6.2.3).
    """
    if len(url) > _LONGEST_URL or not _CHARACTERS.match(url):
        return None
    match = _URL.match(url)
    authority = _AUTHORITY.match(match[2]) if match else None
    if match is None or authority is None:
        return None
    scheme = match[1].lower()
    port = (authority[2] or "").lstrip("0")
    shown = f":{port}" if port and port != _PORTS[scheme] else ""
    path = _without_dots(_ESCAPE.sub(_needed, match[3]))
    return f"{scheme}://{authority[1].lower()}{shown}{path}"


def _needed(escape: re.Match[str]) -> str:
    character = unquote(escape[0], errors="replace")
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986 section 5.2.4); the path is empty or begins with a slash."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)


def _method(method: object) -> str:
    if not isinstance(method, str) or not _METHOD.match(method):
        raise PolicyError("The request's method is not an HTTP method.")
    return method


def _request_url(url: object) -> str:
    found = normalized(url) if isinstance(url, str) else None
    if found is None:
        raise PolicyError("The request's address is not an http or https address.", help="Pass it whole and escaped.")
    return found


def _check_url(claimed: str, real: str) -> None:
    if normalized(claimed) != real:
        raise IncorrectClaimError("htu", "The proof is for another address than the request's.")


def _check_nonce(verified: VerifiedJWT, accepted: tuple[str, ...]) -> None:
    if text(verified, "nonce") not in accepted:
        raise IncorrectClaimError("nonce", "The claim 'nonce' is not a value that this server takes now.")


def _check_key(key: Key, jkt: str) -> None:
    if key.thumbprint() != jkt:
        raise IncorrectClaimError("cnf", "The proof is made with another key than the one that the token is bound to.")


def _single(proof: Token | Sequence[str]) -> Token:
    if isinstance(proof, (str, bytes, bytearray, Unverified)):
        return proof
    if len(proof) != 1:
        raise MalformedTokenError(f"The request has {len(proof)} DPoP header fields; it must have one.")
    return proof[0]


def _embedded_key(header: Mapping[str, Any]) -> Key:
    jwk = header.get("jwk")
    if not isinstance(jwk, Mapping):
        raise InvalidHeaderError("A proof has its public key in the header, as 'jwk' (RFC 9449 section 4.2).")
    # Names and certificates are nobody's word here; what is left is the key itself, refused where it is private.
    return load_public({name: jwk[name] for name in jwk if name != "kid" and not name.startswith("x5")})


def _public(key: Key | ExternalSigner) -> Key:
    public: object = getattr(key, "public", None)
    if callable(public) and getattr(key, "kty", "") != "oct":
        public = public()
    if not isinstance(public, Key) or public.is_private:
        raise PolicyError("A proof is made with an asymmetric key whose public half is known.")
    return public


def _embedded(public: Key) -> dict[str, Any]:
    """What makes the key, and nothing else; for AKP keys the algorithm is a part of that."""
    return {**public._thumbprint_members()}
