"""Log in with Google, or with any OpenID provider: its ID token, verified from nothing but its name (OpenID Connect).

The provider here is a stand-in on this machine, shaped like Google's: metadata under its name, keys on another host,
RS256, an hour. For the real one, leave ``fetch`` out and write ``https://accounts.google.com``.
"""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from undersign import jwk, jwks
from undersign.errors import ClaimError, UndersignError
from undersign.fetch import Fetcher
from undersign.jwt.profiles import id_token

CLIENT_ID = "your-client-id.apps.googleusercontent.com"
ACCOUNTS, KEYS = "accounts.example", "keys.example"


# -- what your application does -------------------------------------------------------------------------------------


def verifier_of(issuer: str, fetch: Fetcher | None = None) -> id_token.Verifier:
    """Make it once; it finds the keys when the first token comes, and keeps them fresh."""
    keys = jwks.RemoteKeySet.from_issuer(issuer, fetch=fetch)
    return id_token.Verifier(keys, issuer=issuer, client_id=CLIENT_ID)


def log_in(verifier: id_token.Verifier, token: str, nonce: str, access_token: str) -> str:
    """Say who it is: the subject is the person's identity; an address may change hands."""
    claims = verifier.verify(token, nonce=nonce, access_token=access_token).claims
    return f"{claims['sub']} {claims['email'] if claims['email_verified'] else ''}"


# -- the stand-in of the provider -----------------------------------------------------------------------------------


class Provider:
    """Publishes metadata and keys, and mints ID tokens as Google does."""

    def __init__(self) -> None:
        self.key = jwk.generate("RS256", size=2048)
        self.asked: list[str] = []
        self.port = 0

    @property
    def issuer(self) -> str:
        """Its name."""
        return f"https://{ACCOUNTS}:{self.port}"

    def documents(self) -> dict[str, Any]:
        """What it publishes, by address."""
        certs = f"https://{KEYS}:{self.port}/oauth2/v3/certs"
        return {
            f"{ACCOUNTS}/.well-known/openid-configuration": {"issuer": self.issuer, "jwks_uri": certs},
            f"{KEYS}/oauth2/v3/certs": jwks.KeySet([self.key]).to_jwks(),
        }

    def token(self, nonce: str, access_token: str, *, key: jwk.Key | None = None, client_id: str = CLIENT_ID) -> str:
        """Mint a token; ``key`` lets somebody else try."""
        return id_token.Minter(key or self.key, issuer=self.issuer, lifetime="1h").mint(
            subject="10769150350006150715113082367",
            client_id=client_id,
            nonce=nonce,
            access_token=access_token,
            extra={"email": "ana@example.com", "email_verified": True},
        )


@contextmanager
def serving(provider: Provider) -> Iterator[ssl.SSLContext]:
    """Serve it over TLS; gives the settings that trust its certificate authority and no other."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = str(self.headers["Host"]).partition(":")[0]
            provider.asked.append(f"{host}{self.path}")
            body = json.dumps(provider.documents()[f"{host}{self.path}"]).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "public, max-age=21600")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    authority, server_context = certificates()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = server_context.wrap_socket(server.socket, server_side=True)
        provider.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ssl.create_default_context(cadata=authority)
        server.shutdown()


def certificates() -> tuple[str, ssl.SSLContext]:
    """A certificate authority, as PEM, and a server's settings under a certificate of it."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("Example root", root_key, root_key, None)
    leaf = certificate(ACCOUNTS, key, root_key, root)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "server.pem"
        path.write_bytes(
            leaf.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        context.load_cert_chain(path)
    return root.public_bytes(Encoding.PEM).decode(), context


def certificate(name: str, key: Any, signing_key: Any, root: x509.Certificate | None) -> x509.Certificate:
    """A root's certificate where there is no root yet, else one for both hosts."""
    now, subject = datetime.now(UTC), x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    bits = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only",
         "decipher_only"), False)  # fmt: skip
    usage = x509.KeyUsage(digital_signature=root is not None, key_cert_sign=root is None, crl_sign=root is None, **bits)
    hosts = x509.SubjectAlternativeName([x509.DNSName(ACCOUNTS), x509.DNSName(KEYS)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if root is None else root.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=root is None, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(hosts, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing_key.public_key()), critical=False)
        .sign(signing_key, hashes.SHA256())
    )


def main() -> None:
    """Log in once, then see what does not log anybody in."""
    provider = Provider()
    nonce, access_token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
    with serving(provider) as trust:
        # The guards of the fetcher are told of this machine, and of the stand-in's certificate authority.
        fetch = Fetcher(allow=["127.0.0.1/32"], context=trust, resolve=lambda _host, _port: ["127.0.0.1"])
        verifier = verifier_of(provider.issuer, fetch)
        print("logged in:", log_in(verifier, provider.token(nonce, access_token), nonce, access_token))

        forger = jwk.generate("RS256", size=2048, kid=provider.key.kid)
        attempts = {
            "for another client": provider.token(nonce, access_token, client_id="another"),
            "of another login": provider.token("another", access_token),
            "with another access token": provider.token(nonce, "another"),
            "by another key": provider.token(nonce, access_token, key=forger),
        }
        for what, token in attempts.items():
            try:
                log_in(verifier, token, nonce, access_token)
            except ClaimError as error:
                print(f"{what}: {error.code} {error.claim}")
            except UndersignError as error:
                print(f"{what}: {error.code}")
    print("asked of the provider:", *provider.asked)


if __name__ == "__main__":
    main()
