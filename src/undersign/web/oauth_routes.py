"""The authorization server's addresses: /token, its keys, its metadata (RFC 6749, RFC 8414)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ..assemble import AuthorizationServer, House
from ..encoding import dump_json
from ..errors import (
    InvalidClientError,
    MediaTypeError,
    OAuthError,
    RequestError,
    RequestTimeoutError,
    RequestTooLargeError,
    SlowDownError,
    UndersignError,
)
from ..oauth.metadata import Metadata, describe
from ..oauth.throttle import Throttle
from ..oauth.token_endpoint import TokenResponse
from ..oauth.token_request import MAX_BODY, RawRequest
from ..runner import Runner
from .exchange import Field, Reply, Request, json_answer
from .operation import Answer, Operation, Takes

__all__ = ["OAuthRoutes"]

_FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["grant_type", "client_assertion_type", "client_assertion"],
    "properties": {
        n: {"type": "string"}
        for n in ("grant_type", "client_assertion_type", "client_assertion", "client_id", "scope", "resource")
    },
}
# The first class that fits decides; what is not here is no fault of the caller's.
_STATUS: Final[tuple[tuple[type[UndersignError], int], ...]] = (
    (InvalidClientError, 401),
    (SlowDownError, 429),
    (OAuthError, 400),
    (RequestTimeoutError, 408),
    (RequestTooLargeError, 413),
    (MediaTypeError, 415),
    (RequestError, 400),
)
_ABOUT: Final = "What this server says of itself (RFC 8414)"
_ABOUT_AGAIN: Final = "The same, where OpenID Connect looks for it"
_CACHE: Final[tuple[Field, ...]] = ((b"cache-control", b"public, max-age=60"),)
_NO_STORE: Final[tuple[Field, ...]] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))


class OAuthRoutes:
    """The addresses of one authorization server."""

    def __init__(self, house: House, server: AuthorizationServer, runner: Runner) -> None:
        self._server = server
        self._runner = runner
        self._throttle = Throttle()
        self._endpoint = f"{house.url}/token"
        self._seconds = house.settings.server.body_timeout

    def operations(self) -> tuple[Operation, ...]:
        """What is served."""
        refused = Answer(400, "refused, in the form of RFC 6749 section 5.2", "application/json")
        unknown = Answer(401, "the client could not be authenticated", "application/json")
        slow = Answer(429, "too many requests from this address were refused", "application/json")
        later = Answer(503, "nothing was released; try again", "application/json")
        form = Takes("application/x-www-form-urlencoded", _FORM)
        issued = Answer(200, "an access token (RFC 9068)", "application/json", TokenResponse)
        keys = Answer(200, "a JWK Set (RFC 7517)", "application/jwk-set+json")
        document = Answer(200, "the metadata", "application/json", Metadata)
        at = "/.well-known/"
        return (
            Operation(
                "token", "POST", "/token", "Get a token", self.token, (issued, refused, unknown, slow, later), (form,)
            ),
            Operation("jwks", "GET", "/jwks.json", "The keys that tokens verify with", self.jwks, (keys,)),
            Operation("metadata", "GET", f"{at}oauth-authorization-server", _ABOUT, self.metadata, (document,)),
            Operation("discovery", "GET", f"{at}openid-configuration", _ABOUT_AGAIN, self.metadata, (document,)),
        )

    async def token(self, request: Request) -> Reply:
        """Read the request, have it served, answer."""
        address = request.address
        try:
            raw = await self._read(request, address)
            asking = await self._runner.identify(self._server.token_endpoint, raw)
            outcome, _ = await self._runner.serve(self._server.token_endpoint, asking, raw)
            return json_answer(outcome)
        except UndersignError as error:
            if isinstance(error, _FAULTS):
                self._throttle.failed(address)
            return _answer(error, basic=request.joined(b"authorization") is not None)

    async def _read(self, request: Request, address: str) -> RawRequest:
        try:
            if self._throttle.spent:
                self._throttle.check(address)
            return RawRequest(
                content_type=request.field(b"content-type") or "",
                query=request.query,
                authorization=request.joined(b"authorization"),
                endpoint=self._endpoint,
                request_id=request.request_id,
                body=await request.body(MAX_BODY, seconds=self._seconds),
                address=address,
            )
        except UndersignError as error:
            self._runner.refused(error, address)
            raise

    async def jwks(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """The public keys, retired ones included while what they signed may still be about."""
        keys = await asyncio.to_thread(self._server.published)
        return Reply(200, dump_json(keys), b"application/jwk-set+json", _CACHE)

    async def metadata(self, request: Request) -> Reply:  # noqa: ARG002 - an endpoint's argument
        """What the server says of itself."""
        return json_answer(describe(self._server.issuer, scopes=self._server.scopes), headers=_CACHE)


_FAULTS: Final = tuple(kind for kind, _ in _STATUS if kind is not SlowDownError)


def _answer(error: UndersignError, *, basic: bool) -> Reply:
    """Answer in the form of RFC 6749 section 5.2."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 503)
    if status == 503:  # noqa: PLR2004
        later = (*_NO_STORE, (b"retry-after", b"1"))
        return _error("temporarily_unavailable", "Nothing was issued; try again.", 503, later)
    headers = _NO_STORE
    if status == 401 and basic:  # noqa: PLR2004
        # openid-client hides the OAuth error behind a challenge, so one is sent only to who tried the header.
        headers = (*headers, (b"www-authenticate", b'Basic realm="token"'))
    elif isinstance(error, SlowDownError):
        headers = (*headers, (b"retry-after", str(error.retry_after).encode()))
    elif isinstance(error, RequestTimeoutError):
        headers = (*headers, (b"connection", b"close"))
    return _error(error.code if isinstance(error, OAuthError) else "invalid_request", error.message, status, headers)


def _error(code: str, description: str, status: int, headers: tuple[Field, ...]) -> Reply:
    return json_answer({"error": code, "error_description": description}, status=status, headers=headers)
