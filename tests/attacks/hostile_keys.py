"""The hostile keys of research/library.md section 4b, rows A5, A7 to A9, S6, S7 and K4, and threats 5 to 7."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any, Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, mldsa, rsa

from tests.attacks.attack import Attack
from tests.attacks.certificates import certificate
from undersign import errors, jwk, jwks
from undersign.encoding import b64url_encode, int_to_b64url
from undersign.jwk import Key

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo

RSA: Final = rsa.generate_private_key(65537, 2048)
EC: Final = ec.generate_private_key(ec.SECP256R1())
OKP: Final = ed25519.Ed25519PrivateKey.generate()


def _load(
    name: str, source: Any, error: type[errors.UndersignError] = errors.KeyMaterialError, **options: Any
) -> Attack:
    return Attack(name, error, lambda: jwk.load(source, **options), source)


def public_forms() -> Iterator[tuple[str, bytes]]:
    """Every way in which a public key is written down."""
    for what, native in {"RSA": RSA, "EC": EC, "OKP": OKP}.items():
        public = native.public_key()
        pem = public.public_bytes(PEM, SPKI)
        members = jwk.load(pem).to_jwk()
        yield f"{what} SPKI PEM", pem
        yield f"{what} SPKI PEM without its last newline", pem.rstrip()
        yield f"{what} SPKI PEM between white space", b" \r\n" + pem + b"\t\n"
        yield f"{what} SPKI PEM after a byte order mark", b"\xef\xbb\xbf" + pem
        yield f"{what} SPKI PEM with CRLF", pem.replace(b"\n", b"\r\n")
        yield f"{what} SPKI DER", public.public_bytes(DER, SPKI)
        yield f"{what} SPKI DER and a newline", public.public_bytes(DER, SPKI) + b"\n"
        yield f"{what} bare base64 of the SPKI", base64.b64encode(public.public_bytes(DER, SPKI))
        yield f"{what} OpenSSH", public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        yield f"{what} X.509 PEM", certificate(native).public_bytes(PEM)
        yield f"{what} X.509 DER", certificate(native).public_bytes(DER)
        yield f"{what} JWK", json.dumps(members).encode()
        yield f"{what} JWK Set", json.dumps({"keys": [members]}).encode()
        yield f"{what} array of JWK", json.dumps([members], indent=2).encode()
        yield (
            f"{what} private PKCS #8 PEM",
            native.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )
        yield (
            f"{what} private PKCS #8 DER",
            native.private_bytes(DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        )
        yield (
            f"{what} private OpenSSH",
            native.private_bytes(PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()),
        )
    yield "RSA PKCS #1 PEM", RSA.public_key().public_bytes(PEM, serialization.PublicFormat.PKCS1)
    yield "RSA PKCS #1 DER", RSA.public_key().public_bytes(DER, serialization.PublicFormat.PKCS1)


def secrets() -> Iterator[Attack]:
    """Rows A5 and A7: what is no secret, and what is too short to be one."""
    for name, octets in public_forms():
        say = f"A5 CVE-2016-10555 CVE-2022-29217 {name} as an HMAC secret"
        yield Attack(say, errors.KeyMaterialError, lambda o=octets: jwk.secret(o, alg="HS256"), octets)  # type: ignore[misc]
        members = {"kty": "oct", "alg": "HS256", "k": b64url_encode(octets)}
        yield Attack(f"{say}, in an oct JWK", errors.KeyMaterialError, lambda m=members: jwk.load(m), members)  # type: ignore[misc]
    for alg, octets in (
        ("HS256", b"secret"),
        ("HS256", bytes(31)),
        ("HS384", bytes(47)),
        ("HS512", bytes(63)),
        ("HS256", b"\0"),
    ):
        short = jwk.secret(octets, alg=alg)
        yield Attack(f"A7 {len(octets)} octets sign {alg}", errors.WeakKeyError, lambda k=short: k.sign(b"x"), octets)  # type: ignore[misc]
        yield Attack(
            f"A7 {len(octets)} octets verify {alg}",
            errors.WeakKeyError,
            lambda k=short: k.verify(b"x", bytes(64)),
            octets,
        )  # type: ignore[misc]
    yield Attack("A7 an empty secret", errors.WeakKeyError, lambda: jwk.secret(b"", alg="HS256"), b"")
    yield _load("A7 an empty k", {"kty": "oct", "k": ""}, errors.WeakKeyError)
    yield Attack("A5 text as a secret", errors.PolicyError, lambda: jwk.secret("text", alg="HS256"), "text")  # type: ignore[arg-type]


def rsa_keys() -> Iterator[Attack]:
    """Row A8 and threat 6."""
    n, e = RSA.public_key().public_numbers().n, 65537
    private = RSA.private_numbers()
    good = {"kty": "RSA", "n": int_to_b64url(n), "e": int_to_b64url(e)}
    for bits in (512, 1024, 2047):
        yield _load(
            f"A8 CVE-2025-45768 {bits} bits", {**good, "n": int_to_b64url(1 << (bits - 1) | 1)}, errors.WeakKeyError
        )
    weak = rsa.generate_private_key(65537, 1024)  # noqa: S505 - that is the attack
    yield _load("A8 1024 bits in PEM", weak.public_key().public_bytes(PEM, SPKI), errors.WeakKeyError)
    yield _load("A8 16384 bits", {**good, "n": int_to_b64url(1 << 16383 | 1)})
    yield _load("A8 an even modulus", {**good, "n": int_to_b64url(n - 1)})
    for exponent in (0, 1, 2, 65536, 2**64 + 1):
        yield _load(f"A8 the exponent {exponent}", {**good, "e": int_to_b64url(exponent)})
    yield _load("A8 an exponent as long as the modulus", {**good, "e": int_to_b64url(n - 2)})
    for name in ("n", "e"):
        yield _load(
            f"A8 {name} with a leading zero",
            {**good, name: b64url_encode(b"\0" + int.to_bytes(n if name == "n" else e, 256, "big").lstrip(b"\0"))},
        )
        yield _load(f"A8 {name} padded", {**good, name: good[name] + "="})
        for value in (None, 1, [], "", "!", "AB"):
            yield _load(f"A8 {name} {value!r}", {**good, name: value})
    full = jwk.load(
        RSA.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()), alg="RS256"
    ).to_jwk(private=True)
    for name in ("p", "q", "dp", "dq", "qi", "d"):
        yield _load(
            f"A8 another {name}",
            {
                **full,
                name: int_to_b64url(getattr(private, {"dp": "dmp1", "dq": "dmq1", "qi": "iqmp"}.get(name, name)) + 2),
            },
        )
    for name in ("p", "dq", "qi"):
        yield _load(f"A8 without {name}", {key: value for key, value in full.items() if key != name})
    yield _load("A8 a prime but no d", {**good, "p": full["p"]})
    yield _load("A8 d alone, and wrong", {**good, "d": int_to_b64url(private.d - 2)})
    yield _load(
        "A8 d alone, n a prime",
        {**good, "n": int_to_b64url(2**2203 - 1), "d": int_to_b64url(pow(65537, -1, 2**2203 - 2))},
    )
    for exponent, power in ((1279, 2), (1279, 3), (521, 5)):
        prime = 2**exponent - 1
        order = prime ** (power - 1) * (prime - 1)
        yield _load(
            f"A8 d alone, n the power {power} of a prime",
            {**good, "n": int_to_b64url(prime**power), "d": int_to_b64url(pow(e, -1, order))},
        )
    yield _load("A8 three primes", {**full, "oth": [{"r": "AQ", "d": "AQ", "t": "AQ"}]})


def curves() -> Iterator[Attack]:
    """Rows A4, S6 and S7, and threat 5."""
    good = jwk.load(EC.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())).to_jwk(
        private=True
    )
    zero, ones = b64url_encode(bytes(32)), b64url_encode(b"\xff" * 32)
    for name, changed in {
        "x off the curve": {"x": good["y"]},
        "both zero": {"x": zero, "y": zero},
        "y not reduced": {"y": ones},
        "x too short": {"x": b64url_encode(bytes(31))},
        "x too long": {"x": b64url_encode(bytes(33))},
        "another crv": {"crv": "P-384"},
        "crv unknown": {"crv": "P-257"},
        "crv a list": {"crv": ["P-256"]},
        "d zero": {"d": zero},
        "d beyond the order": {"d": ones},
        "another d": {"d": b64url_encode(bytes(31) + b"\1")},
        "alg of another curve": {"alg": "ES384"},
        "alg of another type": {"alg": "RS256"},
        "d too short": {"d": "AQ"},
    }.items():
        yield _load(f"CVE-2015-7940 EC {name}", {**good, **changed})
    brainpool = ec.generate_private_key(ec.BrainpoolP256R1()).public_key().public_bytes(PEM, SPKI)
    yield _load("EC on a curve that JOSE does not have", brainpool)
    for index, encoded in enumerate(small_order_points()):
        x = b64url_encode(encoded)
        yield _load(f"S6 CVE-2020-36843 Ed25519 small order {index}", {"kty": "OKP", "crv": "Ed25519", "x": x})
        yield _load(
            f"S6 Ed25519 small order {index} in SPKI",
            ed25519.Ed25519PublicKey.from_public_bytes(encoded).public_bytes(DER, SPKI),
        )
    p448 = 2**448 - 2**224 - 1
    for y in (0, 1, p448 - 1, p448, p448 + 1):
        for sign in (0, 0x80):
            yield _load(
                f"S6 Ed448 small order {hex(y)[:8]} {sign}",
                {"kty": "OKP", "crv": "Ed448", "x": b64url_encode(y.to_bytes(56, "little") + bytes([sign]))},
            )
    yield _load(
        "S6 Ed448 stray bits", {"kty": "OKP", "crv": "Ed448", "x": b64url_encode(bytes([4]) + bytes(55) + b"\1")}
    )
    p = 2**255 - 19
    for y in (p + 2, p + 3, 2**255 - 1):
        yield _load(
            f"S6 Ed25519 not canonical {y - p}",
            {"kty": "OKP", "crv": "Ed25519", "x": b64url_encode(y.to_bytes(32, "little"))},
        )
    yield _load(
        "S6 Ed25519 off the curve", {"kty": "OKP", "crv": "Ed25519", "x": b64url_encode((2).to_bytes(32, "little"))}
    )
    yield _load("S6 X25519 zero", {"kty": "OKP", "crv": "X25519", "x": zero})
    other = b64url_encode(bytes(32))
    okp = jwk.load(OKP.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())).to_jwk(
        private=True
    )
    yield _load("S6 d of another x", {**okp, "d": other})
    yield _load("S6 31 octets", {**okp, "x": b64url_encode(bytes(31))})
    yield _load("S6 Ed25519 with alg Ed448", {**okp, "alg": "Ed448"})
    yield _load("DSA", dsa.generate_private_key(2048).public_key().public_bytes(PEM, SPKI))
    yield from _lattices()


def _lattices() -> Iterator[Attack]:
    native = mldsa.MLDSA44PrivateKey.from_seed_bytes(bytes(32))
    pub = native.public_key().public_bytes_raw()
    good = {"kty": "AKP", "alg": "ML-DSA-44", "pub": b64url_encode(pub)}
    for name, changed in {
        "pub one octet short": {"pub": b64url_encode(pub[:-1])},
        "alg of another level": {"alg": "ML-DSA-65"},
        "no alg": {"alg": None},
        "alg ES256": {"alg": "ES256"},
        "priv expanded": {"priv": b64url_encode(bytes(2560))},
        "priv of another key": {"priv": b64url_encode(b"\1" * 32)},
        "priv too short": {"priv": "AAAA"},
    }.items():
        yield _load(f"S7 {name}", {**good, **changed})


def small_order_points() -> list[bytes]:
    """Every spelling of an Ed25519 point of small order, canonical or not, with either sign bit."""
    p, y8 = 2**255 - 19, 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD83D3D706A17C7
    return [(y | sign << 255).to_bytes(32, "little") for y in (0, 1, p - 1, y8, p - y8, p, p + 1) for sign in (0, 1)]


def metadata() -> Iterator[Attack]:
    """Row A9, and metadata that contradicts itself or its key."""
    good = jwk.load(EC.public_key().public_bytes(PEM, SPKI)).to_jwk()
    for name, changed in {
        "key_ops twice": {"key_ops": ["verify", "verify"]},
        "use sig with key_ops encrypt": {"use": "sig", "key_ops": ["encrypt"]},
        "use enc with key_ops verify": {"use": "enc", "key_ops": ["verify"]},
        "key_ops text": {"key_ops": "verify"},
        "key_ops empty": {"key_ops": []},
        "key_ops of numbers": {"key_ops": [1]},
        "use a list": {"use": ["sig"]},
        "kid a number": {"kid": 1},
        "kid empty": {"kid": ""},
        "kid too long": {"kid": "x" * 1025},
        "alg a number": {"alg": 1},
        "x5c text": {"x5c": "AAAA"},
        "x5c empty": {"x5c": []},
        "x5c no certificate": {"x5c": ["AAAA"]},
        "x5c of another key": {"x5c": [base64.b64encode(certificate(OKP).public_bytes(DER)).decode()]},
        "x5c of nine": {"x5c": ["AAAA"] * 9},
        "x5t#S256 of another certificate": {
            "x5c": [base64.b64encode(certificate(EC).public_bytes(DER)).decode()],
            "x5t#S256": b64url_encode(bytes(32)),
        },
    }.items():
        yield _load(f"A9 {name}", {**good, **changed})
    for name, changed in {
        "use enc": {"use": "enc"},
        "use unknown": {"use": "vote"},
        "key_ops sign only": {"key_ops": ["sign"]},
        "key_ops none of ours": {"key_ops": ["deriveKey"]},
    }.items():
        key = jwk.load({**good, **changed})
        yield Attack(f"A9 {name} verifies", errors.KeyUseError, lambda k=key: k.verify(b"x", bytes(64)), good)  # type: ignore[misc]
    for kty in ("none", "rsa", "OCT", "", 1, None, ["RSA"], {}):
        yield _load(f"kty {kty!r}", {**good, "kty": kty})
    for source in (
        None,
        1,
        [],
        (),
        "",
        b"",
        "null",
        "[]",
        '"text"',
        "{",
        "{}",
        '{"kty":"EC","kty":"RSA"}',
        "-----BEGIN",
        "-----BEGIN PUBLIC KEY-----\n!!!!\n-----END PUBLIC KEY-----",
        b"\x30\x80",
        b"\x30\x03\x02\x01\x00",
        "\ud800",
    ):
        yield _load(f"not a key: {source!r}", source)
    yield _load("longer than Limits.key", b"{" + b" " * 70_000 + b"}", errors.LimitError)


def owners() -> Iterator[Attack]:
    """Row K4 and threat 7: private material where public belongs, and material that costs too much."""
    private = [(name, octets) for name, octets in public_forms() if "private" in name]
    private += [
        (
            "PKCS #1",
            RSA.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()),
        )
    ]
    private += [
        ("SEC 1", EC.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
    ]
    private += [
        (
            "old encrypted PEM",
            RSA.private_bytes(
                PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.BestAvailableEncryption(b"x")
            ),
        )
    ]
    private += [
        (
            "encrypted PKCS #8",
            EC.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")),
        )
    ]
    for name, octets in private:
        yield Attack(
            f"A6 {name} as a public key", errors.PrivateKeyGivenError, lambda o=octets: jwk.load_public(o), octets
        )  # type: ignore[misc]
    keys: list[Key] = [jwk.generate(alg) for alg in ("RS256", "ES256", "Ed25519", "HS256", "ML-DSA-44")]
    for key in keys:
        members = key.to_jwk(private=True)
        yield Attack(
            f"K4 a private {key.kty} JWK", errors.PrivateKeyGivenError, lambda m=members: jwk.load_public(m), members
        )  # type: ignore[misc]
        if key.kty != "oct":
            held = jwks.KeySet([key])
            yield Attack(
                f"A6 a private {key.kty} key in a set",
                errors.PrivateKeyGivenError,
                lambda k=held: _verifier(k),
                members,
            )  # type: ignore[misc]


def _verifier(keys: jwks.KeySet) -> object:
    from undersign import jwt  # noqa: PLC0415 - the only row that needs it

    return jwt.Verifier(keys, waive=("iss", "aud"))


ATTACKS: Final = [*secrets(), *rsa_keys(), *curves(), *metadata(), *owners()]
