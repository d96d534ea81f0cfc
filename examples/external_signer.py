"""A key that is somewhere else: give the signing input away, take the signature back, verify, and only then release."""

from __future__ import annotations

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from undersign import jwk, jws, jwt
from undersign.errors import InvalidSignatureError


class Vault:
    """Stands for an HSM or a cloud's key service: it has the key, takes a digest, and answers in DER."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def public_key(self) -> jwk.Key:
        """What everybody may know."""
        pem = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return jwk.load_public(pem, kid="vault-1")

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign, as such services do: DER comes back."""
        return self._key.sign(digest, ec.ECDSA(Prehashed(hashes.SHA256())))


def side_by_side(der: bytes) -> bytes:
    """DER to the R and S of JOSE."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class VaultSigner:
    """The vault as a signer: alg, kid, public and sign are all that a Signer needs."""

    alg = "ES256"
    kid = "vault-1"

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.public = vault.public_key()

    def sign(self, signing_input: bytes) -> bytes:
        """Hash here, sign there."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(signing_input)
        return side_by_side(self._vault.sign_digest(digest.finalize()))


def main() -> None:
    """Sign in two steps, and as a signer."""
    vault = Vault()

    prepared = jws.prepare(b"a document", vault.public_key())
    token = prepared.attach(side_by_side(vault.sign_digest(prepared.digest or b"")))
    print("two steps:", jws.verify(token, vault.public_key()).payload.decode())
    try:
        prepared.attach(bytes(64))
    except InvalidSignatureError as error:
        print("a wrong signature is not released:", error.code)

    signer = jwt.Signer(VaultSigner(vault), issuer="https://as.example", audience="https://api.example")
    verifier = jwt.Verifier(vault.public_key(), issuer="https://as.example", audience="https://api.example")
    print("as a signer:", verifier.verify(signer.sign({"sub": "ana"})).claims["sub"])


if __name__ == "__main__":
    main()
