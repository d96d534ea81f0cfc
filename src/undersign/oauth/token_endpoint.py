"""START HERE: a token request from its octets to its answer (RFC 6749 section 3.2).

``identify`` reads the form and has the client prove itself. ``decide`` checks what it asks for; its ``Decision`` names
all that is used up, used and required: the assertion's one-time id, the key, that the client is enabled. ``perform``
makes the token, and seals it: the runner commits the line that names it, with all of that, and only that line opens the
seal. A client that proved itself and is refused has used up its assertion all the same.

The order: a form (token_request) - one mechanism, the whole assertion (client_auth) - the grant (grants) - the token of
RFC 9068 - *commit* - the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple, Protocol

from undersign.access.active_key import ActiveKey
from undersign.access.standing import Enabled
from undersign.audit.reason import reason_of
from undersign.audit.record import Caller, Entry, Item, Write
from undersign.audit.sealed import Committed, Sealed
from undersign.errors import (
    AccessError,
    ExpiredTokenError,
    InvalidClientError,
    InvalidRequestError,
    OAuthError,
    ReplayedError,
    UnauthorizedClientError,
    UndersignError,
    UnsupportedGrantTypeError,
)
from undersign.jws import Signer
from undersign.jwt.profiles.access_token import Minter

from .client import Clients
from .client_auth import ClientProof, Place, client_authentication
from .grants import GRANTS, Grant, Granted
from .token_request import RawRequest, TokenRequest, parse

__all__ = ["LIFETIME", "Asking", "Decision", "Keys", "TokenEndpoint", "TokenResponse"]


LIFETIME: Final = 300
"""How many seconds an access token lives."""


class Keys(Protocol):
    """Where the key of access tokens is found, without waiting for anything."""

    @property
    def active(self) -> Mapping[str, ActiveKey]:
        """The version of each key that signs now; asking for one that has none raises UnusableKeyError."""

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


class Decision(NamedTuple):
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
        return self.key.alg


class TokenEndpoint:
    """The process of the token endpoint.

    Args:
        issuer: The authorization server's identifier.
        clients: The registered clients.
        keys: Where the key that signs access tokens is found; whether it may is asked again by the commit.
        name: What that key is called.
        clock: The time, in seconds since 1970.
    """

    def __init__(self, issuer: str, clients: Clients, keys: Keys, *, name: str, clock: Callable[[], float]) -> None:
        self._issuer = issuer
        self._clients = clients
        self._keys = keys
        self._name = name
        self._authentication = client_authentication(clock)
        self._clock = clock
        self._minter: tuple[Signer, Minter] | None = None
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
        granted = _grant_of(asking.request, proof).grant(asking.request, proof.client, self._issuer)
        if granted.client_id != proof.client.id:
            raise UnauthorizedClientError("What was granted is another client's.")
        key = self._keys.active[self._name]
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
        key = decision.key
        signer = key.signer if key.inside else key.released(decision.reservation, reserved)
        token = self._minter_of(signer).mint(
            subject=granted.subject, audience=granted.audience, client_id=granted.client_id, scope=granted.scope
        )
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
        """A line, and the assertion's end, for who proved himself; a count where the proof is worth nothing."""
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

    def _minter_of(self, signer: Signer) -> Minter:
        """The minter of RFC 9068's tokens, compiled once for each version of the key."""
        compiled = self._minter
        if compiled is None or compiled[0] is not signer:
            minter = Minter(signer, issuer=self._issuer, lifetime=f"{LIFETIME}s", clock=self._clock)
            compiled = self._minter = (signer, minter)
        return compiled[1]

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


def _grant_of(request: TokenRequest, proof: ClientProof) -> Grant:
    """Find the grant that the request names, among those that the client registered (RFC 6749 section 1.3)."""
    if not request.grant_type:
        raise InvalidRequestError("grant_type is missing.")
    grant = GRANTS.get(request.grant_type)
    if grant is None:
        raise UnsupportedGrantTypeError("The grant is not one of this server's.")
    if request.grant_type not in proof.client.grants:
        raise UnauthorizedClientError("The client did not register this grant.")
    return grant
