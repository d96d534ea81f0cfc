"""What the backend was told by its operator: whom to ask, which key is its own, whom to believe."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from undersign import jwk

__all__ = ["Settings", "load"]


@dataclass(frozen=True, slots=True)
class Settings:
    """The backend's own file.

    Attributes:
        issuer: The authorization server.
        signing_server: The signing server.
        resource: The signing server's name in the audience of a token.
        worker: The worker that signs.
        audit_root: The fingerprint of the root key of the signing server's log, as its operator gave it.
    """

    port: int
    client_id: str
    issuer: str
    signing_server: str
    resource: str
    worker: str
    audit_root: str
    key: jwk.Key = field(repr=False)


def load(path: Path) -> Settings:
    """Read the file, and the private key that it names."""
    found = tomllib.loads(path.read_text(encoding="utf-8"))
    key = jwk.load((path.parent / found.pop("key")).read_bytes())
    return Settings(key=key, **found)
