"""What a configuration file says, table by table, as frozen values; the field names are the file's own words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NewType

__all__ = [
    "RESERVED_KEYS",
    "Authority",
    "Client",
    "ClientKey",
    "Document",
    "Fetch",
    "Issuer",
    "Key",
    "MapEntry",
    "Reference",
    "Rule",
    "Seconds",
    "Server",
    "Settings",
    "Storage",
    "Token",
    "User",
    "Worker",
]

Seconds = NewType("Seconds", int)
"""Written as text with a unit: "90s", "15m", "24h", "90d"."""

Document = NewType("Document", str)
"""A public document of several lines, such as PEM; a JWK may be a table, and is kept as JSON."""

Reference = NewType("Reference", str)
"""Where a secret is, never the secret: "env:NAME" or "file:PATH"."""

# Keys that the servers make for themselves; a worker never names one.
RESERVED_KEYS: Final = {
    "access-token": "access_token",
    "id-token": "id_token",
    "receipt": "receipt",
    "audit-root": "audit_root",
    "csrf": "csrf",
}


@dataclass(frozen=True, slots=True)
class Server:
    """Who this server is and where it listens.

    Attributes:
        refusal_window: How long refusals of unknown callers are counted before their sum is written into the log.
        body_timeout: How long the body of a request may take to arrive, in all.
    """

    url: str = ""
    roles: tuple[str, ...] = ("authorization", "signing", "web")
    host: str = "127.0.0.1"
    port: int | None = None
    node: str = ""
    demo: bool = False
    refusal_window: Seconds = Seconds(60)
    body_timeout: Seconds = Seconds(30)
    trusted_proxies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Storage:
    """Where the database is, and the key that seals its secrets.

    Attributes:
        password: Of the database's user, where it needs one.
        migrate: Whether this server may bring the schema to its own release.
    """

    url: str = "sqlite:var/undersign.db"
    password: Reference | None = None
    master_key: Reference = Reference("file:var/master.key")
    migrate: bool = True


@dataclass(frozen=True, slots=True)
class Fetch:
    """How documents are fetched, and which hosts or ranges an issuer may use that are otherwise forbidden."""

    timeout: Seconds = Seconds(5)
    size: int = 262_144
    allow: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def allowed(self, issuer: str) -> tuple[str, ...]:
        """Give the exceptions of one issuer; nobody inherits another's."""
        return dict(self.allow).get(issuer, ())


@dataclass(frozen=True, slots=True)
class Issuer:
    """An issuer whose tokens are accepted."""

    name: str
    iss: str
    jwks: str = ""
    jwks_uri: str = ""
    discovery: bool = False
    audience: str = ""
    algorithms: tuple[str, ...] = ()
    types: tuple[str, ...] = ("at+jwt",)
    require: tuple[str, ...] = ("exp", "iat", "jti", "sub")
    leeway: int = 0
    max_lifetime: Seconds | None = None
    binding: str = "none"
    quirks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A crypto token."""

    name: str
    kind: str = "software"
    module: str = ""
    label: str = ""
    pin: Reference | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """A key that this server holds."""

    name: str
    alg: str
    token: str = ""
    purpose: str = ""
    limit: int | None = None
    rotate: Seconds | None = None
    publish_ahead: Seconds | None = None
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A named condition, in the language of access.rules."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class MapEntry:
    """One claim, or value of the request, and the place it takes in the output."""

    target: str
    source: str


@dataclass(frozen=True, slots=True)
class Worker:
    """A named signing service. `allow` names rules; `anyone` is true only where the file spells "anyone" out."""

    name: str
    format: str
    key: str = ""
    allow: tuple[str, ...] = ()
    anyone: bool = field(default=False, metadata={"computed": True})
    issuers: tuple[str, ...] = ()
    bind: str = "once"
    override: tuple[str, ...] = ()
    map: tuple[MapEntry, ...] = ()
    type: str = ""
    detached_from: int = 1_048_576
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate authority; the table is `ca`."""

    name: str
    key: str = ""
    lifetime: Seconds = Seconds(600)


@dataclass(frozen=True, slots=True)
class ClientKey:
    """One public key of a client, written into the file itself."""

    name: str
    jwk: Document = Document("")
    pem: Document = Document("")
    x509: Document = Document("")
    not_before: str = ""
    not_after: str = ""
    usage: str = "sig"


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth client. `name` is the table's name, which is its client_id; the file's own `name` is `title`."""

    name: str
    title: str = ""
    profile: str = "baseline"
    auth: str = "private_key_jwt"
    secret: Reference | None = None
    jwks: str = ""
    jwks_uri: str = ""
    keys: tuple[ClientKey, ...] = ()
    audience_policy: str = "issuer"
    sunset: str = ""
    redirect_uris: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class User:
    """A person. `name` is the table's name; the file's own `name` is `title`."""

    name: str
    title: str = ""
    email: str = ""
    password: Reference | None = None
    totp: Reference | None = None
    roles: tuple[str, ...] = ()
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """One configuration file."""

    folder: Path
    fingerprint: str
    server: Server = Server()
    storage: Storage = Storage()
    fetch: Fetch = Fetch()
    issuers: tuple[Issuer, ...] = ()
    tokens: tuple[Token, ...] = ()
    keys: tuple[Key, ...] = ()
    rules: tuple[Rule, ...] = ()
    workers: tuple[Worker, ...] = ()
    ca: tuple[Authority, ...] = ()
    clients: tuple[Client, ...] = ()
    users: tuple[User, ...] = ()

    def purpose_of(self, key: str) -> str:
        """Say what a key is for: its own word, its reserved name, or the format of the worker that uses it."""
        said = next((known.purpose for known in self.keys if known.name == key and known.purpose), "")
        formats = [worker.format for worker in self.workers if worker.key == key]
        return said or RESERVED_KEYS.get(key, "") or (formats[0] if formats else "")
