"""Importing a room loads that room and what stands below it, and nothing that a user of it did not ask for."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = {"asyncio", "cryptography.x509", "dataclasses", "sqlite3", "ssl", "urllib.request"}
LIBRARY = {"encoding", "errors", "header", "jwa", "jwk", "jwks", "jws", "jwt", "limits", "replay"}


def _loaded(statement: str) -> set[str]:
    """What a fresh interpreter has loaded after the statement and had not before."""
    program = (
        f"import json, sys; old = set(sys.modules); {statement}; print(json.dumps(sorted(set(sys.modules) - old)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(json.loads(done.stdout))


def _rooms(loaded: set[str]) -> set[str]:
    return {name.split(".")[1] for name in loaded if name.startswith("undersign.")}


def test_the_token_room_loads_nothing_heavy() -> None:
    """Importing undersign.jwt loads no X.509, TLS, URL opener, event loop, database or dataclasses."""
    assert _loaded("import undersign.jwt") & HEAVY == set()


def test_the_token_room_loads_the_library_only() -> None:
    """Importing undersign.jwt loads no server, storage, settings or command line."""
    assert _rooms(_loaded("import undersign.jwt")) <= LIBRARY


@pytest.mark.parametrize(
    "room,strangers",
    [("undersign", LIBRARY), ("undersign.jwk", {"jwks", "jws", "jwt"}), ("undersign.jws", {"jwt"})],
)
def test_importing_one_room_does_not_import_all(room: str, strangers: set[str]) -> None:
    """A room loads only what stands below it."""
    assert _rooms(_loaded(f"import {room}")) & strangers == set()
