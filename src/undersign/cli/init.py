"""``undersign init``: write a commented configuration file, and the master key that it names."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Final

from ..encoding import b64url_encode
from ..errors import SettingsError

__all__ = ["TEMPLATE", "configure", "run"]


TEMPLATE: Final = """\
# undersign: one file for all roles. `undersign check {name}` says what is wrong or unsafe, and
# `undersign serve {name}` runs it.
# Secrets never stand here: they are named as "env:NAME" or "file:PATH" (a path is seen from this file's folder).

[server]
url = "http://localhost:8080"              # issuer and base of every address; a request with another Host gets 421
roles = ["authorization", "signing"]       # each runs alone as well

[storage]
url = "sqlite:var/undersign.db"            # keys (encrypted), one-time things, the audit chain
master_key = "file:var/master.key"         # 32 octets that open the keys; keep a copy elsewhere

# Whose tokens count. Here: our own authorization server, read in memory.
[issuers.here]
iss = "http://localhost:8080"
jwks = "local"                             # or jwks_uri = "https://...", or jwks = "file:issuer.jwks.json"
audience = "http://localhost:8080/sign"    # tokens must be for the signing server, and for nothing else
algorithms = ["Ed25519"]

# One key, one purpose: a key serves one worker.
[keys.contracts]
alg = "ES256"

# Named conditions over claims and request. Absent, mistyped and future values deny, under `not` as well.
[rules]
may-sign = "scope has 'sign'"
# auditor = "scope has 'audit'"            # who may read the log at /v1/audit; without this rule, nobody

[workers.contracts]
format = "jws"
key = "contracts"
issuers = ["here"]
allow = ["may-sign"]                       # no default; "anyone" must be spelled out
bind = "once"                              # one token, one signature
type = "contract+jws"                      # the `typ` of what it makes
[workers.contracts.map]
"jws.header.signed-for" = "token.client_id"    # a claim into the protected header
"log.subject" = "token.sub"                    # and into the log, as a commitment

# Who may ask for tokens. Make a key: undersign jwk generate Ed25519 --help
# [clients.reports]
# name = "Reports"
# auth = "private_key_jwt"
# jwks = "file:reports.jwks.json"          # public keys only
# grants = ["client_credentials"]
# scopes = ["sign"]
# audiences = ["http://localhost:8080/sign"]
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("file", type=Path, nargs="?", default=Path("undersign.toml"), metavar="FILE", help="where to")
    parser.add_argument("--force", action="store_true", help="write over a file that is there; never over a key")


def run(options: argparse.Namespace) -> int:
    """Write the file, and the master key beside it unless one is there."""
    file: Path = options.file
    if file.exists() and not options.force:
        raise SettingsError(f"{file} is there already.", help="Choose another name, or say --force.")
    key = file.parent / "var" / "master.key"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(TEMPLATE.format(name=file.name), encoding="utf-8")
        made = _write_key(key)
    except OSError as error:
        raise SettingsError(f"{file} cannot be written: {error.strerror}.") from error
    print(f"{file}: written; read it, it is short")
    print(f"{key}: {'made, readable by you only; keep a copy elsewhere' if made else 'there already, left as it is'}")
    print(f"next: undersign check {file}")
    return 0


def _write_key(path: Path) -> bool:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(b64url_encode(os.urandom(32)) + "\n")
    return True
