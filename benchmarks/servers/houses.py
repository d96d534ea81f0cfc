"""The servers that are measured, each in a folder of its own, and the ready requests that they are sent."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlencode

from undersign import jwk
from undersign.jwk import Key
from undersign.jwt.profiles import access_token, client_assertion

from .load import UnexpectedError, request, send
from .process import free_port, running

RESOURCE = "https://api.example"
AUTHORITY = "https://as.example"
NODE = Path(__file__).parent / "node"
ECHO = Path(__file__).parent / "echo.py"
CLIENT: Key = jwk.generate("ES256")
ISSUER: Key = jwk.generate("Ed25519")
DOCUMENT = b"x" * 2000
TOKENS = 16  # one for each client that asks for signatures
AUTHORIZATION = """
[server]
url = "{url}"
roles = ["authorization"]
demo = true
[storage]
{storage}master_key = "file:master.key"
[clients.bench]
jwks = "file:client.json"
grants = ["client_credentials"]
scopes = ["sign"]
audiences = ["https://api.example", "{url}/sign"]
"""
SIGNING = """
[issuers.as]
iss = "{iss}"
jwks = "{jwks}"
audience = "{url}/sign"
algorithms = ["Ed25519"]
max_lifetime = "1h"
[keys.contracts]
alg = "ES256"
[rules]
may-sign = "scope has 'sign'"
[workers.contracts]
format = "jws"
key = "contracts"
issuers = ["as"]
allow = ["may-sign"]
bind = "none"
type = "contract+jws"
[workers.contracts.map]
"jws.header.signed-for" = "token.client_id"
"""


@dataclass(frozen=True, slots=True)
class House:
    """A running server: its folder, process and port, and what makes so many requests that it answers with 200."""

    folder: Path
    pid: int
    port: int
    requests: Callable[[int], list[bytes]]
    clients: int


def _words(folder: Path, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "undersign.cli.main", "serve", str(folder / "undersign.toml")),
        *("--quiet", "--with-parent", *more),
    ]


def _write(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "undersign.toml").write_text(text)
    (folder / "client.json").write_text(json.dumps({"keys": [CLIENT.public().to_jwk()]}))
    (folder / "issuer.json").write_text(json.dumps({"keys": [ISSUER.public().to_jwk()]}))


def token_requests(port: int, resource: str = RESOURCE) -> Callable[[int], list[bytes]]:
    """Give what mints so many token requests, each with an assertion of its own."""
    url = f"http://127.0.0.1:{port}"
    minter = client_assertion.Minter(CLIENT, client_id="bench", audience=url, lifetime="4m")
    form = {"grant_type": "client_credentials", "scope": "sign", "resource": resource}
    form["client_assertion_type"] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

    def make(number: int) -> list[bytes]:
        bodies = (urlencode(form | {"client_assertion": minter.mint()}).encode() for _ in range(number))
        kind = "application/x-www-form-urlencoded"
        return [request("POST", "/token", f"127.0.0.1:{port}", body, Content_Type=kind) for body in bodies]

    return make


def sign_requests(port: int, tokens: Callable[[], list[str]]) -> Callable[[int], list[bytes]]:
    """Give what makes so many signing requests with fresh tokens in turn, each answered with a receipt."""

    def make(number: int) -> list[bytes]:
        ready = [
            request(
                *("POST", "/v1/workers/contracts/sign", f"127.0.0.1:{port}", DOCUMENT),
                Authorization=f"Bearer {token}",
                Accept="application/json",
                Content_Type="application/octet-stream",
            )
            for token in tokens()
        ]
        return [ready[turn % len(ready)] for turn in range(number)]

    return make


def token_house(opened: ExitStack, folder: Path, storage: str = "", workers: int = 1) -> House:
    """Start an authorization server; without more its database is a SQLite of its own."""
    port = free_port()
    storage = storage or 'url = "sqlite:undersign.db"\n'
    _write(folder, AUTHORIZATION.format(url=f"http://127.0.0.1:{port}", storage=storage))
    pid = opened.enter_context(running(_words(folder, "--workers", str(workers)), folder, port, "/readyz"))
    return House(folder, pid, port, token_requests(port), 32)


def sign_house(opened: ExitStack, folder: Path, *, local: bool) -> House:
    """Start a signing server whose issuer's keys are in a file, or one that is its own issuer: `jwks = "local"`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    text = AUTHORIZATION.format(url=url, storage='url = "sqlite:undersign.db"\n')
    if local:
        text = text.replace('"authorization"]', '"authorization", "signing"]') + SIGNING.format(
            url=url, iss=url, jwks="local"
        )
    else:
        text = text.replace('"authorization"]', '"signing"]').partition("[clients")[0]
        text += SIGNING.format(url=url, iss=AUTHORITY, jwks="file:issuer.json")
    _write(folder, text)
    pid = opened.enter_context(running(_words(folder), folder, port, "/readyz"))
    house = House(folder, pid, port, sign_requests(port, _own_tokens(port) if local else _minted_tokens(url)), TOKENS)
    first: list[bytes] = []
    send(port, house.requests(1), 1, keep=first)
    assert {"result", "receipt"} <= json.loads(first[0]).keys()
    return house


def _minted_tokens(url: str) -> Callable[[], list[str]]:
    minter = access_token.Minter(ISSUER, issuer=AUTHORITY)

    def mint() -> list[str]:
        audience = f"{url}/sign"
        one = partial(minter.mint, subject="bench", audience=audience, client_id="bench", scope="sign")
        return [one() for _ in range(TOKENS)]

    return mint


def _own_tokens(port: int) -> Callable[[], list[str]]:
    make = token_requests(port, f"http://127.0.0.1:{port}/sign")

    def ask() -> list[str]:
        bodies: list[bytes] = []
        send(port, make(TOKENS), 1, keep=bodies)
        return [json.loads(body)["access_token"] for body in bodies]

    return ask


def echo_house(opened: ExitStack, folder: Path) -> House:
    """Start a server that does nothing but HTTP, for the documents that are signed elsewhere."""
    port = free_port()
    folder.mkdir()
    pid = opened.enter_context(running([sys.executable, str(ECHO), str(port)], folder, port, "/"))
    one = request("POST", "/", f"127.0.0.1:{port}", DOCUMENT, Content_Type="application/octet-stream")
    return House(folder, pid, port, lambda number: [one] * number, TOKENS)


def node_house(opened: ExitStack, folder: Path) -> House:
    """Start npm's oidc-provider, got from npm the first time.

    Raises:
        UnexpectedError: Node or npm are not here, or the package cannot be got.
    """
    if not (shutil.which("node") and shutil.which("npm")):
        raise UnexpectedError("Node and npm are not here: apt-get install nodejs npm")
    if not (NODE / "node_modules" / "oidc-provider").exists():
        words = ["npm", "install", "--prefix", str(NODE), "--no-package-lock", "--no-audit", "--no-fund"]
        got = subprocess.run([*words, "--ignore-scripts"], capture_output=True, check=False, timeout=120)  # noqa: S603
        if got.returncode:
            raise UnexpectedError("npm cannot get oidc-provider: " + got.stderr.decode("utf-8", "replace")[-200:])
    port = free_port()
    _write(folder, "")
    named = {"PORT": str(port), "CLIENT_JWKS": str(folder / "client.json"), "RESOURCE": RESOURCE}
    words = ["node", str(NODE / "server.mjs")]
    pid = opened.enter_context(running(words, folder, port, "/.well-known/openid-configuration", **named))
    return House(folder, pid, port, token_requests(port), 32)
