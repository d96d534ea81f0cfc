"""A server of ours as a process of its own, and callers that keep it busy."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlencode

from undersign import jwk
from undersign.jwt.profiles.client_assertion import Minter

KEY = jwk.generate("Ed25519")
URN = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOML = """
[server]
url = "{url}"
roles = ["authorization", "signing"]
demo = true
[issuers.here]
iss = "{url}"
jwks = "local"
audience = "{url}/sign"
algorithms = ["Ed25519"]
[keys.contracts]
alg = "ES256"
[rules]
may-sign = "scope has 'sign'"
auditor = "scope has 'audit'"
[workers.contracts]
format = "jws"
key = "contracts"
issuers = ["here"]
allow = ["may-sign"]
[clients.reports]
jwks = "file:reports.json"
grants = ["client_credentials"]
scopes = ["sign", "audit"]
audiences = ["{url}/sign"]
"""


class GoneError(Exception):
    """The server did not answer."""


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return held.getsockname()[1]


def write(folder: Path, storage: str = "") -> str:
    """Write a configuration with a free port, and give its address; `storage` is what stands under [storage]."""
    url = f"http://localhost:{free_port()}"
    text = TOML.format(url=url) + (f"[storage]\n{storage}" if storage else "")
    (folder / "undersign.toml").write_text(text)
    (folder / "reports.json").write_text(json.dumps({"keys": [KEY.public().to_jwk()]}))
    return url


@contextmanager
def serving(
    folder: Path, caller: Caller, *more: str, port: int = 0, **environment: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Serve, with more options and on another port where one is given, until the block ends or the server is killed."""
    words = [
        sys.executable,
        "-m",
        "undersign.cli.main",
        "serve",
        str(folder / "undersign.toml"),
        "--with-parent",
        "--quiet",
        *more,
        *(("--port", str(port)) if port else ()),
    ]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, **environment},
            start_new_session=True,  # so that all its processes can be killed at once
        )
    try:
        at = Caller(caller.url, port)
        for _ in range(600):
            try:
                at.send("GET", "/readyz")
                break
            except GoneError:
                assert process.poll() is None, (folder / "server.log").read_text()
                time.sleep(0.05)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        finally:
            kill(process)
            assert process.stdin is not None
            process.stdin.close()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End every process of a server by kill -9."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(20)


class Caller:
    """A client of the server, which may listen on another port than its address says."""

    def __init__(self, url: str, port: int = 0) -> None:
        self.url, self.port = url, port or int(url.rpartition(":")[2])
        self.minter = Minter(KEY, client_id="reports", audience=url)

    def send(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        given = {"Host": self.url.removeprefix("http://"), **{n.replace("_", "-"): v for n, v in headers.items()}}
        try:
            connection.request(method, path, body or None, given)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, HTTPException) as error:
            raise GoneError from error
        finally:
            connection.close()

    def ask(self, assertion: str, scope: str = "sign") -> tuple[int, dict]:
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": URN,
            "client_assertion": assertion,
        }
        status, body = self.send(
            "POST", "/token", urlencode(form).encode(), Content_Type="application/x-www-form-urlencoded"
        )
        return status, json.loads(body)

    def token(self, scope: str = "sign") -> str:
        return self.ask(self.minter.mint(), scope)[1]["access_token"]

    def sign(self, token: str, document: bytes) -> tuple[int, dict]:
        status, body = self.send(
            "POST",
            "/v1/workers/contracts/sign",
            document,
            Authorization=f"Bearer {token}",
            Accept="application/json",
            Content_Type="text/plain",
        )
        return status, json.loads(body)
