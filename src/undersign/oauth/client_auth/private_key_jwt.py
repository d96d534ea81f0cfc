"""A client proves itself by an assertion that its private key signed (RFC 7523 section 2.2, OpenID Connect Core 9).

The steps and their numbers are those of the check list that `docs/security` explains; 0 and 1 are taken before this
file is reached, 8's burn and 9's answer after it. Nothing is stored before step 6 has passed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, NamedTuple

from undersign.encoding import encode_json
from undersign.errors import (
    AlgorithmNotAllowedError,
    IncorrectClaimError,
    IncorrectTypeError,
    InvalidHeaderError,
    InvalidRequestError,
    LimitError,
    MissingClaimError,
    UnauthorizedClientError,
    UnknownKeyError,
    UnsupportedCriticalError,
)
from undersign.header import media_type
from undersign.jwa.signature import ALGORITHMS
from undersign.jwk import Key
from undersign.jwks import KeySet
from undersign.jwt.profiles import client_assertion
from undersign.jwt.unverified import peek
from undersign.oauth.client import Client, Clients
from undersign.oauth.token_request import TokenRequest
from undersign.replay import Burn

from . import audience
from .audience import Place
from .evidence import Came, ClientProof, from_assertion

__all__ = ["ALGORITHMS_SUPPORTED", "ASSERTION_TYPE", "BURN", "NAME", "PrivateKeyJWT"]

NAME: Final = "private_key_jwt"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
BURN: Final = "client-auth"

_TYPES: Final = frozenset(map(media_type, client_assertion.TYPES))
_AS_SENT: Final = frozenset(client_assertion.TYPES)  # as nearly all spell it; other cases mean the same
_MAX_ASSERTION: Final = 8 * 1024
_MAX_HEADER: Final = 2 * 1024
# Every signature algorithm of key pairs, but the curve that no profile of OAuth names.
ALGORITHMS_SUPPORTED: Final = tuple(
    name for name, row in ALGORITHMS.items() if row.kty != "oct" and row.crv != "secp256k1"
)


class _Compiled(NamedTuple):
    """A verifier, and what it was compiled of; it holds as long as that is what counts."""

    client: Client
    keys: tuple[Key, ...]
    accepted: audience.Accepted
    verifier: client_assertion.Verifier


class PrivateKeyJWT:
    """The method, with the verifiers that it compiled: one for each client, as long as its keys are the same."""

    NAME: ClassVar[str] = NAME

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._compiled: dict[tuple[str, str], _Compiled] = {}

    def presents(self, request: TokenRequest) -> bool:
        """Whether the request carries an assertion, or speaks of one."""
        return request.client_assertion is not None or request.client_assertion_type is not None

    def prove(self, request: TokenRequest, clients: Clients, place: Place) -> ClientProof:
        """Check the assertion whole; see the numbers.

        Raises:
            InvalidRequestError: The parameters contradict each other.
            UndersignError: The assertion is refused; the caller answers ``invalid_client`` whatever the reason.
        """
        assertion = _assertion(request)
        seen = peek(assertion)
        _check_header(seen.header)
        client = _client(seen.claims, request, clients)
        compiled = self._for(client, place)
        verified = compiled.verifier.verify(seen)  # 6. and 7.
        # 8. One use: the id is the client's own, so that no client can burn another's; kept until nothing could replay
        #    it.
        claims = verified.claims
        name = encode_json([client.id, claims["jti"]])
        burn = Burn(BURN, place.issuer, name, compiled.verifier.expires_at(verified), claims.get("iat"))
        aud = claims["aud"]
        form = compiled.accepted.values[aud] if isinstance(aud, str) else "issuer_array"
        return from_assertion(verified, client, burn, Came(NAME, form, request.request_id))

    def _for(self, client: Client, place: Place) -> _Compiled:
        """The verifier for the keys that count now; which those are is asked each time (safety rule 16)."""
        now = self._clock()
        if client.audience_policy in audience.LEGACY:
            audience.check_in_force(client, now)
        keys = tuple([k.key for k in client.keys if k.enabled and k.not_before <= now <= k.not_after])
        found = self._compiled.get((client.id, place.called))
        if found is None or found.client is not client or found.keys != keys:
            found = self._compiled[client.id, place.called] = _compile(client, keys, place, self._clock)
        return found


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
    if typ not in _AS_SENT and (not isinstance(typ, str) or media_type(typ) not in _TYPES):
        raise IncorrectTypeError("typ", "The token is of another kind than a client assertion.")


def _client(claims: Mapping[str, Any], request: TokenRequest, clients: Clients) -> Client:
    # 4. The unverified sub finds the client; a client_id in the body must be the same; the client is enabled and this
    #    is the method it registered.
    sub = claims.get("sub")
    if not isinstance(sub, str) or not sub:
        raise MissingClaimError("sub", "The assertion has no subject.")
    if request.client_id is not None and request.client_id != sub:
        raise IncorrectClaimError("client_id", "client_id names another client than the assertion.")
    client = clients.by_id.get(sub)
    if client is None:
        raise UnauthorizedClientError("There is no such client.")
    if not client.enabled or client.auth != NAME:
        raise UnauthorizedClientError("The client is disabled, or registered another method.")
    return client


def _compile(client: Client, keys: tuple[Key, ...], place: Place, clock: Callable[[], float]) -> _Compiled:
    # 5. The client's keys that are enabled and inside their window, of the algorithm it registered where it did. The
    #    library chooses among them by kid, else x5t#S256, else only if one fits; the key's algorithm decides.
    algorithms = ALGORITHMS_SUPPORTED if client.signing_alg is None else (client.signing_alg,)
    if not keys and client.remote is None:
        raise UnknownKeyError("The client has no key that counts now.")
    accepted = audience.accepted(client, place)
    # 6. The signature. 7. iss and sub are the client, the audience is this server, the times hold, there is a jti.
    verifier = client_assertion.Verifier(
        client.remote or KeySet(keys),
        client_id=client.id,
        audience=accepted.values,
        single=accepted.single,
        algorithms=algorithms,
        farthest=client.longest_exp,
        clock=clock,
    )
    return _Compiled(client, keys, accepted, verifier)
