"""A whole server in this process: settings in a folder, the application behind a test client, and a client's key."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from starlette.testclient import TestClient

from undersign import jwk
from undersign.assemble import House, assemble
from undersign.cryptotoken.lifecycle import disable
from undersign.jwt.profiles.access_token import Minter as TokenMinter
from undersign.jwt.profiles.client_assertion import Minter
from undersign.settings import parse
from undersign.storage.keys import records, write_of
from undersign.storage.ledger.lines import lines_after
from undersign.web.app import create

URL = "http://localhost:8080"
RESOURCE = f"{URL}/sign"
KEY = jwk.generate("Ed25519")
STRANGER = jwk.generate("Ed25519")
URN = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

TOML = f"""
[server]
url = "{URL}"
roles = ["authorization", "signing"]
demo = true
[issuers.here]
iss = "{URL}"
jwks = "local"
audience = "{RESOURCE}"
algorithms = ["Ed25519"]
[issuers.stranger]
iss = "https://stranger.example"
jwks = "file:stranger.json"
audience = "{RESOURCE}"
algorithms = ["Ed25519"]
[keys.contracts]
alg = "ES256"
[keys.drafts]
alg = "Ed25519"
[keys.slow]
alg = "ML-DSA-44"
limit = 2
[keys.open]
alg = "Ed25519"
[rules]
may-sign = "scope has 'sign'"
auditor = "scope has 'audit'"
[workers.contracts]
format = "jws"
key = "contracts"
issuers = ["here"]
allow = ["may-sign"]
type = "contract+jws"
detached_from = 65536
[workers.contracts.map]
"jws.header.signed-for" = "token.client_id"
"log.subject" = "token.sub"
[workers.drafts]
format = "jws"
key = "drafts"
issuers = ["here", "stranger"]
allow = ["may-sign"]
bind = "none"
[workers.slow]
format = "jws"
key = "slow"
issuers = ["here"]
allow = ["may-sign"]
bind = "none"
[workers.open]
format = "jws"
key = "open"
issuers = ["here"]
allow = "anyone"
[clients.reports]
name = "Reports"
jwks = "file:reports.json"
grants = ["client_credentials"]
scopes = ["sign", "audit", "read"]
audiences = ["{RESOURCE}", "https://archive.example"]
"""


class Desk:
    """The server, its address, and what a caller does."""

    def __init__(self, house: House, client: TestClient) -> None:
        self.house = house
        self.client = client
        self.minter = Minter(KEY, client_id="reports", audience=URL)

    def ask(self, assertion: str | None = None, **parameters):
        form = {"grant_type": "client_credentials", "scope": "sign", "resource": RESOURCE, "client_assertion_type": URN}
        form |= {"client_assertion": assertion or self.minter.mint(), **parameters}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.client.post("/token", content=urlencode(form), headers=headers)

    def token(self, scope: str = "sign", **parameters) -> str:
        return self.ask(scope=scope, **parameters).json()["access_token"]

    def strange(self, scope: str = "sign", *, key=STRANGER, iss: str = "https://stranger.example") -> str:
        minter = TokenMinter(key, issuer=iss)
        return minter.mint(subject="eve", audience=RESOURCE, client_id="eve", scope=scope)

    def sign(self, worker: str = "contracts", token: str | None = None, body: bytes = b"%PDF-1.7 x", **headers):
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        given = {"Content-Type": "application/pdf", "Accept": "application/json", **headers}
        return self.client.post(f"/v1/workers/{worker}/sign", content=body, headers=given)

    def disable_key(self, name: str, version: int) -> None:
        known = records(self.house.ledger.reading.now())
        self.house.ledger.submit(write_of(disable(known, name=name, version=version))).result()

    def lines(self) -> list[dict]:
        return [json.loads(line.body) for line in lines_after(self.house.database, 0)]


@contextmanager
def open_desk(folder: Path, text: str = TOML):
    """Serve the settings; everything in the folder survives, so that it can be opened again."""
    folder.mkdir(exist_ok=True)
    (folder / "reports.json").write_text(json.dumps({"keys": [KEY.public().to_jwk()]}))
    (folder / "stranger.json").write_text(json.dumps({"keys": [STRANGER.public().to_jwk()]}))
    house = assemble(parse(text, folder=folder))
    with TestClient(create(house), base_url=URL, raise_server_exceptions=False) as client:
        yield Desk(house, client)
