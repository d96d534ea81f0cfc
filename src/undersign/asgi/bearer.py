"""Access tokens at the door of any ASGI application (RFC 6750, RFC 9068; step-up by RFC 9470; metadata by RFC 9728).

1. The token comes in the Authorization header, or in one named cookie; never in an address or a form.
2. Its issuer's keys, type, audience and time are verified, then scopes, strength of login and rules; what passes is
   evidence in ``scope["undersign"]``.
3. A token that is bound to a key is only good with a proof of it.
"""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote

from ..access.rules import Facts, Rule, allow_any
from ..errors import (
    AccessError,
    ClaimError,
    ExpiredTokenError,
    FetchError,
    PolicyError,
    ReplayStoreError,
    RuleDeniedError,
    StorageError,
    UnauthenticatedError,
    UndersignError,
    UnknownKeyError,
)
from ..jwks import RemoteKeySet
from ..jwks.keyset import Keys
from ..jwt.profiles import dpop as dpop_profile
from ..jwt.profiles.access_token import Verifier
from .challenge import Challenge, Denied, Scheme
from .messages import Origin, Receive, Scope, Send, Wrapped, cookies, fields, is_below, paths
from .provenance import check_provenance
from .resource import ProtectedResource

__all__ = ["BearerAuthentication", "Evidence", "ProtectedResource", "StepUp", "TokenVerifier", "evidence"]

_KEY: Final = "undersign"
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]{1,16384}=*")
_LOG: Final = logging.getLogger(__name__)


class Evidence(Protocol):
    """That a token was verified: a VerifiedJWT, or what Issuers give."""

    @property
    def claims(self) -> Mapping[str, Any]:
        """Its claims."""


class TokenVerifier(Protocol):
    """What verifies a token: jwt.Verifier, a profile's Verifier, access.issuers.Issuers."""

    async def averify(self, token: str, /) -> Evidence:
        """Verify it; raises UndersignError."""


@dataclass(frozen=True, slots=True)
class StepUp:
    """How strongly and how lately the person must have authenticated (RFC 9470).

    Attributes:
        acr_values: The authentication context classes that are strong enough, the preferred first; empty for any.
        max_age: How many seconds ago at most; None for any time.
    """

    acr_values: tuple[str, ...] = ()
    max_age: int | None = None

    def check(self, claims: Mapping[str, Any], now: float) -> None:
        """Refuse a token whose login was weaker or longer ago.

        Raises:
            Denied: The person must authenticate again; the challenge says how.
        """
        auth_time = claims.get("auth_time")
        weak = bool(self.acr_values) and claims.get("acr") not in self.acr_values
        known = type(auth_time) in {int, float}
        old = self.max_age is not None and not (known and 0 <= now - float(auth_time or 0) <= self.max_age)
        if not weak and not old:
            return
        parameters = (("acr_values", " ".join(self.acr_values)), ("max_age", str(self.max_age)))
        asked = (bool(self.acr_values), self.max_age is not None)
        raise Denied(
            "insufficient_user_authentication",
            "A different authentication level is required" if weak else "More recent authentication is required",
            parameters=tuple(pair for pair, wanted in zip(parameters, asked, strict=True) if wanted),
        )


def evidence(scope: Mapping[str, object]) -> Evidence:
    """The evidence of this request: ``evidence(request.scope).claims["sub"]``.

    Raises:
        UnauthenticatedError: The path is a public one, or the application is not behind BearerAuthentication.
    """
    found: Any = scope.get(_KEY)
    if found is None:
        raise UnauthenticatedError("Nobody has authenticated for this request.")
    verified: Evidence = found
    return verified


class BearerAuthentication:
    """Middleware around an application that is a resource server.

    Args:
        app: The application.
        audience: This resource's identifier, which tokens must name.
        issuer: Whose tokens; with ``keys`` it makes a verifier of RFC 9068 access tokens.
        keys: The issuer's keys; fetched from its metadata unless given.
        verifier: What verifies tokens, in place of issuer and keys, for tokens of another profile or several issuers.
        scopes: The scopes that every token must have.
        step_up: How the person must have authenticated.
        rules: Rules by name, as in ``{"readers": "scope has 'read'"}``, of which one must hold. They see the claims,
            ``request.method`` and ``request.path``.
        cookie: The cookie that holds the token, for applications in a browser, besides the header; needs ``origin``.
        origin: The public origin, such as ``https://api.example``; with a cookie, requests that change something and
            WebSockets must come from it.
        dpop: Takes tokens that are bound to a key, with their proofs; needs ``origin``.
        resource: The metadata to publish.
        realm: The name of what is protected, for the challenge; the audience unless given.
        public: Paths that need no token; one that ends in a slash stands for all below it.
        clock: What tells the time.

    Raises:
        PolicyError, KeyMaterialError: What was passed is contradictory or unsafe.
    """

    def __init__(
        self,
        app: Wrapped,
        *,
        audience: str | None = None,
        issuer: str | None = None,
        keys: Keys | None = None,
        verifier: TokenVerifier | None = None,
        scopes: Sequence[str] = (),
        step_up: StepUp | None = None,
        rules: Mapping[str, str] | None = None,
        cookie: str | None = None,
        origin: str | None = None,
        dpop: dpop_profile.Verifier | None = None,
        resource: ProtectedResource | None = None,
        realm: str | None = None,
        public: Collection[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        if origin is None and (cookie is not None or dpop is not None):
            raise PolicyError("Cookies and proofs are held against an origin.", help='Pass origin="https://...".')
        self._app = app
        self._verifier = verifier or _verifier(issuer, audience, keys, clock)
        if verifier is not None and any(value is not None for value in (issuer, audience, keys)):
            raise PolicyError("A verifier knows issuer, audience and keys itself.", help="Leave them out.")
        self._policy = _Policy(_names(scopes, "scopes"), step_up, _rules(rules), clock)
        self._cookie = cookie
        self._origin = None if origin is None else Origin(origin)
        self._dpop = dpop
        self._public = paths(public, "public")
        algorithms = () if dpop is None else dpop.algorithms
        self._metadata = (
            None if resource is None else resource.document(methods=("header",), proof_algorithms=algorithms)
        )
        self._metadata_path = None if resource is None else resource.path
        self._challenge = Challenge(tuple(_schemes(realm or audience, resource, dpop)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        if self._metadata is not None and scope["path"] == self._metadata_path and scope.get("method") in _SAFE:
            await self._metadata(scope, receive, send)
            return
        found = None
        try:
            if not is_below(scope["path"], self._public):
                found = await self._authenticate(scope)
        except Denied as denied:
            await self._challenge.answer(denied)(scope, receive, send)
            return
        await self._app({**scope, _KEY: found}, receive, send)

    async def _authenticate(self, scope: Scope) -> Evidence:
        scheme, token = self._token(scope)
        try:
            found = await self._verifier.averify(token)
            await self._check_possession(scope, scheme, token, found)
        except UndersignError as error:
            _LOG.info("refused a token: %s: %s", error.code, error.message)
            raise _denied(error, scheme) from None
        try:
            self._policy.check(found.claims, scope)
        except Denied as denied:
            denied.scheme = scheme
            raise
        return found

    def _token(self, scope: Scope) -> tuple[str, str]:
        """Find the one token, and the scheme it came by."""
        given = fields(scope, "authorization")
        stored = cookies(scope, self._cookie) if self._cookie is not None else []
        scheme, _, token = given[0].partition(" ") if given else ("", "", "")
        known = {each.name.lower(): each.name for each in self._challenge.schemes}
        name = known.get(scheme.lower())
        if len(given) > 1 or len(stored) > 1 or (name and stored):
            raise Denied("invalid_request", "The request has more than one access token")
        if name:
            token = token.strip(" ")
        elif stored:
            self._check_provenance(scope)
            name, token = "Bearer", stored[0]
        else:
            raise Denied("")
        if not _TOKEN.fullmatch(token):
            raise Denied("invalid_request", "The access token is malformed", scheme=name)
        return name, token

    def _check_provenance(self, scope: Scope) -> None:
        """A cookie comes along unasked, so the browser must say that no other site asked (see provenance)."""
        if scope["type"] == "http" and scope["method"] in _SAFE:
            return
        try:
            check_provenance(scope, self._origin or Origin(""))
        except AccessError as error:
            _LOG.info("refused a cookie: %s", error.message)
            raise Denied("", status=403) from None

    async def _check_possession(self, scope: Scope, scheme: str, token: str, found: Evidence) -> None:
        bound = found.claims.get("cnf") is not None
        if scheme != "DPoP":
            if bound:  # RFC 9449 section 7.2
                raise AccessError("A token that is bound to a key was sent without a proof.")
            return
        jkt = dpop_profile.confirmation(found.claims)
        if self._dpop is None or self._origin is None or scope["type"] != "http":
            raise AccessError("There are no proofs here.")
        raw = scope.get("raw_path") or quote(scope["path"]).encode("ascii")
        try:
            await asyncio.to_thread(
                self._dpop.verify,
                fields(scope, "dpop"),
                method=scope["method"],
                url=self._origin.text + raw.decode("latin-1"),
                access_token=token,
                jkt=jkt,
            )
        except (ReplayStoreError, StorageError):
            raise
        except UndersignError as error:
            _LOG.info("refused a proof: %s: %s", error.code, error.message)
            raise Denied("invalid_dpop_proof", "The DPoP proof was refused", scheme="DPoP") from None


@dataclass(frozen=True, slots=True)
class _Policy:
    """What must hold beyond a good token."""

    scopes: tuple[str, ...]
    step_up: StepUp | None
    rules: tuple[Rule, ...]
    clock: Callable[[], float]

    def check(self, claims: Mapping[str, Any], scope: Scope) -> None:
        """Raises Denied where something does not hold."""
        now = self.clock()
        granted = claims.get("scope")
        if self.scopes and not set(self.scopes) <= set(granted.split(" ") if isinstance(granted, str) else ()):
            wanted = (("scope", " ".join(self.scopes)),)
            raise Denied("insufficient_scope", "The access token has not all of the scopes", parameters=wanted)
        if self.step_up is not None:
            self.step_up.check(claims, now)
        if not self.rules:
            return
        request = {"method": scope.get("method", "WEBSOCKET"), "path": scope["path"]}
        try:
            allow_any(self.rules, Facts(claims, request, now))
        except RuleDeniedError as error:
            _LOG.info("refused by rule: %s", error.message)
            raise Denied("insufficient_scope", "The access token does not allow this") from None


def _denied(error: UndersignError, scheme: str) -> Denied:
    """What the client may hear about its token."""
    if isinstance(error, (FetchError, ReplayStoreError, StorageError)) or (
        isinstance(error, UnknownKeyError) and getattr(error.source, "failure", None) is not None
    ):
        return Denied("unavailable", status=503)
    expired = isinstance(error, ExpiredTokenError) and isinstance(error, ClaimError)
    text = "The access token expired" if expired else "The access token was refused"
    return Denied("invalid_token", text, scheme=scheme)


def _verifier(issuer: str | None, audience: str | None, keys: Keys | None, clock: Callable[[], float]) -> Verifier:
    if issuer is None or audience is None:
        raise PolicyError(
            "BearerAuthentication needs to know whose tokens and for whom.",
            help='Pass issuer="https://as.example", audience="https://api.example", or a verifier.',
        )
    found = RemoteKeySet.from_issuer(issuer) if keys is None else keys
    return Verifier(found, issuer=issuer, audience=audience, clock=clock)


def _schemes(
    realm: str | None, resource: ProtectedResource | None, dpop: dpop_profile.Verifier | None
) -> Iterable[Scheme]:
    # RFC 6750 section 3: the scheme is followed by a parameter.
    parameters = [("realm", realm or "api")]
    if resource is not None:
        parameters.append(("resource_metadata", resource.url))
    yield Scheme("Bearer", tuple(parameters))
    if dpop is not None:
        yield Scheme("DPoP", (*parameters, ("algs", " ".join(dpop.algorithms))))


def _rules(rules: Mapping[str, str] | None) -> tuple[Rule, ...]:
    if rules is not None and not rules:
        raise PolicyError("No rules allow nothing.", help="Leave rules out, or name one.")
    return tuple(Rule.parse(name, text) for name, text in (rules or {}).items())


def _names(values: Collection[str], argument: str) -> tuple[str, ...]:
    if isinstance(values, str):
        raise PolicyError(f"{argument} is a collection of strings.", help=f'Write {argument}=("{values}",).')
    return tuple(values)
