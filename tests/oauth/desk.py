"""A token endpoint without HTTP or database: what decide and perform need, and a store that burns in memory."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from urllib.parse import urlencode

import pytest

from undersign import jwk, jws
from undersign.audit.chain import Line
from undersign.audit.record import KeyRef
from undersign.encoding import dump_json
from undersign.errors import InvalidClientError, ReplayedError
from undersign.oauth.client import Client, ClientKey, Clients
from undersign.oauth.token_endpoint import Outcome, Server, decide, perform, reason_of
from undersign.oauth.token_request import RawRequest

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


@dataclass
class Desk:
    """The endpoint, its one client, and what it has burnt."""

    client: Client = field(default_factory=client)
    now: float = NOW
    burnt: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def server(self) -> Server:
        others = {"other": replace(client(), id="other", keys=(ClientKey(OTHER_KEY.public()),))}
        clients = Clients(MappingProxyType({self.client.id: self.client, **others}))
        key = KeyRef("access-token", SERVER_KEY.kid, 1)
        return Server(ISSUER, clients, key, SERVER_KEY, lambda: self.now)

    def commit(self, burns) -> Line:
        with self.lock:
            if any(burn.key in self.burnt for burn in burns):
                raise ReplayedError("Used before.")
            self.burnt |= {burn.key for burn in burns}
        return Line(1, b'{"request_id":"r1"}', "0" * 64, int(self.now))

    def send(self, raw: RawRequest) -> Outcome:
        server = self.server()
        decision = decide(raw, server)
        try:
            line = self.commit(decision.burns)
        except ReplayedError as error:
            raise InvalidClientError("Client authentication failed.") from error
        return perform(decision, line, server)

    def ask(self, token: str | None, **parameters: object) -> Outcome:
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
    )
    return replace(made, **changes)


def refused(desk: Desk, token: str | None, **parameters: object) -> str:
    """The reason that the log has for an invalid_client, which the answer must not tell."""
    with pytest.raises(InvalidClientError) as caught:
        desk.ask(token, **parameters)
    assert caught.value.message == "Client authentication failed."
    return reason_of(caught.value)
