"""The folder of a demonstration: three configurations, keys that exist for it only, and the documents."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import socket
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

from undersign import jwk
from undersign.errors import SettingsError, quoted
from undersign.limits import DEFAULT

__all__ = ["CLIENT", "OTHER_AUDIENCE", "WORKER", "Document", "Plan", "agreement", "archive", "document", "make"]

CLIENT: Final = "signing-backend"
WORKER: Final = "contracts"
OTHER_AUDIENCE: Final = "https://archive.example"
_MARK: Final = "demo.pid"
_MAX_DOCUMENT: Final = DEFAULT.payload
_ALG: Final = "Ed25519"

_AUTHORIZATION: Final = """\
# The authorization server of a demonstration, made by `undersign demo`.
[server]
url = "{issuer}"
roles = ["authorization"]
demo = true
refusal_window = "1s"

[storage]
url = "sqlite:undersign.db"
master_key = "file:master.key"

[clients.signing-backend]
name = "The signing backend"
auth = "private_key_jwt"
jwks = "file:../backend/client.jwks.json"
grants = ["client_credentials"]
scopes = ["sign", "audit"]
audiences = ["{resource}", "https://archive.example"]
"""
_SIGNING: Final = """\
# The signing server of a demonstration, made by `undersign demo`.
[server]
url = "{signing}"
roles = ["signing"]
demo = true
refusal_window = "1s"

[storage]
url = "sqlite:undersign.db"
master_key = "file:master.key"

[issuers.as]
iss = "{issuer}"
jwks_uri = "{issuer}/jwks.json"
audience = "{resource}"
algorithms = ["Ed25519"]
max_lifetime = "5m"

[keys.contracts]
alg = "ES256"

[rules]
may-sign = "scope has 'sign' and client_id == 'signing-backend'"
auditor = "scope has 'audit'"

[workers.contracts]
format = "jws"
key = "contracts"
issuers = ["as"]
allow = ["may-sign"]
bind = "once"
type = "contract+jws"
detached_from = 65536

[workers.contracts.map]
"jws.header.signed-for" = "token.client_id"
"log.subject" = "token.sub"
"""


@dataclass(frozen=True, slots=True)
class Document:
    """Something to sign."""

    name: str
    media_type: str
    octets: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything of one demonstration is."""

    folder: Path
    issuer: str
    signing: str
    backend: str

    @property
    def resource(self) -> str:
        """The signing server's name in the audience of a token."""
        return f"{self.signing}/sign"

    @property
    def authorization_file(self) -> Path:
        """The authorization server's configuration."""
        return self.folder / "authorization" / "undersign.toml"

    @property
    def signing_file(self) -> Path:
        """The signing server's configuration."""
        return self.folder / "signing" / "undersign.toml"

    @property
    def backend_file(self) -> Path:
        """The backend's configuration."""
        return self.folder / "backend" / "backend.toml"

    def logs(self) -> dict[str, Path]:
        """Whose log is read with which configuration."""
        return {"authorization": self.authorization_file, "signing": self.signing_file}

    def client_key(self) -> jwk.Key:
        """The backend's private key, which the demonstration borrows to play the thief."""
        return jwk.load((self.folder / "backend" / "client.private.json").read_bytes())

    def write_backend(self, root: str) -> None:
        """Tell the backend whom to believe; the log's root comes from the operator, not from the server."""
        port = self.backend.rpartition(":")[2]
        lines = {
            "client_id": CLIENT,
            "key": "client.private.json",
            "issuer": self.issuer,
            "signing_server": self.signing,
            "resource": self.resource,
            "worker": WORKER,
            "audit_root": root,
        }
        text = f"port = {port}\n" + "".join(f'{name} = "{value}"\n' for name, value in lines.items())
        self.backend_file.write_text(text, encoding="utf-8")


def make() -> Plan:
    """Make a fresh folder and write everything that does not depend on a running server."""
    ports = _free_ports(3)
    plan = Plan(_fresh_folder(), *(f"http://localhost:{port}" for port in ports))
    for name in ("authorization", "signing", "backend"):
        (plan.folder / name).mkdir(mode=0o700)
    key = jwk.generate(_ALG)
    private = plan.folder / "backend" / "client.private.json"
    private.touch(mode=0o600)
    private.write_text(json.dumps(key.to_jwk(private=True)), encoding="utf-8")
    public = {"keys": [key.public().to_jwk()]}
    (plan.folder / "backend" / "client.jwks.json").write_text(json.dumps(public), encoding="utf-8")
    places = {"issuer": plan.issuer, "signing": plan.signing, "resource": plan.resource}
    plan.authorization_file.write_text(_AUTHORIZATION.format(**places), encoding="utf-8")
    plan.signing_file.write_text(_SIGNING.format(**places), encoding="utf-8")
    return plan


def document(path: Path) -> Document:
    """Read the person's document.

    Raises:
        SettingsError: It cannot be read, is empty, or larger than this release signs.
    """
    try:
        octets = path.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{quoted(str(path))} cannot be read: {error.strerror}.", help="Name a file to sign."
        ) from error
    if not 1 <= len(octets) <= _MAX_DOCUMENT:
        raise SettingsError(
            f"{quoted(str(path))} has {len(octets)} octets.", help="This release signs 1 octet to 16 MiB."
        )
    return Document(path.name, "application/pdf" if octets.startswith(b"%PDF-") else "application/octet-stream", octets)


def agreement() -> Document:
    """The bundled document: a delivery agreement of one page."""
    name = "delivery-agreement.pdf"
    return Document(name, "application/pdf", files("undersign.cli").joinpath("documents", name).read_bytes())


def archive() -> Document:
    """A large real document that is always at hand: the source of undersign itself, as an archive."""
    root = Path(str(files("undersign")))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for path in sorted(root.rglob("*.py")):
            entry = tarfile.TarInfo(f"undersign/{path.relative_to(root).as_posix()}")
            octets = path.read_bytes()
            entry.size = len(octets)
            tar.addfile(entry, io.BytesIO(octets))
    return Document("undersign-source.tar.gz", "application/gzip", gzip.compress(packed.getvalue(), mtime=0))


def _fresh_folder() -> Path:
    """``./var/demo``, made anew, unless it is somebody else's or this folder cannot be written."""
    folder = Path("var") / "demo"
    try:
        if folder.exists():
            if not _is_ours_and_over(folder):
                raise PermissionError
            shutil.rmtree(folder)
        folder.mkdir(parents=True, mode=0o700)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="undersign-demo-"))
    (folder / _MARK).write_text(str(os.getpid()), encoding="ascii")
    return folder.resolve()


def _is_ours_and_over(folder: Path) -> bool:
    with suppress(OSError, ValueError):
        process = int((folder / _MARK).read_text("ascii"))
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        return process == os.getpid()
    return False


def _free_ports(number: int) -> list[int]:
    held = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(number)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()
