"""A client proves itself by an assertion that its private key signed (RFC 7523 section 2.2, OpenID Connect Core 9).

The steps and their numbers are those of the check list that `docs/security` explains; 0 and 1 are taken before this
file is reached, 8's burn and 9's answer after it. Nothing is stored before step 6 has passed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from undersign.encoding import encode_json
from undersign.errors import (
    AlgorithmNotAllowedError,
    ClaimTypeError,
    ExpiredTokenError,
    IncorrectClaimError,
    IncorrectTypeError,
    InvalidHeaderError,
    InvalidRequestError,
    LimitError,
    MissingClaimError,
    NotYetValidError,
    TooOldError,
    UnauthorizedClientError,
    UnknownKeyError,
    UnsupportedCriticalError,
)
from undersign.jwa.signature import ALGORITHMS
from undersign.jwks import KeySet
from undersign.jwt import VerifiedJWT, Verifier
from undersign.jwt.unverified import peek
from undersign.oauth.client import Client, Clients
from undersign.oauth.token_request import TokenRequest
from undersign.replay import Burn

from . import audience
from .audience import Place
from .evidence import Came, ClientProof, from_assertion

__all__ = ["ALGORITHMS_SUPPORTED", "ASSERTION_TYPE", "BURN", "NAME", "presents", "prove"]

NAME: Final = "private_key_jwt"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BURN: Final = "client-auth"

_MAX_ASSERTION: Final = 8 * 1024
_MAX_HEADER: Final = 2 * 1024
_MAX_JTI: Final = 256
# Every signature algorithm of key pairs, but the curve that no profile of OAuth names.
ALGORITHMS_SUPPORTED: Final = tuple(
    name for name, row in ALGORITHMS.items() if row.kty != "oct" and row.crv != "secp256k1"
)
_TYPES: Final = (None, "JWT", "client-authentication+jwt")
_SKEW: Final = 30.0  # how long past its exp an assertion is still taken
_AHEAD: Final = 10.0  # how far ahead of our clock iat and nbf may lie
_CAP: Final = 300.0  # the longest that an assertion counts, whatever its exp says


def presents(request: TokenRequest) -> bool:
    """Whether the request carries an assertion, or speaks of one."""
    return request.client_assertion is not None or request.client_assertion_type is not None


def prove(request: TokenRequest, clients: Clients, place: Place, now: float) -> ClientProof:
    """Check the assertion whole; see the numbers.

    Raises:
        InvalidRequestError: The parameters contradict each other.
        UndersignError: The assertion is refused; the caller answers ``invalid_client`` whatever the reason.
    """
    assertion = _assertion(request)
    seen = peek(assertion)
    _check_header(seen.header)
    client = _client(seen.claims, request, clients)
    verified = _verify(assertion, client, place, now)
    until = _check_times(verified.claims, client, now)
    if not client.id == verified.claims["iss"] == verified.claims["sub"]:  # 7.
        raise IncorrectClaimError("sub", "iss, sub and the client's id differ.")
    form = audience.check(client, verified.claims["aud"], place, now)  # 7.
    burn = _burn(verified.claims, client, place, until)
    return from_assertion(verified, client, burn, Came(NAME, form, request.request_id))


def _assertion(request: TokenRequest) -> str:
    # 2. The type is the URN byte for byte; the assertion is within its caps. The library reads the rest strictly:
    #    three parts, canonical base64url, JSON without duplicate members, an object.
    if request.client_assertion is None or request.client_assertion_type is None:
        raise InvalidRequestError("client_assertion and client_assertion_type come together.")
    if request.client_assertion_type != ASSERTION_TYPE:
        raise IncorrectClaimError("client_assertion_type", "The assertion type is not the one of a JWT.")
    if len(request.client_assertion) > _MAX_ASSERTION:
        raise LimitError(f"The assertion is longer than {_MAX_ASSERTION} characters.")
    if request.client_assertion.find(".") > _MAX_HEADER * 4 // 3:
        raise LimitError(f"The assertion's header is longer than {_MAX_HEADER} octets.")
    return request.client_assertion


def _check_header(header: Mapping[str, Any]) -> None:
    # 3. A signature algorithm of key pairs; no extension; a type that is a client assertion's or none at all. jwk, jku,
    #    x5u and x5c may stand there and are never looked at: the client's registered keys are the only ones.
    if header.get("alg") not in ALGORITHMS_SUPPORTED:
        raise AlgorithmNotAllowedError("The assertion's algorithm is not one for client assertions.")
    if "crit" in header:
        raise UnsupportedCriticalError("A client assertion has no critical extensions.")
    for name in ("b64", "zip", "enc"):
        if name in header:
            raise InvalidHeaderError(f"A client assertion has no {name} in its header.")
    typ = header.get("typ")
    plain = typ.removeprefix("application/").lower() if isinstance(typ, str) else typ
    if plain not in (None, "jwt", "client-authentication+jwt"):
        raise IncorrectTypeError("typ", "The token is of another kind than a client assertion.")


def _client(claims: Mapping[str, Any], request: TokenRequest, clients: Clients) -> Client:
    # 4. The unverified sub finds the client; a client_id in the body must be the same; the client is enabled and this
    #    is the method it registered.
    sub = claims.get("sub")
    if not isinstance(sub, str) or not sub:
        raise MissingClaimError("sub", "The assertion has no subject.")
    if request.client_id is not None and request.client_id != sub:
        raise IncorrectClaimError("client_id", "client_id names another client than the assertion.")
    client = clients.get(sub)
    if client is None:
        raise UnauthorizedClientError("There is no such client.")
    if not client.enabled or client.auth != NAME:
        raise UnauthorizedClientError("The client is disabled, or registered another method.")
    return client


def _verify(assertion: str, client: Client, place: Place, now: float) -> VerifiedJWT:
    # 5. The client's keys that are enabled and inside their window, of the algorithm it registered where it did. The
    #    library chooses among them by kid, else x5t#S256, else only if one fits; the key's algorithm decides.
    algorithms = ALGORITHMS_SUPPORTED if client.signing_alg is None else (client.signing_alg,)
    usable = client.keys_at(now)
    if not usable and client.remote is None:
        raise UnknownKeyError("The client has no key that counts now.")
    # 6. The signature, and with it the claims' types and the coarse checks; the exact ones follow in step 7.
    return Verifier(
        client.remote or KeySet(usable),
        issuer=client.id,
        audience=(place.issuer, place.token_endpoint, place.called),
        algorithms=algorithms,
        typ=_TYPES,
        require={"sub": client.id, "jti": ..., "exp": ...},
        leeway=_SKEW,
        clock=lambda: now,
    ).verify(assertion)


def _check_times(claims: Mapping[str, Any], client: Client, now: float) -> float:
    # 7. An exp far away is clamped, an absurd one refused; iat and nbf may lie a little ahead of our clock.
    exp, issued = _date(claims, "exp"), _date(claims, "iat")
    if exp is None:
        raise MissingClaimError("exp", "The assertion has no end.")
    for name in ("iat", "nbf"):
        if (_date(claims, name) or 0.0) > now + _AHEAD:
            raise NotYetValidError(name, f"The assertion's {name} lies in the future.")
    if exp > now + client.longest_exp:
        raise IncorrectClaimError("exp", "The assertion's end is absurdly far away.")
    until = min(exp, (now if issued is None else issued) + _CAP)
    if now >= until + _SKEW:
        late = exp >= now
        raise (TooOldError if late else ExpiredTokenError)("iat" if late else "exp", "The assertion has expired.")
    return until


def _date(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ClaimTypeError(name, f"{name} is not a NumericDate.")
    return float(value)


def _burn(claims: Mapping[str, Any], client: Client, place: Place, until: float) -> Burn:
    # 8. One use: the id is the client's own, so that no client can burn another's. Kept until nothing could replay it.
    jti = claims["jti"]
    if not isinstance(jti, str) or not 1 <= len(jti) <= _MAX_JTI:
        raise ClaimTypeError("jti", f"jti is not a string of 1 to {_MAX_JTI} characters.")
    return Burn(BURN, place.issuer, encode_json([client.id, jti]), until + _SKEW)
