"""The ID token: who logged in, when and how, for one client (OpenID Connect Core 1.0 sections 2 and 3.1.3.7).

Its ``typ`` is absent or ``JWT``, as OpenID Connect has it; every other kind of token here has a type of its own.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ...encoding import b64url_encode
from ...errors import (
    ClaimTypeError,
    IncorrectClaimError,
    MissingClaimError,
    NotYetValidError,
    PolicyError,
    TooOldError,
    UnusableKeyError,
)
from ...header import names_of
from ...jwa.signature import named
from ...jwk.key import Key
from ...jwks.keyset import Keys
from ...jws.compact import Token
from ...jws.signer import Signer as ExternalSigner
from ..claims import seconds
from ..sign import Signer
from ..verified import VerifiedJWT
from ..verify import Verifier as JWTVerifier
from .checked import check_same, text, with_checks

if TYPE_CHECKING:
    from datetime import datetime, timedelta

__all__ = ["TYP", "TYPES", "Minter", "Verifier", "half_hash"]

TYP: Final = "JWT"
TYPES: Final = (None, TYP)

_OURS: Final = frozenset({
    "iss", "sub", "aud", "azp", "iat", "exp", "nonce", "auth_time", "acr", "amr", "at_hash", "c_hash", "sid",
})  # fmt: skip
_LONGEST_SUBJECT: Final = 255


class Minter:
    """An OpenID provider's way of minting ID tokens.

    Args:
        key: The private key, or a Signer.
        issuer: The issuer identifier.
        lifetime: How long a token lives: it is read once, when the login comes back.
        clock: What tells the time.
    """

    __slots__ = ("_key", "_signer")

    def __init__(
        self,
        key: Key | ExternalSigner,
        *,
        issuer: str,
        lifetime: str | timedelta | float = "5m",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._signer = Signer(key, issuer=issuer, lifetime=lifetime, typ=TYP, clock=clock)
        self._key = key

    def mint(
        self,
        *,
        subject: str,
        client_id: str,
        nonce: str | None = None,
        auth_time: float | datetime | None = None,
        acr: str | None = None,
        amr: Sequence[str] = (),
        session: str | None = None,
        access_token: str | None = None,
        code: str | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """Mint a token for one client.

        Args:
            subject: Who logged in: at most 255 ASCII characters, never given to anybody else.
            client_id: Whom the token is for.
            nonce: The ``nonce`` of the authentication request, exactly as it came.
            auth_time: When the person authenticated.
            acr: How strongly.
            amr: By what methods.
            session: The ``sid`` by which a logout token will name the session.
            access_token: The access token given out with it: its ``at_hash`` is written.
            code: The code given out with it: its ``c_hash`` is written.
            extra: Further claims, none of which may be one that this profile writes.

        Raises:
            PolicyError, ClaimTypeError, KeyMaterialError: What was passed cannot be written.
        """
        _check_subject(subject)
        if extra and not _OURS.isdisjoint(extra):
            raise PolicyError(f"{', '.join(sorted(_OURS & extra.keys()))}: this profile writes it.")
        claims: dict[str, Any] = {
            "sub": subject,
            "aud": client_id,
            "nonce": nonce,
            "auth_time": auth_time,
            "acr": acr,
            "amr": list(names_of(amr, "amr")) or None,
            "sid": session,
            "at_hash": None if access_token is None else half_hash(access_token, self._key),
            "c_hash": None if code is None else half_hash(code, self._key),
        }
        return self._signer.sign(
            {**{name: value for name, value in claims.items() if value is not None}, **(extra or {})}
        )


class Verifier:
    """A client's check of ID tokens.

    Args:
        keys: The provider's keys.
        issuer: The provider's issuer identifier.
        client_id: This client: an ``aud``, and the ``azp`` where there is one.
        trusted: Other audiences that may stand beside this client; none unless said.
        acr_values: The authentication context classes that are strong enough; None for any.
        max_age: How long ago the person may have authenticated; then ``auth_time`` must be there.
        algorithms: What is accepted, for keys that name no algorithm; None for the keys' own.
        leeway: How far clocks may differ.
        clock: What tells the time.
    """

    __slots__ = ("_accepted", "_acr_values", "_client_id", "_clock", "_leeway", "_max_age", "_verifier")

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        client_id: str,
        trusted: Collection[str] = (),
        acr_values: Collection[str] | None = None,
        max_age: str | timedelta | float | None = None,
        algorithms: Iterable[str] | None = None,
        leeway: str | timedelta | float = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._client_id = client_id
        self._accepted = frozenset({client_id, *names_of(trusted, "trusted")})
        self._acr_values = None if acr_values is None else frozenset(names_of(acr_values, "acr_values"))
        self._max_age = None if max_age is None else seconds(max_age, "max_age")
        self._leeway = seconds(leeway, "leeway")
        self._clock = clock
        self._verifier = JWTVerifier(
            keys,
            issuer=issuer,
            audience=client_id,
            algorithms=algorithms,
            typ=TYPES,
            require=("sub", "iat"),
            leeway=leeway,
            clock=clock,
        )

    def verify(
        self, token: Token, *, nonce: str | None, access_token: str | None = None, code: str | None = None
    ) -> VerifiedJWT:
        """Verify a token.

        Args:
            token: The token.
            nonce: What was sent in the authentication request. None must be written out where nothing was, and refuses
                a token that has one: it belongs to another login.
            access_token: The access token that came with it; then its ``at_hash`` must be there and agree.
            code: The code that came with it; then its ``c_hash`` must be there and agree.

        Raises:
            UndersignError: It is refused.
        """
        return self._checked(self._verifier.verify(token), nonce, access_token, code)

    async def averify(
        self, token: Token, *, nonce: str | None, access_token: str | None = None, code: str | None = None
    ) -> VerifiedJWT:
        """Verify in async code; see jwt.Verifier.averify."""
        return self._checked(await self._verifier.averify(token), nonce, access_token, code)

    def _checked(
        self, verified: VerifiedJWT, nonce: str | None, access_token: str | None, code: str | None
    ) -> VerifiedJWT:
        added = ["nonce", "azp"]
        _check_subject(text(verified, "sub"))
        self._check_parties(verified)
        _check_nonce(verified, nonce)
        for name, value in (("at_hash", access_token), ("c_hash", code)):
            if value is not None:
                check_same(verified, name, _hash_for(verified, value), "the hash of what came with the token")
                added.append(name)
        if self._max_age is not None:
            self._check_authentication_time(verified.claims.get("auth_time"), self._max_age)
            added.append("auth_time")
        if self._acr_values is not None:
            if text(verified, "acr") not in self._acr_values:
                raise IncorrectClaimError("acr", "The person authenticated in a weaker way than this client demands.")
            added.append("acr")
        return with_checks(verified, added)

    def _check_parties(self, verified: VerifiedJWT) -> None:
        aud = verified.claims["aud"]
        others = set() if isinstance(aud, str) else set(aud) - self._accepted
        if others:
            raise IncorrectClaimError("aud", "The claim 'aud' names somebody whom this client does not trust.")
        several = not isinstance(aud, str) and len(aud) > 1
        if (several or "azp" in verified.claims) and text(verified, "azp") != self._client_id:
            raise IncorrectClaimError("azp", "The token was issued to another client.")

    def _check_authentication_time(self, auth_time: object, max_age: float) -> None:
        if auth_time is None:
            raise MissingClaimError("auth_time", "The token does not say when the person authenticated.")
        if type(auth_time) is not int and type(auth_time) is not float:
            raise ClaimTypeError("auth_time", "The claim 'auth_time' is not a NumericDate.")
        now = self._clock()
        if not auth_time <= now + self._leeway:
            raise NotYetValidError("auth_time", "The token says that the person will authenticate in the future.")
        if not now - auth_time <= max_age + self._leeway:
            raise TooOldError("auth_time", f"The person authenticated {now - auth_time:.0f} s ago.")


def half_hash(value: str, key: Key | ExternalSigner) -> str:
    """The ``at_hash`` or ``c_hash`` of a value: the left half of its hash under the key's algorithm, base64url.

    Raises:
        UnusableKeyError: OpenID Connect says no hash for the key's algorithm.
        PolicyError: The value is not ASCII text.
    """
    return _half(value, key.alg or "", getattr(key, "crv", None))


def _hash_for(verified: VerifiedJWT, value: str) -> str:
    return _half(value, str(verified.header["alg"]), verified.key.crv)


def _half(value: str, alg: str, crv: str | None) -> str:
    if not value or not value.isascii():
        raise PolicyError("Access tokens and codes are ASCII text.")
    row = named(alg)
    octets = value.encode("ascii")
    if row.hash_name is not None:
        digest = hashlib.new(row.hash_name, octets).digest()
    elif row.kty == "OKP":  # the hash inside: RFC 8032 sections 5.1 and 5.2
        is_448 = (row.crv or crv) == "Ed448"
        digest = hashlib.shake_256(octets).digest(114) if is_448 else hashlib.sha512(octets).digest()
    else:
        raise UnusableKeyError(
            f"OpenID Connect does not say which hash {row.name} has at_hash and c_hash use.",
            help="Sign ID tokens with a key of another algorithm, or leave the access token and the code out.",
        )
    return b64url_encode(digest[: len(digest) // 2])


def _check_subject(subject: object) -> None:
    if not isinstance(subject, str) or not subject.isascii() or not 0 < len(subject) <= _LONGEST_SUBJECT:
        raise ClaimTypeError("sub", f"The claim 'sub' is 1 to {_LONGEST_SUBJECT} ASCII characters.")


def _check_nonce(verified: VerifiedJWT, nonce: str | None) -> None:
    if nonce is not None:
        check_same(verified, "nonce", nonce, "the one that was sent")
    elif "nonce" in verified.claims:
        raise IncorrectClaimError("nonce", "The token has a 'nonce', and none was sent: it is of another login.")
