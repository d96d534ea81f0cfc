"""START HERE: a token request from its octets to its answer (RFC 6749 section 3.2).

``identify`` reads the form and has the client prove itself. ``decide`` checks what it asks for; its ``Decision`` names all
that is used up, used and required: the assertion's one-time id, the key, that the client is enabled. ``perform`` makes the
token, and seals it: the runner commits the line that names it, with all of that, and only that line opens the seal.
A client that proved itself and is refused has used up its assertion all the same.

The order: a form (token_request) - one mechanism, the whole assertion (client_auth) - the grant (grants) - the token
(access_token) - *commit* - the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import NamedTuple, Protocol

from undersign.access.active_key import ActiveKey
from undersign.access.standing import Enabled
from undersign.audit.reason import reason_of
from undersign.audit.record import Caller, Entry, Item, Write
from undersign.audit.sealed import Committed, Sealed
from undersign.errors import (
    AccessError,
    ExpiredTokenError,
    InvalidClientError,
    OAuthError,
    ReplayedError,
    UndersignError,
)

from . import grants
from .access_token import LIFETIME, AccessTokens
from .client import Clients
from .client_auth import ClientAuthentication, ClientProof, Place
from .grants import Granted
from .token_request import RawRequest, TokenRequest, parse

__all__ = ["Asking", "Decision", "Keys", "TokenEndpoint", "TokenResponse"]


class Keys(Protocol):
    """Where the key of access tokens is found, without waiting for anything."""

    def active(self, name: str) -> ActiveKey:
        """The version of this key that signs now.

        Raises:
            UnusableKeyError: None does.
        """

    def reload(self) -> None:
        """Read anew which versions sign."""


class Asking(NamedTuple):
    """A request, and the proof of who sent it."""

    request: TokenRequest
    proof: ClientProof


@dataclass(frozen=True, slots=True)
class TokenResponse:
    """The answer of RFC 6749 section 5.1, member by member."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided.

    Attributes:
        proof: That the client is who it says.
        changes: All that is used up, used and required; committed with the line.
        reservation: What must be committed before the key is used, where a use could be seen from outside.
    """

    proof: ClientProof
    granted: Granted
    key: ActiveKey
    changes: tuple[object, ...]
    reservation: Write | None
    size: int = 0

    @property
    def alg(self) -> str:
        """The key's algorithm."""
        return self.key.signer.alg


class TokenEndpoint:
    """The process of the token endpoint.

    Args:
        issuer: The authorization server's identifier.
        clients: The registered clients.
        keys: Where the key that signs access tokens is found; whether it may is asked again by the commit.
        name: What that key is called.
        clock: The time, in seconds since 1970.
    """

    def __init__(
        self, issuer: str, clients: Clients, keys: Keys, *, name: str, clock: Callable[[], float]
    ) -> None:
        self._issuer = issuer
        self._clients = clients
        self._keys = keys
        self._name = name
        self._authentication = ClientAuthentication(clock)
        self._tokens = AccessTokens(issuer, clock)
        self._here = Place(issuer, f"{issuer}/token", f"{issuer}/token")

    def identify(self, raw: RawRequest) -> Asking:
        """Read the form, and have the client prove itself.

        Raises:
            OAuthError: It does not; the reason, where the answer must not tell it, is the error's cause.
            RequestError: The body is too large or no form.
        """
        request = parse(raw)
        return Asking(request, self._authentication.authenticate(request, self._clients, self._here))

    def decide(self, asking: Asking, raw: RawRequest) -> Decision:  # noqa: ARG002 - the Process's argument
        """Check what the client asks for; write nothing.

        Raises:
            OAuthError: It may not have that.
            UnusableKeyError: No key signs access tokens now.
        """
        proof = asking.proof
        granted = grants.decide(asking.request, proof.client, self._issuer)
        key = self._keys.active(self._name)
        changes = (proof.burn, key.use, Enabled("client", proof.client.id))
        decision = Decision(proof, granted, key, changes, None)
        if key.inside:
            return decision
        return Decision(proof, granted, key, changes, Write(self._entry(decision, "intent"), *changes))

    def perform(self, decision: Decision, reserved: Committed | None = None) -> Sealed[TokenResponse]:
        """Make the token, and seal it.

        Raises:
            UndersignError: The key cannot sign, or is outside this process and its use is not reserved.
        """
        granted = decision.granted
        signer = decision.key.released(decision.reservation, reserved)
        token = self._tokens.mint(decision.proof, granted, signer)
        digest = sha256(token.encode("ascii")).hexdigest()
        entry = self._entry(decision, "done", Item("sha256", digest))
        write = Write(entry, *decision.changes) if decision.reservation is None else Write(entry)
        return Sealed(TokenResponse(token, "Bearer", LIFETIME, granted.scope), digest, write)

    def verdict(self, error: UndersignError) -> UndersignError:
        """9. Used before, ended on the way, or disabled since: the same sentence as for any other reason."""
        if isinstance(error, (ReplayedError, ExpiredTokenError, AccessError)):
            return InvalidClientError("Client authentication failed.")
        return error

    def refusal(self, error: UndersignError, asking: Asking, raw: RawRequest) -> Write | None:
        """A line, and the assertion's end, for a client that proved itself; a count where the proof is worth nothing."""
        if not isinstance(error, OAuthError) or isinstance(error, InvalidClientError):
            return None
        client = asking.proof.client
        entry = Entry(
            event="token_denied",
            outcome="refused",
            reason=reason_of(error),
            request_id=raw.request_id,
            caller=Caller(iss=self._issuer, sub=client.id, client_id=client.id),
            detail=(("method", asking.proof.method), ("scope", asking.request.scope or "")),
        )
        return Write(entry, asking.proof.burn, Enabled("client", client.id))

    def renew(self) -> None:
        """Read anew which version of the key signs."""
        self._keys.reload()

    def _entry(self, decision: Decision, outcome: str, *items: Item) -> Entry:
        proof, granted = decision.proof, decision.granted
        return Entry(
            event="token_issued",
            outcome=outcome,
            request_id=proof.request_id,
            caller=Caller(self._issuer, granted.subject, proof.client.id),
            key=decision.key.ref,
            items=items,
            detail=(
                ("method", proof.method),
                ("audience_form", proof.audience_form),
                ("audience", granted.audience),
                ("scope", granted.scope),
            ),
        )
