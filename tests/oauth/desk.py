"""A token endpoint without HTTP or database: its process, taken through its commits by a ledger in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import urlencode

import pytest

from tests.ledgers import MemoryLedger
from undersign import jwk, jws
from undersign.access.active_key import ActiveKey
from undersign.audit.reason import reason_of
from undersign.audit.record import KeyRef
from undersign.encoding import dump_json
from undersign.errors import InvalidClientError
from undersign.oauth.client import Client, ClientKey, Clients
from undersign.oauth.token_endpoint import Decision, TokenEndpoint, TokenResponse
from undersign.oauth.token_request import RawRequest
from undersign.replay import Burn
from undersign.runner import Runner

ISSUER = "https://as.example"
SIGNING = "https://sign.example/sign"
NOW = 1_900_000_000.0
URN = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

CLIENT_KEY = jwk.generate("Ed25519")
OTHER_KEY = jwk.generate("Ed25519")
SERVER_KEY = jwk.generate("Ed25519")


def client(**changes: object) -> Client:
    made = Client(
        id="reports",
        name="Reports",
        auth="private_key_jwt",
        keys=(ClientKey(CLIENT_KEY.public()),),
        grants=("client_credentials",),
        scopes=("sign", "audit"),
        audiences=(SIGNING, "https://archive.example"),
    )
    return replace(made, **changes)


def assertion(key=CLIENT_KEY, *, header=None, drop=(), **claims: object) -> str:
    """Mint an assertion as the client would, with whatever an attacker changes about it."""
    full = {"iss": "reports", "sub": "reports", "aud": ISSUER, "jti": "one", "iat": NOW, "exp": NOW + 60, **claims}
    full = {name: value for name, value in full.items() if name not in drop}
    return jws.sign(dump_json(full), key, header={"typ": "client-authentication+jwt", **(header or {})})


class Keys:
    """One key for access tokens, inside this process or not."""

    def __init__(self, *, inside: bool = True) -> None:
        key = ActiveKey(KeyRef("access-token", SERVER_KEY.kid, 1), SERVER_KEY, inside=inside)
        self.active = {"access-token": key}
        self.reloaded = 0

    def reload(self) -> None:
        self.reloaded += 1


@dataclass
class Desk:
    """The endpoint, its one client, and the ledger with what was used up."""

    client: Client = field(default_factory=client)
    now: float = NOW
    ledger: MemoryLedger = field(default_factory=MemoryLedger)
    keys: Keys = field(default_factory=Keys)

    def endpoint(self) -> TokenEndpoint:
        others = {"other": replace(client(), id="other", keys=(ClientKey(OTHER_KEY.public()),))}
        clients = Clients(MappingProxyType({self.client.id: self.client, **others}))
        return TokenEndpoint(ISSUER, clients, self.keys, name="access-token", clock=lambda: self.now)

    def decide(self, raw: RawRequest) -> Decision:
        endpoint = self.endpoint()
        return endpoint.decide(endpoint.identify(raw), raw)

    def send(self, raw: RawRequest) -> TokenResponse:
        return asyncio.run(self.serve(raw))

    async def serve(self, raw: RawRequest) -> TokenResponse:
        runner, endpoint = Runner(self.ledger), self.endpoint()
        outcome, _ = await runner.serve(endpoint, await runner.identify(endpoint, raw), raw)
        return outcome

    def ask(self, token: str | None, **parameters: object) -> TokenResponse:
        form = {"grant_type": "client_credentials", "scope": "sign", "resource": SIGNING}
        if token is not None:
            form |= {"client_assertion_type": URN, "client_assertion": token}
        form |= parameters
        return self.send(raw(urlencode({n: v for n, v in form.items() if v is not None}, doseq=True)))


def raw(body: str | bytes, **changes: object) -> RawRequest:
    made = RawRequest(
        content_type="application/x-www-form-urlencoded",
        query="",
        authorization=None,
        endpoint=f"{ISSUER}/token",
        request_id="r1",
        body=body.encode() if isinstance(body, str) else body,
        address="192.0.2.1",
    )
    return made._replace(**changes)


def refused(desk: Desk, token: str | None, **parameters: object) -> str:
    """The reason that the log has for an invalid_client, which the answer must not tell."""
    with pytest.raises(InvalidClientError) as caught:
        desk.ask(token, **parameters)
    assert caught.value.message == "Client authentication failed."
    return reason_of(caught.value)


def burns(decision):
    return [change for change in decision.changes if isinstance(change, Burn)]


def raw_of(token, **changes):
    return raw(
        f"grant_type=client_credentials&resource={SIGNING}&client_assertion_type={URN}&client_assertion={token}",
        **changes,
    )
