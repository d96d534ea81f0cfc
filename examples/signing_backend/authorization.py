"""The authorization server, seen from its client: private_key_jwt, a token for one resource (RFC 7523, RFC 8707)."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlencode

from undersign.jwt.profiles.client_assertion import Minter

from .settings import Settings
from .wire import Answer, Journal, exchange

__all__ = ["AuthorizationServer", "RefusedError", "Token"]

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class RefusedError(Exception):
    """A server refused; the answer is told as it came.

    Attributes:
        answer: The server's answer.
    """

    def __init__(self, who: str, answer: Answer) -> None:
        super().__init__(f"{who} answered {answer.status}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, for one resource."""

    value: str = field(repr=False)
    scope: str
    expires_in: int


class AuthorizationServer:
    """Asks for tokens as the client that the settings name."""

    def __init__(self, settings: Settings, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        # The audience is the issuer and nothing else: an assertion for an address could be replayed there (RFC 10070).
        self._minter = Minter(settings.key, client_id=settings.client_id, audience=settings.issuer)
        metadata = exchange("GET", f"{settings.issuer}/.well-known/oauth-authorization-server").json()
        if metadata["issuer"] != settings.issuer:
            raise RuntimeError("The metadata is another server's (RFC 8414 section 3.3).")
        self._token_endpoint: str = metadata["token_endpoint"]

    def assertion(self) -> str:
        """A fresh assertion; it works once."""
        return self._minter.mint()

    def token(self, scope: str, *, resource: str = "", assertion: str = "") -> Token:
        """Get a token.

        Raises:
            RefusedError: The server refused.
        """
        resource = resource or self._settings.resource
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "resource": resource,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion or self.assertion(),
        }
        self._tell("3", "backend", "authorization server", f"POST /token  for {resource}, scope {scope}")
        proof = f"private_key_jwt: {self._settings.key.alg}, audience the issuer, works once"
        self._tell("", "", "", f"client {self._settings.client_id} by {proof}")
        answer = exchange(
            "POST",
            self._token_endpoint,
            body=urlencode(form).encode("ascii"),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        if answer.status != 200:  # noqa: PLR2004
            raise RefusedError("the authorization server", answer)
        found = answer.json()
        self._tell(
            "7", "authorization server", "backend", f"200  at+jwt, {found['expires_in']} s, scope {found['scope']}"
        )
        return Token(found["access_token"], found["scope"], found["expires_in"])

    def _tell(self, step: str, speaker: str, listener: str, what: str) -> None:
        self._journal({"step": step, "from": speaker, "to": listener, "what": what})
