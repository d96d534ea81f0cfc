"""The authorization server's addresses: /token, its keys, its metadata (RFC 6749, RFC 8414)."""

from __future__ import annotations

from functools import partial
from secrets import token_hex
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ..assemble import AuthorizationServer, House
from ..encoding import dump_json
from ..errors import (
    AccessError,
    ExpiredTokenError,
    InvalidClientError,
    MediaTypeError,
    OAuthError,
    ReplayedError,
    RequestTimeoutError,
    RequestTooLargeError,
    SlowDownError,
    UndersignError,
    UnknownKeyError,
    UnusableKeyError,
)
from ..oauth.metadata import Metadata, describe
from ..oauth.throttle import Throttle
from ..oauth.token_endpoint import Decision, Outcome, Server, TokenResponse, decide, perform, reason_of
from ..oauth.token_request import MAX_BODY, RawRequest
from ..storage.writer import KeyUse, Subject, Write
from .answers import json_answer
from .body import address_of, read
from .commit import commit, run
from .crash import Crash
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
)
_ABOUT: Final = "What this server says of itself (RFC 8414)"
_ABOUT_AGAIN: Final = "The same, where OpenID Connect looks for it"
_CACHE: Final = {"Cache-Control": "public, max-age=60"}


class OAuthRoutes:
    """The addresses of one authorization server."""

    def __init__(self, house: House, server: AuthorizationServer, crash: Crash) -> None:
        self._house = house
        self._server = server
        self._crash = crash
        self._throttle = Throttle()

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

    async def token(self, request: Request) -> Response:
        """Authenticate the client, commit, make the token, commit, answer."""
        request_id, address = token_hex(16), address_of(request)
        basic = "authorization" in request.headers
        try:
            self._throttle.check(address)
            body = await read(request, MAX_BODY, seconds=self._house.settings.server.body_timeout)
            return json_answer((await self._token(request, request_id, body)).response)
        except UndersignError as error:
            if isinstance(error, tuple(kind for kind, _ in _STATUS)):
                self._house.writer.count(reason_of(error), address)
                if not isinstance(error, SlowDownError):
                    self._throttle.failed(address)
            return _answer(error, basic=basic)

    async def _token(self, request: Request, request_id: str, body: bytes) -> Outcome:
        raw = RawRequest(
            content_type=request.headers.get("content-type", ""),
            query=request.url.query,
            authorization=request.headers.get("authorization"),
            endpoint=f"{self._house.url}/token",
            request_id=request_id,
            body=body,
        )
        try:
            return await self._issue(raw)
        except UnusableKeyError:
            # Rotated or disabled by another process since this one looked; a refused reserve has used nothing up.
            await run_in_threadpool(self._house.keyring.reload)
        return await self._issue(raw)

    async def _issue(self, raw: RawRequest) -> Outcome:
        server = self._server.now()
        decision = await self._decide(raw, server)
        self._crash.at("before_reserve")
        line = await self._reserve(decision)
        self._crash.at("after_reserve")
        outcome = await run(partial(perform, decision, line, server), alg=server.signer.alg)
        self._crash.at("after_sign")
        await commit(self._house.writer, Write(outcome.record))
        self._crash.at("after_done")
        return outcome

    async def _decide(self, raw: RawRequest, server: Server) -> Decision:
        """Decide; where a client's published keys do not have the one wanted, fetch them once and decide again."""
        try:
            return decide(raw, server)
        except InvalidClientError as error:
            source = error.__cause__.source if isinstance(error.__cause__, UnknownKeyError) else None
            refresh = getattr(source, "refresh", None)
            if refresh is None:
                raise
        await refresh()
        return decide(raw, server)

    async def _reserve(self, decision: Decision) -> Any:
        write = Write(
            decision.intent,
            burns=decision.burns,
            uses=(KeyUse(decision.key.name, decision.key.version),),
            enabled=(Subject("client", decision.proof.client.id),),
        )
        try:
            return await commit(self._house.writer, write)
        except (ReplayedError, ExpiredTokenError, AccessError) as error:
            # 9. Used before, ended on the way, or disabled since: the same sentence as for any other reason.
            raise InvalidClientError("Client authentication failed.") from error

    async def jwks(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's argument
        """The public keys, retired ones included while what they signed may still be about."""
        keys = await run_in_threadpool(self._server.published)
        return Response(dump_json(keys), 200, _CACHE, "application/jwk-set+json")

    async def metadata(self, request: Request) -> Response:  # noqa: ARG002 - Starlette's argument
        """What the server says of itself."""
        return json_answer(describe(self._server.issuer, scopes=self._server.scopes), headers=_CACHE)


def _answer(error: UndersignError, *, basic: bool) -> Response:
    """Answer in the form of RFC 6749 section 5.2."""
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 503)
    headers = {"Pragma": "no-cache"}
    if status == 503:  # noqa: PLR2004
        return _error("temporarily_unavailable", "Nothing was issued; try again.", 503, headers | {"Retry-After": "1"})
    if status == 401 and basic:  # noqa: PLR2004
        # openid-client hides the OAuth error behind a challenge, so one is sent only to who tried the header.
        headers["WWW-Authenticate"] = 'Basic realm="token"'
    elif isinstance(error, SlowDownError):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, RequestTimeoutError):
        headers["Connection"] = "close"
    return _error(error.code if isinstance(error, OAuthError) else "invalid_request", error.message, status, headers)


def _error(code: str, description: str, status: int, headers: dict[str, str]) -> Response:
    return json_answer({"error": code, "error_description": description}, status=status, headers=headers)
