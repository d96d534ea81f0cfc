"""START HERE: a token request from its octets to its answer, in two plain steps (RFC 6749 section 3.2).

``decide`` checks everything that can be checked without writing. Its ``Decision`` names what must be committed before
anything is granted: the assertion's one-time id, the key that will be used, the intent. ``perform`` takes the committed
line, and only then is the client authenticated and the token made. ``web/oauth_routes.py`` commits between and after,
and releases the token when the second line, which names it, is committed too.

The order: a form (token_request) - one mechanism, the whole assertion (client_auth) - the grant (grants) - *commit* -
the token (access_token) - *commit* - the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from undersign.audit.chain import Line
from undersign.audit.record import Caller, Entry, Item, KeyRef
from undersign.cryptotoken.token import TokenSigner
from undersign.errors import ClaimError, OAuthError, UndersignError
from undersign.replay import Burn

from . import access_token, client_auth, grants
from .client import Clients
from .client_auth import ClientProof, Place
from .grants import Granted
from .token_request import RawRequest, parse

__all__ = ["Decision", "Outcome", "Server", "TokenResponse", "decide", "perform", "reason_of"]


@dataclass(frozen=True, slots=True)
class Server:
    """What the endpoint knows of itself at this moment.

    Attributes:
        issuer: The authorization server's identifier.
        clients: The registered clients.
        key: The key that signs access tokens; whether it may is asked again when the decision is committed.
    """

    issuer: str
    clients: Clients
    key: KeyRef
    signer: TokenSigner
    clock: Callable[[], float]

    @property
    def token_endpoint(self) -> str:
        """The address of the token endpoint."""
        return f"{self.issuer}/token"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and what must be committed before it is carried out.

    Attributes:
        proof: That the client's assertion is good; worth nothing until ``burns`` are committed.
        burns: The one-time things to use up.
        key: The key to be used.
        intent: The line for the audit chain.
    """

    request_id: str
    proof: ClientProof
    granted: Granted
    burns: tuple[Burn, ...]
    key: KeyRef
    intent: Entry


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The answer of RFC 6749 section 5.1, member by member."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer, and the line to commit before it is released."""

    response: TokenResponse
    record: Entry


def decide(raw: RawRequest, server: Server) -> Decision:
    """Check the request whole; write nothing.

    Raises:
        OAuthError: The request is refused; the reason, where the answer must not tell it, is the error's cause.
        RequestError: The body is too large or no form.
    """
    request = parse(raw)
    place = Place(issuer=server.issuer, token_endpoint=server.token_endpoint, called=request.endpoint)
    proof = client_auth.authenticate(request, server.clients, place, server.clock())
    granted = grants.decide(request, proof.client, server.issuer)
    intent = Entry(
        event="token_issued",
        outcome="intent",
        request_id=request.request_id,
        caller=_caller(server, proof, granted),
        key=server.key,
        detail=_detail(proof, granted),
    )
    return Decision(request.request_id, proof, granted, (proof.burn,), server.key, intent)


def perform(decision: Decision, committed: Line, server: Server) -> Outcome:
    """Make the token, now that the client's assertion is used up.

    Raises:
        UndersignError: The client is not authenticated by that line, or the key cannot sign.
    """
    client = client_auth.confirm(decision.proof, committed)
    token = access_token.mint(client, decision.granted, issuer=server.issuer, signer=server.signer, clock=server.clock)
    record = Entry(
        event="token_issued",
        outcome="done",
        request_id=decision.request_id,
        caller=decision.intent.caller,
        key=decision.key,
        items=(Item("sha256", sha256(token.encode("ascii")).hexdigest()),),
        detail=decision.intent.detail,
    )
    return Outcome(TokenResponse(token, "Bearer", access_token.LIFETIME, decision.granted.scope), record)


def reason_of(error: UndersignError) -> str:
    """The real reason for the log: the code of the innermost cause, and the claim where one is to blame."""
    while isinstance(error, OAuthError) and isinstance(error.__cause__, UndersignError):
        error = error.__cause__
    return f"{error.code}:{error.claim}" if isinstance(error, ClaimError) else error.code


def _caller(server: Server, proof: ClientProof, granted: Granted) -> Caller:
    return Caller(iss=server.issuer, sub=granted.subject, client_id=proof.client.id)


def _detail(proof: ClientProof, granted: Granted) -> tuple[tuple[str, str | int], ...]:
    return (
        ("method", proof.method),
        ("audience_form", proof.audience_form),
        ("audience", granted.audience),
        ("scope", granted.scope),
    )
